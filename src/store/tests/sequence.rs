//! The numbers that writes take, and what else they keep in the rows.

use sea_orm::{ColumnTrait, sea_query::Expr};

use super::*;
use crate::{
    api::tasks::PatchTask,
    store::{
        entity::task,
        owned::{Owned, owned_by},
        requests::{Done, Outcome, Write},
        write,
    },
};

impl Rig {
    /// Runs a batch as the queue for writes does.
    async fn run(&self, batch: &[Owned<Write>], quota: u32) -> Vec<Outcome<Done>> {
        let mut driver = self.store.engine().connect().await.unwrap();
        write::run(batch, quota, &mut driver).await.unwrap()
    }

    /// The rows of a query of one column, as text.
    async fn column(&self, sql: &str) -> Vec<String> {
        let backend = self.outside.get_database_backend();
        let ask = Statement::from_string(backend, sql);
        let rows = self.outside.query_all_raw(ask).await.unwrap();
        let values = rows.iter().map(|row| row.try_get_by_index(0));
        values.map(Result::unwrap).collect()
    }

    async fn versions(&self, user: &str) -> Vec<String> {
        let versions = format!(
            "SELECT title || ' ' || version FROM tasks WHERE user_id = '{user}' ORDER BY version"
        );
        self.column(&versions).await
    }

    async fn sequence(&self, user: &str) -> i64 {
        let row = format!("SELECT sequence FROM user_sequences WHERE user_id = '{user}'");
        self.number(&row).await
    }
}

fn is_done(outcome: &Outcome<Done>) -> bool {
    matches!(outcome, Outcome::Done(_))
}

#[tokio::test]
async fn the_writes_of_one_user_in_a_batch_take_consecutive_numbers_in_its_order() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let create = |owner, title| owned_by(owner, Write::Create(new(title), None));
    let complete = |owner, id| owned_by(owner, Write::Complete(change(id, true)));
    let update = |owner, id, title| owned_by(owner, Write::Patch(change(id, titled(title))));

    // Of one kind, of two users in turn.
    let batch = [
        create(&ana, "a"),
        create(&ben, "x"),
        create(&ana, "b"),
        create(&ben, "y"),
        create(&ana, "c"),
    ];
    assert!(rig.run(&batch, 100).await.iter().all(is_done));
    assert_eq!(rig.versions("ana").await, ["a 1", "b 2", "c 3"]);
    assert_eq!(rig.versions("ben").await, ["x 1", "y 2"]);
    let batch = [complete(&ana, 3), complete(&ben, 1), complete(&ana, 1)];
    assert!(rig.run(&batch, 100).await.iter().all(is_done));
    assert_eq!(rig.versions("ana").await, ["b 2", "c 4", "a 5"]);
    assert_eq!(rig.versions("ben").await, ["y 2", "x 3"]);
    let batch = [update(&ana, 2, "B"), update(&ana, 1, "A")];
    assert!(rig.run(&batch, 100).await.iter().all(is_done));
    assert_eq!(rig.versions("ana").await, ["c 4", "B 6", "A 7"]);

    // Of all kinds.
    let batch = [
        update(&ana, 3, "C"),
        create(&ana, "d"),
        complete(&ana, 2),
        owned_by(&ana, Write::Delete(change(1, Removal::Forever))),
        create(&ana, "e"),
        complete(&ben, 2),
    ];
    assert!(rig.run(&batch, 100).await.iter().all(is_done));
    assert_eq!(rig.versions("ana").await, ["C 8", "d 9", "B 10", "e 12"]);
    assert_eq!(rig.versions("ben").await, ["x 3", "y 4"]);
    let ids = rig.list(&ana, StatusFilter::All).await.unwrap();
    let ids: Vec<_> = ids.iter().map(|task| task.id).collect();
    assert_eq!(ids, [12, 9, 3, 2]);
    assert_eq!(
        (rig.sequence("ana").await, rig.sequence("ben").await),
        (12, 4)
    );
    assert_eq!(rig.number("SELECT version FROM trash").await, 11);
}

