//! Failing starts: one message that names the variable, exit code 2 for configuration and
//! 1 for other failures, no backtrace, no password.

use std::{ffi::OsStr, net::TcpListener, os::unix::ffi::OsStrExt};

use tasks_api::config::VARIABLES;
use tasks_api_test_support::process::{SECRET, command, run, run_in};

struct Case<'a> {
    variables: &'a [(&'a str, &'a str)],
    code: i32,
    names: &'a [&'a str],
}

async fn check(cases: &[Case<'_>]) {
    for case in cases {
        let mut variables = vec![("PORT", "0"), ("RUST_BACKTRACE", "1")];
        variables.extend(case.variables);
        let output = run(&variables, &[]).await;
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(case.code),
            "{variables:?}: {text}"
        );
        for name in case.names {
            assert!(text.contains(name), "{name} is not in: {text}");
        }
        for leak in ["sesame", "panicked", "stack backtrace", "src/"] {
            assert!(!text.contains(leak), "{leak} is in: {text}");
        }
    }
}

#[tokio::test]
async fn a_bad_configuration_names_every_variable_and_exits_with_2() {
    check(&[
        Case {
            variables: &[("ENVIRONMENT", "prod"), ("TASKS_PER_USER", "many")],
            code: 2,
            names: &["ENVIRONMENT", "\"prod\"", "TASKS_PER_USER", "\"many\""],
        },
        Case {
            variables: &[("ENVIRONMENT", "production")],
            code: 2,
            names: &["BETTER_AUTH_URL", "JWKS_URL", "BETTER_AUTH_SECRET"],
        },
        Case {
            variables: &[("ENVIRONMENT", "staging"), ("BETTER_AUTH_SECRET", "sesame")],
            code: 2,
            names: &["BETTER_AUTH_SECRET", "32"],
        },
        Case {
            variables: &[("DATABASE_URL", "mysql://ana:sesame@db/tasks")],
            code: 2,
            names: &["DATABASE_URL"],
        },
        Case {
            variables: &[("DATABASE_URL", "postgres://ana:sesame@:port/tasks")],
            code: 2,
            names: &["DATABASE_URL"],
        },
        Case {
            variables: &[("DATABASE_URL", "ana:sesame@db")],
            code: 2,
            names: &["DATABASE_URL"],
        },
        Case {
            variables: &[("BETTER_AUTH_URL", "https://ana:sesame@app.example.com")],
            code: 2,
            names: &["BETTER_AUTH_URL"],
        },
    ])
    .await;
}

#[tokio::test]
async fn a_database_file_that_cannot_be_opened_fails_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let rubbish = folder.path().join("rubbish.db");
    std::fs::write(
        &rubbish,
        "this is no database, and long enough to be seen as none".repeat(40),
    )
    .unwrap();
    let directory = format!("sqlite://{}", folder.path().display());
    let rubbish = format!("sqlite://{}", rubbish.display());
    let under_a_file = format!("{rubbish}/tasks.db");

    for url in [&directory, &rubbish, &under_a_file] {
        check(&[Case {
            variables: &[("DATABASE_URL", url)],
            code: 1,
            names: &["DATABASE_URL"],
        }])
        .await;
    }
}

#[tokio::test]
async fn a_port_in_use_fails_the_start_and_names_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let output = run(&[("PORT", &port)], &["serve"]).await;

    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("PORT") && text.contains(&port), "{text}");
}

#[tokio::test]
async fn a_foreign_host_address_fails_the_start_and_names_host() {
    let output = run(&[("HOST", "192.0.2.1"), ("PORT", "0")], &[]).await;

    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("HOST"), "{text}");
}

#[tokio::test]
async fn the_environment_overrides_the_env_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("BETTER_AUTH_SECRET=\"{SECRET}\"\nENVIRONMENT=nonsense\n");
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let token = ["token", "--sub", "ana"];

    let from_file = run_in(folder.path(), &[], &token).await;
    let overridden = run_in(folder.path(), &[("ENVIRONMENT", "production")], &token).await;

    assert_eq!(from_file.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&from_file.stderr).contains("nonsense"));
    assert!(overridden.status.success());
}

#[tokio::test]
async fn a_broken_env_file_is_named_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "PORT=8000\nopen sesame 'x\n").unwrap();

    let output = run_in(folder.path(), &[], &["doctor"]).await;

    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains(".env: line 2 "), "{text}");
    assert!(!text.contains("sesame"), "{text}");
}

#[tokio::test]
async fn a_variable_that_is_not_utf_8_is_named_and_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = OsStr::from_bytes(b"sesame\xff");
    let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let sampler = ("OTEL_TRACES_SAMPLER", "traceidratio");

    for variable in VARIABLES {
        let mut command = command(folder.path(), &[("PORT", "0"), collector, sampler]);
        let output = command.env(variable.name, bytes).arg("doctor").output();
        let output = output.await.unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{}: {text}", variable.name);
        let start = format!("\n  {}: got bytes that are not UTF-8", variable.name);
        assert!(text.contains(&start), "{text}");
        assert!(!text.contains("sesame"), "{text}");
    }
}

#[tokio::test]
async fn an_env_file_shared_with_next_js_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = "\u{feff}# shared\r\nexport NEXT_PUBLIC_NAME=My to do list # shown\r\n\
                KEY=\"one\r\ntwo\"\r\nPART='a secret of the tests'\r\n\
                BETTER_AUTH_SECRET=\"${PART}, long enough for \\$5\" # comment\r\n";
    std::fs::write(folder.path().join(".env"), file).unwrap();

    let production = [("ENVIRONMENT", "production")];
    let output = run_in(folder.path(), &production, &["token", "--sub", "ana"]).await;

    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}
