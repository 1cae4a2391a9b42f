//! Creations with a key.

use super::*;
use crate::api::{
    rest::header::{FromHeader, IdempotencyKey},
    tasks::CreatedTask,
};

pub fn key(text: &str) -> Option<IdempotencyKey> {
    FromHeader::from_lines(&[text.as_bytes()]).unwrap()
}

async fn create(
    store: &Store,
    user: &User,
    title: &str,
    of: &str,
) -> Result<CreatedTask, TaskError> {
    store.create(user, new(title), key(of)).await
}

#[tokio::test]
async fn a_key_creates_one_task_and_a_retry_gets_it_as_it_is_now() {
    let rig = Rig::with_quota(2).await;
    let (ana, ben) = (user("ana").await, user("ben").await);

    let first = create(&rig.store, &ana, "Milk", "k").await.unwrap();
    assert!(!first.is_replayed);
    assert_eq!(first.task.idempotency_key.as_deref(), Some("k"));
    let edited = rig.update(&ana, first.task.id, "Oat milk").await.unwrap();
    rig.create(&ana, "Eggs").await.unwrap();

    // The quota is used up: a retry is no new task.
    let again = create(&rig.store, &ana, " Milk ", "k").await.unwrap();
    assert!(again.is_replayed);
    assert_eq!(again.task, edited);
    let other = create(&rig.store, &ana, "Oat milk", "k").await;
    assert!(matches!(other, Err(TaskError::KeyReused)), "{other:?}");
    let of_ben = create(&rig.store, &ben, "Milk", "k").await.unwrap();
    assert!(!of_ben.is_replayed, "keys are the user's");
    assert_eq!(
        rig.number("SELECT sequence FROM user_sequences WHERE user_id = 'ana'")
            .await,
        3
    );
}

#[tokio::test]
async fn a_refused_creation_leaves_nothing_behind() {
    let rig = Rig::with_quota(1).await;
    let (ana, eve) = (user("ana").await, user("eve").await);
    let milk = rig.create(&ana, "Milk").await.unwrap();

    let refused = create(&rig.store, &ana, "Eggs", "k").await;
    assert!(matches!(refused, Err(TaskError::QuotaExceeded { .. })));
    rig.delete(&ana, milk.id).await.unwrap();
    let other = create(&rig.store, &ana, "Bread", "k").await.unwrap();
    assert!(!other.is_replayed);

    let none = Rig::with_quota(0).await;
    create(&none.store, &eve, "Milk", "k").await.unwrap_err();
    assert_eq!(none.number("SELECT count(*) FROM user_sequences").await, 0);
}

#[tokio::test]
async fn a_retry_after_a_deletion_creates_nothing_until_it_is_forgotten() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    for (of, removal) in [("gone", Removal::Forever), ("trash", Removal::Trash)] {
        let id = create(&rig.store, &ana, "Milk", of).await.unwrap().task.id;
        rig.store
            .delete(&ana, id, removal, Expected::Any)
            .await
            .unwrap();

        let again = create(&rig.store, &ana, "Milk", of).await;
        assert!(
            matches!(again, Err(TaskError::AlreadyDeleted { id: deleted }) if deleted == id),
            "{again:?}"
        );
        let other = create(&rig.store, &ana, "Eggs", of).await;
        assert!(matches!(other, Err(TaskError::KeyReused)), "{other:?}");
    }
    assert_eq!(rig.number("SELECT count(*) FROM tasks").await, 0);

    rig.execute("DELETE FROM trash").await;
    assert!(
        !create(&rig.store, &ana, "Milk", "gone")
            .await
            .unwrap()
            .is_replayed
    );
}

#[tokio::test]
async fn one_key_at_once_is_one_task_also_as_the_first_one_of_a_user() {
    let rig = Rig::start().await;
    let other = rig.other().await;

    for round in 0..10 {
        let ana = user(&format!("ana{round}")).await;
        let created = join_all((0..6).map(|n| {
            let store = if n % 2 == 0 { &rig.store } else { &other };
            create(store, &ana, "Milk", "k")
        }));
        let (created, plain) = tokio::join!(created, rig.create(&ana, "Eggs"));
        let created: Vec<_> = created.into_iter().map(Result::unwrap).collect();

        assert_eq!(created.iter().filter(|one| !one.is_replayed).count(), 1);
        assert!(created.iter().all(|one| one.task == created[0].task));
        plain.unwrap();
        assert_eq!(rig.list(&ana, StatusFilter::All).await.unwrap().len(), 2);
    }
    other.close().await;
}

#[tokio::test]
async fn creations_with_several_keys_and_without_share_a_batch() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    create(&rig.store, &ana, "a", "a").await.unwrap();

    let (replayed, first, of_ben, reused, plain) = tokio::join!(
        create(&rig.store, &ana, "a", "a"),
        create(&rig.store, &ana, "b", "b"),
        create(&rig.store, &ben, "a", "a"),
        create(&rig.store, &ana, "c", "a"),
        rig.create(&ana, "plain"),
    );

    assert!(replayed.unwrap().is_replayed);
    assert!(!first.unwrap().is_replayed && !of_ben.unwrap().is_replayed);
    assert!(matches!(reused, Err(TaskError::KeyReused)));
    plain.unwrap();
    let listed = rig.list(&ana, StatusFilter::All).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(
        rig.number("SELECT tasks FROM user_sequences WHERE user_id = 'ana'")
            .await,
        3
    );
}

/// The retry waits for the owner's lock with an old snapshot; then the task is deleted.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_retry_that_waits_sees_what_was_committed_meanwhile() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let task = create(&rig.store, &ana, "Milk", "k").await.unwrap().task;
    let pool = rig.outside.get_postgres_connection_pool();
    let mut session = pool.acquire().await.unwrap();
    let mut run = async |sql: &'static str| {
        sqlx::raw_sql(sql).execute(&mut *session).await.unwrap();
    };
    run("BEGIN; SELECT FROM user_sequences WHERE user_id = 'ana' FOR UPDATE").await;

    let retry = create(&rig.store, &ana, "Milk", "k");
    let delete = async {
        let waits = if has_workers() {
            "SELECT count(*) FROM citus_lock_waits"
        } else {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock'"
        };
        while rig.number(waits).await == 0 {
            tokio::task::yield_now().await;
        }
        run(
            "INSERT INTO trash (id, user_id, version, deleted_at, idempotency_key, \
             idempotency_fingerprint) SELECT id, user_id, 2, updated_at, idempotency_key, \
             idempotency_fingerprint FROM tasks; DELETE FROM tasks; \
             UPDATE user_sequences SET sequence = 2, tasks = 0; COMMIT",
        )
        .await;
    };
    let (retried, ()) = tokio::join!(retry, delete);

    assert!(
        matches!(retried, Err(TaskError::AlreadyDeleted { id }) if id == task.id),
        "{retried:?}"
    );
    assert_eq!(rig.number("SELECT count(*) FROM tasks").await, 0);
}
