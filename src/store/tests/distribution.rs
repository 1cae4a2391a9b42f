//! Tables that are distributed over the servers of a Citus cluster, which `just test-citus`
//! has. All other tests of the store run on such tables there, too.

use super::*;

async fn titles(store: &Store, user: &User) -> Vec<String> {
    let list = store.list(user, ListTasks::default()).await.unwrap();
    let json = list
        .tasks
        .into_response()
        .into_body()
        .into_vec()
        .await
        .unwrap();
    let tasks: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
    let titles = tasks.iter().map(|task| task["title"].as_str().unwrap());
    titles.map(str::to_owned).collect()
}

#[tokio::test]
async fn distributing_keeps_the_rows_and_where_there_is_no_citus_it_is_refused() {
    let rig = Rig::with(100, false).await;
    let users = join_all((0..20).map(|n| async move { user(&format!("user {n}")).await })).await;
    for user in &users {
        for title in ["Milk", "Bread"] {
            rig.create(user, title).await.unwrap();
        }
        rig.delete(user, 1).await.unwrap();
    }

    let distributed = rig.store.distribute(8).await;

    let layout = rig.store.layout().await.unwrap();
    if has_workers() {
        distributed.unwrap();
        let (shards, servers) = (8, 2);
        assert_eq!(layout, Some(Layout::Distributed { shards, servers }));
        rig.store.distribute(16).await.unwrap();
        assert_eq!(rig.store.layout().await.unwrap(), layout, "a second time");
    } else {
        let error = distributed.unwrap_err();
        assert!(error.is_misconfigured(), "{error}");
        assert!(error.to_string().contains("Citus"), "{error}");
        let plain = rig.database.is_postgres().then_some(Layout::Plain);
        assert_eq!(layout, plain);
    }
    // The connections are those from before.
    for user in &users {
        let (created, completed) =
            tokio::join!(rig.create(user, "Eggs"), rig.complete(user, 2, true));
        assert!(created.unwrap().id > 3 && completed.unwrap().completed);
        assert_eq!(titles(&rig.store, user).await, ["Eggs", "Bread"]);
    }
    assert_eq!(rig.number("SELECT count(*) FROM trash").await, 20);
    assert_eq!(rig.store.check_consistency().await.unwrap().miscounted, 0);
}

#[tokio::test]
async fn instances_use_any_server_of_the_cluster() {
    let rig = Rig::start().await;
    let other = rig.database.worker_url();
    let url = other.as_deref().unwrap_or(rig.database.url());
    let other = Store::connect(&DatabaseUrl::parse(url).unwrap(), 100)
        .await
        .unwrap();
    other.migrate_up().await.unwrap();
    let users = join_all((0..10).map(|n| async move { user(&format!("user {n}")).await })).await;

    for round in 0..3 {
        let here = join_all(
            users
                .iter()
                .map(|user| rig.store.create(user, new("here"), None)),
        );
        let there = join_all(
            users
                .iter()
                .map(|user| other.create(user, new("there"), None)),
        );
        let (here, there) = tokio::join!(here, there);
        for (here, there) in here.into_iter().zip(there) {
            let mut ids = [here.unwrap().task.id, there.unwrap().task.id];
            ids.sort_unstable();
            assert_eq!(ids, [2 * round + 1, 2 * round + 2]);
        }
    }

    for user in &users {
        let listed = titles(&rig.store, user).await;
        assert_eq!(listed.len(), 6);
        assert_eq!(listed, titles(&other, user).await);
    }
    other.close().await;
}
