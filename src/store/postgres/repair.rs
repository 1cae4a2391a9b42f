//! The repair of counts and sequences, in one transaction.
#![expect(
    clippy::disallowed_methods,
    reason = "the operator's statements concern all owners, or name them as `Owner`"
)]

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

use crate::store::{clock::born, owned::Owner};

/// Waits until nobody writes, and lets nobody until the transaction ends: a write locks its
/// owner's row, or the table where there is none. Reads go on.
pub async fn lock_all_sequences(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let lock = "LOCK TABLE user_sequences IN EXCLUSIVE MODE";
    transaction.execute_unprepared(lock).await.map(drop)
}

/// Counts the tasks of these owners anew. Returns how many counts were wrong.
pub async fn recount(
    transaction: &DatabaseTransaction,
    owners: &[Owner<'_>],
) -> Result<u64, DbErr> {
    let recount = "INSERT INTO user_sequences AS s (user_id, tasks, sequence, born) \
                   SELECT a.owner, COALESCE(t.held, 0), 0, $2 \
                   FROM json_array_elements_text($1::json) AS a(owner) \
                   LEFT JOIN (SELECT user_id, count(*) AS held FROM tasks WHERE user_id IN \
                   (SELECT json_array_elements_text($1::json)) GROUP BY user_id) AS t \
                   ON t.user_id = a.owner \
                   LEFT JOIN user_sequences AS h ON h.user_id = a.owner \
                   WHERE t.held > 0 OR h.user_id IS NOT NULL \
                   ON CONFLICT (user_id) DO UPDATE SET tasks = excluded.tasks \
                   WHERE s.tasks <> excluded.tasks RETURNING user_id";
    run(transaction, recount, owners).await
}

/// Moves the sequences of these owners, who were counted, behind their ids and versions.
/// Returns how many were not.
pub async fn catch_up(
    transaction: &DatabaseTransaction,
    owners: &[Owner<'_>],
) -> Result<u64, DbErr> {
    let catch_up = "INSERT INTO user_sequences AS s (user_id, tasks, sequence, born) \
                    SELECT a.owner, 0, COALESCE(GREATEST(t.highest, d.highest), 0), $2 \
                    FROM json_array_elements_text($1::json) AS a(owner) \
                    LEFT JOIN (SELECT user_id, max(GREATEST(id, version)) AS highest FROM tasks \
                    WHERE user_id IN (SELECT json_array_elements_text($1::json)) \
                    GROUP BY user_id) AS t ON t.user_id = a.owner \
                    LEFT JOIN (SELECT user_id, max(version) AS highest FROM trash \
                    WHERE user_id IN (SELECT json_array_elements_text($1::json)) \
                    GROUP BY user_id) AS d ON d.user_id = a.owner \
                    ON CONFLICT (user_id) DO UPDATE SET sequence = excluded.sequence \
                    WHERE s.sequence < excluded.sequence RETURNING user_id";
    run(transaction, catch_up, owners).await
}

/// Runs a statement on owners. Returns how many rows it changed: those that it returns, since
/// Citus counts rows in conflict whether or not they are changed.
async fn run(
    transaction: &DatabaseTransaction,
    sql: &str,
    owners: &[Owner<'_>],
) -> Result<u64, DbErr> {
    let owners: Vec<_> = owners.iter().map(|owner| owner.as_str()).collect();
    let owners = Value::from(serde_json::json!(owners).to_string());
    let values = [owners, Value::from(born())];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    Ok(transaction.query_all_raw(statement).await?.len() as u64)
}
