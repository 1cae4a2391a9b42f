//! How the databases go about the statements.

use sea_orm::TransactionTrait;

use super::*;

#[tokio::test]
async fn on_sqlite_lists_and_tasks_are_read_from_an_index() {
    let rig = Rig::start().await;
    if rig.database.is_postgres() {
        return;
    }
    let plan = async |mut ask: Statement| {
        ask.sql = format!("EXPLAIN QUERY PLAN {}", ask.sql);
        let plan = rig.outside.query_all_raw(ask).await.unwrap();
        let lines = plan.iter().map(|row| row.try_get::<String>("", "detail"));
        lines.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
    };
    let kind = DatabaseKind::Sqlite;

    for completed in [None, Some(true), Some(false)] {
        let plan = plan(sql::list(kind, &["ana"], completed).unwrap()).await;
        let search = "SEARCH t USING INDEX tasks_by_user (user_id=?)";
        assert!(plan.contains(search), "{plan}");
    }
    for ask in [
        sqlite::statements::find([(1, "ana")]),
        sqlite::statements::update([]),
        sqlite::statements::delete([]),
    ] {
        let plan = plan(ask.unwrap()).await;
        assert!(
            plan.contains("SEARCH t") && !plan.contains("SCAN t"),
            "{plan}"
        );
    }
}

/// The planner goes by the number of rows, of which there are none here: so what
/// it would rather do on small tables is forbidden, and then what is left.
#[tokio::test]
async fn on_postgres_lists_go_by_the_owner_and_tasks_by_their_id_alone() {
    let rig = Rig::start().await;
    if !rig.database.is_postgres() {
        return;
    }
    let transaction = rig.outside.begin().await.unwrap();
    let forbidden = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off";
    transaction.execute_unprepared(forbidden).await.unwrap();
    let plan = async |mut ask: Statement| {
        ask.sql = format!("EXPLAIN {}", ask.sql);
        let plan = transaction.query_all_raw(ask).await.unwrap();
        let lines = plan.iter().map(|row| row.try_get_by_index::<String>(0));
        lines.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
    };
    let now = Utc::now();
    let by_id = [
        postgres::statements::get(&[]),
        postgres::statements::complete(&[], now),
        postgres::statements::update(&[], now),
        postgres::statements::delete(&[]),
    ];

    for completed in [None, Some(true), Some(false)] {
        let plan = plan(postgres::statements::list(&["ana"], completed)).await;
        assert!(plan.contains("Index Scan using tasks_by_user"), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
    for ask in by_id {
        let plan = plan(ask).await;
        assert!(plan.contains("Index Scan using tasks_pkey"), "{plan}");
    }
}
