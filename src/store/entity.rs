//! The tables as sea-orm sees them, and the way from a row to the contract's
//! [`Task`]. Private to this room.

mod row;
pub mod rows;

use chrono::{NaiveDate, NaiveTime};

use self::row::Row;
use crate::api::tasks::{Position, Priority, Task, TaskTags};

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
        pub version: i64,
        pub completed_at: Option<DateTimeUtc>,
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

/// The columns of a task in the order in which [`task`] reads them, each behind `$table`. A
/// statement with a star would fail on every open connection once a column is added (0A000,
/// "cached plan must not change result type"). The others are expressions, which may be null
/// for what most tasks have: pending, no priority, no tags (the text of an array), and not
/// changed since `created_at`.
macro_rules! columns {
    ($table:literal) => {
        columns!(
            $table,
            concat!($table, "completed"),
            concat!($table, "priority"),
            concat!("CAST(", $table, "tags AS text)"),
            concat!($table, "updated_at")
        )
    };
    ($table:literal, $completed:expr, $priority:expr, $tags:expr, $updated_at:expr) => {
        concat!(
            $table,
            "id, ",
            $table,
            "version, ",
            $table,
            "user_id, ",
            $table,
            "title, ",
            $table,
            "description, ",
            $completed,
            " AS completed, ",
            $table,
            "completed_at, ",
            $table,
            "due_date, ",
            $table,
            "due_time, ",
            $priority,
            " AS priority, ",
            $tags,
            " AS tags, ",
            $table,
            "position, ",
            $table,
            "idempotency_key, ",
            $table,
            "created_at, ",
            $updated_at,
            " AS updated_at"
        )
    };
}
pub(super) use columns;

/// Reads every column that a statement uses, at its type, of no row.
pub const TRY_READS: &str = concat!(
    "SELECT ",
    columns!(""),
    ", idempotency_fingerprint FROM tasks WHERE FALSE AND completed IS TRUE; \
     SELECT user_id, tasks, sequence, born, forgotten FROM user_sequences WHERE FALSE; \
     SELECT ",
    columns!(""),
    ", deleted_at, idempotency_fingerprint FROM trash WHERE FALSE"
);

/// Writes every column that a statement writes, at its type, of no row.
pub const TRY_WRITES: &str = "\
    INSERT INTO tasks (id, version, user_id, title, description, due_date, due_time, priority, \
    tags, position, completed, completed_at, idempotency_key, idempotency_fingerprint, \
    created_at, updated_at) SELECT id, version, user_id, title, description, due_date, due_time, \
    priority, tags, position, completed, completed_at, idempotency_key, idempotency_fingerprint, \
    created_at, updated_at FROM trash WHERE FALSE; \
    UPDATE tasks SET version = 1, title = 'a', description = 'a', due_date = NULL, \
    due_time = NULL, priority = 1, tags = '[]', position = 'a', completed = FALSE, \
    updated_at = CURRENT_TIMESTAMP, completed_at = CURRENT_TIMESTAMP WHERE FALSE; \
    DELETE FROM tasks WHERE FALSE; \
    INSERT INTO user_sequences (user_id, tasks, sequence, born) \
    SELECT user_id, tasks, sequence, born FROM user_sequences WHERE FALSE; \
    UPDATE user_sequences SET tasks = 1, sequence = 1 WHERE FALSE; \
    DELETE FROM user_sequences WHERE FALSE; \
    INSERT INTO trash (id, version, user_id, deleted_at, title, description, due_date, due_time, \
    priority, tags, position, completed, completed_at, idempotency_key, \
    idempotency_fingerprint, created_at, updated_at) SELECT id, version, user_id, deleted_at, \
    title, description, due_date, due_time, priority, tags, position, completed, completed_at, \
    idempotency_key, idempotency_fingerprint, created_at, updated_at FROM trash WHERE FALSE; \
    UPDATE trash SET title = NULL WHERE FALSE; \
    DELETE FROM trash WHERE FALSE";

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

/// Tags as the text of a JSON array, to bind them to a statement.
pub fn tags_text(tags: &TaskTags) -> String {
    serde_json::json!(tags).to_string()
}

