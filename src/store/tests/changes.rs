//! The changes feed.

use std::collections::BTreeMap;

use futures_util::StreamExt;

use super::{retries::key, *};
use crate::api::tasks::{Changes, ChangesPage};

async fn read(page: ChangesPage) -> Changes {
    let json = page.into_response().into_body().into_vec().await.unwrap();
    let json = serde_json::from_slice(&json).unwrap();
    ParseFromJSON::parse_from_json(Some(json)).unwrap()
}

pub async fn changes(
    rig: &Rig,
    user: &User,
    since: Option<&str>,
    limit: u32,
) -> Result<Changes, TaskError> {
    let since = since.map(str::to_owned);
    Ok(read(rig.store.changes(user, since, limit).await?).await)
}

/// What a client has, which follows the rules of `listChanges`.
#[derive(Default)]
struct Replica {
    tasks: BTreeMap<i64, Task>,
    /// The version of each entry that was applied.
    versions: BTreeMap<i64, i64>,
    cursor: Option<String>,
}

impl Replica {
    /// Reads one page; whether there are more.
    async fn read_page(&mut self, rig: &Rig, user: &User, limit: u32) -> bool {
        let page = changes(rig, user, self.cursor.as_deref(), limit).await;
        let page = page.unwrap();
        let entries = page.tasks.len() + page.deleted.len();
        assert!(entries <= limit as usize);
        assert!(entries == limit as usize || !page.more, "a page is full");
        let versions = page.deleted.iter().map(|task| task.version);
        assert!(versions.is_sorted());
        for task in page.tasks {
            if self.is_new(task.id, task.version) {
                self.tasks.insert(task.id, task);
            }
        }
        for task in page.deleted {
            if self.is_new(task.id, task.version) {
                self.tasks.remove(&task.id);
            }
        }
        self.cursor = Some(page.cursor);
        page.more
    }

    fn is_new(&mut self, id: i64, version: i64) -> bool {
        let known = self.versions.entry(id).or_insert(-1);
        let is_new = *known <= version;
        *known = (*known).max(version);
        is_new
    }

    async fn assert_equal(&self, rig: &Rig, user: &User) {
        let listed = rig.list(user, StatusFilter::All).await.unwrap();
        let own: Vec<_> = self.tasks.values().rev().cloned().collect();
        assert_eq!(own, listed);
    }
}

pub async fn fill(rig: &Rig, user: &User, tasks: usize) -> Vec<Task> {
    let created = join_all((0..tasks).map(|_| rig.create(user, "Milk"))).await;
    created.into_iter().map(Result::unwrap).collect()
}

pub async fn trash(rig: &Rig, user: &User, id: i64) {
    let trash = rig.store.delete(user, id, Removal::Trash, Expected::Any);
    trash.await.unwrap();
}

#[tokio::test]
async fn a_client_that_reads_while_others_write_has_everything_in_the_end() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let tasks = fill(&rig, &ana, 60).await;
    rig.create(&user("bob").await, "Other").await.unwrap();
    // Written before, so that not every version is an id.
    rig.update(&ana, tasks[50].id, "Eggs").await.unwrap();
    let mut replica = Replica::default();
    let (mut at, mut more) = (0, true);

    // Each round writes to what was read, and to what was not.
    while more {
        more = replica.read_page(&rig, &ana, 7).await;
        if let [first, second, third, ..] = &tasks[at..] {
            rig.update(&ana, first.id, "Edited").await.unwrap();
            rig.delete(&ana, second.id).await.unwrap();
            trash(&rig, &ana, third.id).await;
            let last = tasks[59 - at].id;
            // It may be deleted by now.
            let _ = rig.complete(&ana, last, true).await;
            rig.create(&ana, "New").await.unwrap();
            at += 5;
            more = true;
        }
    }

    assert_eq!(at, 60);
    replica.assert_equal(&rig, &ana).await;
    assert!(!replica.read_page(&rig, &ana, 7).await);
    replica.assert_equal(&rig, &ana).await;
}

