//! How `PostgreSQL` runs the statements: by which index, and in which order it locks.

mod partitions;

use std::time::Duration;

use chrono::Utc;
use sea_orm::{ConnectionTrait, TransactionTrait};
use sqlx::{AssertSqlSafe, Execute, Row};

use super::statements;
use crate::{
    api::tasks::Removal,
    auth::User,
    store::{
        engine::Driver,
        owned::{Owned, owned_by},
        requests::{IdRange, Unit, Write},
        tests::{Rig, change, new, select, user},
        write,
    },
};

const LOCK: &str = "SELECT tasks FROM user_sequences WHERE user_id = 'ana' FOR UPDATE";
const LOOK: &str = "SELECT tasks FROM user_sequences WHERE user_id = 'bob' FOR UPDATE NOWAIT; \
                    SELECT id FROM tasks FOR UPDATE NOWAIT";
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Whether `batch`, which waits for Ana's count, holds neither Bob's nor any task
/// meanwhile: then a transaction that holds Ana's and wants those goes on.
async fn waits_without_other_locks(rig: &Rig, batch: &[Owned<Write>]) -> bool {
    let other = rig.outside.begin().await.unwrap();
    other.execute_unprepared(LOCK).await.unwrap();
    let pool = rig.outside.get_postgres_connection_pool();
    let mut driver = Driver::Postgres(pool.acquire().await.unwrap());
    let write = write::run(batch, 10, &mut driver);
    let look = async {
        while rig.number(WAITING).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let is_free = other.execute_unprepared(LOOK).await.is_ok();
        other.rollback().await.unwrap();
        is_free
    };
    let (written, is_free) = tokio::join!(write, look);
    assert!(written.is_ok(), "it goes on once the other one is done");
    is_free
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn batches_lock_the_counts_first_and_in_one_order() {
    let rig = Rig::local().await;
    let (ana, bob) = (user("ana").await, user("bob").await);
    let task = async |owner: &User| rig.create(owner, "Milk").await.unwrap().id;
    let ids = [
        task(&bob).await,
        task(&ana).await,
        task(&bob).await,
        task(&ana).await,
    ];
    let create = |owner: &User| owned_by(owner, Write::Create(new("Eggs"), None));
    let delete = |owner: &User, id| owned_by(owner, Write::Delete(change(id, Removal::Forever)));
    let batches = [
        vec![create(&bob), create(&ana)],
        vec![delete(&bob, ids[0]), delete(&ana, ids[1])],
        vec![create(&bob), delete(&ana, ids[3])],
        vec![delete(&bob, ids[2]), create(&ana)],
    ];

    for (number, batch) in batches.iter().enumerate() {
        let alone = waits_without_other_locks(&rig, batch).await;
        assert!(alone, "batch {number} holds what others may want");
    }
    for (name, tasks) in [("ana", 2), ("bob", 2)] {
        let count = format!("SELECT tasks FROM user_sequences WHERE user_id = '{name}'");
        assert_eq!(rig.number(&count).await, tasks, "{name}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "asks for the plans of statements"
)]
async fn plan(connection: &mut sqlx::PgConnection, mut statement: statements::Statement) -> String {
    let arguments = statement.take_arguments().unwrap().unwrap();
    let explain = format!("EXPLAIN {}", statement.sql().as_str());
    let explain = sqlx::query_with(AssertSqlSafe(explain), arguments);
    let rows = explain.fetch_all(connection).await.unwrap();
    let lines = rows.iter().map(|row| row.get::<String, _>(0));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every statement, without members; the page is of `user`.
fn all(user: &Owned<()>) -> Vec<statements::Statement> {
    let now = Utc::now();
    let mut all = vec![
        statements::get(&[]),
        statements::list(&[], 10),
        statements::page(((user.owner(), None), 10), 10),
        statements::trash(user.owner(), 10, 10),
        statements::trashed(&[]),
        statements::deleted(&[]),
        statements::sequences(&[]),
        statements::select(user.owner(), &select(IdRange::Above(1))),
        statements::select(user.owner(), &select(IdRange::Below(9))),
        statements::changes(user.owner(), 1, 10),
        statements::by_key(&[]),
        statements::claim(&[]),
        statements::settle(&[]),
    ];
    for unit in [Unit::Statement { quota: 1 }, Unit::Transaction] {
        all.extend([
            statements::create(&[], unit, now),
            statements::complete(&[], unit, now),
            statements::patch(&[], unit, now),
            statements::delete(&[], unit, now),
        ]);
    }
    all
}

/// A plan is kept while the tables grow.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn no_statement_of_a_batch_scans_a_table_even_while_it_is_small() {
    let rig = Rig::with(10, false).await;
    let server = rig.database.url().parse().unwrap();
    let server = super::Postgres::open(&server, 12).await.unwrap();
    let (mut connection, _) = server.connect().await.unwrap();

    for statement in all(&owned_by(&user("ana").await, ())) {
        let plan = plan(&mut connection, statement).await;
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
}

/// The planner goes by the number of rows, of which there are none here: so what it
/// prefers on small tables is disabled, and what is left is what it does on large ones.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
#[expect(
    clippy::disallowed_methods,
    reason = "asks for the plans of statements"
)]
async fn lists_and_tasks_are_read_from_the_primary_key() {
    let rig = Rig::with(10, false).await;
    let pool = rig.outside.get_postgres_connection_pool();
    let mut connection = pool.acquire().await.unwrap();
    for disabled in ["enable_seqscan", "enable_bitmapscan"] {
        let set = AssertSqlSafe(format!("SET {disabled} = off"));
        sqlx::raw_sql(set).execute(&mut *connection).await.unwrap();
    }
    let mut plan = async |statement| plan(&mut connection, statement).await;
    let now = Utc::now();

    let ana = owned_by(&user("ana").await, ());
    let backward = "Index Scan Backward using tasks_pkey";
    let newest = statements::select(ana.owner(), &select(IdRange::Below(9)));
    let oldest = statements::select(ana.owner(), &select(IdRange::Above(1)));
    for (list, index) in [
        (statements::list(&[], 10), backward),
        (statements::page(((ana.owner(), None), 10), 10), backward),
        (newest, backward),
        (oldest, "Index Scan using tasks_pkey"),
        (
            statements::trash(ana.owner(), 10, 10),
            "Index Scan Backward using trash_by_version",
        ),
    ] {
        let plan = plan(list).await;
        assert!(plan.contains(index), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
    // Versions of tasks have no index: those of the owner are read.
    let changes = plan(statements::changes(ana.owner(), 1, 10)).await;
    for index in [
        "using tasks_pkey",
        "using trash_by_version",
        "using user_sequences_pkey",
    ] {
        assert!(changes.contains(index), "{changes}");
    }
    let sequences = plan(statements::sequences(&[])).await;
    assert!(
        sequences.contains("using user_sequences_pkey"),
        "{sequences}"
    );
    let mut by_id = vec![statements::get(&[])];
    for unit in [Unit::Statement { quota: 1 }, Unit::Transaction] {
        by_id.extend([
            statements::complete(&[], unit, now),
            statements::patch(&[], unit, now),
            statements::delete(&[], unit, now),
        ]);
    }
    for by_id in by_id {
        let plan = plan(by_id).await;
        let lines: Vec<_> = plan.lines().map(str::trim).collect();
        let tasks = lines
            .iter()
            .position(|line| line.contains(" using tasks_pkey on tasks"));
        let condition = lines[tasks.expect(&plan) + 1];
        let is_whole = condition.contains("(user_id = ") && condition.contains("(id = ");
        assert!(is_whole, "{plan}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
#[expect(clippy::disallowed_methods, reason = "asks for a setting")]
async fn batches_run_at_read_committed_whatever_the_database_has_as_its_default() {
    let rig = Rig::start().await;
    let name = rig.text("SELECT current_database()").await;
    let strict = "SET default_transaction_isolation = 'serializable'";
    rig.execute(&format!("ALTER DATABASE {name} {strict}"))
        .await;

    let server = rig.database.url().parse().unwrap();
    let server = super::Postgres::open(&server, 12).await.unwrap();
    let (mut connection, _) = server.connect().await.unwrap();
    let level = sqlx::query("SHOW transaction_isolation");
    let level = level.fetch_one(&mut *connection).await.unwrap();

    assert_eq!(level.get::<String, _>(0), "read committed");
}

/// Citus, which `PostgreSQL` is distributed with, refuses these in some place or other.
#[tokio::test]
async fn statements_use_nothing_that_distributed_tables_refuse() {
    for statement in all(&owned_by(&user("ana").await, ())) {
        let sql = statement.sql();
        // In UTC, a time plus an interval is immutable.
        let text = sql.as_str().replace("count(*)", "");
        let text = text.replace("AT TIME ZONE 'UTC') + interval", "");
        for refused in [
            "*",
            "IS TRUE",
            "+ interval",
            "now()",
            "random()",
            "nextval",
            "CURRENT_",
            "user_id IN",
            "FOR UPDATE SKIP",
        ] {
            assert!(!text.contains(refused), "{refused} in {text}");
        }
        // Rows of two tables, or of a table and the members, are of the same user.
        let tables = [
            "tasks AS t ",
            "user_sequences AS s ",
            "FROM tasks WHERE",
            "FROM user_sequences WHERE",
        ];
        let reads = tables.iter().map(|table| text.matches(table).count());
        let inserts = text.matches("INSERT INTO user_sequences AS s ").count();
        let owned = text.matches("user_id = ").count();
        assert!(owned >= reads.sum::<usize>() - inserts, "{text}");
    }
}
