//! A reader that follows a user's changes in the database, as a client of a changes feed
//! would: it asks for the highest version, and the rows above the last one that it saw, in
//! one statement.

#![expect(
    clippy::disallowed_methods,
    reason = "reads the tables from outside, as the store must allow"
)]

use std::collections::BTreeMap;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};
use tasks_api_test_support::database::TestDatabase;

/// A task as a replica has it; none where it was deleted.
pub type Copy = Option<(String, bool)>;

/// What a reader knows of one user.
pub struct Reader {
    database: DatabaseConnection,
    user: &'static str,
    /// The highest version that was read.
    seen: i64,
    /// The version and the copy of each task.
    pub replica: BTreeMap<i64, (i64, Copy)>,
    pub reads: usize,
}

impl Reader {
    pub async fn new(database: &TestDatabase, user: &'static str) -> Self {
        let mut options = ConnectOptions::new(database.url());
        options.max_connections(1).sqlx_logging(false);
        Self {
            database: Database::connect(options).await.unwrap(),
            user,
            seen: 0,
            replica: BTreeMap::new(),
            reads: 0,
        }
    }

    /// The highest version, and the rows above `after`, as one statement sees them.
    async fn fetch(&self, after: i64) -> (i64, Vec<(i64, i64, Copy)>) {
        let user = self.user;
        let sql = format!(
            "SELECT s.sequence, r.id, r.version, r.title, r.completed \
             FROM user_sequences AS s LEFT JOIN \
             (SELECT user_id, id, version, title, completed FROM tasks WHERE user_id = '{user}' \
             UNION ALL SELECT user_id, id, version, NULL, NULL FROM trash WHERE user_id = '{user}') \
             AS r ON r.user_id = s.user_id AND r.version > {after} WHERE s.user_id = '{user}'"
        );
        let sql = Statement::from_string(self.database.get_database_backend(), sql);
        let mut highest = 0;
        let mut rows = Vec::new();
        for row in self.database.query_all_raw(sql).await.unwrap() {
            highest = row.try_get("", "sequence").unwrap();
            if let Some(id) = row.try_get("", "id").unwrap() {
                let title: Option<String> = row.try_get("", "title").unwrap();
                let completed: Option<bool> = row.try_get("", "completed").unwrap();
                let version = row.try_get("", "version").unwrap();
                rows.push((id, version, title.zip(completed)));
            }
        }
        (highest, rows)
    }

    /// Reads what is new, and applies it. Nothing may be above the highest version.
    pub async fn read(&mut self) {
        let (highest, rows) = self.fetch(self.seen).await;
        assert!(highest >= self.seen, "from {} to {highest}", self.seen);
        for (id, version, copy) in rows {
            assert!(version <= highest, "task {id}: {version} above {highest}");
            self.replica.insert(id, (version, copy));
        }
        self.seen = highest;
        self.reads += 1;
    }

    /// Reads everything: what is at or below the highest version that was read must have
    /// been read by then.
    pub async fn check(&self) {
        let (_, rows) = self.fetch(-1).await;
        for (id, version, copy) in rows {
            if version <= self.seen {
                let known = self.replica.get(&id);
                assert_eq!(known, Some(&(version, copy)), "task {id} appeared later");
            }
        }
    }

    /// The tasks that are not deleted, newest first.
    pub fn tasks(&self) -> Vec<(i64, String, bool)> {
        let there = self.replica.iter().rev();
        let there = there.filter_map(|(id, (_, copy))| Some((*id, copy.clone()?)));
        there.map(|(id, (title, done))| (id, title, done)).collect()
    }

    /// The user's row: the number of tasks, and the sequence.
    pub async fn row(&self) -> (i64, i64) {
        let user = self.user;
        let sql = format!("SELECT tasks, sequence FROM user_sequences WHERE user_id = '{user}'");
        let sql = Statement::from_string(self.database.get_database_backend(), sql);
        let row = self.database.query_one_raw(sql).await.unwrap().unwrap();
        let number = |column| row.try_get("", column).unwrap();
        (number("tasks"), number("sequence"))
    }

    pub async fn execute(&self, sql: &str) {
        self.database.execute_unprepared(sql).await.unwrap();
    }

    /// Whether a statement of the service waits in `event` of `PostgreSQL`.
    pub async fn is_waiting(&self, event: &str) -> bool {
        self.has_sessions(&format!("wait_event = '{event}'")).await
    }

    /// Whether `PostgreSQL` runs a statement of the service with this text in it.
    pub async fn is_running(&self, text: &str) -> bool {
        let running = format!("state = 'active' AND strpos(query, '{text}') > 0");
        self.has_sessions(&running).await
    }

    async fn has_sessions(&self, condition: &str) -> bool {
        let sql = format!(
            "SELECT count(*) AS sessions FROM pg_stat_activity WHERE {condition} \
             AND datname = current_database() AND pid <> pg_backend_pid()"
        );
        let sql = Statement::from_string(self.database.get_database_backend(), sql);
        let row = self.database.query_one_raw(sql).await.unwrap().unwrap();
        row.try_get::<i64>("", "sessions").unwrap() > 0
    }
}
