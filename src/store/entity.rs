//! The tables as sea-orm sees them, and the way from a row to the contract's
//! [`Task`]. Private to this room.

use sea_orm::{DbErr, FromQueryResult, QueryResult};

use crate::api::tasks::Task;

/// A task.
pub mod task {
    use sea_orm::entity::prelude::*;

    /// A row of `tasks`.
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tasks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
        pub user_id: String,
        #[sea_orm(column_type = "Text")]
        pub title: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub description: Option<String>,
        pub completed: bool,
        pub created_at: DateTimeUtc,
        pub updated_at: DateTimeUtc,
    }

    #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The sequence of a user, and how many tasks the user holds.
pub mod sequence {
    use sea_orm::entity::prelude::*;

    /// A row of `user_sequences`.
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_sequences")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
        pub user_id: String,
        pub tasks: i64,
        pub sequence: i64,
    }

    #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The columns of a task, each behind `$table`. A statement with a star would fail
/// on every open connection once a column is added (0A000, "cached plan must not
/// change result type").
macro_rules! columns {
    ($table:literal) => {
        concat!(
            $table,
            "id, ",
            $table,
            "user_id, ",
            $table,
            "title, ",
            $table,
            "description, ",
            $table,
            "completed, ",
            $table,
            "created_at, ",
            $table,
            "updated_at"
        )
    };
}
pub(super) use columns;

/// Reads every column that a statement uses, at its type, of no row.
pub const TRY_READS: &str = concat!(
    "SELECT ",
    columns!(""),
    ", version, position, completed_at, idempotency_key, idempotency_fingerprint \
     FROM tasks WHERE FALSE AND completed IS TRUE; \
     SELECT user_id, tasks, sequence, born FROM user_sequences WHERE FALSE; \
     SELECT id, user_id, version, deleted_at, idempotency_key, idempotency_fingerprint \
     FROM trash WHERE FALSE"
);

/// Writes every column that a statement writes, at its type, of no row.
pub const TRY_WRITES: &str = "\
    INSERT INTO tasks (id, version, user_id, title, description, position, completed, \
    created_at, updated_at, completed_at) SELECT id, version, user_id, title, description, \
    position, FALSE, created_at, updated_at, completed_at FROM tasks WHERE FALSE; \
    UPDATE tasks SET version = 1, title = 'a', description = 'a', completed = FALSE, \
    updated_at = CURRENT_TIMESTAMP, completed_at = CURRENT_TIMESTAMP WHERE FALSE; \
    DELETE FROM tasks WHERE FALSE; \
    INSERT INTO user_sequences (user_id, tasks, sequence, born) \
    SELECT user_id, tasks, sequence, born FROM user_sequences WHERE FALSE; \
    UPDATE user_sequences SET tasks = 1, sequence = 1 WHERE FALSE; \
    INSERT INTO trash (id, user_id, version, deleted_at, idempotency_key, \
    idempotency_fingerprint) SELECT id, user_id, version, deleted_at, idempotency_key, \
    idempotency_fingerprint FROM trash WHERE FALSE";

/// The users whose count is not the number of their tasks, or whose sequence is behind an
/// id or a version of theirs.
pub const INCONSISTENT: &str = "\
    SELECT user_id, COALESCE(held.tasks, 0) <> COALESCE(s.tasks, 0) AS miscounted, \
    COALESCE(held.highest, 0) > COALESCE(s.sequence, 0) AS behind \
    FROM (SELECT user_id, sum(tasks) AS tasks, max(highest) AS highest FROM ( \
    SELECT user_id, 1 AS tasks, CASE WHEN id > version THEN id ELSE version END AS highest \
    FROM tasks UNION ALL SELECT user_id, 0, version FROM trash) AS kept GROUP BY user_id) AS held \
    FULL JOIN user_sequences AS s USING (user_id) \
    WHERE COALESCE(held.tasks, 0) <> COALESCE(s.tasks, 0) \
    OR COALESCE(held.highest, 0) > COALESCE(s.sequence, 0)";

/// The oldest tombstones from before `$1`, at most `$2`. Those of an owner without a sequence
/// could not be locked; `doctor` finds such owners.
pub const EXPIRED: &str = "\
    SELECT t.user_id, t.version FROM trash AS t \
    JOIN user_sequences AS s ON s.user_id = t.user_id \
    WHERE t.deleted_at < $1 ORDER BY t.deleted_at LIMIT $2";

/// Users who have more than `$1` tombstones, at most `$2`. The versions of a user differ, so
/// a sequence that is no higher than that rules the user out.
pub const CROWDED: &str = "\
    SELECT t.user_id, max(t.version) AS version FROM user_sequences AS s \
    JOIN trash AS t ON t.user_id = s.user_id WHERE s.sequence > $1 \
    GROUP BY t.user_id HAVING count(*) > $1 LIMIT $2";

/// Removes the oldest tombstones of the user `$1` beyond `$2`, at most `$3`.
pub const PURGE_EXCESS: &str = "\
    DELETE FROM trash WHERE user_id = $1 AND version IN ( \
    SELECT version FROM trash WHERE user_id = $1 AND version <= ( \
    SELECT version FROM trash WHERE user_id = $1 ORDER BY version DESC LIMIT 1 OFFSET $2) \
    ORDER BY version LIMIT $3) RETURNING user_id, version";

impl From<task::Model> for Task {
    fn from(row: task::Model) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            title: row.title,
            description: row.description,
            completed: row.completed,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The task of a row with these [`columns`].
pub fn task(row: impl Into<QueryResult>) -> Result<Task, sqlx::Error> {
    let row = task::Model::from_query_result(&row.into(), "");
    row.map(Task::from)
        .map_err(|error: DbErr| sqlx::Error::Decode(error.into()))
}

/// The sequences of rows with the columns of [`sequence`].
pub fn sequences<R: Into<QueryResult>>(rows: Vec<R>) -> Result<Vec<sequence::Model>, sqlx::Error> {
    let rows = rows.into_iter().map(Into::into);
    let sequences = rows.map(|row| sequence::Model::from_query_result(&row, ""));
    let sequences: Result<_, DbErr> = sequences.collect();
    sequences.map_err(|error| sqlx::Error::Decode(error.into()))
}
