//! Writes for one state of a task, and what they set.

use super::*;

async fn patch(rig: &Rig, user: &User, id: i64, change: Value) -> Result<Task, TaskError> {
    let change = body::<PatchTask>(change);
    rig.store.patch(user, id, change, Expected::Any).await
}

/// A new task with a value in every field.
fn every_field() -> Value {
    json!({
        "title": "Milk", "description": "Two", "due_date": "2026-02-28", "due_time": "07:05",
        "priority": "high", "tags": ["b", "a"], "position": "Zz9",
    })
}

fn refused_for(result: &Result<Task, TaskError>) -> i64 {
    match result {
        Err(TaskError::Conflict { current }) => current.version,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_task_has_the_fields_that_were_given_or_their_defaults() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let full = every_field();

    let create = |new: Value| rig.store.create(&ana, body(new), None);
    let plain = create(json!({"title": "Eggs"})).await.unwrap().task;
    let full_task = create(full.clone()).await.unwrap().task;

    assert_eq!(rig.store.get(&ana, full_task.id).await.unwrap(), full_task);
    let written = json!(full_task);
    for (field, value) in full.as_object().unwrap() {
        assert_eq!(written[field], *value, "{field}");
    }
    let written = json!(plain);
    for (field, value) in [
        ("description", Value::Null),
        ("due_date", Value::Null),
        ("due_time", Value::Null),
        ("priority", json!("none")),
        ("tags", json!([])),
        ("position", json!("Ze")),
        ("completed_at", Value::Null),
        ("idempotency_key", Value::Null),
        ("version", json!(1)),
    ] {
        assert_eq!(written[field], value, "{field}");
    }
}

#[tokio::test]
async fn a_patch_sets_what_it_names_and_keeps_the_rest() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let full = every_field();
    let id = rig
        .store
        .create(&ana, body(full), None)
        .await
        .unwrap()
        .task
        .id;

    for (change, also) in [
        (json!({"title": "Oat milk"}), json!({})),
        (json!({"description": null}), json!({})),
        (json!({"description": "Three"}), json!({})),
        (json!({"due_date": "0001-01-01"}), json!({})),
        (json!({"due_time": null}), json!({})),
        (json!({"due_time": "23:59"}), json!({})),
        (json!({"due_date": null}), json!({"due_time": null})),
        (
            json!({"due_date": "9999-12-31", "due_time": "00:00"}),
            json!({}),
        ),
        (json!({"due_date": null, "due_time": null}), json!({})),
        (json!({"priority": "none"}), json!({})),
        (json!({"tags": []}), json!({})),
        (json!({"tags": ["ß", "\"'\\"], "position": "0"}), json!({})),
    ] {
        let before = json!(rig.store.get(&ana, id).await.unwrap());
        let after = json!(patch(&rig, &ana, id, change.clone()).await.unwrap());
        let mut expected = before.clone();
        for (field, value) in change
            .as_object()
            .unwrap()
            .iter()
            .chain(also.as_object().unwrap())
        {
            expected[field] = value.clone();
        }
        let version = before["version"].as_i64().unwrap() + 1;
        expected["version"] = json!(version);
        expected["updated_at"] = after["updated_at"].clone();
        assert_eq!(after, expected, "{change}");
        assert_eq!(json!(rig.store.get(&ana, id).await.unwrap()), after);
    }
}

#[tokio::test]
async fn a_time_needs_a_date_and_a_refused_one_writes_nothing() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let id = rig.create(&ana, "Milk").await.unwrap().id;
    let before = rig.store.get(&ana, id).await.unwrap();

    let alone = patch(&rig, &ana, id, json!({"due_time": "09:00", "title": "x"})).await;
    let (beside, other) = tokio::join!(
        patch(&rig, &ana, id, json!({"due_time": "09:00"})),
        rig.create(&ana, "Eggs")
    );
    let absent = patch(&rig, &ana, 99, json!({"due_time": "09:00"})).await;

    for refused in [alone, beside] {
        assert!(matches!(refused, Err(TaskError::NoDate)), "{refused:?}");
    }
    assert!(matches!(absent, Err(TaskError::NotFound { id: 99 })));
    assert_eq!(rig.store.get(&ana, id).await.unwrap(), before);
    other.unwrap();
    patch(&rig, &ana, id, json!({"due_date": "2026-01-01"}))
        .await
        .unwrap();
    let timed = patch(&rig, &ana, id, json!({"due_time": "09:00"}))
        .await
        .unwrap();
    assert_eq!(timed.due_time.unwrap().to_string(), "09:00");
}

