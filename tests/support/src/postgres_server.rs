//! A `PostgreSQL` server of one test, for settings that the shared one cannot have. It is
//! made by the server programs of the newest installed version.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::{certificates::Certificate, process::free_port};

/// A running server with the superuser `postgres`, who needs no password on its socket.
/// Dropping the value stops it.
pub struct PostgresServer {
    /// Its port, on 127.0.0.1, `localhost` and the socket in [`Self::socket`].
    pub port: u16,
    programs: PathBuf,
    folder: TempDir,
}

impl PostgresServer {
    /// Starts one with TLS alone on TCP. Everybody may log in without a password, with any
    /// client certificate of `authority` or none, except the user `certified`, who needs one
    /// of that name.
    pub fn with_tls(certificate: &Certificate, authority: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self {
            port: free_port(),
            programs: programs(),
            folder,
        };
        own(server.folder.path(), 0o700);
        let data = server.data();
        let options = [
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
            "-D",
        ];
        let made = server.run("initdb", &[&options[..], &[text(&data)]].concat());
        assert!(made.status.success(), "{made:?}");
        fs::copy(authority, data.join("authority.pem")).unwrap();
        own(&data.join("authority.pem"), 0o600);
        server.install(certificate);
        let access = "local all all trust\n\
                      hostssl all certified all cert\n\
                      hostssl all all all trust\n";
        fs::write(data.join("pg_hba.conf"), access).unwrap();
        let settings = format!(
            "port = {}\nunix_socket_directories = '{}'\nlisten_addresses = 'localhost'\n\
             ssl = on\nssl_ca_file = 'authority.pem'\nfsync = off\n",
            server.port,
            text(&data)
        );
        let configuration = data.join("postgresql.conf");
        fs::write(&configuration, settings).unwrap();
        let log = data.join("log");
        let started = server.run(
            "pg_ctl",
            &["-w", "-D", text(&data), "-l", text(&log), "start"],
        );
        let log = || fs::read_to_string(&log).unwrap_or_default();
        assert!(started.status.success(), "{started:?} {}", log());
        server
    }

    /// Replaces its certificate.
    pub fn present(&self, certificate: &Certificate) {
        self.install(certificate);
        let data = self.data();
        let told = self.run("pg_ctl", &["-D", text(&data), "reload"]);
        assert!(told.status.success(), "{told:?}");
        std::thread::sleep(std::time::Duration::from_millis(500));
    }

    /// The folder of its socket.
    pub fn socket(&self) -> PathBuf {
        self.data()
    }

    fn install(&self, certificate: &Certificate) {
        for (from, to) in [
            (&certificate.certificate, "server.crt"),
            (&certificate.key, "server.key"),
        ] {
            let to = self.data().join(to);
            fs::copy(from, &to).unwrap();
            own(&to, 0o600);
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.programs.join(program);
        let mut command = match unprivileged() {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid", &user.to_string(), "--regid", &group.to_string()])
                    .arg("--clear-groups")
                    .arg(program);
                command
            }
        };
        // `pg_ctl` leaves its output to the server, which does not end.
        let output = fs::File::create(self.folder.path().join("output")).unwrap();
        let errors = output.try_clone().unwrap();
        let status = command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdout(output)
            .stderr(errors)
            .status()
            .expect("PostgreSQL's server programs and setpriv are installed");
        Output {
            status,
            stdout: fs::read(self.folder.path().join("output")).unwrap(),
            stderr: Vec::new(),
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let data = self.data();
        self.run("pg_ctl", &["-D", text(&data), "-m", "immediate", "stop"]);
    }
}

/// Gives a file to the user of the server, which does not run as root.
fn own(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    if let Some((user, group)) = unprivileged() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// The folder of the server programs, which Debian does not put into the path.
fn programs() -> PathBuf {
    let listed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = listed.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let found = folders.filter(|folder| folder.join("initdb").is_file());
    let newest = found.max_by_key(|folder| {
        let version = folder.parent().and_then(Path::file_name);
        version.and_then(|name| name.to_str()?.parse::<u32>().ok())
    });
    let asked = || {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(PathBuf::from(text.trim()))
    };
    newest
        .or_else(asked)
        .expect("PostgreSQL's server programs are installed")
}

/// The user `postgres` and its group, where the test runs as root, which the server refuses.
fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let mut user = users
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .expect("the user postgres exists")
        .split(':')
        .skip(2)
        .map(|number| number.parse().unwrap());
    Some((user.next()?, user.next()?))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
