//! A separate `PostgreSQL` cluster, which a test may stop, kill and freeze.

#![expect(
    clippy::disallowed_methods,
    reason = "queries the server's own tables, not the store's"
)]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;

/// Settings: durable commits, and few connections.
const SETTINGS: &str = "fsync=on\nlisten_addresses='127.0.0.1'\nmax_connections=30\n\
                        superuser_reserved_connections=3\nunix_socket_directories=''\n";

/// A running cluster. It is killed and deleted when the value is dropped.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

/// The folder of `initdb`, which is not on Debian's path.
fn programs() -> PathBuf {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.map(|version| version.unwrap().path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<_> = std::env::split_paths(&path).chain(debian).collect();
    all.retain(|folder| folder.join("initdb").exists());
    all.pop().expect("initdb of PostgreSQL, on the path")
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout == b"0\n"
}

impl Cluster {
    /// Creates and starts a cluster with a database `tasks` of an ordinary role `tasks`.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let cluster = Self {
            folder,
            programs: programs(),
            port: port.local_addr().unwrap().port(),
        };
        drop(port);
        if is_root() {
            // PostgreSQL refuses to run as root.
            let folder = cluster.folder.path().to_str().unwrap();
            let owned = Command::new("chown").args(["postgres", folder]).status();
            assert!(owned.unwrap().success());
        }
        let options = [
            "-U",
            "admin",
            "-A",
            "trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ];
        cluster.program("initdb", &options);
        let settings = format!("{SETTINGS}port={}\n", cluster.port);
        let file = cluster.data().join("postgresql.auto.conf");
        fs::write(file, settings).unwrap();
        cluster.up();
        let admin = cluster.admin().await;
        for statement in [
            "CREATE ROLE tasks LOGIN",
            "CREATE DATABASE tasks OWNER tasks",
        ] {
            admin.execute_unprepared(statement).await.unwrap();
        }
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The service's `DATABASE_URL`.
    pub fn url(&self) -> String {
        format!("postgres://tasks@127.0.0.1:{}/tasks", self.port)
    }

    /// Runs one of the server's programs on the cluster to its end.
    fn program(&self, name: &str, options: &[&str]) {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            let user = [
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "--",
            ];
            command.args(user).arg(program);
            command
        } else {
            Command::new(program)
        };
        let done = command.arg("-D").arg(self.data()).args(options);
        let done = done
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert!(done.status().unwrap().success(), "{name} {options:?}");
    }

    /// Starts it.
    pub fn up(&self) {
        let log = self.folder.path().join("log");
        self.program("pg_ctl", &["start", "-w", "-l", log.to_str().unwrap()]);
    }

    /// Stops it: `fast` like an administrator, `immediate` like a power cut.
    pub fn down(&self, mode: &str) {
        self.program("pg_ctl", &["stop", "-w", "-m", mode]);
    }

    /// Changes a setting and reloads the configuration.
    pub async fn set(&self, setting: &str) {
        let admin = self.admin().await;
        let statement = format!("ALTER SYSTEM SET {setting}");
        admin.execute_unprepared(&statement).await.unwrap();
        admin
            .execute_unprepared("SELECT pg_reload_conf()")
            .await
            .unwrap();
    }

    /// Sends a signal to the server and all its processes.
    pub fn signal_all(&self, name: &str) {
        let (server, children) = self.processes();
        for process in children.iter().chain([&server]) {
            signal(name, process);
        }
    }

    /// Kills the server process of one of the service's connections.
    pub async fn crash_a_process(&self) {
        let admin = self.admin().await;
        let row = admin.query_one_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Postgres,
            "SELECT pid FROM pg_stat_activity WHERE usename = 'tasks' LIMIT 1",
        ));
        let process: i32 = row.await.unwrap().unwrap().try_get("", "pid").unwrap();
        signal("-KILL", &process.to_string());
    }

    fn processes(&self) -> (String, Vec<String>) {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let server = file.lines().next().unwrap().to_owned();
        let children = Command::new("pgrep")
            .args(["-P", &server])
            .output()
            .unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        (server, children.lines().map(str::to_owned).collect())
    }

    /// A connection as superuser, for whom some connections are reserved.
    pub async fn admin(&self) -> DatabaseConnection {
        self.connect("admin", "tasks").await.unwrap_or(
            self.connect("admin", "postgres")
                .await
                .expect("a connection"),
        )
    }

    async fn connect(
        &self,
        role: &str,
        database: &str,
    ) -> Result<DatabaseConnection, sea_orm::DbErr> {
        let url = format!("postgres://{role}@127.0.0.1:{}/{database}", self.port);
        let mut options = ConnectOptions::new(url);
        // On a full server, the pool retries until this timeout.
        let acquire = std::time::Duration::from_millis(300);
        options
            .max_connections(1)
            .acquire_timeout(acquire)
            .sqlx_logging(false);
        Database::connect(options).await
    }

    /// Closes the service's connections and occupies all that the server allows.
    pub async fn crowd(&self) -> Vec<DatabaseConnection> {
        let admin = self.admin().await;
        let mut taken = Vec::new();
        loop {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE usename = 'tasks' AND application_name <> 'crowd'";
            admin.execute_unprepared(end).await.unwrap();
            while let Ok(one) = self.connect("tasks", "tasks").await {
                let name = "SET application_name = 'crowd'";
                one.execute_unprepared(name).await.unwrap();
                taken.push(one);
            }
            let left = "SELECT 1 FROM pg_stat_activity \
                        WHERE usename = 'tasks' AND application_name <> 'crowd'";
            let left = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, left);
            if admin.query_all_raw(left).await.unwrap().is_empty() {
                return taken;
            }
        }
    }
}

fn signal(name: &str, process: &str) {
    let kill = format!("kill {name} {process}");
    // The process may have ended already.
    let _ = Command::new("sh")
        .args(["-c", &kill])
        .stderr(Stdio::null())
        .status();
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            self.signal_all("-CONT");
            self.signal_all("-KILL");
        }
    }
}
