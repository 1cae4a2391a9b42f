//! From the tables of 1.0 to those of 1.1, and back.

use std::fmt::Write as _;

use super::*;

const USERS: i64 = 40;
const EACH: i64 = 25;

/// Goes back to the tables of 1.0, which two migrations made.
async fn revert(rig: &Rig) -> Result<(), StoreError> {
    let migrations = rig.store.migration_status().await.unwrap().len();
    rig.store
        .migrate_down(u32::try_from(migrations).unwrap() - 2)
        .await
}

/// The tables of 1.0 with tasks of many users in turn, of which the last ids were deleted.
async fn of_1_0() -> Rig {
    let rig = Rig::local().await;
    revert(&rig).await.unwrap();
    let mut rows = String::new();
    for id in 1..=USERS * EACH {
        let description = ["NULL", "''", "'Zwei Liter ☕'"][usize::try_from(id % 3).unwrap()];
        let completed = id % 4 == 0;
        let comma = if id == 1 { "" } else { "," };
        write!(
            rows,
            "{comma}('user{}', 'Task {id}', {description}, {completed}, \
             '2026-01-02 03:04:05.{:06}+00:00', '2026-02-03 04:05:06.{:06}+00:00')",
            id % USERS,
            id * 7,
            id * 11,
        )
        .unwrap();
    }
    rig.execute(&format!(
        "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
         VALUES {rows}"
    ))
    .await;
    rig.execute(
        "INSERT INTO task_counts (user_id, tasks) \
         SELECT user_id, count(*) FROM tasks GROUP BY user_id; \
         INSERT INTO task_counts (user_id, tasks) VALUES ('gone', 0)",
    )
    .await;
    // Given once, and never again.
    rig.execute("DELETE FROM tasks WHERE id > 990").await;
    rig
}

/// Each task as one text, newest first.
async fn rows_of_1_0(rig: &Rig, user: &str) -> Vec<String> {
    let sql = format!(
        "SELECT id, title, description, completed, created_at, updated_at FROM tasks \
         WHERE user_id = '{user}' ORDER BY id DESC"
    );
    let sql = Statement::from_string(rig.outside.get_database_backend(), sql);
    let rows = rig.outside.query_all_raw(sql).await.unwrap();
    let text = |row: &sea_orm::QueryResult| {
        let id: i64 = row.try_get("", "id").unwrap();
        let title: String = row.try_get("", "title").unwrap();
        let description: Option<String> = row.try_get("", "description").unwrap();
        let completed: bool = row.try_get("", "completed").unwrap();
        let time = |column| row.try_get::<chrono::DateTime<Utc>>("", column).unwrap();
        let (created, updated) = (time("created_at"), time("updated_at"));
        format!("{id} {title} {description:?} {completed} {created:?} {updated:?}")
    };
    rows.iter().map(text).collect()
}

async fn listed(rig: &Rig, name: &str) -> Vec<String> {
    let tasks = rig.list(&user(name).await, StatusFilter::All).await;
    let text = |task: Task| {
        assert_eq!(task.user_id, name);
        format!(
            "{} {} {:?} {} {:?} {:?}",
            task.id, task.title, task.description, task.completed, task.created_at, task.updated_at
        )
    };
    tasks.unwrap().into_iter().map(text).collect()
}

#[tokio::test]
async fn the_tasks_of_1_0_are_kept_and_no_id_is_given_again() {
    let rig = of_1_0().await;
    let mut before = Vec::new();
    for number in 0..USERS {
        let name = format!("user{number}");
        let rows = rows_of_1_0(&rig, &name).await;
        before.push((name, rows));
    }

    rig.store.migrate_up().await.unwrap();

    for (name, rows) in &before {
        assert!(rows.len() > 20, "{name}");
        assert_eq!(&listed(&rig, name).await, rows, "{name}");
    }
    let versions = "SELECT count(*) FROM tasks WHERE version <> 0 OR completed_at IS NOT NULL";
    assert_eq!(rig.number(versions).await, 0);
    let wrong = "SELECT count(*) FROM user_sequences AS s WHERE sequence <> 1000 OR tasks <> \
                 (SELECT count(*) FROM tasks AS t WHERE t.user_id = s.user_id)";
    assert_eq!(rig.number(wrong).await, 0);
    assert_eq!(
        rig.number("SELECT count(*) FROM user_sequences").await,
        USERS + 1
    );
    let lives = "SELECT count(DISTINCT born) FROM user_sequences";
    assert_eq!(rig.number(lives).await, USERS + 1);

    for (name, id) in [("user3", 1001), ("gone", 1001), ("new", 1)] {
        let task = rig.create(&user(name).await, "Milk").await.unwrap();
        assert_eq!(task.id, id, "{name}");
    }
    // A new task has its place before those of 1.0.
    let first = "SELECT id FROM tasks WHERE user_id = 'user3' ORDER BY position, id LIMIT 1";
    assert_eq!(rig.number(first).await, 1001);
    let last = "SELECT id FROM tasks WHERE user_id = 'user3' ORDER BY position DESC LIMIT 1";
    assert_eq!(rig.number(last).await, 3);
}

