//! What development does for a developer, and production does not: a secret that is kept,
//! pages of the same machine that may call, and a banner that says how to go on.

use std::{fs, path::Path};

use reqwest::StatusCode;
use tasks_api_test_support::process::{Service, client, run, run_in, start_outside_development};
use tokio::process::Child;

/// The banner's token.
fn banner_token(service: &Service) -> String {
    let mut lines = service.banner.lines();
    let token = lines.find(|line| line.starts_with("ey"));
    token.expect("a token").to_owned()
}

async fn status(service: &Service, token: &str) -> StatusCode {
    service.client(token).list("").await.status
}

/// The URL of a database file in `folder`.
fn database(folder: &Path) -> String {
    format!("sqlite://{}/tasks.db", folder.display())
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn tokens_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path());

    let first = Service::start(&[("DATABASE_URL", &url)]).await;
    let token = banner_token(&first);
    first.signal("-TERM");
    first.end().await;
    let second = Service::start(&[("DATABASE_URL", &url)]).await;

    assert_eq!(status(&second, &token).await, StatusCode::OK);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_kept_secret() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let _service = Service::start(&[("DATABASE_URL", &database(folder.path()))]).await;

    let file = fs::metadata(folder.path().join("tasks.db-secret")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn instances_that_start_at_once_keep_one_secret() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path());

    let variables = [("DATABASE_URL", url.as_str())];
    let (a, b, c, d) = tokio::join!(
        Service::start(&variables),
        Service::start(&variables),
        Service::start(&variables),
        Service::start(&variables),
    );

    for service in [&b, &c, &d] {
        assert_eq!(status(service, &banner_token(&a)).await, StatusCode::OK);
        assert_eq!(status(&a, &banner_token(service)).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_token_command_signs_for_the_running_service() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path());
    let variables = [("DATABASE_URL", url.as_str())];
    let service = Service::start(&variables).await;

    // The banner names the program as it was called.
    let mut lines = service.banner.lines();
    let printed = lines.find(|line| line.ends_with(" token --sub bob"));
    let printed = printed.expect("a command");
    let output = tokio::process::Command::new("sh")
        .args(["-c", printed])
        .env_clear()
        .envs(variables)
        .output()
        .await
        .unwrap();
    let token = String::from_utf8(output.stdout).unwrap();

    assert_eq!(status(&service, token.trim()).await, StatusCode::OK);
    let doctor = run(&variables, &["doctor", "--token", token.trim()]).await;
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(found.contains("tasks.db-secret"), "{found}");
    assert!(found.contains("its user is \"bob\""), "{found}");
}

#[tokio::test]
async fn the_token_command_makes_no_secret() {
    let folder = tempfile::tempdir().unwrap();

    let output = run_in(folder.path(), &[], &["token", "--sub", "bob"]).await;

    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("data/tasks.db-secret") && said.contains("start the service"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_secret_file_with_other_content_is_refused_and_kept() {
    for content in ["", "short\n"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tasks.db-secret");
        fs::write(&file, content).unwrap();
        let url = database(folder.path());

        for arguments in [&["serve"][..], &["token", "--sub", "ana"]] {
            let output = run(&[("DATABASE_URL", &url), ("PORT", "0")], arguments).await;
            assert_eq!(output.status.code(), Some(1), "{arguments:?}");
            assert!(stderr(&output).contains("tasks.db-secret: no development secret"));
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_kept_is_good_for_the_run() {
    let folder = tempfile::tempdir().unwrap();
    // A dangling link: nothing to read, and no file of that name can be made.
    let file = folder.path().join("tasks.db-secret");
    std::os::unix::fs::symlink(folder.path().join("nowhere/secret"), file).unwrap();

    let service = Service::start(&[("DATABASE_URL", &database(folder.path()))]).await;

    assert!(service.banner.contains("a random secret of this run"));
    assert!(!service.banner.contains("token --sub"));
    let token = banner_token(&service);
    assert_eq!(status(&service, &token).await, StatusCode::OK);
    service.signal("-TERM");
    assert!(service.end().await.1.contains("cannot keep the secret"));
}

#[tokio::test]
async fn staging_and_production_never_use_the_kept_secret() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path());
    drop(Service::start(&[("DATABASE_URL", &url)]).await);
    assert!(folder.path().join("tasks.db-secret").exists());

    for environment in ["staging", "production"] {
        let variables = [("DATABASE_URL", url.as_str()), ("ENVIRONMENT", environment)];
        for arguments in [&["serve"][..], &["token", "--sub", "ana"], &["doctor"]] {
            let output = run(&variables, arguments).await;
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert!(stderr(&output).contains("BETTER_AUTH_URL"));
        }
    }
}

#[tokio::test]
async fn the_banner_names_the_allowed_origins_and_where_a_token_comes_from() {
    let service = Service::start(&[
        (
            "CORS_ORIGINS",
            "http://localhost:3000, https://*.vercel.app",
        ),
        ("BETTER_AUTH_URL", "http://localhost:3001"),
    ])
    .await;

    for part in [
        "Origins   https://*.vercel.app, http://localhost:*, http://127.0.0.1:*\n",
        "console at http://localhost:3001",
        "fetch(\"/api/auth/token\")",
    ] {
        assert!(service.banner.contains(part), "{part}: {}", service.banner);
    }
}

/// Starts it in production; returns its URL as well.
async fn start_in_production(folder: &Path) -> (Child, String) {
    start_outside_development(folder, &[("ENVIRONMENT", "production")]).await
}

#[tokio::test]
async fn production_refuses_pages_of_the_developers_machine_and_logs_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let (child, url) = start_in_production(folder.path()).await;

    // The last one is a page of the service itself.
    for origin in ["http://localhost:5173", "http://127.0.0.1:5500", &url] {
        for _ in 0..2 {
            let request = client().get(format!("{url}/api/tasks"));
            let response = request.header("origin", origin).send().await.unwrap();
            let headers = response.headers();
            assert!(!headers.contains_key("access-control-allow-origin"));
        }
    }

    let id = child.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .arg(id)
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().await.unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(log.matches("CORS_ORIGINS").count(), 2, "{log}");
    assert!(log.contains("localhost:5173") && log.contains("127.0.0.1:5500"));
}