#[tokio::test]
async fn an_empty_patch_writes_nothing_and_takes_no_number() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let task = rig.create(&ana, "Milk").await.unwrap();
    let empty = |expected| {
        rig.store
            .patch(&ana, task.id, PatchTask::default(), expected)
    };

    assert_eq!(empty(Expected::Any).await.unwrap(), task);
    assert_eq!(empty(version(1)).await.unwrap(), task);
    assert_eq!(refused_for(&empty(version(2)).await), 1);
    assert_eq!(rig.number("SELECT sequence FROM user_sequences").await, 1);
}

#[tokio::test]
async fn a_write_for_another_state_is_refused_with_the_task_as_it_is() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let id = rig.create(&ana, "Milk").await.unwrap().id;
    rig.complete(&ana, id, true).await.unwrap();
    let before = rig.store.get(&ana, id).await.unwrap();
    let store = &rig.store;
    let title = || titled::<PatchTask>("x");

    // Alone, in a batch of one kind, and of several.
    for expected in [version(1), version(3), Expected::Versions(vec![])] {
        let expected = || expected.clone();
        assert_eq!(
            refused_for(&store.patch(&ana, id, title(), expected()).await),
            2
        );
        let complete = store.complete(&ana, id, false, expected()).await;
        assert_eq!(refused_for(&complete), 2);
        for removal in [Removal::Forever, Removal::Trash] {
            let deleted = store.delete(&ana, id, removal, expected()).await;
            assert!(
                matches!(deleted, Err(TaskError::Conflict { .. })),
                "{deleted:?}"
            );
        }
        let (refused, other) = tokio::join!(
            store.complete(&ana, id, false, expected()),
            rig.create(&ana, "Eggs")
        );
        assert_eq!(refused_for(&refused), 2);
        other.unwrap();
        let foreign = store.patch(&ben, id, title(), expected()).await;
        assert!(matches!(foreign, Err(TaskError::NotFound { .. })));
        let absent = store.complete(&ana, 99, true, expected()).await;
        assert!(matches!(absent, Err(TaskError::NotFound { .. })));
    }

    assert_eq!(store.get(&ana, id).await.unwrap(), before);
    let either = Expected::Versions(vec![7, 2]);
    let written = store.patch(&ana, id, title(), either).await.unwrap();
    store
        .delete(&ana, id, Removal::Trash, version(written.version))
        .await
        .unwrap();
}

#[tokio::test]
async fn of_writes_for_one_state_one_wins_on_any_instance() {
    let rig = Rig::start().await;
    let (ana, other) = (user("ana").await, rig.other().await);
    let mut current = rig.create(&ana, "Milk").await.unwrap();

    for round in 0..100 {
        let writes = (0..3).map(|n| {
            let store = if n % 2 == 0 { &rig.store } else { &other };
            let title = format!("{round} {n}");
            let expected = version(current.version);
            let (ana, id) = (&ana, current.id);
            async move { store.patch(ana, id, titled(&title), expected).await }
        });
        let written = join_all(writes).await;
        let mut won = written.iter().filter_map(|one| one.as_ref().ok());
        current = won.next().expect("one wins").clone();
        assert!(won.next().is_none(), "{written:?}");
        for lost in written.iter().filter(|one| one.is_err()) {
            assert_eq!(refused_for(lost), current.version);
        }
    }
    other.close().await;
}

