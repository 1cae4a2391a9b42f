//! `doctor --repair`: counts and sequences, while requests go on.

use sea_orm::TransactionTrait;

use super::*;
use crate::store::repair::Consistency;

const RIGHT: Consistency = Consistency {
    miscounted: 0,
    behind: 0,
};

/// Stores a task behind the service's back.
async fn insert(rig: &Rig, id: i64, user: &str) {
    rig.execute(&format!(
        "INSERT INTO tasks (id, user_id, title, position, created_at, updated_at) \
         VALUES ({id}, '{user}', 'Milk', 'a0', '2026-01-01T00:00:00.000000+00:00', \
         '2026-01-01T00:00:00.000000+00:00')",
    ))
    .await;
}

async fn count(rig: &Rig, user: &str) -> i64 {
    let count =
        format!("SELECT COALESCE(max(tasks), -1) FROM user_sequences WHERE user_id = '{user}'");
    rig.number(&count).await
}

#[tokio::test]
async fn a_count_that_is_wrong_in_any_direction_is_found_and_corrected() {
    let rig = Rig::start().await;
    for name in ["right", "high", "low", "negative", "gone", "none"] {
        let user = user(name).await;
        for _ in 0..3 {
            rig.create(&user, "Milk").await.unwrap();
        }
    }
    assert_eq!(rig.store.check_consistency().await.unwrap(), RIGHT);
    for change in [
        "UPDATE user_sequences SET tasks = 10000 WHERE user_id = 'high'",
        "UPDATE user_sequences SET tasks = 1 WHERE user_id = 'low'",
        "UPDATE user_sequences SET tasks = -7 WHERE user_id = 'negative'",
        "DELETE FROM user_sequences WHERE user_id = 'gone'",
        "DELETE FROM tasks WHERE user_id = 'none'",
    ] {
        rig.execute(change).await;
    }
    insert(&rig, 7, "it''s new").await;
    let high = user("high").await;
    assert!(rig.create(&high, "Bread").await.is_err(), "over the quota");

    let found = rig.store.check_consistency().await.unwrap();
    let repaired = rig.store.repair().await.unwrap();

    assert_eq!((found.miscounted, found.behind), (6, 2));
    assert_eq!(repaired, found);
    assert_eq!(rig.store.check_consistency().await.unwrap(), RIGHT);
    assert_eq!(rig.store.repair().await.unwrap(), RIGHT, "a second time");
    for (name, expected) in [
        ("right", 3),
        ("high", 3),
        ("low", 3),
        ("negative", 3),
        ("gone", 3),
        ("none", 0),
        ("it''s new", 1),
    ] {
        assert_eq!(count(&rig, name).await, expected, "{name}");
    }
    rig.create(&high, "Bread").await.unwrap();
}