/// What moves with a task into the trash and back; the version and `updated_at` do so as
/// well, but change.
pub const CONTENT: [&str; 14] = [
    "id",
    "user_id",
    "title",
    "description",
    "completed",
    "completed_at",
    "due_date",
    "due_time",
    "priority",
    "tags",
    "position",
    "idempotency_key",
    "idempotency_fingerprint",
    "created_at",
];

/// How many [`columns`] there are: the index of the column behind them.
pub const COLUMNS: usize = 15;

/// The task of a row that begins with these [`columns`]. They are read by their index, which
/// takes half as long as by their names.
pub fn task(row: &impl Row) -> Result<Task, sqlx::Error> {
    let invalid = |what: &str| sqlx::Error::Decode(format!("a task has an invalid {what}").into());
    let priority = row.at::<Option<_>>(9)?.map(Priority::of_number);
    let priority = priority.unwrap_or(Some(Priority::None));
    let tags = match row.at::<Option<String>>(10)?.as_deref() {
        None | Some("[]") => TaskTags::default(),
        Some(tags) => {
            let tags = serde_json::from_str(tags).map_err(|_| invalid("array of tags"))?;
            TaskTags::stored(tags)
        }
    };
    let created_at = row.at(13)?;
    let updated_at: Option<_> = row.at(14)?;
    Ok(Task {
        id: row.at(0)?,
        version: row.at(1)?,
        user_id: row.at(2)?,
        title: row.at(3)?,
        description: row.at(4)?,
        completed: row.at::<Option<_>>(5)?.unwrap_or_default(),
        completed_at: row.at(6)?,
        due_date: row.at::<Option<NaiveDate>>(7)?.map(Into::into),
        due_time: row.at::<Option<NaiveTime>>(8)?.map(Into::into),
        priority: priority.ok_or_else(|| invalid("priority"))?,
        tags,
        position: Position::stored(row.at(11)?),
        idempotency_key: row.at(12)?,
        created_at,
        updated_at: updated_at.unwrap_or(created_at),
    })
}

/// The tasks of rows that begin with these [`columns`].
pub fn tasks<R: Row>(rows: &[R]) -> Result<Vec<Task>, sqlx::Error> {
    rows.iter().map(task).collect()
}

/// The owners and ids of rows that begin with them.
pub fn owned_ids<R: Row>(rows: &[R]) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let owned_id = |row: &R| Ok((row.at(0)?, row.at(1)?));
    rows.iter().map(owned_id).collect()
}

/// What was created with a key.
#[derive(Debug, Clone)]
pub struct Earlier {
    pub fingerprint: Option<i64>,
    /// The task as it is; of one that was deleted its id.
    pub task: Result<Task, i64>,
}

/// What was created with a key, with its owner and the key.
pub type Created = ((String, String), Earlier);

/// The columns of what was deleted since, for [`by_key`].
macro_rules! deleted_columns {
    () => {
        "t.id, t.version, t.user_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
         t.idempotency_key, NULL, NULL, t.idempotency_fingerprint"
    };
}
pub(super) use deleted_columns;

/// What was created with a key, by the owner and the key: rows with [`columns`] and the
/// fingerprint. What was deleted has no title.
pub fn by_key<R: Row>(rows: &[R]) -> Result<Vec<Created>, sqlx::Error> {
    let created = |row: &R| {
        let place = (row.at(2)?, row.at(12)?);
        let task = match row.at::<Option<String>>(3)? {
            Some(_) => Ok(task(row)?),
            None => Err(row.at(0)?),
        };
        let fingerprint = row.at(COLUMNS)?;
        Ok((place, Earlier { fingerprint, task }))
    };
    rows.iter().map(created).collect()
}

/// The sequences of rows with the columns of [`sequence`].
pub fn sequences<R: Row>(rows: &[R]) -> Result<Vec<sequence::Model>, sqlx::Error> {
    let sequence = |row: &R| {
        Ok(sequence::Model {
            user_id: row.at(0)?,
            tasks: row.at(1)?,
            sequence: row.at(2)?,
        })
    };
    rows.iter().map(sequence).collect()
}