#[tokio::test]
async fn the_migration_is_reverted_while_every_id_is_one_users() {
    let rig = of_1_0().await;
    let before = rows_of_1_0(&rig, "user7").await;
    rig.store.migrate_up().await.unwrap();
    let ana = user("user7").await;
    let task = rig.create(&ana, "of 1.1").await.unwrap();
    rig.complete(&ana, before.len().try_into().unwrap(), true)
        .await
        .unwrap_err();

    revert(&rig).await.unwrap();

    let after = rows_of_1_0(&rig, "user7").await;
    assert_eq!(after[1..], before);
    assert!(
        after[0].starts_with(&format!("{} of 1.1", task.id)),
        "{}",
        after[0]
    );
    let counts = "SELECT tasks FROM task_counts WHERE user_id = 'user7'";
    assert_eq!(
        rig.number(counts).await,
        i64::try_from(after.len()).unwrap()
    );
    rig.execute(
        "INSERT INTO tasks (user_id, title, completed, created_at, updated_at) \
         VALUES ('user7', 'of 1.0 again', FALSE, '2026-01-02 03:04:05.000001+00:00', \
         '2026-01-02 03:04:05.000001+00:00')",
    )
    .await;
    assert_eq!(rig.number("SELECT max(id) FROM tasks").await, task.id + 1);
    // And forth.
    rig.store.migrate_up().await.unwrap();
    assert_eq!(rig.create(&ana, "Milk").await.unwrap().id, task.id + 2);
}

#[tokio::test]
async fn the_migration_is_not_reverted_once_two_users_have_the_same_id() {
    let rig = Rig::local().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let of_ana = rig.create(&ana, "Milk").await.unwrap();
    rig.create(&ben, "Bread").await.unwrap();

    let error = revert(&rig).await.unwrap_err();

    let error = error.to_string();
    assert!(
        error.starts_with("two users have a task with the id 1"),
        "{error}"
    );
    assert_eq!(
        rig.store.get(&ana, 1).await.unwrap(),
        of_ana,
        "it goes on serving"
    );
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_migration_waits_for_another_one_for_a_limited_time() {
    let rig = Rig::local().await;
    rig.store.migrate_down(1).await.unwrap();
    rig.execute("SELECT pg_advisory_lock(499851160435)").await;

    let error = rig.store.migrate_up().await.unwrap_err();

    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test]
async fn a_refused_migration_leaves_the_store_serving() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    rig.execute("CREATE VIEW looks AS SELECT * FROM tasks")
        .await;

    let down = rig.store.migrate_down(2).await;

    if rig.database.is_postgres() {
        // A view depends on the table, so that the table stays.
        down.unwrap_err();
        rig.create(&ana, "Milk").await.unwrap();
    } else {
        // SQLite drops a table that views depend on.
        down.unwrap();
        rig.create(&ana, "Milk").await.unwrap_err();
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn migrating_needs_no_right_to_create_where_nothing_is_pending() {
    let rig = Rig::start().await;
    let role = format!("serving_{}", uuid::Uuid::now_v7().simple());
    rig.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON \
         tasks, user_sequences, trash, seaql_migrations TO {role}; \
         REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    ))
    .await;
    let mut url = ::url::Url::parse(rig.database.url()).unwrap();
    url.set_username(&role).unwrap();
    let serving = DatabaseUrl::parse(url.as_str()).unwrap();
    let serving = Store::connect(&serving, 10).await.unwrap();

    let migrated = serving.migrate_up().await;
    let created = serving.create(&user("ana").await, new("Milk"), None).await;

    serving.close().await;
    rig.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
    migrated.unwrap();
    created.unwrap();
}
