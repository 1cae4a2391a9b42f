//! The plain path, and its operations: restore, complete all, clear, erase.

mod races;

use chrono::{DateTime, SubsecRound, Utc};
use futures_util::future::join_all;
use sea_orm::{Condition, DbErr};
use serde_json::Value;

use super::*;
use crate::{
    api::tasks::{Expected, Removal},
    store::owned::Inconsistent,
};

/// What a clock that is ahead leaves in a row.
const AHEAD: &str = "2999-01-01T00:00:00.000007+00:00";

impl Rig {
    async fn trash(&self, user: &User, id: i64) {
        let removal = self.store.delete(user, id, Removal::Trash, Expected::Any);
        removal.await.unwrap();
    }

    /// Tasks that the client sees; those in the trash; tombstones.
    async fn rows(&self, user: &str) -> (i64, i64, i64) {
        let count = async |rows: &str| {
            let count = format!("SELECT count(*) FROM {rows} AND user_id = '{user}'");
            self.number(&count).await
        };
        (
            count("tasks WHERE TRUE").await,
            count("trash WHERE title IS NOT NULL").await,
            count("trash WHERE title IS NULL").await,
        )
    }

    /// The tasks that the user's sequence counts, and its last number.
    async fn counted(&self, user: &str) -> (i64, i64) {
        let of = |column| format!("SELECT {column} FROM user_sequences WHERE user_id = '{user}'");
        let tasks = self.number(&of("tasks")).await;
        (tasks, self.number(&of("sequence")).await)
    }

    /// Panics unless all counts and sequences are right, and no two rows of a user have the
    /// same version.
    async fn check(&self) {
        let inconsistent = Inconsistent::find(&self.outside).await.unwrap();
        assert_eq!((inconsistent.miscounted, inconsistent.behind), (0, 0));
        let twice = "SELECT count(*) FROM (SELECT user_id, version FROM ( \
                     SELECT user_id, version FROM tasks UNION ALL SELECT user_id, version FROM trash) \
                     AS written GROUP BY user_id, version HAVING count(*) > 1) AS twice";
        assert_eq!(self.number(twice).await, 0);
    }
}

fn is_not_found<T>(result: &Result<T, TaskError>) -> bool {
    matches!(result, Err(TaskError::NotFound { .. }))
}

/// A request with every field.
fn whole() -> CreateTask {
    body(json!({
        "title": "Milk", "description": "Two litres", "due_date": "2026-01-06",
        "due_time": "18:00", "priority": "high", "tags": ["b", "a"], "position": "a0V",
    }))
}

/// A time between that before the write and that after it.
fn is_recent(time: DateTime<Utc>, before: DateTime<Utc>) -> bool {
    (before.trunc_subsecs(6)..=Utc::now()).contains(&time)
}

#[tokio::test]
async fn every_write_of_the_plain_path_has_the_time_at_which_it_was_made() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let id = rig.create(&ana, "Milk").await.unwrap().id;
    // Long after the time before.
    rig.execute("UPDATE tasks SET updated_at = '2026-01-05T09:00:00.000000+00:00'")
        .await;

    let before = Utc::now();
    assert_eq!(rig.store.complete_all(&ana, true).await.unwrap(), 1);
    let completed = rig.store.get(&ana, id).await.unwrap();
    assert!(is_recent(completed.updated_at, before), "{completed:?}");
    assert_eq!(completed.completed_at, Some(completed.updated_at));

    let before = Utc::now();
    assert_eq!(rig.store.clear(&ana).await.unwrap(), 1);
    let trash = rig.store.trash(&ana).await.unwrap().into_response();
    let trash: Value = trash.into_body().into_json().await.unwrap();
    let deleted_at = trash[0]["deleted_at"].as_str().unwrap();
    assert!(is_recent(deleted_at.parse().unwrap(), before), "{trash}");

    let before = Utc::now();
    let restored = rig.store.restore(&ana, id).await.unwrap();
    assert!(is_recent(restored.updated_at, before), "{restored:?}");
}

#[tokio::test]
async fn a_transaction_of_the_plain_path_concerns_one_user_and_is_whole_or_nothing() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    for owner in [&ana, &ben] {
        for title in ["a", "b", "c"] {
            rig.create(owner, title).await.unwrap();
        }
    }

    let failed = rig.store.transaction(&ana, Access::Write, |tasks| {
        Box::pin(async move {
            assert_eq!(tasks.discard(Condition::all()).await?, 3);
            assert!(tasks.get(1).await?.is_none());
            tasks.restore(1).await?;
            assert!(tasks.get(1).await?.is_some());
            Err::<(), _>(DbErr::Custom("refused".to_owned()))
        })
    });

    assert!(matches!(failed.await, Err(TaskError::Internal(_))));
    for owner in ["ana", "ben"] {
        assert_eq!(
            (rig.rows(owner).await, rig.counted(owner).await),
            ((3, 0, 0), (3, 3))
        );
    }
}

