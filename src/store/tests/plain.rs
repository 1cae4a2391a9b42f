//! The plain path.

use futures_util::future::join_all;
use sea_orm::{ColumnTrait, Condition, DbErr, sea_query::Expr};

use super::*;
use crate::store::entity::task;

#[tokio::test]
async fn a_transaction_of_the_plain_path_concerns_one_user_and_is_whole_or_nothing() {
    let rig = Rig::with_quota(3).await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    for owner in [&ana, &ben] {
        for title in ["a", "b", "c"] {
            let task = rig.create(owner, title).await.unwrap();
            let completed = rig.store.complete(owner, task.id, title != "c").await;
            completed.unwrap();
        }
    }
    let completed = || task::Column::Completed.eq(true);

    let failed = rig.store.transaction(&ana, Access::Write, move |tasks| {
        Box::pin(async move {
            tasks.delete(completed()).await?;
            Err::<(), _>(DbErr::Custom("refused".to_owned()))
        })
    });
    assert!(matches!(failed.await, Err(TaskError::Internal(_))));
    let listed = rig.list(&ana, StatusFilter::All).await.unwrap();
    assert_eq!(listed.len(), 3, "it was rolled back");

    let cleared = rig.store.transaction(&ana, Access::Write, move |tasks| {
        Box::pin(async move { tasks.delete(completed()).await })
    });
    assert_eq!(cleared.await.unwrap(), 2);
    let left = rig.store.transaction(&ana, Access::Read, |tasks| {
        Box::pin(async move { tasks.select().all(tasks.transaction()).await })
    });
    let left: Vec<_> = left.await.unwrap().into_iter().map(Task::from).collect();
    assert_eq!(left, rig.list(&ana, StatusFilter::All).await.unwrap());
    assert_eq!(left.len(), 1);
    let of_ben = rig.list(&ben, StatusFilter::All).await.unwrap();
    assert_eq!(of_ben.len(), 3);

    let renamed = rig.store.transaction(&ana, Access::Write, |tasks| {
        Box::pin(async move {
            let values = [(task::Column::Title, Expr::value("d"))];
            tasks.update(Condition::all(), values).await
        })
    });
    assert_eq!(renamed.await.unwrap(), 1);
    // The count followed the deletions: two of three fit again.
    let created = join_all((0..3).map(|_| rig.create(&ana, "e"))).await;
    assert_eq!(created.iter().filter(|task| task.is_ok()).count(), 2);
}
