//! One sequence per user: the key of a task is (`user_id`, `id`), and every write has a
//! version.
//!
//! - `user_sequences` takes the place of `task_counts`. A write locks its owner's row,
//!   takes the next number of `sequence`, and holds the lock until it commits; so the
//!   transactions of one user commit in the order of their numbers. `born` tells one life
//!   of a sequence from the next (after an erase or a restore from backup), and
//!   `forgotten` is the highest version whose tombstone was purged.
//! - `tasks` has the columns of version 1.1 of the contract. `version` has no index, which
//!   would end heap-only updates; `id` comes first, for the alignment of the row.
//! - `trash` has deleted tasks, and of those that were deleted for good a tombstone, which
//!   has no title.
//!
//! Ids and times are kept. Each sequence starts above every id that was given so far in the
//! whole database, so that no id of 1.0 is used again. The version of every task is 0, its
//! manual position that of a new task.
//!
//! Programs of 1.0 cannot use these tables: stop them first.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DatabaseBackend, Statement},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, POSTGRES_UP, SQLITE_UP).await
    }

    /// Refuses where two users have a task of the same id. What 1.0 has no column for is
    /// lost, the trash included.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if let Some(id) = shared_id(manager).await? {
            return Err(DbErr::Migration(format!(
                "two users have a task with the id {id}, and before 1.1 an id names one task in \
                 the whole database: restore the backup from before the upgrade instead"
            )));
        }
        run(manager, POSTGRES_DOWN, SQLITE_DOWN).await
    }
}

async fn run(manager: &SchemaManager<'_>, postgres: &str, sqlite: &str) -> Result<(), DbErr> {
    let statements = match manager.get_database_backend() {
        DatabaseBackend::Postgres => postgres,
        _ => sqlite,
    };
    let connection = manager.get_connection();
    connection.execute_unprepared(statements).await?;
    Ok(())
}

/// An id that several users have.
#[expect(
    clippy::disallowed_methods,
    reason = "a migration concerns the tasks of all users"
)]
async fn shared_id(manager: &SchemaManager<'_>) -> Result<Option<i64>, DbErr> {
    let shared = "SELECT id FROM tasks GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1";
    let shared = Statement::from_string(manager.get_database_backend(), shared);
    let row = manager.get_connection().query_one_raw(shared).await?;
    row.map(|row| row.try_get("", "id")).transpose()
}

/// The columns of deleted tasks are those of tasks; only what a tombstone keeps is
/// mandatory. Indexes come after the rows, which is faster.
const POSTGRES_UP: &str = r#"
LOCK TABLE tasks, task_counts IN ACCESS EXCLUSIVE MODE;
ALTER TABLE tasks RENAME TO tasks_1_0;
ALTER INDEX tasks_pkey RENAME TO tasks_1_0_pkey;

CREATE TABLE user_sequences (
    user_id text COLLATE "C" NOT NULL,
    tasks bigint NOT NULL,
    sequence bigint NOT NULL,
    born bigint NOT NULL,
    forgotten bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

INSERT INTO user_sequences (user_id, tasks, sequence, born)
SELECT user_id, sum(held), (
    SELECT COALESCE(GREATEST(
        (SELECT max(id) FROM tasks_1_0),
        pg_sequence_last_value(pg_get_serial_sequence('tasks_1_0', 'id')::regclass)
    ), 0)
), (random() * 4611686018427387904)::bigint
FROM (
    SELECT user_id, count(*) AS held FROM tasks_1_0 GROUP BY user_id
    UNION ALL SELECT user_id, 0 FROM task_counts
) AS users GROUP BY user_id;

ALTER TABLE user_sequences ADD PRIMARY KEY (user_id);

CREATE TABLE tasks (
    id bigint NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    completed boolean NOT NULL DEFAULT FALSE,
    user_id text COLLATE "C" NOT NULL,
    title text NOT NULL,
    position text COLLATE "C" NOT NULL,
    tags jsonb NOT NULL DEFAULT '[]',
    description text,
    due_date date,
    due_time time,
    completed_at timestamptz,
    idempotency_key text,
    idempotency_fingerprint bigint
) WITH (fillfactor = 80);

INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at, position)
SELECT id, user_id, title, description, completed, created_at, updated_at,
    chr(91 - length(to_hex(id))) || right(to_hex(~id), length(to_hex(id)))
FROM tasks_1_0 ORDER BY user_id COLLATE "C", id;

