//! The purge of the trash, in transactions of one instance at a time.
#![expect(
    clippy::disallowed_methods,
    reason = "a job's statements concern all owners, or name them as `Owner`"
)]

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement,
    TransactionTrait,
};

use crate::store::owned::{Owner, Tombstones};

/// The advisory lock of the purge: the letters "trash" as a number. A lock of a transaction
/// works through transaction poolers.
const PURGE_LOCK: i64 = 0x74_72_61_73_68;

/// A transaction of the purge; nothing where another instance has one. Its statements end
/// after a time, whatever the role's settings, and see what was committed before each.
pub async fn begin(control: &DatabaseConnection) -> Result<Option<DatabaseTransaction>, DbErr> {
    let transaction = control.begin().await?;
    let settings = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                    SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '60s'";
    transaction.execute_unprepared(settings).await?;
    let lock = format!("SELECT pg_try_advisory_xact_lock({PURGE_LOCK}) AS locked");
    let lock = Statement::from_string(DbBackend::Postgres, lock);
    let row = transaction.query_one_raw(lock).await?;
    let is_locked = row.map(|row| row.try_get("", "locked")).transpose()?;
    if is_locked == Some(true) {
        return Ok(Some(transaction));
    }
    transaction.rollback().await?;
    Ok(None)
}

/// Locks the sequences of those owners for whom nobody writes now, and returns them. It waits
/// for none: the locks that it has would hold up the writes of their owners meanwhile.
pub async fn lock_unused(
    transaction: &DatabaseTransaction,
    owners: &[Owner<'_>],
    is_distributed: bool,
) -> Result<HashSet<String>, DbErr> {
    let owners: Vec<_> = owners.iter().map(|owner| owner.as_str()).collect();
    let (lock, values) = if is_distributed {
        // Citus locks rows of one shard at a time.
        let lock = "SELECT user_id FROM user_sequences WHERE user_id = $1 FOR UPDATE SKIP LOCKED";
        (lock, owners.into_iter().map(str::to_owned).collect())
    } else {
        let lock = "SELECT s.user_id FROM json_array_elements_text($1::json) AS a(owner) \
                    JOIN user_sequences AS s ON s.user_id = a.owner \
                    ORDER BY s.user_id COLLATE \"C\" FOR UPDATE OF s SKIP LOCKED";
        (lock, vec![serde_json::json!(owners).to_string()])
    };
    let mut locked = HashSet::new();
    for value in values {
        let lock = Statement::from_sql_and_values(DbBackend::Postgres, lock, [value.into()]);
        for row in transaction.query_all_raw(lock).await? {
            locked.insert(row.try_get("", "user_id")?);
        }
    }
    Ok(locked)
}

/// Removes those of these tombstones, whose owners are locked, that are older than `before`.
pub async fn remove(
    transaction: &DatabaseTransaction,
    tombstones: &Tombstones,
    before: DateTime<Utc>,
) -> Result<Tombstones, DbErr> {
    let remove = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "DELETE FROM trash AS t USING (SELECT pair ->> 0 AS owner, (pair ->> 1)::bigint AS version \
         FROM json_array_elements($1::json) AS a(pair)) AS a \
         WHERE t.user_id = a.owner AND t.version = a.version AND t.deleted_at < $2 \
         RETURNING t.user_id, t.version",
        [tombstones.to_json().into(), before.into()],
    );
    Tombstones::read(&transaction.query_all_raw(remove).await?)
}

/// Records the highest of these versions for each owner, whose sequence is locked.
pub async fn forget(transaction: &DatabaseTransaction, removed: &Tombstones) -> Result<(), DbErr> {
    let forget = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "UPDATE user_sequences AS s SET forgotten = GREATEST(s.forgotten, a.version) \
         FROM (SELECT pair ->> 0 AS owner, max((pair ->> 1)::bigint) AS version \
         FROM json_array_elements($1::json) AS a(pair) GROUP BY 1) AS a \
         WHERE s.user_id = a.owner",
        [removed.to_json().into()],
    );
    transaction.execute_raw(forget).await.map(drop)
}