/// The last page of a first read is filled with what changed since, so that it is full as
/// long as there are more.
#[tokio::test]
async fn a_first_read_ends_with_what_changed_meanwhile() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    for (tasks, edits) in [
        (10, 0),
        (10, 1),
        (11, 4),
        (14, 6),
        (10, 30),
        (20, 0),
        (20, 1),
    ] {
        let tasks = fill(&rig, &ana, tasks).await;
        let mut replica = Replica::default();
        assert_eq!(replica.read_page(&rig, &ana, 10).await, tasks.len() > 10);
        let of_others = tasks.iter().cycle().take(edits);
        for task in of_others {
            rig.update(&ana, task.id, "Edited").await.unwrap();
        }
        if edits > 1 {
            rig.delete(&ana, tasks[9].id).await.unwrap();
            rig.delete(&ana, tasks[tasks.len() - 1].id)
                .await
                .unwrap_or(());
        }
        while replica.read_page(&rig, &ana, 10).await {}
        replica.assert_equal(&rig, &ana).await;
        for task in rig.list(&ana, StatusFilter::All).await.unwrap() {
            rig.delete(&ana, task.id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_page_of_all_changes_that_are_left_is_the_last_one() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let start = rig.store.cursor(&ana).await.unwrap();
    let tasks = fill(&rig, &ana, 8).await;
    rig.delete(&ana, tasks[0].id).await.unwrap();
    trash(&rig, &ana, tasks[1].id).await;

    let all = changes(&rig, &ana, Some(&start), 8).await.unwrap();
    assert_eq!(
        (all.tasks.len(), all.deleted.len(), all.more),
        (6, 2, false)
    );
    assert!(all.tasks.is_sorted_by(|a, b| a.version < b.version));
    assert_eq!(all.cursor, rig.store.cursor(&ana).await.unwrap());
    assert_eq!(all.deleted[0].id, tasks[0].id);
    let [before, rest] = [7, 1].map(|limit| (limit, limit == 7));
    let page = changes(&rig, &ana, Some(&start), before.0).await.unwrap();
    assert_eq!(page.more, before.1);
    let page = changes(&rig, &ana, Some(&page.cursor), rest.0)
        .await
        .unwrap();
    assert_eq!((page.deleted.len(), page.more), (1, rest.1));
    assert_eq!(page.cursor, all.cursor);
    let nothing = changes(&rig, &ana, Some(&all.cursor), 1).await.unwrap();
    let nothing = (nothing.tasks.len(), nothing.deleted.len(), nothing.cursor);
    assert_eq!(nothing, (0, 0, all.cursor));
}

/// Two writes are one entry: its last state. A restored task is no deletion.
#[tokio::test]
async fn an_entry_is_a_state_and_deletions_have_their_keys() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let start = rig.store.cursor(&ana).await.unwrap();
    let created = rig.store.create(&ana, new("Milk"), key("key-1")).await;
    let (keyed, edited) = (
        created.unwrap().task,
        rig.create(&ana, "Eggs").await.unwrap(),
    );
    rig.update(&ana, edited.id, "Ham").await.unwrap();
    let last = rig.update(&ana, edited.id, "Bread").await.unwrap();
    rig.delete(&ana, keyed.id).await.unwrap();

    let page = changes(&rig, &ana, Some(&start), 100).await.unwrap();

    assert_eq!(page.tasks, [last]);
    let deleted = &page.deleted[0];
    assert_eq!(page.deleted.len(), 1);
    assert_eq!((deleted.id, deleted.version), (keyed.id, 5));
    assert_eq!(deleted.idempotency_key.as_deref(), Some("key-1"));
}

/// A purge at any time: the client has everything, or starts again.
#[tokio::test]
async fn what_was_purged_is_never_missing_in_silence() {
    let rig = Rig::with_quota(4).await;
    let ana = user("ana").await;
    fill(&rig, &ana, 3).await;
    let start = rig.store.cursor(&ana).await.unwrap();
    for _ in 0..8 {
        let task = rig.create(&ana, "Milk").await.unwrap();
        rig.delete(&ana, task.id).await.unwrap();
    }
    let half = changes(&rig, &ana, Some(&start), 4).await.unwrap();
    let first = changes(&rig, &ana, None, 2).await.unwrap();
    for _ in 0..3 {
        let task = rig.create(&ana, "Milk").await.unwrap();
        rig.delete(&ana, task.id).await.unwrap();
    }

    assert_eq!(rig.store.purge(30).await.unwrap(), 7);
    let forgotten = rig.number("SELECT forgotten FROM user_sequences").await;
    let since = async |cursor: &str| changes(&rig, &ana, Some(cursor), 100).await;
    assert!(matches!(since(&start).await, Err(TaskError::CursorExpired)));
    assert!(matches!(
        since(&half.cursor).await,
        Err(TaskError::CursorExpired)
    ));
    // A first read whose beginning is not older than what is forgotten goes on.
    let page = since(&first.cursor).await.unwrap();
    assert_eq!(
        (page.tasks.len(), page.deleted.len(), page.more),
        (1, 3, false)
    );
    assert!(page.deleted.iter().all(|task| task.version > forgotten));
    let begun = changes(&rig, &ana, None, 2).await.unwrap();
    rig.execute("UPDATE user_sequences SET sequence = sequence + 1, forgotten = sequence + 1")
        .await;
    assert!(matches!(
        since(&begun.cursor).await,
        Err(TaskError::CursorExpired)
    ));
}

/// Tasks that are deleted after the page was begun, and before they were read.
#[tokio::test]
async fn a_task_that_is_deleted_while_a_page_is_sent_is_told_as_deleted() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    rig.database.fill("ana", 600, &"x".repeat(1500), 3).await;
    let page = rig.store.changes(&ana, None, 590).await.unwrap();
    let mut chunks = page.into_response().into_body().into_bytes_stream();
    let mut json = chunks.next().await.unwrap().unwrap().to_vec();
    json.extend(chunks.next().await.unwrap().unwrap());
    assert!(json.len() < 200_000, "a chunk is bounded");

    for id in [1, 580, 590, 595] {
        rig.delete(&ana, id).await.unwrap();
    }
    rig.update(&ana, 589, "Edited").await.unwrap();
    while let Some(chunk) = chunks.next().await {
        json.extend(chunk.unwrap());
    }

    let page: Value = serde_json::from_slice(&json).unwrap();
    let page: Changes = ParseFromJSON::parse_from_json(Some(page)).unwrap();
    let deleted: Vec<_> = page.deleted.iter().map(|task| task.id).collect();
    assert_eq!((page.tasks.len(), deleted), (588, vec![580, 590]));
    assert!(page.more && page.tasks[587].title == "Edited");
    let next = changes(&rig, &ana, Some(&page.cursor), 590).await.unwrap();
    let deleted: Vec<_> = next.deleted.iter().map(|task| task.id).collect();
    assert_eq!(deleted, [1, 580, 590, 595]);
    assert!(!next.more && next.tasks.len() == 10);
}

