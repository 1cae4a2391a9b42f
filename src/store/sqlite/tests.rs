//! How `SQLite` runs the statements: by which index.

use chrono::Utc;
use sea_orm::DatabaseConnection;
use sqlx::{AssertSqlSafe, Execute, Row};

use super::statements::{self, Statement};
use crate::store::{
    DatabaseUrl, Store,
    owned::owned_by,
    requests::{IdRange, Unit},
    tests::{select, user},
};

#[expect(
    clippy::disallowed_methods,
    reason = "asks for the plan of a statement"
)]
async fn plan(file: &DatabaseConnection, mut statement: Statement) -> String {
    let arguments = statement.take_arguments().unwrap().unwrap();
    let explain = format!("EXPLAIN QUERY PLAN {}", statement.sql().as_str());
    let explain = sqlx::query_with(AssertSqlSafe(explain), arguments);
    let rows = explain.fetch_all(file.get_sqlite_connection_pool()).await;
    let rows = rows.unwrap();
    let lines = rows.iter().map(|row| row.get::<String, _>("detail"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn lists_and_tasks_are_read_from_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/tasks.db", folder.path().display());
    let url = DatabaseUrl::parse(&url).unwrap();
    let store = Store::connect(&url, 10).await.unwrap();
    store.migrate_up().await.unwrap();
    let file = store.engine().control();

    let now = Utc::now();

    let ana = owned_by(&user("ana").await, ());
    for (list, search) in [
        (
            statements::list(&[], 10),
            "SEARCH tasks USING PRIMARY KEY (user_id=?)",
        ),
        (
            statements::page(((ana.owner(), None), 10), 10),
            "SEARCH tasks USING PRIMARY KEY (user_id=? AND id<?)",
        ),
        (
            statements::select(ana.owner(), &select(IdRange::Below(9))),
            "SEARCH tasks USING PRIMARY KEY (user_id=? AND id<?)",
        ),
        (
            statements::select(ana.owner(), &select(IdRange::Above(1))),
            "SEARCH tasks USING PRIMARY KEY (user_id=? AND id>?)",
        ),
        (
            statements::trash(ana.owner(), 10, 10),
            "SEARCH trash USING INDEX trash_by_version (user_id=? AND version<?)",
        ),
        (
            statements::sequences(&[]),
            "SEARCH s USING PRIMARY KEY (user_id=?)",
        ),
    ] {
        let plan = plan(file, list).await;
        assert!(plan.contains(search), "{plan}");
        assert!(!plan.contains("SCAN t"), "{plan}");
        assert!(!plan.contains("ORDER BY"), "{plan}");
    }
    // Versions of tasks have no index: those of the owner are read.
    let changes = plan(file, statements::changes(ana.owner(), 1, 10)).await;
    for search in [
        "SEARCH tasks USING PRIMARY KEY (user_id=?)",
        "SEARCH trash USING INDEX trash_by_version (user_id=? AND version>?)",
        "SEARCH user_sequences USING PRIMARY KEY (user_id=?)",
    ] {
        assert!(changes.contains(search), "{changes}");
    }
    let unit = Unit::Transaction;
    for statement in [
        statements::get(&[]),
        statements::deleted(&[]),
        statements::complete(&[], unit, now),
        statements::patch(&[], unit, now),
        statements::bury(&[], now),
        statements::delete(&[], unit, now),
    ] {
        let plan = plan(file, statement).await;
        assert!(
            plan.contains("USING PRIMARY KEY (user_id=? AND id=?)") && !plan.contains("SCAN t"),
            "{plan}"
        );
    }
}