#[tokio::test]
async fn a_repair_loses_nothing_of_what_is_written_meanwhile() {
    let rig = Arc::new(Rig::start().await);
    let names: Vec<_> = (0..8).map(|number| format!("user {number}")).collect();
    for name in &names {
        let user = user(name).await;
        for _ in 0..20 {
            rig.create(&user, "Milk").await.unwrap();
        }
    }
    rig.execute("UPDATE user_sequences SET tasks = tasks + 7 WHERE user_id > 'user 3'")
        .await;
    rig.execute("UPDATE user_sequences SET tasks = -7 WHERE user_id <= 'user 3'")
        .await;
    assert_eq!(rig.store.check_consistency().await.unwrap().miscounted, 8);
    let writers = names.iter().map(|name| {
        let (rig, name) = (Arc::clone(&rig), name.clone());
        tokio::spawn(async move {
            let user = user(&name).await;
            let (mut kept, mut mine) = (Vec::new(), Vec::new());
            for round in 0..60 {
                match rig.create(&user, "Bread").await {
                    Ok(task) if round % 3 == 0 => kept.push(task.id),
                    Ok(task) => mine.push(task.id),
                    // A creation waits for the repair, but not for long.
                    Err(error) => assert!(matches!(error, TaskError::Unavailable(_)), "{error:?}"),
                }
                if let Some(id) = mine.pop() {
                    match rig.delete(&user, id).await {
                        Ok(()) => {}
                        Err(TaskError::Unavailable(_)) => kept.push(id),
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            (user, kept)
        })
    });
    let writers: Vec<_> = writers.collect();

    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        rig.store.repair().await.unwrap();
    }

    for writer in writers {
        let (user, mut kept) = writer.await.unwrap();
        let listed = rig.list(&user, StatusFilter::All).await.unwrap();
        let mut bread: Vec<_> = listed.iter().filter(|t| t.title == "Bread").collect();
        bread.sort_by_key(|task| task.id);
        kept.sort_unstable();
        assert!(bread.iter().map(|task| task.id).eq(kept));
    }
    assert_eq!(rig.store.check_consistency().await.unwrap(), RIGHT);
}

#[tokio::test]
async fn a_sequence_that_is_behind_is_moved_and_another_is_not() {
    let rig = Rig::start().await;
    let names = ["id", "version", "tombstone", "right", "none"];
    for name in names {
        let user = user(name).await;
        let id = rig.create(&user, "Milk").await.unwrap().id;
        rig.create(&user, "Bread").await.unwrap();
        rig.delete(&user, id).await.unwrap();
    }
    insert(&rig, 7, "id").await;
    for change in [
        "UPDATE tasks SET version = 8 WHERE user_id = 'version'",
        "UPDATE trash SET version = 9 WHERE user_id = 'tombstone'",
        "UPDATE user_sequences SET sequence = 40 WHERE user_id = 'right'",
        "DELETE FROM user_sequences WHERE user_id = 'none'",
        // Counted, and a tombstone alone.
        "UPDATE user_sequences SET tasks = 2 WHERE user_id = 'id'",
        "DELETE FROM tasks WHERE user_id = 'none' AND id > 0",
    ] {
        rig.execute(change).await;
    }

    let found = rig.store.check_consistency().await.unwrap();
    let repaired = rig.store.repair().await.unwrap();

    let (miscounted, behind) = (0, 4);
    assert_eq!(found, Consistency { miscounted, behind });
    assert_eq!(repaired, found);
    assert_eq!(rig.store.check_consistency().await.unwrap(), RIGHT);
    for (name, next) in names.into_iter().zip([8, 9, 10, 41, 4]) {
        let task = rig.create(&user(name).await, "Eggs").await.unwrap();
        assert_eq!(task.id, next, "{name}");
    }
}

#[tokio::test]
async fn an_id_is_not_used_again_after_a_repair() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    insert(&rig, 40, "ana").await;
    rig.store.repair().await.unwrap();

    rig.delete(&ana, 40).await.unwrap();

    assert_eq!(rig.create(&ana, "Milk").await.unwrap().id, 42);
}

#[tokio::test]
async fn an_empty_database_is_right() {
    let rig = Rig::start().await;
    assert_eq!(rig.store.check_consistency().await.unwrap(), RIGHT);
    assert_eq!(rig.store.repair().await.unwrap(), RIGHT);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_repair_is_right_where_serializable_is_the_default() {
    let rig = Rig::start().await;
    let name = rig.text("SELECT current_database()").await;
    rig.execute(&format!(
        "ALTER DATABASE {name} SET default_transaction_isolation = serializable"
    ))
    .await;
    let url = DatabaseUrl::parse(rig.database.url()).unwrap();
    let other = Store::connect(&url, 100).await.unwrap();
    insert(&rig, 7, "ana").await;
    // A creation that the repair waits for, and that is committed before the lock.
    let held = rig.outside.begin().await.unwrap();
    let create = "INSERT INTO user_sequences (user_id, tasks, sequence, born) \
                  VALUES ('ana', 1, 1, 1); \
                  INSERT INTO tasks (id, user_id, title, position, created_at, updated_at) \
                  VALUES (1, 'ana', 'Milk', 'Ze', now(), now())";
    held.execute_unprepared(create).await.unwrap();
    let repair = tokio::spawn(async move { other.repair().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    held.commit().await.unwrap();

    repair.await.unwrap().unwrap();

    assert_eq!(count(&rig, "ana").await, 2);
}

#[tokio::test]
async fn after_a_restore_every_sequence_has_a_new_life_and_the_same_numbers() {
    let rig = Rig::start().await;
    for name in ["ana", "ben"] {
        rig.create(&user(name).await, "Milk").await.unwrap();
    }
    let lives = async || {
        let born = "SELECT sum(born) FROM user_sequences WHERE user_id = 'ana'";
        rig.number(&format!("SELECT CAST(({born}) AS bigint)"))
            .await
    };
    let before = lives().await;

    assert_eq!(rig.store.resync().await.unwrap(), 2);

    assert_ne!(lives().await, before);
    let task = rig.create(&user("ana").await, "Bread").await.unwrap();
    assert_eq!(task.id, 2);
}

#[tokio::test]
async fn a_creation_that_finds_its_id_taken_moves_the_sequence() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    rig.create(&ana, "Milk").await.unwrap();
    for id in [2, 5, 6] {
        insert(&rig, id, "ana").await;
    }
    // Without a sequence.
    insert(&rig, 1, "ben").await;

    // One batch, of several kinds.
    let (of_ana, completed, of_ben) = tokio::join!(
        join_all(["a", "b", "c"].map(|title| rig.create(&ana, title))),
        rig.complete(&ana, 1, true),
        rig.create(&ben, "x"),
    );

    let ids: Vec<_> = of_ana.into_iter().map(|task| task.unwrap().id).collect();
    assert!(
        completed.is_ok() && ids.is_sorted() && ids[0] > 6,
        "{ids:?}"
    );
    assert_eq!(of_ben.unwrap().id, 2);
    assert_eq!(rig.store.check_consistency().await.unwrap(), RIGHT);
    // Alone.
    let next = rig.number("SELECT max(sequence) FROM user_sequences").await + 1;
    insert(&rig, next, "ana").await;
    assert_eq!(rig.create(&ana, "d").await.unwrap().id, next + 1);
    assert_eq!(rig.store.check_consistency().await.unwrap(), RIGHT);
}
