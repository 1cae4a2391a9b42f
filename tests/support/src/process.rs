//! The real binary as a separate process: on a free port, in an empty folder, and with
//! no variable of the environment but those that the test names.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// The `BETTER_AUTH_SECRET` of the services, which also signs the tests' tokens.
pub const SECRET: &str = "a secret of the tests, long enough for HS256";

/// How long a test waits before it fails.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running service. It is killed when the value is dropped.
pub struct Service {
    /// The process.
    pub child: Child,
    /// `http://127.0.0.1:{port}`.
    pub url: String,
    /// What it printed to standard output until it listened.
    pub banner: String,
    stderr: tokio::task::JoinHandle<String>,
    _folder: TempDir,
}

/// The binary, or the one of `TASKS_API_BIN`, in `folder`, with no other variables than
/// `variables`, and two worker threads, or as many as `TEST_WORKERS`.
pub fn command(folder: &Path, variables: &[(&str, &str)]) -> Command {
    // Cargo sets the second variable for integration tests, once it has built the binary.
    let named = ["TASKS_API_BIN", "CARGO_BIN_EXE_tasks-api"];
    let binary = named.into_iter().find_map(std::env::var_os);
    let mut command = Command::new(binary.expect("cargo runs the test, or TASKS_API_BIN is set"));
    let workers = std::env::var("TEST_WORKERS").unwrap_or_else(|_| "2".to_owned());
    command
        .env_clear()
        .env("WORKERS", workers)
        .envs(variables.iter().copied())
        .current_dir(folder)
        .kill_on_drop(true);
    command
}

/// Runs the binary with these arguments to its end, in an empty folder.
pub async fn run(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), variables, arguments).await
}

/// [`run`] in a given folder.
pub async fn run_in(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = command(folder, variables);
    let ended = timeout(TIMEOUT, command.args(arguments).output()).await;
    ended
        .expect("the command ends")
        .expect("the command starts")
}

impl Service {
    /// Starts it in development mode on a free port, and waits until it listens.
    pub async fn start(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(folder.path(), &[("PORT", "0")])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut errors = child.stderr.take().unwrap();
        let stderr = tokio::spawn(async move {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text).await;
            text
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        let listening = timeout(TIMEOUT, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                banner += &line;
                banner.push('\n');
                if line.starts_with("curl ") || line.starts_with("A token comes from") {
                    return true;
                }
            }
            false
        });
        let listening = listening.await.expect("a banner in time");
        let mut address = banner.split_whitespace().skip_while(|w| *w != "Address");
        let Some(url) = address.nth(1).filter(|_| listening).map(str::to_owned) else {
            panic!("it ended: {}", stderr.await.unwrap());
        };
        Self {
            child,
            url,
            banner,
            stderr,
            _folder: folder,
        }
    }

    /// [`Service::start`] with this `DATABASE_URL` and [`SECRET`].
    pub async fn on(database: &str) -> Self {
        Self::start(&[("DATABASE_URL", database), ("BETTER_AUTH_SECRET", SECRET)]).await
    }

    /// Waits until it is ready. Where a busy machine starts many services at once, the
    /// first connection to the database may time out and be retried.
    pub async fn wait_until_ready(&self) {
        let (client, url) = (client(), format!("{}/health/ready", self.url));
        let ready = timeout(TIMEOUT, async {
            loop {
                let response = client.get(&url).send().await;
                if response.is_ok_and(|response| response.status().is_success()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        ready.await.expect("it is ready in time");
    }

    /// What it has in memory, in KiB; `field` of `/proc/…/status` is `VmRSS`, or `VmHWM` for the
    /// most so far.
    #[cfg(target_os = "linux")]
    pub fn memory(&self, field: &str) -> u64 {
        let status = format!("/proc/{}/status", self.child.id().expect("it runs"));
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse().unwrap()
    }

    /// Sends it a signal, such as `-TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let kill = format!("kill {name} {id}");
        let sent = std::process::Command::new("sh")
            .args(["-c", &kill])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it ends; returns the exit code and the log.
    pub async fn end(mut self) -> (Option<i32>, String) {
        let status = timeout(TIMEOUT, self.child.wait()).await;
        let status = status.expect("it ends").unwrap();
        (status.code(), self.stderr.await.unwrap())
    }
}

/// Starts it with these variables, of which one is `ENVIRONMENT`; returns its URL as well.
pub async fn start_outside_development(
    folder: &Path,
    variables: &[(&str, &str)],
) -> (Child, String) {
    let fixed = [
        ("BETTER_AUTH_SECRET", SECRET),
        ("STOP_DELAY", "0"),
        ("PORT", "0"),
    ];
    let variables = [&fixed[..], variables].concat();
    let mut child = command(folder, &variables);
    let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["message"] == "listening" {
            let url = format!("http://{}", line["address"].as_str().unwrap());
            return (child, url);
        }
    }
    panic!("it listens");
}

/// A port that was free a moment ago. Another process may take it.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A token of `subject`, made by the binary's `token` verb.
pub async fn token(subject: &str) -> String {
    let arguments = ["token", "--sub", subject];
    let output = run(&[("BETTER_AUTH_SECRET", SECRET)], &arguments).await;
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An HTTP client with a timeout for each request.
pub fn client() -> Client {
    // The service closes a connection that was idle for ten seconds. A pooled connection
    // must not be reused at that moment.
    let idle = Duration::from_secs(5);
    let client = Client::builder().timeout(TIMEOUT).pool_idle_timeout(idle);
    client.build().unwrap()
}
