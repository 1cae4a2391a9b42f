//! Batches of several instances, or of one's connections, must not wait for one
//! another in a ring.

use sea_orm::TransactionTrait;

use super::*;
use crate::store::{
    connection::Link,
    owned::{Owned, owned_by},
    postgres,
    requests::{Create, Delete, Write},
};

const LOCK: &str = "SELECT tasks FROM task_counts WHERE user_id = 'ana' FOR UPDATE";
const LOOK: &str = "SELECT tasks FROM task_counts WHERE user_id = 'bob' FOR UPDATE NOWAIT; \
                    SELECT id FROM tasks FOR UPDATE NOWAIT";
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Whether `batch`, which waits for Ana's count, leaves Bob's and all tasks to others
/// meanwhile: then whoever holds Ana's and wants those gets on.
async fn waits_with_empty_hands(rig: &Rig, batch: &[Owned<Write>]) -> bool {
    let other = rig.outside.begin().await.unwrap();
    other.execute_unprepared(LOCK).await.unwrap();
    let mut link = Link::new(DatabaseKind::Postgres, &rig.store.inner.pools);
    let write = link.run(async |link| postgres::write::write(batch, link).await);
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
async fn batches_lock_the_counts_before_all_else_and_in_one_order() {
    let rig = Rig::start().await;
    if !rig.database.is_postgres() {
        // SQLite has one writer.
        return;
    }
    let (ana, bob) = (user("ana").await, user("bob").await);
    let task = async |owner: &User| rig.create(owner, "Milk").await.unwrap().id;
    let ids = [
        task(&bob).await,
        task(&ana).await,
        task(&bob).await,
        task(&ana).await,
    ];
    let create = |owner: &User| {
        let (title, description, limit) = ("Eggs".to_owned(), None, 10);
        owned_by(
            owner,
            Write::Create(Create {
                title,
                description,
                limit,
            }),
        )
    };
    let delete = |owner: &User, id| owned_by(owner, Write::Delete(Delete { id }));
    let batches = [
        vec![create(&bob), create(&ana)],
        vec![delete(&bob, ids[0]), delete(&ana, ids[1])],
        vec![create(&bob), delete(&ana, ids[3])],
        vec![delete(&bob, ids[2]), create(&ana)],
    ];

    for (number, batch) in batches.iter().enumerate() {
        let empty_handed = waits_with_empty_hands(&rig, batch).await;
        assert!(empty_handed, "batch {number} holds what others may want");
    }
    for (name, tasks) in [("ana", 2), ("bob", 2)] {
        let count = format!("SELECT tasks FROM task_counts WHERE user_id = '{name}'");
        assert_eq!(rig.number(&count).await, tasks, "{name}");
    }
}
