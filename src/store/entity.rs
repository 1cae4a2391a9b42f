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
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "Text")]
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

/// How many tasks a user holds.
pub mod count {
    use sea_orm::entity::prelude::*;

    /// A row of `task_counts`.
    #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "task_counts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
        pub user_id: String,
        pub tasks: i64,
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

/// Reads every column, at its type, of no row.
pub const TRY_READS: &str = concat!(
    "SELECT ",
    columns!(""),
    " FROM tasks WHERE FALSE AND completed IS TRUE; \
     SELECT user_id, tasks FROM task_counts WHERE FALSE"
);

/// Writes every column, at its type, of no row.
pub const TRY_WRITES: &str = "\
    INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) \
    SELECT user_id, title, description, FALSE, created_at, updated_at FROM tasks WHERE FALSE; \
    UPDATE tasks SET user_id = 'a', title = 'a', description = 'a', completed = FALSE, \
    created_at = CURRENT_TIMESTAMP, updated_at = CURRENT_TIMESTAMP WHERE FALSE; \
    DELETE FROM tasks WHERE FALSE; \
    INSERT INTO task_counts (user_id, tasks) SELECT user_id, 1 FROM tasks WHERE FALSE; \
    UPDATE task_counts SET user_id = 'a', tasks = 1 WHERE FALSE";

/// The users whose count is not the number of their tasks.
pub const MISCOUNTED: &str = "\
    SELECT user_id FROM (SELECT user_id, count(*) AS tasks FROM tasks GROUP BY user_id) AS held \
    FULL JOIN task_counts AS counted USING (user_id) \
    WHERE COALESCE(held.tasks, 0) <> COALESCE(counted.tasks, 0)";

/// Whether the id of the next task is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextId {
    /// It is greater than every id.
    Free,
    /// Tasks have it, or greater ones: they were stored with ids of their own.
    Taken,
    /// The role of `DATABASE_URL` may not read and set the sequence of ids.
    Unknown,
}

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
