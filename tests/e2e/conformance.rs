//! Conformance of the real binary: schemathesis tests it against the document, on an empty
//! database, with two users who must not see each other's tasks.

use std::path::Path;

use serde_json::json;
use tasks_api_test_support::{
    database::TestDatabase,
    process::{SECRET, Service, token},
};
use tokio::process::Command;

/// Runs schemathesis; returns its output, and panics if it found a failure.
async fn run(document: &str, arguments: &[&str]) -> String {
    let database = TestDatabase::create().await;
    let service = Service::start(&[
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("RUST_LOG", "warn"),
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    write_configuration(folder.path()).await;
    let program = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/target/schemathesis/bin/schemathesis"
    );

    // A deleted task may be there again, where another request of the sequence restores it.
    let restores = std::fs::read_to_string(document).unwrap();
    let restores = restores.contains("operationId: restoreTask");
    let excluded = restores.then_some(["--exclude-checks", "use_after_free"]);

    let output = Command::new(program)
        .current_dir(folder.path())
        .args(["run", document, "--url", &service.url, "--checks", "all"])
        .args(excluded.into_iter().flatten())
        .args(arguments)
        .output()
        .await
        .expect("schemathesis is there: run this test by `just conformance`");

    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// Valid requests may be refused for the state of the resource (410, 412, 422). Which texts are
/// cursors, and that a time needs a date, the document cannot say: there 400 is possible.
const CONFIGURATION: &str = r#"
seed = 20261123
workers = 1

[generation]
max-examples = 150

[auth.wfc]
path = "users.json"
peers = ["ana", "bob"]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 410, 412, 422, 429, "5xx"]

[[operations]]
include-operation-id = ["listTasks", "createTask", "updateTask", "patchTask", "completeTask", "deleteTask", "listChanges"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409, 410, 412, 422, 429, "5xx"]

# It reads a response to its end, which a stream does not have: tests/api checks the head and each
# event against the document.
[[operations]]
include-operation-id = "streamChanges"
enabled = false
"#;

async fn write_configuration(folder: &Path) {
    let mut users = Vec::new();
    for user in ["ana", "bob"] {
        let value = format!("Bearer {}", token(user).await);
        let header = json!({"name": "Authorization", "value": value});
        users.push(json!({"name": user, "fixedHeaders": [header]}));
    }
    let users = json!({"auth": users}).to_string();
    std::fs::write(folder.join("users.json"), users).unwrap();
    std::fs::write(folder.join("schemathesis.toml"), CONFIGURATION).unwrap();
}

#[tokio::test]
async fn thousands_of_random_requests_conform_to_the_document() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/tasks.yaml");

    let text = run(document, &[]).await;

    let generated = text
        .lines()
        .find_map(|line| line.trim().split_once(" generated,"));
    let cases: u32 = generated.expect("a count of cases").0.parse().unwrap();
    println!("{cases} cases, no failure");
    assert!(cases >= 2000, "{text}");
}

#[tokio::test]
async fn every_released_document_still_works() {
    let released = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/released");
    let mut documents = 0;

    for entry in std::fs::read_dir(released).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            run(path.to_str().unwrap(), &["--mode", "positive"]).await;
            documents += 1;
        }
    }

    assert!(documents > 0);
}
