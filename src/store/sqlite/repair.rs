//! The repair of counts and of the next id, in one transaction, which holds the file's
//! write lock.
#![expect(
    clippy::disallowed_methods,
    reason = "the operator's statements concern all owners, or name them as `Owner`"
)]

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

use crate::store::{entity::NextId, owned::Owner};

/// Counts the tasks of these owners anew. Returns how many counts were wrong.
pub async fn recount(
    transaction: &DatabaseTransaction,
    owners: &[Owner<'_>],
) -> Result<u64, DbErr> {
    let owners: Vec<_> = owners.iter().map(|owner| owner.as_str()).collect();
    let recount = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "INSERT INTO task_counts (user_id, tasks) \
         SELECT value, (SELECT count(*) FROM tasks WHERE user_id = value) \
         FROM json_each($1) WHERE TRUE \
         ON CONFLICT (user_id) DO UPDATE SET tasks = excluded.tasks \
         WHERE tasks <> excluded.tasks",
        [Value::from(serde_json::json!(owners).to_string())],
    );
    let recounted = transaction.execute_raw(recount).await?;
    Ok(recounted.rows_affected())
}

/// Whether the file remembers a lower id than that of a task. The next id is then free all
/// the same, but that of the newest task would be used again once this is deleted.
pub async fn next_id(connection: &impl ConnectionTrait) -> Result<NextId, DbErr> {
    let query = "SELECT COALESCE((SELECT max(id) FROM tasks) > COALESCE((SELECT max(seq) \
                 FROM sqlite_sequence WHERE name = 'tasks'), 0), FALSE) AS taken";
    let query = Statement::from_string(DbBackend::Sqlite, query);
    let row = connection.query_one_raw(query).await?;
    match row.map(|row| row.try_get("", "taken")).transpose()? {
        Some(true) => Ok(NextId::Taken),
        _ => Ok(NextId::Free),
    }
}

/// Makes the file remember the id of the last task.
pub async fn set_next_id(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let set = "DELETE FROM sqlite_sequence WHERE name = 'tasks'; \
               INSERT INTO sqlite_sequence (name, seq) SELECT 'tasks', max(id) FROM tasks";
    transaction.execute_unprepared(set).await.map(drop)
}
