//! Short and long lists.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use poem::Body;
use serde_json::{Value, json};

use super::*;

/// More than a page.
const LONG: usize = 2_000;

/// Stores tasks of `user` from outside; every third is completed.
async fn fill(rig: &Rig, user: &str, tasks: usize, description: &str) {
    rig.database.fill(user, tasks, description, 3).await;
}

async fn body(rig: &Rig, user: &User, status: StatusFilter) -> Body {
    let list = ListTasks {
        status,
        ..ListTasks::default()
    };
    let list = rig.store.list(user, list).await.unwrap();
    list.tasks.into_response().into_body()
}

fn parse(json: &[u8]) -> Vec<Task> {
    let json = serde_json::from_slice::<Value>(json).unwrap();
    ParseFromJSON::parse_from_json(Some(json)).unwrap()
}

/// Lists on both sides of each limit: the same whichever way they take.
#[tokio::test]
async fn a_list_of_any_length_is_complete_and_newest_first() {
    let rig = Rig::start().await;
    let long = "ä\"\n".repeat(3_000);
    for (name, tasks, description) in [
        ("none", 0, ""),
        ("one", 1, long.as_str()),
        ("few", 256, ""),
        ("more", 257, ""),
        ("many", LONG, "Two litres"),
        ("large", 40, long.as_str()),
        ("escaped", 30, "\u{1}\u{2}".repeat(4_000).as_str()),
    ] {
        if tasks > 0 {
            fill(&rig, name, tasks, description).await;
            fill(&rig, "other", 1, "").await;
        }
        let owner = user(name).await;
        for round in 0..2 {
            for (status, expected) in [
                (StatusFilter::All, tasks),
                (StatusFilter::Pending, tasks - tasks / 3),
                (StatusFilter::Completed, tasks / 3),
            ] {
                let listed = rig.list(&owner, status).await.unwrap();
                assert_eq!(listed.len(), expected, "{name} {status:?} {round}");
                assert!(listed.is_sorted_by(|a, b| a.id > b.id), "{name}");
                for task in &listed {
                    assert_eq!(task.user_id, name);
                    assert_eq!(task.description.as_deref(), Some(description));
                    let wanted = [StatusFilter::Pending, StatusFilter::Completed]
                        [usize::from(task.completed)];
                    assert!(status == StatusFilter::All || status == wanted);
                }
            }
        }
    }
}

/// Elements are written in another way than a task alone: with the same text.
#[tokio::test]
async fn a_list_is_the_text_of_its_tasks() {
    let rig = Rig::start().await;
    let ana = user("ana \"of\" 東京").await;
    for (new, key) in [
        (json!({"title": "Milk"}), None),
        (
            json!({
                "title": "\u{1}\\ä\"", "description": "two\nlines", "tags": ["a", "\"b\""],
                "due_date": "0001-01-01", "due_time": "00:00", "priority": "high",
                "position": "Zz",
            }),
            retries::key("k"),
        ),
        (
            json!({"title": "a", "due_date": "9999-12-31", "due_time": "23:59", "priority": "low"}),
            None,
        ),
    ] {
        let new = super::body(new);
        rig.store.create(&ana, new, key).await.unwrap();
    }
    rig.complete(&ana, 2, true).await.unwrap();

    let mut tasks = Vec::new();
    for id in (1..=3).rev() {
        tasks.push(rig.store.get(&ana, id).await.unwrap());
    }
    let written = |tasks: Vec<&Task>| serde_json::to_string(&tasks).unwrap();
    for (status, expected) in [
        (StatusFilter::All, written(tasks.iter().collect())),
        (StatusFilter::Completed, written(vec![&tasks[1]])),
        (StatusFilter::Pending, written(vec![&tasks[0], &tasks[2]])),
    ] {
        let list = body(&rig, &ana, status).await.into_string().await.unwrap();
        assert_eq!(list, expected);
    }
}

#[tokio::test]
async fn equal_short_lists_of_a_batch_share_one_buffer() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    fill(&rig, "ana", 20, "").await;

    let list = || async {
        let body = body(&rig, &ana, StatusFilter::All).await;
        body.into_bytes().await.unwrap()
    };
    let lists = join_all((0..10).map(|_| list())).await;

    let buffers: BTreeSet<_> = lists.iter().map(|list| list.as_ptr()).collect();
    // The first one may be a batch of its own.
    assert!(buffers.len() <= 2, "{buffers:?}");
    assert_eq!(parse(&lists[9]).len(), 20);
}

#[tokio::test]
async fn tasks_that_change_while_a_list_is_read_are_neither_missing_nor_doubled() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    fill(&rig, "ana", LONG, "before").await;
    let before = rig.list(&ana, StatusFilter::All).await.unwrap();
    let body = body(&rig, &ana, StatusFilter::All).await;
    let mut chunks = body.into_bytes_stream();

    let mut json = chunks.next().await.unwrap().unwrap().to_vec();
    assert!(json.len() < 200_000, "a chunk is bounded");
    let (newest, oldest) = (before[0].id, before[LONG - 1].id);
    rig.create(&ana, "Late").await.unwrap();
    rig.delete(&ana, newest).await.unwrap();
    rig.delete(&ana, oldest).await.unwrap();
    rig.execute("UPDATE tasks SET description = 'after', completed = NOT completed")
        .await;
    while let Some(chunk) = chunks.next().await {
        json.extend(chunk.unwrap());
    }

    let listed = parse(&json);
    let ids = |tasks: &[Task]| tasks.iter().map(|task| task.id).collect::<Vec<_>>();
    // The newest was read before it was deleted, the oldest not.
    assert_eq!(ids(&listed), ids(&before[..LONG - 1]));
    assert_eq!(listed[0].description.as_deref(), Some("before"));
    let last = listed.last().unwrap();
    assert_eq!(last.description.as_deref(), Some("after"));
}

