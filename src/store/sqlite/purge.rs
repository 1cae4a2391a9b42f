//! The purge of the trash, in transactions that hold the file's write lock: neither another
//! process nor a request writes beside them.
#![expect(
    clippy::disallowed_methods,
    reason = "a job's statements concern all owners, or name them as `Owner`"
)]

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};

use crate::store::owned::Tombstones;

/// Removes those of these tombstones that are older than `before`.
pub async fn remove(
    transaction: &DatabaseTransaction,
    tombstones: &Tombstones,
    before: DateTime<Utc>,
) -> Result<Tombstones, DbErr> {
    let remove = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "DELETE FROM trash WHERE (user_id, version) IN \
         (SELECT value ->> 0, value ->> 1 FROM json_each($1)) AND deleted_at < $2 \
         RETURNING user_id, version",
        [tombstones.to_json().into(), before.into()],
    );
    Tombstones::read(&transaction.query_all_raw(remove).await?)
}

/// Records the highest of these versions for each owner.
pub async fn forget(transaction: &DatabaseTransaction, removed: &Tombstones) -> Result<(), DbErr> {
    let forget = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "UPDATE user_sequences SET forgotten = max(forgotten, a.version) \
         FROM (SELECT value ->> 0 AS owner, max(value ->> 1) AS version \
         FROM json_each($1) GROUP BY 1) AS a WHERE user_id = a.owner",
        [removed.to_json().into()],
    );
    transaction.execute_raw(forget).await.map(drop)
}