ALTER TABLE tasks ADD PRIMARY KEY (user_id, id);
CREATE UNIQUE INDEX tasks_by_idempotency_key ON tasks (user_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE trash (
    id bigint NOT NULL,
    version bigint NOT NULL,
    deleted_at timestamptz NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    title text,
    description text,
    completed boolean,
    priority smallint,
    position text COLLATE "C",
    tags jsonb,
    due_date date,
    due_time time,
    created_at timestamptz,
    updated_at timestamptz,
    completed_at timestamptz,
    idempotency_key text,
    idempotency_fingerprint bigint,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX trash_by_version ON trash (user_id, version);
CREATE INDEX trash_by_time ON trash (deleted_at);
CREATE UNIQUE INDEX trash_by_idempotency_key ON trash (user_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

DROP TABLE tasks_1_0;
DROP TABLE task_counts;
"#;

const POSTGRES_DOWN: &str = "
LOCK TABLE tasks, user_sequences IN ACCESS EXCLUSIVE MODE;
ALTER TABLE tasks RENAME TO tasks_1_1;
ALTER INDEX tasks_pkey RENAME TO tasks_1_1_pkey;

CREATE TABLE tasks (
    id bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL PRIMARY KEY,
    user_id text NOT NULL,
    title text NOT NULL,
    description text,
    completed boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 80);

INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at)
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks_1_1 ORDER BY id;

CREATE INDEX tasks_by_user ON tasks (user_id, id DESC);
SELECT setval(pg_get_serial_sequence('tasks', 'id'), max(sequence))
FROM user_sequences HAVING max(sequence) > 0;

CREATE TABLE task_counts (user_id text NOT NULL PRIMARY KEY, tasks bigint NOT NULL);
INSERT INTO task_counts (user_id, tasks) SELECT user_id, tasks FROM user_sequences;

DROP TABLE tasks_1_1;
DROP TABLE user_sequences;
DROP TABLE trash;
";

/// The rows lie in the order of the key, so that a list is read in one piece. The description,
/// which may be long, comes last, so that nothing is behind it.
const SQLITE_UP: &str = "
ALTER TABLE tasks RENAME TO tasks_1_0;

CREATE TABLE user_sequences (
    user_id text NOT NULL PRIMARY KEY,
    tasks integer NOT NULL,
    sequence integer NOT NULL,
    born integer NOT NULL,
    forgotten integer NOT NULL DEFAULT 0
) WITHOUT ROWID;

INSERT INTO user_sequences (user_id, tasks, sequence, born)
SELECT user_id, sum(held), (
    SELECT max(
        COALESCE((SELECT max(id) FROM tasks_1_0), 0),
        COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'tasks_1_0'), 0)
    )
), random() & 4611686018427387903
FROM (
    SELECT user_id, count(*) AS held FROM tasks_1_0 GROUP BY user_id
    UNION ALL SELECT user_id, 0 FROM task_counts
) GROUP BY user_id;

CREATE TABLE tasks (
    id integer NOT NULL,
    version integer NOT NULL DEFAULT 0,
    user_id text NOT NULL,
    completed boolean NOT NULL DEFAULT FALSE,
    priority integer NOT NULL DEFAULT 0,
    created_at timestamp_with_timezone_text NOT NULL,
    updated_at timestamp_with_timezone_text NOT NULL,
    completed_at timestamp_with_timezone_text,
    due_date date_text,
    due_time time_text,
    position text NOT NULL,
    idempotency_key text,
    idempotency_fingerprint integer,
    tags text NOT NULL DEFAULT '[]',
    title text NOT NULL,
    description text,
    PRIMARY KEY (user_id, id)
) WITHOUT ROWID;

INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at, position)
SELECT id, user_id, title, description, completed, created_at, updated_at,
    char(91 - length(printf('%x', id))) || substr(printf('%x', ~id), -length(printf('%x', id)))
FROM tasks_1_0 ORDER BY user_id, id;

CREATE UNIQUE INDEX tasks_by_idempotency_key ON tasks (user_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE trash (
    id integer NOT NULL,
    version integer NOT NULL,
    deleted_at timestamp_with_timezone_text NOT NULL,
    user_id text NOT NULL,
    title text,
    description text,
    completed boolean,
    created_at timestamp_with_timezone_text,
    updated_at timestamp_with_timezone_text,
    completed_at timestamp_with_timezone_text,
    due_date date_text,
    due_time time_text,
    priority integer,
    tags text,
    position text,
    idempotency_key text,
    idempotency_fingerprint integer,
    PRIMARY KEY (user_id, id)
) WITHOUT ROWID;
CREATE INDEX trash_by_version ON trash (user_id, version);
CREATE INDEX trash_by_time ON trash (deleted_at);
CREATE UNIQUE INDEX trash_by_idempotency_key ON trash (user_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

DROP TABLE tasks_1_0;
DROP TABLE task_counts;
";

const SQLITE_DOWN: &str = "
ALTER TABLE tasks RENAME TO tasks_1_1;

CREATE TABLE tasks (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id text NOT NULL,
    title text NOT NULL,
    description text NULL,
    completed boolean NOT NULL DEFAULT FALSE,
    created_at timestamp_with_timezone_text NOT NULL,
    updated_at timestamp_with_timezone_text NOT NULL
);

INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at)
SELECT id, user_id, title, description, completed, created_at, updated_at
FROM tasks_1_1 ORDER BY id;

CREATE INDEX tasks_by_user ON tasks (user_id, id DESC);
DELETE FROM sqlite_sequence WHERE name = 'tasks';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'tasks', max(sequence) FROM user_sequences HAVING max(sequence) > 0;

CREATE TABLE task_counts (user_id text NOT NULL PRIMARY KEY, tasks integer NOT NULL);
INSERT INTO task_counts (user_id, tasks) SELECT user_id, tasks FROM user_sequences;

DROP TABLE tasks_1_1;
DROP TABLE user_sequences;
DROP TABLE trash;
";
