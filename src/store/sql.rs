//! Statements that sea-orm's builder cannot say, each with the owner in it. No
//! other file holds SQL text; `clippy.toml` sees to it.
#![expect(
    clippy::disallowed_methods,
    reason = "the one place for SQL text, and each statement names the owner"
)]

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait, Value,
    sea_query::{Expr, SimpleExpr},
};

use super::{DatabaseKind, entity::task::Model};

/// Counts one more task of `$1`, who may hold `$2`; touches no row where that is
/// one too many. Concurrent creations of a user queue at the user's row, so that
/// the quota is exact on any number of instances.
const COUNT_ONE_MORE: &str = "\
    INSERT INTO task_counts AS held (user_id, tasks) SELECT $1, 1 WHERE $2 > 0 \
    ON CONFLICT (user_id) DO UPDATE SET tasks = held.tasks + 1 WHERE held.tasks < $2";
const COLUMNS: &str = "id, user_id, title, description, completed, created_at, updated_at";

/// A task that is to be stored.
pub struct NewTask {
    /// The user's subject.
    pub owner: String,
    pub title: String,
    pub description: Option<String>,
    pub now: DateTime<Utc>,
}

/// Stores a task for an owner who holds fewer than `limit`; `None` else.
pub async fn insert(
    kind: DatabaseKind,
    writer: &DatabaseConnection,
    task: NewTask,
    limit: u32,
) -> Result<Option<Model>, DbErr> {
    let values: [Value; 5] = [
        task.owner.into(),
        i64::from(limit).into(),
        task.title.into(),
        task.description.into(),
        task.now.into(),
    ];
    let insert =
        "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at)";
    if kind == DatabaseKind::Postgres {
        let sql = format!(
            "WITH granted AS ({COUNT_ONE_MORE} RETURNING user_id) \
             {insert} SELECT user_id, $3, $4, FALSE, $5, $5 FROM granted RETURNING {COLUMNS}"
        );
        return one(writer, DbBackend::Postgres, sql, values).await;
    }
    let transaction = writer.begin_with_options(immediate()).await?;
    let count = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        COUNT_ONE_MORE,
        values[..2].iter().cloned(),
    );
    let counted = transaction.execute_raw(count).await?.rows_affected();
    let task = if counted == 0 {
        None
    } else {
        let sql = format!("{insert} VALUES ($1, $3, $4, FALSE, $5, $5) RETURNING {COLUMNS}");
        one(&transaction, DbBackend::Sqlite, sql, values).await?
    };
    transaction.commit().await?;
    Ok(task)
}

/// Removes the owner's task of this id; whether there was one.
pub async fn delete(
    kind: DatabaseKind,
    writer: &DatabaseConnection,
    owner: String,
    id: i64,
) -> Result<bool, DbErr> {
    let values: [Value; 2] = [owner.into(), id.into()];
    let remove = "DELETE FROM tasks WHERE user_id = $1 AND id = $2";
    let count = "UPDATE task_counts SET tasks = tasks - 1 WHERE user_id = $1";
    if kind == DatabaseKind::Postgres {
        // Counted by what was removed, whether or not the count is there.
        let sql = format!(
            "WITH gone AS ({remove} RETURNING id), \
             counted AS ({count} AND EXISTS (SELECT 1 FROM gone)) SELECT id FROM gone"
        );
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        return Ok(writer.query_one_raw(statement).await?.is_some());
    }
    let transaction = writer.begin_with_options(immediate()).await?;
    let owner = values[0].clone();
    let remove = Statement::from_sql_and_values(DbBackend::Sqlite, remove, values);
    let gone = transaction.execute_raw(remove).await?.rows_affected() > 0;
    if gone {
        let count = Statement::from_sql_and_values(DbBackend::Sqlite, count, [owner]);
        transaction.execute_raw(count).await?;
    }
    transaction.commit().await?;
    Ok(gone)
}

/// The new `updated_at`: `now`, and on `PostgreSQL`, where instances have clocks
/// of their own, later than the old one in any case.
pub fn moved(kind: DatabaseKind, now: DateTime<Utc>) -> SimpleExpr {
    match kind {
        DatabaseKind::Sqlite => Expr::value(now),
        DatabaseKind::Postgres => {
            Expr::cust_with_values("GREATEST($1, updated_at + interval '1 microsecond')", [now])
        }
    }
}

async fn one(
    connection: &impl ConnectionTrait,
    backend: DbBackend,
    sql: String,
    values: [Value; 5],
) -> Result<Option<Model>, DbErr> {
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let row = connection.query_one_raw(statement).await?;
    row.map(|row| Model::from_query_result(&row, ""))
        .transpose()
}

/// Takes `SQLite`'s write lock at the start: a lock that is taken later fails at
/// once where another process wrote in between.
fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}