#[tokio::test]
async fn a_restored_task_is_what_it_was_with_a_new_version() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    rig.create(&ana, "first").await.unwrap();
    let id = rig.store.create(&ana, whole(), None).await.unwrap().task.id;
    rig.execute(
        "UPDATE tasks SET idempotency_key = 'key', idempotency_fingerprint = 42 WHERE id = 2",
    )
    .await;
    let before = rig.complete(&ana, id, true).await.unwrap();
    rig.trash(&ana, id).await;
    assert!(is_not_found(&rig.store.get(&ana, id).await));

    let restored = rig.store.restore(&ana, id).await.unwrap();

    let expected = Task {
        version: 5,
        updated_at: restored.updated_at,
        ..before.clone()
    };
    assert_eq!(restored, expected);
    assert!(restored.updated_at > before.updated_at);
    assert_eq!(rig.store.get(&ana, id).await.unwrap(), restored);
    let fingerprint = "SELECT idempotency_fingerprint FROM tasks WHERE id = 2";
    assert_eq!(rig.number(fingerprint).await, 42);
    assert_eq!(rig.rows("ana").await, (2, 0, 0));
    assert_eq!(rig.counted("ana").await, (2, 5));

    // Though the clock was set back.
    rig.trash(&ana, id).await;
    rig.execute(&format!("UPDATE trash SET updated_at = '{AHEAD}'"))
        .await;
    let restored = rig.store.restore(&ana, id).await.unwrap();
    assert_eq!(restored.updated_at.timestamp_subsec_micros(), 8);
    assert_eq!(restored.version, 7);
    rig.check().await;
}

#[tokio::test]
async fn what_is_not_in_the_trash_is_not_restored() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let live = rig.create(&ana, "live").await.unwrap();
    let buried = rig.create(&ana, "buried").await.unwrap();
    let trashed = rig.create(&ana, "trashed").await.unwrap();
    rig.create(&ben, "of ben").await.unwrap();
    rig.delete(&ana, buried.id).await.unwrap();
    rig.trash(&ana, trashed.id).await;

    assert_eq!(rig.store.restore(&ana, live.id).await.unwrap(), live);
    assert!(is_not_found(&rig.store.restore(&ana, buried.id).await));
    assert!(is_not_found(&rig.store.restore(&ana, 99).await));
    assert!(is_not_found(&rig.store.restore(&ben, trashed.id).await));
    assert!(is_not_found(
        &rig.store.restore(&user("eve").await, trashed.id).await
    ));

    assert_eq!(rig.counted("ana").await, (1, 5));
    assert_eq!(rig.counted("ben").await, (1, 1));
    assert_eq!(rig.rows("ana").await, (1, 1, 1));
    assert_eq!(rig.number("SELECT count(*) FROM user_sequences").await, 2);
}

#[tokio::test]
async fn a_task_is_not_restored_beyond_the_quota() {
    let rig = Rig::with_quota(2).await;
    let ana = user("ana").await;
    let first = rig.create(&ana, "first").await.unwrap();
    rig.trash(&ana, first.id).await;
    for title in ["second", "third"] {
        rig.create(&ana, title).await.unwrap();
    }

    let full = rig.store.restore(&ana, first.id).await;
    assert!(matches!(full, Err(TaskError::QuotaExceeded { limit: 2 })));
    assert_eq!(
        (rig.rows("ana").await, rig.counted("ana").await),
        ((2, 1, 0), (2, 4))
    );

    rig.trash(&ana, 3).await;
    rig.store.restore(&ana, first.id).await.unwrap();
    assert_eq!(
        (rig.rows("ana").await, rig.counted("ana").await),
        ((2, 1, 0), (2, 6))
    );
    rig.check().await;
}

#[tokio::test]
async fn completing_all_tasks_writes_those_that_change() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    for title in ["a", "b", "c", "d"] {
        rig.create(&ana, title).await.unwrap();
        rig.create(&ben, title).await.unwrap();
    }
    let done = rig.complete(&ana, 2, true).await.unwrap();
    rig.execute(&format!(
        "UPDATE tasks SET updated_at = '{AHEAD}' WHERE user_id = 'ana' AND id = 3"
    ))
    .await;

    assert_eq!(rig.store.complete_all(&ana, true).await.unwrap(), 3);

    let tasks = join_all((1..=4).map(|id| rig.store.get(&ana, id))).await;
    let tasks: Vec<_> = tasks.into_iter().map(Result::unwrap).collect();
    let versions: Vec<_> = tasks.iter().map(|task| task.version).collect();
    assert_eq!(versions, [6, 5, 7, 8]);
    assert_eq!(tasks[1], done, "it was completed already");
    assert!(tasks.iter().all(|task| task.completed));
    for task in [&tasks[0], &tasks[2], &tasks[3]] {
        assert_eq!(task.completed_at, Some(task.updated_at));
        assert!(task.updated_at > task.created_at);
    }
    assert_eq!(
        tasks[2].updated_at.timestamp_subsec_micros(),
        8,
        "the clock was set back"
    );
    assert_eq!(rig.counted("ana").await, (4, 8));

    // A second time it writes nothing.
    assert_eq!(rig.store.complete_all(&ana, true).await.unwrap(), 0);
    assert_eq!(rig.counted("ana").await, (4, 8));
    assert_eq!(rig.store.complete_all(&ana, false).await.unwrap(), 4);
    let task = rig.store.get(&ana, 3).await.unwrap();
    assert_eq!(
        (task.completed, task.completed_at, task.version),
        (false, None, 11)
    );
    assert_eq!(task.updated_at.timestamp_subsec_micros(), 9);
    assert_eq!(rig.counted("ben").await, (4, 4));
    let of_eve = rig.store.complete_all(&user("eve").await, true).await;
    assert_eq!(of_eve.unwrap(), 0);
    rig.check().await;
}

