//! What a batch does for each of its members.

use chrono::{TimeDelta, Utc};
use futures_util::FutureExt;

use super::*;

#[tokio::test]
async fn writes_to_one_task_keep_their_order() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let task = rig.create(&ana, "0").await.unwrap();

    // All of them wait at once, in this order.
    let writes =
        (1..=40).map(|n| rig.update(&ana, task.id, Box::leak(n.to_string().into_boxed_str())));
    let written = join_all(writes).await;

    let written: Vec<_> = written.into_iter().map(Result::unwrap).collect();
    let titles: Vec<_> = written.iter().map(|task| task.title.clone()).collect();
    let expected: Vec<_> = (1..=40).map(|n| n.to_string()).collect();
    assert_eq!(titles, expected);
    assert!(written.is_sorted_by(|a, b| a.updated_at < b.updated_at));
    assert_eq!(rig.store.get(&ana, task.id).await.unwrap(), written[39]);
}

#[tokio::test]
async fn writes_after_a_delete_find_no_task() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let id = rig.create(&ana, "Milk").await.unwrap().id;

    let (before, deleted, after, again) = tokio::join!(
        rig.complete(&ana, id, true),
        rig.delete(&ana, id),
        rig.complete(&ana, id, false),
        rig.delete(&ana, id),
    );

    assert!(before.unwrap().completed);
    deleted.unwrap();
    assert!(matches!(after, Err(TaskError::NotFound { .. })));
    assert!(matches!(again, Err(TaskError::NotFound { .. })));
    assert_eq!(rig.number("SELECT tasks FROM user_sequences").await, 0);
}

#[tokio::test]
async fn a_mixed_batch_gives_each_member_its_own_outcome() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let made = join_all((0..4).map(|n| rig.create(&ana, ["a", "b", "c", "d"][n]))).await;
    let made: Vec<_> = made.into_iter().map(Result::unwrap).collect();
    let ids: Vec<_> = made.iter().map(|task| task.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");

    let (completed, updated, deleted, foreign, foreign_delete, got, stolen) = tokio::join!(
        rig.complete(&ana, ids[0], true),
        rig.update(&ana, ids[1], "B"),
        rig.delete(&ana, ids[2]),
        rig.update(&ben, ids[3], "Ben's"),
        rig.delete(&ben, ids[3]),
        rig.store.get(&ana, ids[3]),
        rig.store.get(&ben, ids[3]),
    );

    assert!(completed.unwrap().completed);
    assert_eq!(updated.unwrap().title, "B");
    deleted.unwrap();
    for refused in [foreign.map(drop), foreign_delete, stolen.map(drop)] {
        assert!(matches!(refused, Err(TaskError::NotFound { .. })));
    }
    assert_eq!(got.unwrap(), made[3]);
    let (all, pending, ben) = tokio::join!(
        rig.list(&ana, StatusFilter::All),
        rig.list(&ana, StatusFilter::Pending),
        rig.list(&ben, StatusFilter::All),
    );
    let titles = |tasks: Vec<Task>| tasks.into_iter().map(|task| task.title).collect::<Vec<_>>();
    assert_eq!(titles(all.unwrap()), ["d", "B", "a"]);
    assert_eq!(titles(pending.unwrap()), ["d", "B"]);
    // One read serves lists of different statuses.
    let (pending, completed) = tokio::join!(
        rig.list(&ana, StatusFilter::Pending),
        rig.list(&ana, StatusFilter::Completed),
    );
    assert_eq!(titles(pending.unwrap()), ["d", "B"]);
    assert_eq!(titles(completed.unwrap()), ["a"]);
    assert!(ben.unwrap().is_empty());
}

#[tokio::test]
async fn a_rejected_member_does_not_fail_the_others() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    rig.execute(if rig.database.is_postgres() {
        "ALTER TABLE tasks ADD CHECK (title <> 'poison')"
    } else {
        "CREATE TRIGGER poison BEFORE INSERT ON tasks WHEN NEW.title = 'poison' \
         BEGIN SELECT RAISE(ABORT, 'poison'); END"
    })
    .await;

    let titles = (0..20).map(|n| if n == 7 { "poison" } else { "Milk" });
    let created = join_all(titles.map(|title| rig.create(&ana, title))).await;

    for (n, created) in created.iter().enumerate() {
        match created {
            Ok(task) => assert!(n != 7 && task.title == "Milk"),
            Err(error) => assert!(n == 7 && matches!(error, TaskError::Internal(_)), "{error}"),
        }
    }
    assert_eq!(rig.number("SELECT count(*) FROM tasks").await, 19);
    assert_eq!(rig.number("SELECT tasks FROM user_sequences").await, 19);
}

