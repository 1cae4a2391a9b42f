//! Who is woken by a write, and by what a poll finds.

use futures_util::{FutureExt, StreamExt};
use tokio::time::{sleep, timeout};

use super::*;
use crate::{api::tasks::Watch, store::watchers::STREAMS_PER_USER};

/// A stream of the user that no poll wakes.
fn watch(store: &Store, user: &User) -> Watch {
    store.0.watchers.add(user).unwrap().0
}

/// Waits until the stream is woken.
async fn woken(watch: &mut Watch) {
    let next = timeout(Duration::from_mins(1), watch.next()).await;
    assert_eq!(next.expect("it is woken in time"), Some(()));
}

#[tokio::test]
async fn each_write_wakes_all_streams_of_its_user_and_no_others() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let (mut first, mut second) = (watch(&rig.store, &ana), watch(&rig.store, &ana));
    let mut of_ben = watch(&rig.store, &ben);
    let store = &rig.store;
    let mut each = async |write: &str| {
        woken(&mut first).await;
        woken(&mut second).await;
        assert_eq!(of_ben.next().now_or_never(), None, "{write}");
    };

    let task = rig.create(&ana, "Milk").await.unwrap();
    each("create").await;
    rig.update(&ana, task.id, "Oat milk").await.unwrap();
    each("patch").await;
    rig.complete(&ana, task.id, true).await.unwrap();
    each("complete").await;
    store.complete_all(&ana, false).await.unwrap();
    each("complete all").await;
    let (trash, any) = (Removal::Trash, Expected::Any);
    store.delete(&ana, task.id, trash, any).await.unwrap();
    each("delete").await;
    store.restore(&ana, task.id).await.unwrap();
    each("restore").await;
    rig.complete(&ana, task.id, true).await.unwrap();
    each("complete").await;
    store.clear(&ana).await.unwrap();
    each("clear").await;
    store.erase(&ana).await.unwrap();
    each("erase").await;
}

#[tokio::test]
async fn a_poll_finds_what_another_instance_wrote_and_erased() {
    let rig = Rig::start().await;
    let other = rig.other().await;
    let users = [user("ana").await, user("ben").await, user("eve").await];
    let [ana, ben, eve] = &users;
    other.create(ana, new("Milk"), None).await.unwrap();
    let mut watches: Vec<_> = users
        .iter()
        .map(|user| rig.store.watch_user(user).unwrap())
        .collect();
    // What was written before the first poll is not known to it.
    for watch in &mut watches {
        woken(watch).await;
    }
    let mut watches = watches.into_iter();
    let [mut of_ana, mut of_ben, mut of_eve] = [(); 3].map(|()| watches.next().unwrap());

    other.create(ben, new("Milk"), None).await.unwrap();
    woken(&mut of_ben).await;
    other.complete_all(ana, true).await.unwrap();
    woken(&mut of_ana).await;
    other.erase(ana).await.unwrap();
    woken(&mut of_ana).await;
    other.create(ana, new("Milk"), None).await.unwrap();
    woken(&mut of_ana).await;
    for watch in [&mut of_ana, &mut of_ben, &mut of_eve] {
        assert_eq!(watch.next().now_or_never(), None);
    }
    rig.create(eve, "Eggs").await.unwrap();
    woken(&mut of_eve).await;
}

#[tokio::test]
async fn more_users_than_one_statement_asks_for_are_all_polled() {
    let rig = Rig::start().await;
    let other = rig.other().await;
    let mut watches = Vec::new();
    for number in 0..5_000 {
        let name = format!("user {number}");
        watches.push(rig.store.watch_user(&user(&name).await).unwrap());
    }
    for watch in &mut watches {
        woken(watch).await;
    }

    for number in [0, 2_500, 4_999] {
        let writer = user(&format!("user {number}")).await;
        other.create(&writer, new("Milk"), None).await.unwrap();
        woken(&mut watches[number]).await;
    }
}

#[tokio::test]
async fn the_poll_ends_with_the_last_stream_and_begins_with_the_next() {
    let rig = Rig::start().await;
    let other = rig.other().await;
    let ana = user("ana").await;
    let first = rig.store.watch_user(&ana).unwrap();
    let (second, must_poll) = rig.store.0.watchers.add(&ana).unwrap();
    assert!(!must_poll, "one poll is for all");
    drop((first, second));

    let stopped = async {
        // One that sees the last stream go may be the next one's.
        while !rig.store.0.watchers.add(&ana).unwrap().1 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_mins(1), stopped).await.unwrap();
    assert!(rig.store.0.watchers.users().is_none());
    let mut watch = rig.store.watch_user(&ana).unwrap();
    woken(&mut watch).await;
    other.create(&ana, new("Milk"), None).await.unwrap();
    woken(&mut watch).await;
}

#[tokio::test]
async fn a_store_that_ends_its_streams_accepts_no_others() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let mut watch = rig.store.watch_user(&ana).unwrap();

    rig.store.end_streams();

    assert_eq!(watch.next().await, None);
    let refused = rig.store.watch_user(&ana);
    assert!(matches!(refused.err(), Some(TaskError::Unavailable(_))));
    drop(watch);
    rig.create(&ana, "Milk").await.unwrap();
}

#[tokio::test]
async fn the_limit_is_of_the_streams_that_are_open() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let mut watches: Vec<_> = (0..STREAMS_PER_USER)
        .map(|_| watch(&rig.store, &ana))
        .collect();
    let is_full = || match rig.store.watch_user(&ana).err() {
        None => false,
        Some(TaskError::TooManyStreams { limit }) => limit == STREAMS_PER_USER,
        Some(error) => panic!("{error}"),
    };

    assert!(is_full());
    drop(rig.store.watch_user(&ben).unwrap());
    watches.pop();
    assert!(!is_full());
    drop(watches);
    assert!(!is_full());
}
