//! Standard output and standard error that nobody reads, that are closed, or that are full.

use std::{
    fs::OpenOptions,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use reqwest::Method;
use tasks_api_test_support::process::{SECRET, client, command};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Child,
    time::{sleep, timeout},
};

const VERBS: [&[&str]; 7] = [
    &["--help"],
    &["doctor", "--help"],
    &["--version"],
    &["openapi"],
    &["migrate", "up"],
    &["token", "--sub", "ana"],
    &["doctor"],
];

const VARIABLES: [(&str, &str); 2] = [("BETTER_AUTH_SECRET", SECRET), ("PORT", "0")];

/// A pipe that nobody reads any longer.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full_device() -> Stdio {
    let full = OpenOptions::new().write(true).open("/dev/full");
    full.unwrap().into()
}

async fn ended(mut child: Child) -> (ExitStatus, String) {
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said).await.unwrap();
    }
    let status = timeout(Duration::from_secs(30), child.wait()).await;
    (status.expect("it ends").unwrap(), said)
}

/// Runs a verb with this standard output; returns what it wrote to standard error.
async fn run(verb: &[&str], stdout: Stdio) -> (ExitStatus, String) {
    let folder = tempfile::tempdir().unwrap();
    let child = command(folder.path(), &VARIABLES)
        .args(verb)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn();
    ended(child.unwrap()).await
}

#[tokio::test]
async fn a_verb_whose_reader_is_gone_ends_quietly() {
    for verb in VERBS {
        let (status, said) = run(verb, closed_pipe()).await;

        assert_eq!(status.code(), Some(0), "{verb:?}: {said}");
        let quiet = said.lines().all(|line| line.contains(" INFO "));
        assert!(quiet, "{verb:?}: {said}");
    }
}

#[tokio::test]
async fn a_verb_whose_output_does_not_fit_fails_without_a_panic() {
    for verb in VERBS {
        let (status, said) = run(verb, full_device()).await;

        assert_eq!(status.code(), Some(1), "{verb:?}: {said}");
        assert!(
            said.contains("cannot print: No space left"),
            "{verb:?}: {said}"
        );
        assert!(!said.contains("panicked"), "{verb:?}: {said}");
    }
}

#[tokio::test]
async fn an_error_that_nobody_reads_keeps_its_exit_code() {
    for (verb, code) in [
        (&["sreve"][..], 2),
        (&["token", "--sub", "ana"], 2),
        (&["health"], 1),
    ] {
        for stderr in [closed_pipe, full_device] {
            let folder = tempfile::tempdir().unwrap();
            let child = command(folder.path(), &[("PORT", "1")])
                .args(verb)
                .stdout(Stdio::null())
                .stderr(stderr())
                .spawn()
                .unwrap();

            let (status, _) = ended(child).await;

            assert_eq!(status.code(), Some(code), "{verb:?}");
        }
    }
}

#[tokio::test]
async fn doctor_reports_by_its_exit_code_where_nobody_reads() {
    let folder = tempfile::tempdir().unwrap();
    let child = command(folder.path(), &[("DATABASE_URL", "nonsense")])
        .arg("doctor")
        .stdout(closed_pipe())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let (status, said) = ended(child).await;

    assert_eq!(status.code(), Some(1), "{said}");
}

async fn is_served(url: &str) -> bool {
    let response = client().request(Method::GET, url).send().await;
    response.is_ok_and(|response| response.status().is_success())
}

#[tokio::test]
async fn the_service_outlives_the_readers_of_its_output() {
    for (stdout, stderr) in [
        (closed_pipe as fn() -> Stdio, closed_pipe as fn() -> Stdio),
        (full_device, full_device),
        (Stdio::null, closed_pipe),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let port = tasks_api_test_support::process::free_port().to_string();
        // Each request writes a line.
        let variables = [("PORT", port.as_str()), ("RUST_LOG", "trace")];
        let mut child = command(folder.path(), &variables)
            .stdout(stdout())
            .stderr(stderr())
            .spawn()
            .unwrap();

        let url = format!("http://127.0.0.1:{port}/health/ready");
        let served = timeout(Duration::from_secs(30), async {
            while !is_served(&url).await {
                sleep(Duration::from_millis(50)).await;
            }
        });
        served.await.expect("it serves");
        for _ in 0..20 {
            assert!(is_served(&url).await);
        }

        assert_eq!(child.try_wait().unwrap(), None);
    }
}

#[tokio::test]
async fn the_service_serves_with_closed_output() {
    let folder = tempfile::tempdir().unwrap();
    let port = tasks_api_test_support::process::free_port().to_string();
    let program = command(folder.path(), &[])
        .as_std()
        .get_program()
        .to_owned();
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", "exec \"$0\" serve <&- >&- 2>&-"])
        .arg(program)
        .env_clear()
        .envs([("PORT", port.as_str()), ("RUST_LOG", "trace")])
        .current_dir(folder.path())
        .kill_on_drop(true)
        .spawn()
        .unwrap();

    let url = format!("http://127.0.0.1:{port}/health/ready");
    let served = timeout(Duration::from_secs(30), async {
        while !is_served(&url).await {
            sleep(Duration::from_millis(50)).await;
        }
    });
    served.await.expect("it serves");

    assert_eq!(child.try_wait().unwrap(), None);
}

#[tokio::test]
async fn the_service_outlives_a_reader_that_dies_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command(folder.path(), &[("PORT", "0"), ("RUST_LOG", "trace")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        if let Some(address) = line.trim().strip_prefix("Address") {
            break address.trim().to_owned();
        }
    };
    drop(lines);
    drop(child.stderr.take());

    for _ in 0..20 {
        assert!(is_served(&format!("{address}/health/live")).await);
    }

    assert_eq!(child.try_wait().unwrap(), None);
}