#[tokio::test]
async fn clearing_moves_completed_tasks_to_the_trash() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    for owner in [&ana, &ben] {
        for title in ["a", "b", "c"] {
            rig.create(owner, title).await.unwrap();
        }
    }
    rig.execute(
        "UPDATE tasks SET idempotency_key = 'key ' || CAST(id AS text), \
         idempotency_fingerprint = id",
    )
    .await;
    let mut done = Vec::new();
    for id in [3, 1] {
        done.push(rig.complete(&ana, id, true).await.unwrap());
    }
    assert_eq!(rig.counted("ana").await, (3, 5));

    assert_eq!(rig.store.clear(&ana).await.unwrap(), 2);

    assert_eq!(
        (rig.rows("ana").await, rig.counted("ana").await),
        ((1, 2, 0), (1, 7))
    );
    assert_eq!(
        (rig.rows("ben").await, rig.counted("ben").await),
        ((3, 0, 0), (3, 3))
    );
    let version = |id| format!("SELECT version FROM trash WHERE idempotency_fingerprint = {id}");
    assert_eq!(rig.number(&version(1)).await, 6);
    assert_eq!(rig.number(&version(3)).await, 7);
    let now = if rig.database.is_postgres() {
        "SELECT count(*) FROM trash WHERE abs(extract(epoch FROM now() - deleted_at)) < 60"
    } else {
        "SELECT count(*) FROM trash WHERE length(deleted_at) = 32 \
         AND abs(strftime('%s', 'now') - strftime('%s', deleted_at)) < 60"
    };
    assert_eq!(rig.number(now).await, 2);
    // Another time there is nothing to do.
    assert_eq!(rig.store.clear(&ana).await.unwrap(), 0);
    assert_eq!(rig.counted("ana").await, (1, 7));
    for task in done {
        let restored = rig.store.restore(&ana, task.id).await.unwrap();
        let expected = Task {
            version: restored.version,
            updated_at: restored.updated_at,
            ..task
        };
        assert_eq!(restored, expected);
    }
    rig.check().await;
}

#[tokio::test]
async fn erasing_leaves_no_row_of_the_user() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    for owner in [&ana, &ben] {
        for title in ["live", "live", "trashed", "buried"] {
            rig.create(owner, title).await.unwrap();
        }
        rig.trash(owner, 3).await;
        rig.delete(owner, 4).await.unwrap();
    }
    let born = "SELECT born FROM user_sequences WHERE user_id = 'ana'";
    let before = rig.number(born).await;

    assert_eq!(rig.store.erase(&ana).await.unwrap(), 3);

    assert_eq!(rig.rows("ana").await, (0, 0, 0));
    assert_eq!(rig.number("SELECT count(*) FROM user_sequences").await, 1);
    assert_eq!(
        (rig.rows("ben").await, rig.counted("ben").await),
        ((2, 1, 1), (2, 6))
    );
    assert_eq!(rig.store.erase(&ana).await.unwrap(), 0);
    assert_eq!(rig.create(&ana, "new").await.unwrap().id, 1);
    assert_ne!(rig.number(born).await, before);
    rig.check().await;
}

#[tokio::test]
async fn ten_thousand_tasks_are_written_at_once() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let database = &rig.database;
    database.fill("ana", 10_000, "two litres", 20_000).await;
    rig.execute("UPDATE tasks SET idempotency_key = 'key ' || CAST(id AS text)")
        .await;

    // Each ends within the time limit.
    assert_eq!(rig.store.complete_all(&ana, true).await.unwrap(), 10_000);
    assert_eq!(rig.counted("ana").await, (10_000, 20_000));
    assert_eq!(rig.store.clear(&ana).await.unwrap(), 10_000);
    assert_eq!(rig.counted("ana").await, (0, 30_000));
    let in_order = "SELECT count(*) FROM trash WHERE version = id + 20000 AND completed \
                    AND description IS NOT NULL";
    assert_eq!(rig.number(in_order).await, 10_000);
    rig.check().await;
    assert_eq!(rig.store.erase(&ana).await.unwrap(), 10_000);
}
