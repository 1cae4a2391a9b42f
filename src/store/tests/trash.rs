//! The trash: its list, and deletions out of it.

use super::{
    changes::{fill, trash},
    *,
};

#[tokio::test]
async fn the_trash_is_listed_with_the_last_deletion_first_and_without_tombstones() {
    let rig = Rig::start().await;
    let (ana, bob) = (user("ana").await, user("bob").await);
    let rich = json!({
        "title": "Milk", "description": "Two", "due_date": "2026-01-05", "due_time": "09:30",
        "priority": "high", "tags": ["a", "b"], "position": "a0",
    });
    let rich = rig.store.create(&ana, body(rich), None).await.unwrap().task;
    let tasks = fill(&rig, &ana, 3).await;
    for id in [tasks[1].id, rich.id, tasks[0].id] {
        trash(&rig, &ana, id).await;
    }
    rig.delete(&ana, tasks[0].id).await.unwrap();
    rig.delete(&ana, tasks[2].id).await.unwrap();
    let list = async |user: &User| {
        let trash = rig.store.trash(user).await.unwrap();
        let json = trash.into_response().into_body().into_vec().await.unwrap();
        serde_json::from_slice::<Vec<Value>>(&json).unwrap()
    };

    let listed = list(&ana).await;

    let ids: Vec<_> = listed
        .iter()
        .map(|task| task["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [rich.id, tasks[1].id]);
    let mut expected = json!(rich);
    expected["version"] = json!(6);
    expected["deleted_at"] = listed[0]["deleted_at"].clone();
    assert_eq!(listed[0], expected);
    assert!(expected["deleted_at"].as_str().unwrap().ends_with('Z'));
    assert!(list(&bob).await.is_empty());

    // More than a page.
    rig.database.fill("bob", 1500, &"x".repeat(300), 1).await;
    rig.execute(
        "INSERT INTO trash (id, user_id, version, deleted_at, title, description, completed, \
         priority, position, tags, created_at, updated_at) SELECT id, user_id, id, created_at, \
         title, description, completed, priority, position, tags, created_at, updated_at \
         FROM tasks WHERE user_id = 'bob'; DELETE FROM tasks WHERE user_id = 'bob'",
    )
    .await;
    let listed = list(&bob).await;
    assert_eq!(listed.len(), 1500);
    assert!(listed.is_sorted_by_key(|task| -task["version"].as_i64().unwrap()));
}

#[tokio::test]
async fn a_deletion_out_of_the_trash_may_depend_on_the_version() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let tasks = fill(&rig, &ana, 2).await;
    let [id, gone] = [tasks[0].id, tasks[1].id];
    trash(&rig, &ana, id).await;
    rig.delete(&ana, gone).await.unwrap();
    let delete = async |user: &User, id: i64, removal: Removal, expected: i64| {
        let expected = Expected::Versions(vec![expected]);
        rig.store.delete(user, id, removal, expected).await
    };

    // Versions 1 and 2 are the creations, 3 is the one move to the trash.
    for batch_of_several_kinds in [false, true] {
        let refused = delete(&ana, id, Removal::Forever, 1);
        let refused = if batch_of_several_kinds {
            tokio::join!(refused, rig.create(&ana, "Eggs")).0
        } else {
            refused.await
        };
        let Err(TaskError::Conflict { current }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((current.id, current.version), (id, 3));
        assert_eq!(current.title, tasks[0].title);
    }
    for (user, id, removal, expected) in [
        // To any other operation than the deletion for good it is not there.
        (&ana, id, Removal::Trash, 1),
        (&ben, id, Removal::Forever, 1),
        (&ana, gone, Removal::Forever, 1),
    ] {
        let refused = delete(user, id, removal, expected).await;
        assert!(
            matches!(refused, Err(TaskError::NotFound { .. })),
            "{refused:?}"
        );
    }

    delete(&ana, id, Removal::Forever, 3).await.unwrap();
    let again = delete(&ana, id, Removal::Forever, 3).await;
    assert!(
        matches!(again, Err(TaskError::NotFound { .. })),
        "{again:?}"
    );
}