#[tokio::test]
async fn a_user_of_whom_nothing_is_written_takes_no_number() {
    let rig = Rig::start().await;
    let (ana, ben, eve) = (user("ana").await, user("ben").await, user("eve").await);
    for owner in [&ana, &ben] {
        rig.create(owner, "Milk").await.unwrap();
    }
    let create = |owner| owned_by(owner, Write::Create(new("Eggs"), None));
    let fail = |owner| {
        [
            owned_by(owner, Write::Complete(change(9, true))),
            owned_by(owner, Write::Patch(change(9, titled("Eggs")))),
            owned_by(owner, Write::Delete(change(9, Removal::Forever))),
        ]
    };

    for quota in [1, 100] {
        let mut batches: Vec<_> = fail(&ana).into_iter().map(|one| vec![one]).collect();
        batches.push(fail(&ana).to_vec());
        if quota == 1 {
            batches.push(vec![create(&ana)]);
            batches.push(vec![create(&ana), fail(&ana)[0].clone()]);
        }
        for batch in batches {
            let outcomes = rig.run(&batch, quota).await;
            assert!(!outcomes.iter().any(is_done), "{batch:?}");
        }
    }
    assert_eq!(rig.sequence("ana").await, 1);

    // Beside another user's writes, too; and who has no sequence gets none.
    let mut batch = fail(&ana).to_vec();
    batch.extend(fail(&eve));
    batch.push(create(&ben));
    let outcomes = rig.run(&batch, 100).await;
    assert_eq!(outcomes.iter().filter(|one| is_done(one)).count(), 1);
    assert_eq!(
        (rig.sequence("ana").await, rig.sequence("ben").await),
        (1, 2)
    );
    assert_eq!(rig.number("SELECT count(*) FROM user_sequences").await, 2);
    assert_eq!(
        rig.number("SELECT tasks FROM user_sequences WHERE user_id = 'ben'")
            .await,
        2
    );
}

#[tokio::test]
async fn the_first_tasks_of_users_may_be_created_in_a_batch_of_several_kinds() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    let batch = [
        owned_by(&ben, Write::Create(new("x"), None)),
        owned_by(&ana, Write::Create(new("a"), None)),
        owned_by(&ana, Write::Complete(change(9, true))),
        owned_by(&ana, Write::Create(new("b"), None)),
    ];

    let outcomes = rig.run(&batch, 100).await;

    assert_eq!(outcomes.iter().filter(|one| is_done(one)).count(), 3);
    assert_eq!(rig.versions("ana").await, ["a 1", "b 3"]);
    assert_eq!(rig.versions("ben").await, ["x 1"]);
    let lives = "SELECT count(DISTINCT born) FROM user_sequences WHERE born > 0";
    assert_eq!(
        rig.number(lives).await,
        1,
        "one for all new users of a batch"
    );
}