#[tokio::test]
async fn a_batch_fills_the_quota_to_the_last_task() {
    let rig = Rig::with_quota(7).await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    rig.create(&ana, "first").await.unwrap();

    let of_ana = join_all((0..20).map(|_| rig.create(&ana, "Milk")));
    let of_ben = join_all((0..7).map(|_| rig.create(&ben, "Milk")));
    let (of_ana, of_ben) = tokio::join!(of_ana, of_ben);

    let refused = |task: &Result<Task, _>| matches!(task, Err(TaskError::QuotaExceeded { .. }));
    assert_eq!(of_ana.iter().filter(|task| task.is_ok()).count(), 6);
    assert_eq!(of_ana.iter().filter(|task| refused(task)).count(), 14);
    assert!(of_ben.iter().all(Result::is_ok));
}

#[tokio::test]
async fn updated_at_moves_although_the_clock_was_set_back() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let id = rig.create(&ana, "Milk").await.unwrap().id;
    rig.execute("UPDATE tasks SET updated_at = '2999-01-01T00:00:00.000007+00:00'")
        .await;

    let first = rig.complete(&ana, id, true).await.unwrap();
    let second = rig.update(&ana, id, "Milk").await.unwrap();

    let moved = |task: &Task| task.updated_at.timestamp_subsec_micros();
    assert_eq!((moved(&first), moved(&second)), (8, 9));
}

#[tokio::test]
async fn times_have_whole_microseconds_and_are_now() {
    let rig = Rig::start().await;
    let ana = user("ana").await;

    let task = rig.create(&ana, "Milk").await.unwrap();
    let kept = rig.store.get(&ana, task.id).await.unwrap();

    assert_eq!(task.created_at, task.updated_at);
    assert_eq!(kept, task);
    assert!((Utc::now() - task.created_at).abs() < TimeDelta::minutes(1));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_locked_row_does_not_delay_other_requests() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let tasks = join_all((0..10).map(|_| rig.create(&ana, "Milk"))).await;
    let ids: Vec<_> = tasks.into_iter().map(|task| task.unwrap().id).collect();
    let locked = format!("id = {} AND user_id = 'ana'", ids[3]);
    let locked = format!("BEGIN; SELECT FROM tasks WHERE {locked} FOR UPDATE");
    let session = rig.outside.get_postgres_connection_pool();
    let mut session = session.acquire().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(locked))
        .execute(&mut *session)
        .await
        .unwrap();

    let completed = join_all(ids.iter().map(|id| rig.complete(&ana, *id, true))).await;

    for (n, completed) in completed.iter().enumerate() {
        match completed {
            Ok(task) => assert!(n != 3 && task.completed),
            Err(error) => assert!(
                n == 3 && matches!(error, TaskError::Unavailable(_)),
                "{error}"
            ),
        }
    }
}

#[tokio::test]
async fn a_request_that_is_cancelled_before_it_is_sent_is_not_run() {
    let rig = Rig::start().await;
    let ana = user("ana").await;

    for _ in 0..50 {
        // Polled once: it waits, and then nobody waits for it.
        assert!(rig.create(&ana, "Milk").now_or_never().is_none());
    }
    let last = rig.create(&ana, "Bread").await.unwrap();

    let listed = rig.list(&ana, StatusFilter::All).await.unwrap();
    assert_eq!(listed, [last]);
}

#[tokio::test]
async fn a_request_beyond_the_queue_capacity_is_refused_at_once() {
    let rig = Rig::start().await;
    let ana = user("ana").await;

    // In one thread no worker runs before all of these have asked.
    let gets = join_all((0..3000).map(|_| rig.store.get(&ana, 1))).await;

    let refused = |get: &Result<Task, _>| matches!(get, Err(TaskError::Unavailable(_)));
    assert_eq!(gets.iter().filter(|get| refused(get)).count(), 3000 - 2048);
}

#[tokio::test]
async fn closing_runs_the_pending_requests() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let store = Arc::new(rig.store.clone());
    let creating = join_all((0..300).map(|_| store.create(&ana, new("Milk"), None)));

    let (created, ()) = tokio::join!(creating, rig.store.clone().close());

    assert!(created.iter().all(Result::is_ok));
    assert_eq!(rig.number("SELECT count(*) FROM tasks").await, 300);
    let late = rig.create(&ana, "Milk").await;
    assert!(matches!(late, Err(TaskError::Unavailable(_))));
}
