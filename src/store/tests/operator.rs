//! What an operator can break under a running service: no request is 500, readiness says
//! so, and all is well again once it is repaired.

use super::*;

/// Breaks the database, expects the store not to be ready and `get` and `create` to be
/// unavailable, repairs it, and expects everything to work again.
async fn survives(rig: &Rig, breaks: &str, repairs: &str) {
    let ana = user("ana").await;
    let id = rig.create(&ana, "Milk").await.unwrap().id;
    rig.execute(breaks).await;

    let not_ready = rig.store.ready().await;
    assert!(not_ready.is_err(), "{breaks}: ready");
    for _ in 0..3 {
        let results = [
            rig.store.get(&ana, id).await.map(drop),
            rig.create(&ana, "Bread").await.map(drop),
            rig.complete(&ana, id, true).await.map(drop),
        ];
        for result in results {
            // A session that was ended may leave a doubt; nothing is internal.
            let fits = !matches!(
                result,
                Err(TaskError::Internal(_) | TaskError::NotFound { .. })
            );
            assert!(fits, "{breaks}: {result:?}");
        }
    }

    rig.execute(repairs).await;
    // A connection that is broken, or has a plan that is out of date, is found out by its
    // first use.
    for _ in 0..100 {
        let works = rig.store.ready().await.is_ok()
            && matches!(rig.store.get(&ana, id).await, Ok(task) if task.id == id)
            && rig.complete(&ana, id, true).await.is_ok()
            && rig.create(&ana, "Bread").await.is_ok();
        if works {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{repairs}: requests do not succeed again");
}

#[tokio::test]
async fn tables_that_are_gone_make_the_store_unready_until_they_are_back() {
    for table in ["tasks", "user_sequences", "trash"] {
        let rig = Rig::start().await;
        let breaks = format!("ALTER TABLE {table} RENAME TO away");
        let repairs = format!("ALTER TABLE away RENAME TO {table}");
        survives(&rig, &breaks, &repairs).await;
    }
}

#[tokio::test]
async fn a_column_that_is_gone_makes_the_store_unready_until_it_is_back() {
    let rig = Rig::start().await;
    let breaks = "ALTER TABLE tasks RENAME COLUMN title TO name";
    survives(
        &rig,
        breaks,
        "ALTER TABLE tasks RENAME COLUMN name TO title",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_column_of_another_type_makes_the_store_unready_until_it_is_repaired() {
    let rig = Rig::start().await;
    let column = "ALTER TABLE tasks ALTER COLUMN completed";
    let breaks = format!("{column} DROP DEFAULT, ALTER COLUMN completed TYPE text");
    let repairs = format!("{column} TYPE boolean USING completed::boolean");
    survives(&rig, &breaks, &repairs).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_column_of_a_compatible_type_goes_unnoticed() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    for _ in 0..3 {
        rig.create(&ana, "Milk").await.unwrap();
    }
    for length in 200..205 {
        let column = "ALTER TABLE tasks ALTER COLUMN title TYPE";
        // The plans of all statements are there, and out of date.
        let (created, got, listed) = tokio::join!(
            rig.create(&ana, "Bread"),
            rig.store.get(&ana, 1),
            rig.list(&ana, StatusFilter::All),
        );
        let completed = rig.complete(&ana, 1, true).await;
        let updated = rig.update(&ana, 2, "Eggs").await;
        let (mixed, beside) =
            tokio::join!(rig.complete(&ana, 1, false), rig.update(&ana, 2, "Eggs"),);
        let deleted = rig.delete(&ana, created.unwrap().id).await;
        for result in [got, completed, updated, mixed, beside] {
            result.unwrap();
        }
        listed.unwrap();
        deleted.unwrap();
        rig.execute(&format!("{column} varchar({length})")).await;
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_database_that_is_read_only_makes_the_store_unready_until_it_is_not() {
    let rig = Rig::start().await;
    let name = rig.text("SELECT current_database()").await;
    let set = |value: &str| {
        format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = {value}; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    };
    let on = set("on");
    // The own session of the test stays writable.
    survives(&rig, &on, &set("off")).await;
}

#[tokio::test]
async fn a_file_that_was_moved_makes_the_store_unready() {
    let folder = tempfile::tempdir().unwrap();
    let (here, away) = (folder.path().join("here"), folder.path().join("away"));
    let url = format!("sqlite://{}/tasks.db", here.display());
    let url = DatabaseUrl::parse(&url).unwrap();
    let store = Store::connect(&url, 10).await.unwrap();
    store.migrate_up().await.unwrap();
    store.ready().await.unwrap();

    std::fs::rename(&here, &away).unwrap();
    store.ready().await.unwrap_err();

    std::fs::rename(&away, &here).unwrap();
    store.ready().await.unwrap();
}

#[tokio::test]
async fn another_programs_migrations_are_refused() {
    let rig = Rig::start().await;
    rig.execute(
        "DELETE FROM seaql_migrations; \
         INSERT INTO seaql_migrations VALUES ('m20200101_000001_theirs', 0)",
    )
    .await;

    let error = rig.store.migrate_up().await.unwrap_err();

    assert!(error.is_misconfigured(), "{error}");
    assert!(error.to_string().contains("another program"), "{error}");
}

#[tokio::test]
async fn asking_for_the_status_of_migrations_changes_nothing() {
    let database = TestDatabase::create().await;
    let url = DatabaseUrl::parse(database.url()).unwrap();
    let store = Store::connect(&url, 10).await.unwrap();

    let migrations = store.migration_status().await.unwrap();

    assert!(!migrations.is_empty());
    assert!(migrations.iter().all(|migration| !migration.applied));
    let outside = Database::connect(database.url()).await.unwrap();
    let table = outside.execute_unprepared("SELECT * FROM seaql_migrations");
    table.await.unwrap_err();
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_database_of_another_encoding_is_refused() {
    let rig = Rig::start().await;
    let name = format!("latin_{}", uuid::Uuid::now_v7().simple());
    rig.execute(&format!(
        "CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 \
         LC_COLLATE 'C' LC_CTYPE 'C'"
    ))
    .await;
    let mut url = ::url::Url::parse(rig.database.url()).unwrap();
    url.set_path(&name);
    let url = DatabaseUrl::parse(url.as_str()).unwrap();
    let store = Store::connect(&url, 10).await.unwrap();

    let error = store.migrate_up().await.unwrap_err();

    store.close().await;
    rig.execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await;
    assert!(error.is_misconfigured(), "{error}");
    assert!(error.to_string().contains("LATIN1"), "{error}");
}