/// Few tasks of a status among many: on `SQLite` they are no short list.
#[tokio::test]
async fn few_tasks_of_a_status_are_found_among_many() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    fill(&rig, "ana", LONG, "Two litres").await;
    for kept in [0, 1, 2] {
        rig.execute(&format!(
            "UPDATE tasks SET completed = id IN (SELECT id FROM tasks ORDER BY id LIMIT {kept})"
        ))
        .await;

        let (completed, pending) = tokio::join!(
            rig.list(&ana, StatusFilter::Completed),
            rig.list(&ana, StatusFilter::Pending),
        );
        assert_eq!(completed.unwrap().len(), kept);
        assert_eq!(pending.unwrap().len(), LONG - kept);
        let again = rig.list(&ana, StatusFilter::Completed).await.unwrap();
        assert!(again.iter().all(|task| task.completed) && again.len() == kept);
    }
}

/// A hundred clients that do not read, and one that does.
#[tokio::test]
async fn a_list_that_is_not_read_holds_no_connection() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    fill(&rig, "ana", LONG, "Two litres").await;

    let unread = join_all((0..100).map(|_| body(&rig, &ana, StatusFilter::All))).await;
    let listed = rig.list(&ana, StatusFilter::All).await.unwrap();
    let own = rig.list(&user("bob").await, StatusFilter::All).await;

    assert_eq!(listed.len(), LONG);
    assert!(own.unwrap().is_empty());
    drop(unread);
}

#[tokio::test]
async fn long_lists_beyond_the_budget_are_refused_until_others_end() {
    let rig = Rig::start().await;
    let (ana, bob) = (user("ana").await, user("bob").await);
    fill(&rig, "ana", 300, "").await;
    fill(&rig, "bob", 300, "").await;

    let mut unread = Vec::new();
    let refused = loop {
        match rig.store.list(&ana, ListTasks::default()).await {
            Ok(list) => unread.push(list),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, TaskError::Unavailable(_)), "{refused}");
    assert_eq!(unread.len(), 128);
    let other = rig.list(&bob, StatusFilter::All).await.unwrap();
    assert_eq!(other.len(), 300, "another user's list is served");
    unread.pop();
    let own = rig.list(&ana, StatusFilter::All).await.unwrap();
    assert_eq!(own.len(), 300);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_to_its_end_breaks_off() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    fill(&rig, "ana", LONG, "Two litres").await;
    let body = body(&rig, &ana, StatusFilter::All).await;
    let mut chunks = body.into_bytes_stream();

    chunks.next().await.unwrap().unwrap();
    rig.execute("ALTER TABLE tasks RENAME TO gone").await;
    let mut results = chunks.collect::<Vec<_>>().await;

    let end = results.pop().unwrap();
    assert!(end.is_err(), "no end of an array");
    assert!(
        results.iter().all(Result::is_ok),
        "nothing follows an error"
    );
    let refused = rig.list(&ana, StatusFilter::All).await.unwrap_err();
    assert!(matches!(refused, TaskError::Unavailable(_)), "{refused}");
}

/// One member of a batch of reads, of any kind, takes longer than a batch may.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_slow_read_does_not_fail_the_others_of_its_batch() {
    let rig = Rig::local().await;
    let (ana, eve) = (user("ana").await, user("eve").await);
    let own = rig.create(&ana, "Milk").await.unwrap();
    let slow = rig.create(&eve, "Slow").await.unwrap();
    rig.execute(
        "ALTER TABLE tasks RENAME TO stored; CREATE FUNCTION slowly(text) RETURNS boolean \
         LANGUAGE plpgsql AS $$ BEGIN IF $1 = 'eve' THEN PERFORM pg_sleep(5); END IF; \
         RETURN TRUE; END $$; \
         CREATE VIEW tasks AS SELECT * FROM stored WHERE slowly(user_id)",
    )
    .await;

    let gets = (0..20).map(|n| {
        let (user, id) = if n == 7 {
            (&eve, slow.id)
        } else {
            (&ana, own.id)
        };
        rig.store.get(user, id)
    });
    let lists = (0..20).map(|n| rig.list(if n == 7 { &eve } else { &ana }, StatusFilter::All));
    let (gets, lists) = tokio::join!(join_all(gets), join_all(lists));

    for (n, get) in gets.iter().enumerate() {
        assert_eq!(get.is_ok(), n != 7, "get {n}: {get:?}");
    }
    for (n, list) in lists.iter().enumerate() {
        assert_eq!(list.is_ok(), n != 7, "list {n}: {list:?}");
    }
}