#[tokio::test]
async fn a_deleted_task_is_in_the_trash_whole_or_not_at_all() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let full = every_field();
    for _ in 0..4 {
        rig.store
            .create(&ana, body(full.clone()), None)
            .await
            .unwrap();
    }
    let delete = |id, removal| rig.store.delete(&ana, id, removal, Expected::Any);
    let content = "SELECT count(*) FROM trash WHERE title = 'Milk' AND description = 'Two' \
        AND completed IS FALSE AND priority = 3 AND position = 'Zz9' AND due_date IS NOT NULL \
        AND due_time IS NOT NULL AND tags IS NOT NULL AND created_at IS NOT NULL \
        AND updated_at IS NOT NULL";
    let nothing = "SELECT count(*) FROM trash WHERE title IS NULL AND description IS NULL \
        AND completed IS NULL AND priority IS NULL AND position IS NULL AND due_date IS NULL \
        AND due_time IS NULL AND tags IS NULL AND created_at IS NULL AND updated_at IS NULL \
        AND completed_at IS NULL";

    let all = tokio::join!(
        delete(1, Removal::Trash),
        delete(2, Removal::Forever),
        delete(3, Removal::Trash)
    );
    all.0.and(all.1).and(all.2).unwrap();
    delete(4, Removal::Trash).await.unwrap();
    assert_eq!(rig.number(content).await, 3);
    assert_eq!(rig.number(nothing).await, 1);
    assert_eq!(rig.number("SELECT tasks FROM user_sequences").await, 0);

    // Into the trash: they are gone. For good: out of the trash, once.
    for id in 1..=4 {
        let again = delete(id, Removal::Trash).await;
        assert!(matches!(again, Err(TaskError::NotFound { .. })));
    }
    delete(1, Removal::Forever).await.unwrap();
    let (beside, other) = tokio::join!(delete(3, Removal::Forever), rig.create(&ana, "Eggs"));
    beside.unwrap();
    other.unwrap();
    for id in 1..=3 {
        let again = delete(id, Removal::Forever).await;
        assert!(matches!(again, Err(TaskError::NotFound { .. })));
    }
    assert_eq!(rig.number(content).await, 1);
    assert_eq!(rig.number(nothing).await, 3);
    assert_eq!(rig.number("SELECT tasks FROM user_sequences").await, 1);
    let versions = "SELECT count(DISTINCT version) FROM trash WHERE version > 4";
    assert_eq!(rig.number(versions).await, 4);
}

/// A deletion that is not into the trash leaves no content: in no table, and on `SQLite` not in
/// the file either.
#[tokio::test]
async fn a_deletion_of_a_client_of_1_0_leaves_no_content() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let words = ["Tollkirsche", "Nachtschatten", "Alraune", "Bilsenkraut"];
    let long = format!("{} {}", "x".repeat(9_000), words[1]);
    let full = json!({
        "title": words[0], "description": long, "tags": [words[2]],
    });
    let id = rig
        .store
        .create(&ana, body(full), None)
        .await
        .unwrap()
        .task
        .id;
    rig.update(&ana, id, words[3]).await.unwrap();
    rig.create(&ana, "another").await.unwrap();

    rig.delete(&ana, id).await.unwrap();

    if rig.database.is_postgres() {
        for word in words {
            let rows = format!(
                "SELECT (SELECT count(*) FROM tasks AS t WHERE t::text LIKE '%{word}%') \
                 + (SELECT count(*) FROM trash AS t WHERE t::text LIKE '%{word}%') \
                 + (SELECT count(*) FROM user_sequences AS t WHERE t::text LIKE '%{word}%')"
            );
            assert_eq!(rig.number(&rows).await, 0, "{word}");
        }
        return;
    }
    rig.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let path = rig.database.url().trim_start_matches("sqlite://");
    let file = std::fs::read(path).unwrap();
    let has = |word: &str| file.windows(word.len()).any(|part| part == word.as_bytes());
    assert!(has("another"), "it is the file");
    for word in words {
        assert!(!has(word), "{word}");
    }
}