/// Writers on two instances, and a reader that never sees a version later than a higher one.
#[tokio::test]
async fn a_cursor_is_final_while_others_write() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let tasks = fill(&rig, &ana, 20).await;
    let other = rig.other().await;
    let done = std::sync::atomic::AtomicBool::new(false);
    let write = async |store: &Store, from: usize| {
        for round in 0..30 {
            let writes = tasks[from..from + 10].iter().map(|task| {
                let change = titled::<PatchTask>(&round.to_string());
                store.patch(&ana, task.id, change, Expected::Any)
            });
            for written in join_all(writes).await {
                written.unwrap();
            }
        }
    };
    let writers = async {
        tokio::join!(write(&rig.store, 0), write(&other, 10));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let reader = async {
        let mut replica = Replica::default();
        loop {
            let is_last = done.load(std::sync::atomic::Ordering::Relaxed);
            let more = replica.read_page(&rig, &ana, 5).await;
            if is_last && !more {
                return replica;
            }
        }
    };

    let ((), replica) = tokio::join!(writers, reader);

    replica.assert_equal(&rig, &ana).await;
}

/// As many versions in one transaction as a user has tasks.
#[tokio::test]
async fn ten_thousand_changes_of_one_transaction_are_read_in_small_pages() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    rig.database.fill("ana", 10_000, "", 20_000).await;
    let start = rig.store.cursor(&ana).await.unwrap();
    let mut replica = Replica {
        cursor: Some(start),
        ..Replica::default()
    };

    assert_eq!(rig.store.complete_all(&ana, true).await.unwrap(), 10_000);
    let mut pages = 1;
    while replica.read_page(&rig, &ana, 7).await {
        pages += 1;
    }

    assert_eq!(pages, 10_000_usize.div_ceil(7));
    replica.assert_equal(&rig, &ana).await;
}
