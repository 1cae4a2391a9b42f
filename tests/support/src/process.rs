//! The real binary as a process of its own, on a free port, in a folder of its
//! own, with nothing of the surrounding environment.
#![allow(dead_code, reason = "shared by test binaries, none of which uses all")]

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use reqwest::Client;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// The secret that the tests' services share with their tokens.
pub const SECRET: &str = "a secret of the tests, long enough for HS256";

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service that runs. It is killed when this is dropped.
pub struct Service {
    pub child: Child,
    /// `http://127.0.0.1:{port}`.
    pub url: String,
    /// What it printed on standard output until it listened.
    pub banner: String,
    stderr: tokio::task::JoinHandle<String>,
    _folder: TempDir,
}

/// The binary (or the one of `TASKS_API_BIN`) with these variables alone, in
/// `folder`.
pub fn command(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let built = env!("CARGO_BIN_EXE_tasks-api").to_owned();
    let mut command = Command::new(std::env::var("TASKS_API_BIN").unwrap_or(built));
    command
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder)
        .kill_on_drop(true);
    command
}

/// What the binary does with these arguments, to its end.
pub async fn run(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), variables, arguments).await
}

/// The same in a folder of the test's.
pub async fn run_in(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = command(folder, variables);
    let ended = timeout(PATIENCE, command.args(arguments).output()).await;
    ended
        .expect("the command ends")
        .expect("the command starts")
}

impl Service {
    /// Starts it in development, and waits until it listens.
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
        let listening = timeout(PATIENCE, async {
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

    /// Starts it on `database`, with the tests' secret.
    pub async fn on(database: &str) -> Self {
        Self::start(&[("DATABASE_URL", database), ("BETTER_AUTH_SECRET", SECRET)]).await
    }

    /// Waits until it can serve: a machine that starts many at once may be too
    /// busy for a first connection in time, and the service then tries again.
    pub async fn wait_until_ready(&self) {
        let (client, url) = (client(), format!("{}/health/ready", self.url));
        let ready = timeout(PATIENCE, async {
            loop {
                let answer = client.get(&url).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        ready.await.expect("it is ready in time");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let kill = format!("kill {name} {id}");
        let sent = std::process::Command::new("sh")
            .args(["-c", &kill])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end: the exit code, and what it logged.
    pub async fn end(mut self) -> (Option<i32>, String) {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.expect("it ends").unwrap();
        (status.code(), self.stderr.await.unwrap())
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A token of `subject`, from the binary itself.
pub async fn token(subject: &str) -> String {
    let arguments = ["token", "--sub", subject];
    let output = run(&[("BETTER_AUTH_SECRET", SECRET)], &arguments).await;
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A client that gives up rather than hang.
pub fn client() -> Client {
    // The service shows a connection out on which nothing came for ten seconds. One that
    // was made ahead must not be used in that very moment.
    let kept = Duration::from_secs(5);
    let client = Client::builder().timeout(PATIENCE).pool_idle_timeout(kept);
    client.build().unwrap()
}
