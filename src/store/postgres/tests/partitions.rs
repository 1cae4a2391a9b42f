//! On tables that are partitioned by the hash of the user, a statement visits the partitions
//! of its owners alone.

use std::collections::BTreeSet;

use chrono::Utc;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::{
    api::tasks::Removal,
    auth::User,
    store::{
        owned::{Owner, owned_by},
        postgres::{Postgres, statements},
        requests::{Claim, IdRange, Numbered, Settlement, Unit},
        tests::{Rig, change, new, select, user},
    },
};

async fn names(connection: &mut PgConnection, sql: String) -> BTreeSet<String> {
    #[expect(clippy::disallowed_methods, reason = "asks for statistics")]
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The partitions that `statement` looks at or writes to.
async fn visited(
    connection: &mut PgConnection,
    statement: statements::Statement,
) -> BTreeSet<String> {
    // What was visited before is reported once, and then forgotten.
    let flush = "SELECT 'flushed' FROM pg_stat_force_next_flush()";
    names(connection, flush.to_owned()).await;
    let mut transaction = connection.begin().await.unwrap();
    statement.fetch_all(&mut *transaction).await.unwrap();
    let visited = "SELECT relname::text FROM pg_stat_xact_user_tables \
                   WHERE seq_scan + COALESCE(idx_scan, 0) + n_tup_ins > 0";
    let names = names(&mut transaction, visited.to_owned()).await;
    transaction.rollback().await.unwrap();
    names
}

/// The statements that read.
fn reads(owners: [Owner<'_>; 2]) -> Vec<(&'static str, statements::Statement)> {
    vec![
        ("get", statements::get(&owners.map(|owner| (1, owner)))),
        (
            "list",
            statements::list(&owners.map(|owner| (owner, None)), 10),
        ),
        ("page", statements::page(((owners[0], None), 10), 10)),
        ("trash", statements::trash(owners[0], 10, 10)),
        (
            "deleted",
            statements::deleted(&owners.map(|owner| (1, owner))),
        ),
        ("sequences", statements::sequences(&owners)),
        (
            "select",
            statements::select(owners[0], &select(IdRange::Below(9))),
        ),
        ("changes", statements::changes(owners[0], 0, 10)),
    ]
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_statement_visits_the_partitions_of_its_owners_alone() {
    let rig = Rig::with(10, true).await;
    let users = [user("ana").await, user("ben").await, user("eve").await];
    for user in &users {
        for _ in 0..3 {
            rig.create(user, "Milk").await.unwrap();
        }
    }
    let server = Postgres::open(&rig.database.url().parse().unwrap(), 8)
        .await
        .unwrap();
    let (mut connection, _) = server.connect().await.unwrap();
    // What the planner prefers on tables as small as these.
    for disabled in ["seqscan", "bitmapscan", "hashjoin", "mergejoin"] {
        let set = format!("SELECT set_config('enable_{disabled}', 'off', FALSE)");
        names(&mut connection, set).await;
    }
    let of = |user: &str| {
        format!(
            "SELECT tableoid::regclass::text FROM tasks WHERE user_id = '{user}' \
             UNION SELECT tableoid::regclass::text FROM user_sequences WHERE user_id = '{user}'"
        )
    };
    let other = names(&mut connection, of("eve")).await;
    let mut own = names(&mut connection, of("ana")).await;
    own.append(&mut names(&mut connection, of("ben")).await);
    assert_eq!(
        (own.len(), own.intersection(&other).count()),
        (4, 0),
        "{own:?}"
    );
    let trash = own.iter().filter_map(|name| name.strip_prefix("tasks_"));
    let trash: Vec<_> = trash.map(|number| format!("trash_{number}")).collect();
    own.extend(trash);

    let owned = |user: &User| owned_by(user, ());
    let (ana, ben) = (owned(&users[0]), owned(&users[1]));
    let owners = [ana.owner(), ben.owner()];
    let new = new("Eggs");
    let complete = change(1, true);
    let patch = change(1, crate::store::tests::titled("Eggs"));
    let deletions = [Removal::Forever, Removal::Trash].map(|removal| change(1, removal));
    let now = Utc::now();
    for unit in [Unit::Statement { quota: 10 }, Unit::Transaction] {
        // The ids of creations, and the versions of other writes.
        let number = if unit == Unit::Transaction { 7 } else { 0 };
        let creates = owners.map(|owner| Numbered {
            owner,
            number,
            write: (&new, None),
        });
        let completes = owners.map(|owner| Numbered {
            owner,
            number: number + 1,
            write: &complete,
        });
        let patches = owners.map(|owner| Numbered {
            owner,
            number: number + 1,
            write: &patch,
        });
        let [deletes, moves] = deletions.each_ref().map(|deletion| {
            owners.map(|owner| Numbered {
                owner,
                number: number + 1,
                write: deletion,
            })
        });
        for (what, statement) in [
            ("create", statements::create(&creates, unit, now)),
            ("complete", statements::complete(&completes, unit, now)),
            ("patch", statements::patch(&patches, unit, now)),
            ("delete", statements::delete(&deletes, unit, now)),
            ("move", statements::delete(&moves, unit, now)),
            ("empty", statements::delete_trashed(&deletes, unit, now)),
        ] {
            let visited = visited(&mut connection, statement).await;
            assert!(
                !visited.is_empty() && visited.is_subset(&own),
                "{what} {unit:?}: {visited:?}"
            );
        }
    }
    let claims = owners.map(|owner| Claim {
        owner,
        numbers: 1,
        creates: false,
    });
    let settlements = owners.map(|owner| Settlement {
        owner,
        tasks: 1,
        sequence: 1,
    });
    let writes = [
        ("claim", statements::claim(&claims)),
        ("settle", statements::settle(&settlements)),
    ];
    for (what, statement) in reads(owners).into_iter().chain(writes) {
        let visited = visited(&mut connection, statement).await;
        assert!(
            !visited.is_empty() && visited.is_subset(&own),
            "{what}: {visited:?}"
        );
    }
}
