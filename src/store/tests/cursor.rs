//! Cursors: the entity tags of lists, and for whom and how long they are valid.

use super::{
    changes::{changes, fill},
    *,
};
use crate::api::tasks::Sort;

#[tokio::test]
async fn a_list_has_the_cursor_from_before_it_was_read() {
    let rig = Rig::start().await;
    let (ana, bob) = (user("ana").await, user("bob").await);
    let list = async |user: &User| {
        let plain = rig.store.list(user, ListTasks::default()).await.unwrap();
        let oldest = ListTasks {
            sort: Sort::Oldest,
            ..ListTasks::default()
        };
        let sorted = rig.store.list(user, oldest).await.unwrap();
        assert_eq!(plain.cursor, sorted.cursor);
        assert_eq!(plain.cursor, rig.store.cursor(user).await.unwrap());
        plain.cursor
    };

    // A user without a task, with few, and with many.
    let (none, of_bob) = (list(&ana).await, list(&bob).await);
    assert_ne!(none, of_bob);
    rig.create(&ana, "Milk").await.unwrap();
    let few = list(&ana).await;
    let lists = join_all((0..10).map(|n| list(if n % 2 == 0 { &ana } else { &bob }))).await;
    assert_eq!(lists[..2], [few.clone(), of_bob.clone()]);
    assert!(
        lists
            .chunks(2)
            .all(|pair| pair == [few.clone(), of_bob.clone()])
    );
    rig.database.fill("ana", 2000, "", 3).await;
    let many = list(&ana).await;
    assert_eq!(
        many,
        list(&ana).await,
        "also of a list that is known to be long"
    );

    assert!(none != few && few != many);
    rig.update(&ana, 7, "Eggs").await.unwrap();
    let changed = changes(&rig, &ana, Some(&many), 10).await.unwrap();
    assert_eq!(changed.tasks.len(), 1);
    // The client with nothing gets everything.
    let page = changes(&rig, &ana, Some(&none), 10).await.unwrap();
    assert_eq!((page.tasks.len(), page.more), (2, false));
}

#[tokio::test]
async fn a_cursor_of_another_user_or_another_life_has_expired() {
    let rig = Rig::start().await;
    let (ana, bob) = (user("ana").await, user("bob").await);
    fill(&rig, &ana, 3).await;
    fill(&rig, &bob, 3).await;
    let cursor = rig.store.cursor(&ana).await.unwrap();
    let first = changes(&rig, &ana, None, 2).await.unwrap();
    assert!(first.more);
    let expired = async |user: &User, since: &str| {
        let page = changes(&rig, user, Some(since), 2).await;
        matches!(page, Err(TaskError::CursorExpired))
    };

    assert!(!expired(&ana, &cursor).await && !expired(&ana, &first.cursor).await);
    assert!(expired(&bob, &cursor).await && expired(&bob, &first.cursor).await);
    // As after a backup was restored.
    rig.database.set_sequence("ana", 2).await;
    assert!(expired(&ana, &cursor).await && expired(&ana, &first.cursor).await);
    rig.database.set_sequence("ana", 3).await;
    assert!(!expired(&ana, &cursor).await);
    rig.execute("DELETE FROM tasks WHERE user_id = 'ana'; DELETE FROM user_sequences")
        .await;
    assert!(expired(&ana, &cursor).await && expired(&ana, &first.cursor).await);
    fill(&rig, &ana, 5).await;
    assert!(expired(&ana, &cursor).await && expired(&ana, &first.cursor).await);
    for unreadable in ["", "58", "*", "WzEsMl0="] {
        let page = changes(&rig, &ana, Some(unreadable), 2).await;
        assert!(
            matches!(page, Err(TaskError::InvalidCursor)),
            "{unreadable}"
        );
    }
}
