//! A `PgBouncer` of one test, in front of the server of `TEST_DATABASE_URL`.

use std::{
    fs::{File, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use url::Url;

use crate::{database::TestDatabase, process::free_port};

/// The password that clients send. The pooler checks none.
pub const PASSWORD: &str = "s3cr3t-p4ss";

/// One test at a time runs a pooler, because the server's connections are limited.
static TURN: Mutex<()> = Mutex::const_new(());

/// The `PgBouncer` executable: the one of `PGBOUNCER`, or an installed one.
pub struct Program {
    path: PathBuf,
    /// Whether it tracks prepared statements (1.21 and later).
    pub tracks: bool,
    _turn: MutexGuard<'static, ()>,
}

/// A running pooler. It is killed when the value is dropped.
pub struct Pooler {
    /// The database's URL through the pooler.
    pub url: String,
    child: Child,
    folder: TempDir,
}

impl Program {
    /// The executable; panics where there is none. Holds the turn of this test.
    pub async fn find() -> Self {
        let named = std::env::var_os("PGBOUNCER").map(PathBuf::from);
        let installed = ["pgbouncer", "/usr/sbin/pgbouncer"].map(PathBuf::from);
        let candidates = named.map_or(installed.to_vec(), |path| vec![path]);
        let version = |path: &PathBuf| Command::new(path).arg("--version").output().ok();
        let found = candidates.into_iter().find_map(|path| {
            let output = version(&path)?;
            Some((path, String::from_utf8_lossy(&output.stdout).into_owned()))
        });
        let (path, version) = found.expect("PgBouncer is installed, or PGBOUNCER names it");
        let mut numbers = version
            .split(['.', ' ', '\n'])
            .filter_map(|n| n.parse().ok());
        let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
        Self {
            path,
            tracks: version >= (1, 21),
            _turn: TURN.lock().await,
        }
    }

    /// [`Program::find`], which must track prepared statements: 1.21 or later.
    pub async fn find_tracking() -> Self {
        let program = Self::find().await;
        assert!(
            program.tracks,
            "PGBOUNCER names a PgBouncer of 1.21 or later"
        );
        program
    }

    /// Starts it in front of `database` on a free port. `settings` are lines of its
    /// configuration.
    pub fn start(&self, database: &TestDatabase, settings: &[&str]) -> Pooler {
        self.start_on(free_port(), database, settings)
    }

    /// [`Program::start`] on a given port.
    pub fn start_on(&self, port: u16, database: &TestDatabase, settings: &[&str]) -> Pooler {
        let folder = tempfile::tempdir().unwrap();
        // On SIGHUP the unprivileged user it runs as reads the configuration again.
        let all = Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), all).unwrap();
        let configuration = folder.path().join("pgbouncer.ini");
        write(&configuration, port, database, settings);
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(&self.path)
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("pgbouncer starts");
        let pooler = Pooler {
            url: url(port, database),
            child,
            folder,
        };
        pooler.wait_until_listening(port);
        pooler
    }
}

fn write(path: &Path, port: u16, database: &TestDatabase, settings: &[&str]) {
    let server = Url::parse(database.url()).unwrap();
    let (host, to) = (server.host_str().unwrap(), server.port().unwrap_or(5432));
    let user = server.username();
    let name = server.path().trim_start_matches('/');
    let password = server
        .password()
        .map(|password| format!(" password='{password}'"));
    let password = password.unwrap_or_default();
    let mut lines = vec![
        "[databases]".to_owned(),
        format!("{name} = host={host} port={to} user={user}{password}"),
        "[pgbouncer]".to_owned(),
        "listen_addr = 127.0.0.1".to_owned(),
        format!("listen_port = {port}"),
        "unix_socket_dir =".to_owned(),
        "auth_type = any".to_owned(),
    ];
    if std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        // It refuses to run as root.
        lines.push("user = nobody".to_owned());
    }
    lines.extend(settings.iter().map(|&setting| setting.to_owned()));
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// The URL of `database` through a pooler on `port`.
pub fn url(port: u16, database: &TestDatabase) -> String {
    let name = Url::parse(database.url()).unwrap().path().to_owned();
    format!("postgres://ana:{PASSWORD}@127.0.0.1:{port}{name}")
}

impl Pooler {
    /// Replaces its settings. Its connections stay open.
    pub fn reload(&self, database: &TestDatabase, settings: &[&str]) {
        let port = Url::parse(&self.url).unwrap().port().unwrap();
        let configuration = self.folder.path().join("pgbouncer.ini");
        write(&configuration, port, database, settings);
        let kill = format!("kill -HUP {}", self.child.id());
        let told = Command::new("sh").args(["-c", &kill]).status();
        assert!(told.unwrap().success());
        std::thread::sleep(Duration::from_millis(500));
    }

    fn wait_until_listening(&self, port: u16) {
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(started.elapsed() < Duration::from_secs(10), "{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