/// Where one statement makes the sequences of several users.
#[tokio::test]
async fn the_cursor_of_a_user_is_no_other_users() {
    let rig = Rig::start().await;
    let users = [user("ana").await, user("ben").await];
    let batch = users.each_ref();
    let batch = batch.map(|user| owned_by(user, Write::Create(new("x"), None)));
    let outcomes = rig.run(&batch, 100).await;
    assert!(outcomes.iter().all(is_done));

    for step in ["created in a batch", "after a restore from a backup"] {
        let cursors = users.each_ref().map(|user| rig.store.cursor(user));
        let [ana, ben] = join_all(cursors).await.try_into().unwrap();
        let (of_ana, of_ben) = (ana.unwrap(), ben.unwrap());
        assert_ne!(of_ana, of_ben, "{step}");
        for (user, own, foreign) in [(&users[0], &of_ana, &of_ben), (&users[1], &of_ben, &of_ana)] {
            let listed = rig.store.list(user, ListTasks::default()).await.unwrap();
            assert_eq!(listed.cursor, *own, "{step}");
            let since = |cursor: &String| rig.store.changes(user, Some(cursor.clone()), 10);
            assert!(since(own).await.is_ok(), "{step}");
            let refused = since(foreign).await;
            assert!(matches!(refused, Err(TaskError::CursorExpired)), "{step}");
        }
        assert_eq!(rig.store.resync().await.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_deleted_task_leaves_a_tombstone_without_content() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    for title in ["alone", "mixed", "kept"] {
        rig.create(&ana, title).await.unwrap();
    }
    rig.execute("UPDATE tasks SET idempotency_key = 'key ' || CAST(id AS text), idempotency_fingerprint = id")
        .await;

    let delete = |id| owned_by(&ana, Write::Delete(change(id, Removal::Forever)));
    rig.run(&[delete(1)], 100).await;
    rig.run(
        &[delete(2), owned_by(&ana, Write::Complete(change(3, true)))],
        100,
    )
    .await;

    let kept = "SELECT user_id || ' ' || id || ' ' || version || ' ' || idempotency_key || ' ' || \
                idempotency_fingerprint FROM trash ORDER BY id";
    let expected = ["ana 1 4 key 1 1", "ana 2 5 key 2 2"];
    assert_eq!(rig.column(kept).await, expected);
    let content = "SELECT count(*) FROM trash WHERE title IS NOT NULL OR description IS NOT NULL";
    assert_eq!(rig.number(content).await, 0);
    assert_eq!(rig.sequence("ana").await, 6);
    // Each is as old as the deletion.
    let now = if rig.database.is_postgres() {
        "SELECT count(*) FROM trash WHERE abs(extract(epoch FROM now() - deleted_at)) < 60"
    } else {
        "SELECT count(*) FROM trash WHERE abs(strftime('%s', 'now') - strftime('%s', deleted_at)) < 60"
    };
    assert_eq!(rig.number(now).await, 2);
}

#[tokio::test]
async fn a_bulk_update_of_the_plain_path_gives_each_task_a_number() {
    let rig = Rig::start().await;
    let (ana, ben) = (user("ana").await, user("ben").await);
    for title in ["a", "b", "c"] {
        rig.create(&ana, title).await.unwrap();
        rig.create(&ben, title).await.unwrap();
    }

    let updated = rig.store.transaction(&ana, Access::Write, |tasks| {
        Box::pin(async move {
            let completed = (task::Column::Completed, Expr::value(true));
            let some = task::Column::Title.ne("b");
            tasks.update(some, [completed]).await
        })
    });

    assert_eq!(updated.await.unwrap(), 2);
    assert_eq!(rig.versions("ana").await, ["b 2", "a 4", "c 5"]);
    assert_eq!(rig.versions("ben").await, ["a 1", "b 2", "c 3"]);
    assert_eq!(
        (rig.sequence("ana").await, rig.sequence("ben").await),
        (5, 3)
    );
}

#[tokio::test]
async fn completed_at_is_set_once_and_cleared() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let id = rig.create(&ana, "Milk").await.unwrap().id;
    let completed_at = async || {
        let same = "SELECT CAST(CASE WHEN completed_at IS NULL THEN 0 \
                    WHEN completed_at = updated_at THEN 1 ELSE 2 END AS bigint) FROM tasks";
        rig.number(same).await
    };
    let complete = async |completed| rig.complete(&ana, id, completed).await.unwrap();
    let update = async |completed: Option<bool>| {
        let mut change: PatchTask = titled("Milk");
        change.completed = completed;
        let changed = rig.store.patch(&ana, id, change, Expected::Any);
        changed.await.unwrap()
    };

    assert_eq!(completed_at().await, 0, "pending");
    complete(true).await;
    assert_eq!(completed_at().await, 1, "now");
    complete(true).await;
    assert_eq!(completed_at().await, 2, "before");
    update(None).await;
    update(Some(true)).await;
    assert_eq!(completed_at().await, 2, "before");
    complete(false).await;
    assert_eq!(completed_at().await, 0, "pending");
    update(Some(true)).await;
    assert_eq!(completed_at().await, 1, "now");
    update(Some(false)).await;
    assert_eq!(completed_at().await, 0, "pending");
    // Completed under 1.0: nobody knows when.
    let old = "UPDATE tasks SET completed = TRUE, completed_at = NULL";
    rig.execute(old).await;
    complete(true).await;
    assert_eq!(completed_at().await, 0, "unknown");
}

/// Whether npm's `fractional-indexing` takes `key` (its `validateOrderKey`): a letter says
/// how many digits the integer part has, and the rest must not end in a zero.
fn is_order_key(key: &str) -> bool {
    let length = match key.as_bytes()[0] {
        head @ b'a'..=b'z' => usize::from(head - b'a') + 2,
        head @ b'A'..=b'Z' => usize::from(b'Z' - head) + 2,
        _ => return false,
    };
    key.len() >= length
        && key.chars().all(|one| one.is_ascii_alphanumeric())
        && !key[length..].ends_with('0')
        && key != format!("A{}", "0".repeat(26))
}

#[tokio::test]
async fn default_positions_are_keys_of_fractional_indexing_and_newest_first() {
    let rig = Rig::start().await;
    let ana = user("ana").await;
    let mut positions = Vec::new();
    for before in [
        0,
        8,
        14,
        15,
        254,
        255,
        4094,
        4095,
        1 << 53,
        i64::MAX - 2,
        i64::MAX - 1,
    ] {
        rig.create(&ana, "first").await.unwrap();
        let set = format!("UPDATE user_sequences SET sequence = {before}");
        rig.execute(&set).await;
        rig.execute("DELETE FROM tasks").await;
        let id = rig.create(&ana, "Milk").await.unwrap().id;
        assert_eq!(id, before + 1);
        positions.push(rig.text("SELECT position FROM tasks").await);
        // Of a transaction, too.
        let again = format!("UPDATE user_sequences SET sequence = {before}");
        rig.execute(&again).await;
        rig.execute("DELETE FROM tasks").await;
        let nothing = owned_by(&ana, Write::Delete(change(0, Removal::Forever)));
        if before < i64::MAX - 1 {
            rig.run(
                &[owned_by(&ana, Write::Create(new("Milk"), None)), nothing],
                100,
            )
            .await;
            assert_eq!(
                Some(&rig.text("SELECT position FROM tasks").await),
                positions.last()
            );
        }
        rig.execute("DELETE FROM tasks; UPDATE user_sequences SET sequence = 0")
            .await;
    }

    assert!(
        positions.iter().all(|key| is_order_key(key)),
        "{positions:?}"
    );
    assert!(positions.iter().all(|key| key.len() <= 64), "{positions:?}");
    assert!(positions.is_sorted_by(|a, b| a > b), "{positions:?}");
    assert_eq!(positions[..4], ["Ze", "Z6", "Z0", "Yef"]);
}
