//! The plain path beside batches of another instance.

use tokio::{sync::oneshot, time::sleep};

use super::*;

#[tokio::test]
async fn a_task_that_is_reopened_while_all_are_cleared_is_in_one_place() {
    let rig = Rig::start().await;
    let (ana, another) = (user("ana").await, rig.other().await);
    for _ in 0..5 {
        rig.create(&ana, "Milk").await.unwrap();
    }

    for _ in 0..30 {
        rig.store.complete_all(&ana, true).await.unwrap();
        let reopen = |id| another.complete(&ana, id, false, Expected::Any);
        let (cleared, first, second) = tokio::join!(rig.store.clear(&ana), reopen(1), reopen(4));
        let mut kept = 0;
        for (reopened, id) in [(first, 1), (second, 4)] {
            if is_not_found(&reopened) {
                assert!(rig.store.restore(&ana, id).await.unwrap().completed);
            } else {
                let reopened = reopened.unwrap();
                assert_eq!(rig.store.get(&ana, id).await.unwrap(), reopened);
                kept += 1;
            }
        }
        assert_eq!(cleared.unwrap(), 5 - kept);
        for id in [2, 3, 5] {
            rig.store.restore(&ana, id).await.unwrap();
        }
        rig.check().await;
    }
    assert_eq!(rig.rows("ana").await, (5, 0, 0));
}

#[tokio::test]
async fn who_creates_while_everything_is_erased_gets_a_new_sequence() {
    let rig = Rig::start().await;
    let (ana, another) = (user("ana").await, rig.other().await);
    for _ in 0..3 {
        rig.create(&ana, "old").await.unwrap();
    }
    let born = "SELECT born FROM user_sequences";
    let before = rig.number(born).await;

    let (erased, is_erased) = oneshot::channel();
    let erasing = rig.store.transaction(&ana, Access::Write, |tasks| {
        Box::pin(async move {
            let count = tasks.erase().await?;
            erased.send(()).unwrap();
            // In this time the other instance comes to wait.
            sleep(Duration::from_millis(300)).await;
            Ok(count)
        })
    });
    let creating = async {
        is_erased.await.unwrap();
        let completing = another.complete(&ana, 1, true, Expected::Any);
        let completed = completing.await;
        assert!(is_not_found(&completed));
        let creates = (0..3).map(|_| another.create(&ana, new("new"), None));
        join_all(creates).await
    };
    let (erased, created) = tokio::join!(erasing, creating);

    assert_eq!(erased.unwrap(), 3);
    let ids: Vec<_> = created
        .into_iter()
        .map(|created| created.unwrap().task.id)
        .collect();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(
        (rig.rows("ana").await, rig.counted("ana").await),
        ((3, 0, 0), (3, 3))
    );
    assert_ne!(rig.number(born).await, before);

    // In whatever order they come.
    for _ in 0..20 {
        let creating = join_all((0..8).map(|_| another.create(&ana, new("new"), None)));
        let held = rig.counted("ana").await.0;
        let (erased, created) = tokio::join!(rig.store.erase(&ana), creating);
        assert!(created.iter().all(Result::is_ok));
        let left = rig.rows("ana").await.0;
        assert_eq!(left, held + 8 - i64::try_from(erased.unwrap()).unwrap());
        rig.check().await;
        rig.create(&ana, "one more").await.unwrap();
    }
}
