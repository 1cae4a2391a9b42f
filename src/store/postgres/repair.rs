//! The repair of counts and of the next id, in one transaction.
#![expect(
    clippy::disallowed_methods,
    reason = "the operator's statements concern all owners, or name them as `Owner`"
)]

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

use crate::store::{entity::NextId, owned::Owner};

/// Waits until nobody creates or deletes tasks, and lets nobody until the transaction ends:
/// creations and deletions lock a count, or the table where there is none. Reads and other
/// writes go on.
pub async fn lock_all_counts(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let lock = "LOCK TABLE task_counts IN EXCLUSIVE MODE";
    transaction.execute_unprepared(lock).await.map(drop)
}

/// Counts the tasks of these owners anew. Returns how many counts were wrong.
pub async fn recount(
    transaction: &DatabaseTransaction,
    owners: &[Owner<'_>],
) -> Result<u64, DbErr> {
    let owners: Vec<_> = owners.iter().map(|owner| owner.as_str()).collect();
    let recount = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "INSERT INTO task_counts AS held (user_id, tasks) \
         SELECT owner, (SELECT count(*) FROM tasks WHERE user_id = owner) \
         FROM json_array_elements_text($1::json) AS a(owner) \
         ON CONFLICT (user_id) DO UPDATE SET tasks = excluded.tasks \
         WHERE held.tasks <> excluded.tasks",
        [Value::from(serde_json::json!(owners).to_string())],
    );
    let recounted = transaction.execute_raw(recount).await?;
    Ok(recounted.rows_affected())
}

/// Whether the sequence of ids is behind a task. A creation of the service takes its id
/// before its task can be seen.
pub async fn next_id(connection: &impl ConnectionTrait) -> Result<NextId, DbErr> {
    let Some(sequence) = sequence(connection).await? else {
        return Ok(NextId::Unknown);
    };
    let query = format!(
        "SELECT COALESCE((SELECT max(id) FROM tasks) \
         >= last_value + CASE WHEN is_called THEN 1 ELSE 0 END, FALSE) AS taken FROM {sequence}"
    );
    let query = Statement::from_string(DbBackend::Postgres, query);
    let row = connection.query_one_raw(query).await?;
    match row.map(|row| row.try_get("", "taken")).transpose()? {
        Some(true) => Ok(NextId::Taken),
        _ => Ok(NextId::Free),
    }
}

/// Moves the sequence behind the last task. [`lock_all_counts`] keeps creations from taking
/// ids meanwhile.
pub async fn set_next_id(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let set = "SELECT setval(pg_get_serial_sequence('tasks', 'id'), max(id)) FROM tasks";
    transaction.execute_unprepared(set).await.map(drop)
}

/// The name of the sequence, quoted where needed, if the role may read and set it. The
/// service's own role needs no right to it: the column is an identity.
async fn sequence(connection: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    let query = "SELECT name FROM pg_get_serial_sequence('tasks', 'id') AS name \
                 WHERE has_sequence_privilege(name, 'SELECT') \
                 AND has_sequence_privilege(name, 'UPDATE')";
    let query = Statement::from_string(DbBackend::Postgres, query);
    let row = connection.query_one_raw(query).await?;
    row.map(|row| row.try_get("", "name")).transpose()
}
