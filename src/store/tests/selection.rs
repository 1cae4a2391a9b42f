//! Lists with an order, filters and limits, against a model.

use std::cmp::Reverse;

use futures_util::StreamExt;

use super::*;
use crate::api::{
    rest::query::{QueryEnum, QueryValue},
    tasks::{DueDate, PageOf, Sort, TaskList, TaskTag, Words},
};

async fn read(list: TaskList) -> Vec<Task> {
    let body = list.tasks.into_response().into_body();
    let json = serde_json::from_slice(&body.into_vec().await.unwrap()).unwrap();
    ParseFromJSON::parse_from_json(Some(json)).unwrap()
}

async fn list(store: &Store, user: &User, list: &ListTasks) -> Vec<Task> {
    read(store.list(user, list.clone()).await.unwrap()).await
}

/// All pages of a list.
async fn walk(store: &Store, user: &User, list: &ListTasks, limit: u32) -> Vec<Task> {
    let (mut tasks, mut cursor) = (Vec::new(), None);
    loop {
        let part = ListTasks {
            page: Some(PageOf { limit, cursor }),
            ..list.clone()
        };
        let part = store.list(user, part).await.unwrap();
        let next = part.next.clone();
        let part = read(part).await;
        assert!(part.len() == limit as usize || next.is_none() && part.len() < limit as usize);
        tasks.extend(part);
        match next {
            Some(next) => cursor = Some(next),
            None => return tasks,
        }
    }
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// Tasks whose values are often equal.
async fn fill(rig: &Rig, user: &User, tasks: usize) {
    let mut numbers = Numbers(7);
    for n in 0..tasks {
        let date = *numbers.of(&[
            None,
            Some("2026-01-05"),
            Some("2026-01-06"),
            Some("0099-12-31"),
        ]);
        let time = *numbers.of(&[None, Some("00:00"), Some("23:59")]);
        let new = json!({
            "title": *numbers.of(&["Milk", "Butter", "ÄRGER 100%"]),
            "description": *numbers.of(&[None, Some("two_litres"), Some("straße")]),
            "due_date": date,
            "due_time": date.and(time),
            "priority": *numbers.of(&["none", "low", "medium", "high"]),
            "tags": *numbers.of(&[&["a", "b"][..], &["b"], &["B", "a\"'%_"], &[]]),
            "position": *numbers.of(&["a0", "a0V", "Zz", "a", "aA", "ab", "0"]),
        });
        let task = rig.store.create(user, body(new), None).await.unwrap().task;
        if n % 3 == 0 {
            rig.complete(user, task.id, true).await.unwrap();
        }
    }
    rig.execute("UPDATE tasks SET updated_at = created_at WHERE id % 4 = 0")
        .await;
}

/// The order of a list, in other words than the service has for it.
fn sort(tasks: &mut [Task], order: Sort) {
    match order {
        Sort::Newest => tasks.sort_by_key(|task| Reverse(task.id)),
        Sort::Oldest => tasks.sort_by_key(|task| task.id),
        Sort::Due => tasks.sort_by_key(|task| {
            let (date, time) = (task.due_date, task.due_time);
            (date.is_none(), date, time.is_none(), time, task.id)
        }),
        Sort::Priority => tasks.sort_by_key(|task| Reverse((task.priority, task.id))),
        Sort::Updated => tasks.sort_by_key(|task| Reverse((task.updated_at, task.id))),
        Sort::Manual => tasks.sort_by(|a, b| {
            let bytes = |position: &Position| position.as_str().as_bytes().to_vec();
            (bytes(&a.position), a.id).cmp(&(bytes(&b.position), b.id))
        }),
    }
}

#[tokio::test]
async fn a_list_has_what_matches_in_every_order_and_in_pages_of_any_size() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    fill(&rig, &ana, 70).await;
    rig.create(&user("bob").await, "Milk").await.unwrap();
    let all = rig.list(&ana, StatusFilter::All).await.unwrap();
    let tag = |text: &str| TaskTag::parse(text).unwrap();
    let has = |task: &Task, tags: &[TaskTag]| {
        let own = task.tags.as_slice();
        tags.iter().all(|tag| own.contains(tag))
    };
    let filters = [
        (StatusFilter::All, vec![], None, ""),
        (StatusFilter::Pending, vec![], None, ""),
        (StatusFilter::Completed, vec![tag("b")], None, ""),
        (StatusFilter::All, vec![tag("b"), tag("a")], None, ""),
        (StatusFilter::All, vec![tag("a\"'%_")], None, ""),
        (StatusFilter::All, vec![tag("A")], None, ""),
        (StatusFilter::All, vec![], Some("2026-01-05"), ""),
        (
            StatusFilter::Pending,
            vec![tag("b")],
            Some("2026-01-05"),
            "TT",
        ),
        (StatusFilter::All, vec![], None, "0% ärger STRAẞE"),
    ];
    for (status, tags, due_by, words) in filters {
        let due_by = due_by.map(|day| DueDate::parse(day).unwrap());
        let texts: Vec<_> = words.split_whitespace().collect();
        let mut expected: Vec<_> = all
            .iter()
            .filter(|task| match status {
                StatusFilter::All => true,
                StatusFilter::Pending => !task.completed,
                StatusFilter::Completed => task.completed,
            })
            .filter(|task| has(task, &tags))
            .filter(|task| due_by.is_none_or(|by| task.due_date.is_some_and(|day| day <= by)))
            .filter(|task| match texts[..] {
                [] => true,
                [_] => task.title == "Butter",
                _ => task.title == "ÄRGER 100%" && task.description.as_deref() == Some("straße"),
            })
            .cloned()
            .collect();
        for (name, order) in Sort::VALUES {
            let request = ListTasks {
                status,
                sort: *order,
                words: Words::parse(words).unwrap(),
                tags: tags.clone(),
                due_by,
                page: None,
            };
            sort(&mut expected, *order);
            let case = format!("{name} {request:?}");
            assert_eq!(list(&rig.store, &ana, &request).await, expected, "{case}");
            for limit in [1, 7, 70, 1000] {
                let walked = walk(&rig.store, &ana, &request, limit).await;
                assert_eq!(walked, expected, "{limit} of {case}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_all_tasks_that_are_left_is_the_last_one() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    fill(&rig, &ana, 6).await;
    for sort in [Sort::Newest, Sort::Due] {
        let part = |limit, cursor| ListTasks {
            sort,
            page: Some(PageOf { limit, cursor }),
            ..ListTasks::default()
        };
        let first = rig.store.list(&ana, part(3, None)).await.unwrap();
        let second = rig.store.list(&ana, part(3, first.next)).await.unwrap();
        assert_eq!(second.next, None);
        assert_eq!(read(second).await.len(), 3);
        let foreign = rig
            .store
            .list(&ana, part(3, Some("WzEsMl0".to_owned())))
            .await;
        assert!(matches!(foreign, Err(TaskError::InvalidCursor)));
    }
}

/// The tasks between the pages are neither doubled nor missing, and those that others write
/// are where they are by then.
#[tokio::test]
async fn a_task_that_does_not_change_is_on_one_page() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    fill(&rig, &ana, 40).await;
    for (_, order) in Sort::VALUES {
        let request = ListTasks {
            sort: *order,
            ..ListTasks::default()
        };
        let before = list(&rig.store, &ana, &request).await;
        let (mut seen, mut cursor) = (Vec::new(), None);
        for round in 0.. {
            let part = ListTasks {
                page: Some(PageOf { limit: 7, cursor }),
                ..request.clone()
            };
            let part = rig.store.list(&ana, part).await.unwrap();
            cursor = part.next.clone();
            seen.extend(read(part).await.into_iter().map(|task| task.id));
            if cursor.is_none() {
                break;
            }
            // One that was seen last, and one that was not.
            rig.delete(&ana, before[round * 7 + 6].id).await.unwrap();
            let _ = rig.delete(&ana, before[before.len() - 1 - round].id).await;
            rig.create(&ana, "New").await.unwrap();
        }
        let left = list(&rig.store, &ana, &request).await;
        for task in before.iter().filter(|task| left.contains(task)) {
            let times = seen.iter().filter(|id| **id == task.id).count();
            assert_eq!(times, 1, "{order:?}");
        }
    }
}

/// More tasks than one look at them has, and than a page.
#[tokio::test]
async fn a_long_list_in_another_order_is_sent_in_chunks() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    rig.database
        .fill("ana", 2500, &"Two litres".repeat(20), 3)
        .await;
    rig.execute("UPDATE tasks SET due_date = '2026-01-05' WHERE id > 2400")
        .await;
    let due = ListTasks {
        sort: Sort::Due,
        words: Words::parse("LITRES").unwrap(),
        ..ListTasks::default()
    };
    let expected: Vec<_> = (2401..=2500).chain(1..=2400).collect();
    let ids = |tasks: Vec<Task>| tasks.iter().map(|task| task.id).collect::<Vec<_>>();

    assert_eq!(ids(list(&rig.store, &ana, &due).await), expected);
    assert_eq!(ids(walk(&rig.store, &ana, &due, 900).await), expected);
    let none = ListTasks {
        words: Words::parse("litres absent").unwrap(),
        ..due.clone()
    };
    assert!(list(&rig.store, &ana, &none).await.is_empty());

    let sent = rig.store.list(&ana, due).await.unwrap();
    let mut chunks = sent.tasks.into_response().into_body().into_bytes_stream();
    let mut json = chunks.next().await.unwrap().unwrap().to_vec();
    assert!(json.len() < 200_000, "a chunk is bounded");
    // One that was sent, those of a whole chunk, and the last one.
    let gone = "DELETE FROM tasks WHERE id = 2401 OR id BETWEEN 200 AND 1700 OR id = 2400";
    rig.execute(gone).await;
    while let Some(chunk) = chunks.next().await {
        json.extend(chunk.unwrap());
    }
    let tasks = ParseFromJSON::parse_from_json(Some(serde_json::from_slice(&json).unwrap()));
    let expected = (2401..=2500).chain(1..=199).chain(1701..=2399);
    assert_eq!(ids(tasks.unwrap()), expected.collect::<Vec<_>>());
}

/// What is searched, and how many of the four tasks have it.
const SEARCHES: [(&str, usize); 22] = [
    ("ß", 2),
    ("ẞ", 2),
    ("ss", 0),
    ("ä", 2),
    ("Ä", 2),
    ("a", 4),
    ("İ", 2),
    ("i", 0),
    ("I", 0),
    ("ı", 2),
    ("k", 2),
    ("K", 2),
    ("\u{212a}", 2),
    ("S", 2),
    ("\u{17f}", 2),
    ("東", 2),
    ("東京 100%", 2),
    ("東京都", 0),
    ("0%", 2),
    ("%0", 0),
    ("a_B", 2),
    ("\\", 2),
];

async fn assert_searches(store: &Store) {
    let ana = user("ana").await;
    let texts = ["ß Ä İ \u{212a} \u{17f} ı 東京 100% a_b \\", "1000 axb"];
    for text in texts {
        store.create(&ana, titled(text), None).await.unwrap();
        let described = json!({"title": "x", "description": text});
        store.create(&ana, body(described), None).await.unwrap();
    }
    for (words, expected) in SEARCHES {
        let search = ListTasks {
            words: Words::parse(words).unwrap(),
            ..ListTasks::default()
        };
        let found = list(store, &ana, &search).await.len();
        assert_eq!(found, expected, "{words}");
    }
    for (id, position) in [(1, "a"), (2, "B"), (3, "a0"), (4, "Z")] {
        let change = body::<PatchTask>(json!({ "position": position }));
        let change = store.patch(&ana, id, change, Expected::Any);
        change.await.unwrap();
    }
    let manual = ListTasks {
        sort: Sort::Manual,
        ..ListTasks::default()
    };
    let order: Vec<_> = list(store, &ana, &manual).await;
    let order: Vec<_> = order.iter().map(|task| task.id).collect();
    assert_eq!(order, [2, 4, 1, 3]);
}

#[tokio::test]
async fn a_search_ignores_case_and_takes_every_character_as_it_is() {
    assert_searches(&Rig::start().await.store).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn searches_and_positions_are_the_same_under_any_collation() {
    let rig = Rig::start().await;
    for (number, locale) in [
        "LOCALE 'C'",
        "LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'",
        "LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'",
        "LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'",
    ]
    .into_iter()
    .enumerate()
    {
        let name = rig.text("SELECT current_database()").await;
        let name = format!("{name}_{number}");
        let encoding = "ENCODING 'UTF8' TEMPLATE template0";
        rig.execute(&format!("CREATE DATABASE {name} {encoding} {locale}"))
            .await;
        let mut url = ::url::Url::parse(rig.database.url()).unwrap();
        url.set_path(&name);
        let url = DatabaseUrl::parse(url.as_str()).unwrap();
        let store = Store::connect(&url, 100).await.unwrap();
        store.migrate_up().await.unwrap();

        assert_searches(&store).await;

        store.close().await;
        rig.execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
            .await;
    }
}
