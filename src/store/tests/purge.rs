//! The purge of the trash: what it removes, what it remembers, and what it leaves alone.

use sea_orm::TransactionTrait;

use super::*;
use crate::store::{
    owned::owned_by,
    purge::{BATCH, Part, Schedule, Step, step},
};

/// Stores tombstones of a user behind the service's back: of these versions, deleted so many
/// days ago.
async fn bury(rig: &Rig, user: &str, versions: std::ops::RangeInclusive<i64>, days: i64) {
    let deleted_at = Utc::now() - TimeDelta::days(days);
    let deleted_at = deleted_at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00");
    rig.execute(&format!(
        "INSERT INTO trash (id, version, user_id, deleted_at) \
         WITH RECURSIVE a(version) AS (SELECT {first} UNION ALL \
         SELECT version + 1 FROM a WHERE version < {last}) \
         SELECT version, version, '{user}', '{deleted_at}' FROM a",
        first = versions.start(),
        last = versions.end(),
    ))
    .await;
}

/// Gives a user a sequence.
async fn begin(rig: &Rig, user: &str, sequence: i64) {
    rig.execute(&format!(
        "INSERT INTO user_sequences (user_id, tasks, sequence, born) \
         VALUES ('{user}', 0, {sequence}, 1)"
    ))
    .await;
}

/// The number of tombstones of a user, and the lowest and the highest version.
async fn left(rig: &Rig, user: &str) -> (i64, i64, i64) {
    let of = async |what: &str| {
        let query = format!("SELECT COALESCE({what}, 0) FROM trash WHERE user_id = '{user}'");
        rig.number(&query).await
    };
    (
        of("count(*)").await,
        of("min(version)").await,
        of("max(version)").await,
    )
}

async fn forgotten(rig: &Rig, user: &str) -> i64 {
    let query = format!("SELECT forgotten FROM user_sequences WHERE user_id = '{user}'");
    rig.number(&query).await
}

#[tokio::test]
async fn what_is_older_than_the_limit_is_purged_and_its_highest_version_is_kept() {
    let rig = Rig::start().await;
    for (name, sequence) in [("ana", 8), ("ben", 5), ("eve", 9), ("it''s all", 3)] {
        begin(&rig, name, sequence).await;
    }
    bury(&rig, "ana", 2..=4, 31).await;
    bury(&rig, "ana", 5..=6, 29).await;
    bury(&rig, "ben", 1..=5, 29).await;
    bury(&rig, "it''s all", 1..=3, 400).await;
    // Deleted while a clock was late: old, above what is kept.
    bury(&rig, "eve", 7..=7, 31).await;
    bury(&rig, "eve", 3..=3, 3).await;
    // Of a user without a sequence, which cannot be locked.
    bury(&rig, "nobody", 1..=1500, 500).await;

    assert_eq!(rig.store.purge(30).await.unwrap(), 7);

    assert_eq!(left(&rig, "ana").await, (2, 5, 6));
    assert_eq!(left(&rig, "ben").await, (5, 1, 5));
    assert_eq!(left(&rig, "eve").await, (1, 3, 3));
    assert_eq!(left(&rig, "it''s all").await, (0, 0, 0));
    assert_eq!(left(&rig, "nobody").await.0, 1500);
    for (name, expected) in [("ana", 4), ("ben", 0), ("eve", 7), ("it''s all", 3)] {
        assert_eq!(forgotten(&rig, name).await, expected, "{name}");
    }
    // A lower version that is purged later takes nothing back.
    assert_eq!(rig.store.purge(2).await.unwrap(), 8);
    assert_eq!(forgotten(&rig, "eve").await, 7);
    assert_eq!(rig.store.purge(2).await.unwrap(), 0);
    assert_eq!(
        rig.number("SELECT sequence FROM user_sequences WHERE user_id = 'ana'")
            .await,
        8
    );
}

