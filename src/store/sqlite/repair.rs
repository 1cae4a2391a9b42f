//! The repair of counts and sequences, in one transaction, which holds the file's write lock.
#![expect(
    clippy::disallowed_methods,
    reason = "the operator's statements concern all owners, or name them as `Owner`"
)]

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

use crate::store::{clock::born, owned::Owner};

/// Counts the tasks of these owners anew. Returns how many counts were wrong.
pub async fn recount(
    transaction: &DatabaseTransaction,
    owners: &[Owner<'_>],
) -> Result<u64, DbErr> {
    let recount = "INSERT INTO user_sequences (user_id, tasks, sequence, born) \
                   SELECT owner, held, 0, $2 FROM (SELECT value AS owner, \
                   (SELECT count(*) FROM tasks WHERE user_id = value) AS held FROM json_each($1)) \
                   WHERE held > 0 OR owner IN (SELECT user_id FROM user_sequences) \
                   ON CONFLICT (user_id) DO UPDATE SET tasks = excluded.tasks \
                   WHERE tasks <> excluded.tasks";
    run(transaction, recount, owners).await
}

/// Moves the sequences of these owners, who were counted, behind their ids and versions.
/// Returns how many were not.
pub async fn catch_up(
    transaction: &DatabaseTransaction,
    owners: &[Owner<'_>],
) -> Result<u64, DbErr> {
    let catch_up = "INSERT INTO user_sequences (user_id, tasks, sequence, born) \
                    SELECT value, 0, max( \
                    COALESCE((SELECT max(max(id, version)) FROM tasks WHERE user_id = value), 0), \
                    COALESCE((SELECT max(version) FROM trash WHERE user_id = value), 0)), $2 \
                    FROM json_each($1) WHERE TRUE \
                    ON CONFLICT (user_id) DO UPDATE SET sequence = excluded.sequence \
                    WHERE sequence < excluded.sequence";
    run(transaction, catch_up, owners).await
}

/// Runs a statement on owners. Returns how many rows it changed.
async fn run(
    transaction: &DatabaseTransaction,
    sql: &str,
    owners: &[Owner<'_>],
) -> Result<u64, DbErr> {
    let owners: Vec<_> = owners.iter().map(|owner| owner.as_str()).collect();
    let owners = Value::from(serde_json::json!(owners).to_string());
    let values = [owners, Value::from(born())];
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    Ok(transaction.execute_raw(statement).await?.rows_affected())
}