#[tokio::test]
async fn the_oldest_beyond_the_quota_are_purged_and_no_other_users() {
    let rig = Rig::with_quota(10).await;
    for (name, sequence) in [("ana", 40), ("ben", 60), ("eve", 2000), ("dan", 3000)] {
        begin(&rig, name, sequence).await;
    }
    bury(&rig, "ana", 21..=30, 1).await;
    bury(&rig, "ben", 41..=51, 1).await;
    bury(&rig, "eve", 1..=2, 1).await;
    bury(&rig, "dan", 1..=2_345, 1).await;

    assert_eq!(rig.store.purge(30).await.unwrap(), 1 + 2_335);

    assert_eq!(left(&rig, "ana").await, (10, 21, 30));
    assert_eq!(left(&rig, "ben").await, (10, 42, 51));
    assert_eq!(left(&rig, "eve").await, (2, 1, 2));
    assert_eq!(left(&rig, "dan").await, (10, 2_336, 2_345));
    for (name, expected) in [("ana", 0), ("ben", 41), ("eve", 0), ("dan", 2_335)] {
        assert_eq!(forgotten(&rig, name).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_quota_of_nothing_keeps_no_trash() {
    let rig = Rig::with_quota(0).await;
    begin(&rig, "ana", 3).await;
    bury(&rig, "ana", 1..=3, 1).await;

    assert_eq!(rig.store.purge(30).await.unwrap(), 3);

    assert_eq!(left(&rig, "ana").await.0, 0);
    assert_eq!(forgotten(&rig, "ana").await, 3);
}

#[tokio::test]
async fn a_transaction_removes_a_bounded_number_of_rows_oldest_first() {
    let rig = Rig::with_quota(100).await;
    let (first, rows) = (i64::from(BATCH), i64::from(BATCH) * 5 / 2);
    for name in ["ana", "ben"] {
        begin(&rig, name, rows).await;
        bury(&rig, name, 1..=first, 60).await;
        bury(&rig, name, first + 1..=rows, 50).await;
    }
    let engine = rig.store.engine();
    let ana = user("ana").await;
    let ana = owned_by(&ana, ());
    let full = Step::Removed(u64::from(BATCH));

    let excess = Part::Excess(ana.owner(), 100);
    assert_eq!(step(engine, excess).await.unwrap(), full);
    assert_eq!(left(&rig, "ana").await, (rows - first, first + 1, rows));
    assert_eq!(forgotten(&rig, "ana").await, first);

    // The oldest rows of all are Ben's now.
    let expired = Part::Expired(Utc::now() - TimeDelta::days(30));
    assert_eq!(step(engine, expired).await.unwrap(), full);
    assert_eq!(left(&rig, "ben").await, (rows - first, first + 1, rows));
    assert_eq!(forgotten(&rig, "ben").await, first);

    let rest = u64::try_from((rows - first) * 2).unwrap();
    assert_eq!(rig.store.purge(30).await.unwrap(), rest);
    assert_eq!(step(engine, expired).await.unwrap(), Step::Nothing);
    assert_eq!(step(engine, excess).await.unwrap(), Step::Nothing);
}

#[tokio::test]
async fn a_purge_beside_writes_loses_no_number_and_fails_none() {
    let rig = Arc::new(Rig::with_quota(20).await);
    let names: Vec<_> = (0..4).map(|number| format!("user {number}")).collect();
    for name in &names {
        begin(&rig, name, 3_000).await;
        bury(&rig, name, 1..=3_000, 50).await;
    }
    let writers = names.iter().map(|name| {
        let (rig, name) = (Arc::clone(&rig), name.clone());
        tokio::spawn(async move {
            let user = user(&name).await;
            for _ in 0..60 {
                let task = rig.create(&user, "Bread").await.unwrap();
                rig.delete(&user, task.id).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut purged = 0;

    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        purged += rig.store.purge(30).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    purged += rig.store.purge(30).await.unwrap();

    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(purged, 4 * (3_000 + 60 - 20));
    for name in &names {
        // The even numbers are those of deletions.
        assert_eq!(left(&rig, name).await, (20, 3_082, 3_120), "{name}");
        assert_eq!(forgotten(&rig, name).await, 3_080, "{name}");
        let sequence = format!("SELECT sequence FROM user_sequences WHERE user_id = '{name}'");
        assert_eq!(rig.number(&sequence).await, 3_120, "{name}");
    }
}

#[tokio::test]
async fn two_instances_at_once_purge_each_row_once() {
    let rig = Rig::with_quota(10).await;
    let url = DatabaseUrl::parse(rig.database.url()).unwrap();
    let other = Store::connect(&url, 10).await.unwrap();
    other.migrate_up().await.unwrap();
    for name in ["ana", "ben"] {
        begin(&rig, name, 4_000).await;
        bury(&rig, name, 1..=2_000, 31).await;
        bury(&rig, name, 2_001..=4_000, 1).await;
    }

    let (mine, theirs) = tokio::join!(rig.store.purge(30), other.purge(30));

    let mut purged = mine.unwrap() + theirs.unwrap();
    // Of two that met at the lock, both may have left the rest to the other.
    purged += rig.store.purge(30).await.unwrap();
    assert_eq!(purged, 2 * 3_990);
    for name in ["ana", "ben"] {
        assert_eq!(left(&rig, name).await, (10, 3_991, 4_000), "{name}");
        assert_eq!(forgotten(&rig, name).await, 3_990, "{name}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn nothing_is_purged_while_another_instance_purges() {
    let rig = Rig::with_quota(10).await;
    begin(&rig, "ana", 40).await;
    bury(&rig, "ana", 1..=20, 31).await;
    bury(&rig, "ana", 21..=40, 1).await;
    let held = rig.outside.begin().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(500135195496)";
    held.execute_unprepared(lock).await.unwrap();

    assert_eq!(rig.store.purge(30).await.unwrap(), 0);

    held.rollback().await.unwrap();
    assert_eq!(rig.store.purge(30).await.unwrap(), 30);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn the_purge_does_not_wait_for_a_user_who_writes() {
    let rig = Rig::with_quota(10).await;
    for name in ["ana", "ben", "eve"] {
        begin(&rig, name, 40).await;
        bury(&rig, name, 1..=20, 31).await;
        bury(&rig, name, 21..=40, 1).await;
    }
    let held = rig.outside.begin().await.unwrap();
    let lock = "SELECT FROM user_sequences WHERE user_id = 'ben' FOR UPDATE";
    held.execute_unprepared(lock).await.unwrap();

    assert_eq!(rig.store.purge(30).await.unwrap(), 60);

    assert_eq!(left(&rig, "ben").await, (40, 1, 40));
    held.rollback().await.unwrap();
    assert_eq!(rig.store.purge(30).await.unwrap(), 30);
    assert_eq!(left(&rig, "ben").await, (10, 31, 40));
}

/// Makes every purge fail.
async fn refuse_to_forget(rig: &Rig) {
    rig.execute(if rig.database.is_postgres() {
        "ALTER TABLE user_sequences ADD CONSTRAINT remembers CHECK (forgotten = 0)"
    } else {
        "CREATE TRIGGER remembers BEFORE UPDATE OF forgotten ON user_sequences \
         BEGIN SELECT RAISE(ABORT, 'remembers'); END"
    })
    .await;
}

async fn forget_again(rig: &Rig) {
    rig.execute(if rig.database.is_postgres() {
        "ALTER TABLE user_sequences DROP CONSTRAINT remembers"
    } else {
        "DROP TRIGGER remembers"
    })
    .await;
}

#[tokio::test]
async fn a_purge_that_fails_removes_nothing_and_leaves_the_store_ready() {
    let rig = Rig::with_quota(10).await;
    begin(&rig, "ana", 40).await;
    bury(&rig, "ana", 1..=20, 31).await;
    refuse_to_forget(&rig).await;

    rig.store.purge(30).await.unwrap_err();

    rig.store.ready().await.unwrap();
    assert_eq!(left(&rig, "ana").await, (20, 1, 20));
    forget_again(&rig).await;
    assert_eq!(rig.store.purge(30).await.unwrap(), 20);
}

#[tokio::test]
async fn the_trash_is_purged_in_the_background_after_failures_too_until_the_store_is_closed() {
    let rig = Rig::start().await;
    begin(&rig, "ana", 40).await;
    bury(&rig, "ana", 1..=20, 31).await;
    refuse_to_forget(&rig).await;
    let interval = Duration::from_millis(20);
    let (first, jitter) = (interval, interval);
    let schedule = Schedule {
        first,
        interval,
        jitter,
    };
    rig.store.purge_on(schedule, 30);
    tokio::time::sleep(interval * 10).await;
    assert_eq!(left(&rig, "ana").await.0, 20);

    forget_again(&rig).await;
    while left(&rig, "ana").await.0 > 0 {
        tokio::time::sleep(interval).await;
    }

    rig.store.clone().close().await;
    bury(&rig, "ana", 21..=40, 31).await;
    tokio::time::sleep(interval * 10).await;
    assert_eq!(left(&rig, "ana").await.0, 20);
}
