//! Opens the connections.
//!
//! `SQLite` gets one writer and a few readers: it lets one write at a time, and
//! writers that wait in our queue, in order, are better off than in its own,
//! where they poll. `PostgreSQL` gets one lazy pool.

use std::{fs, path::Path, time::Duration};

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::time::sleep;

use super::{
    error::StoreError,
    url::{DatabaseUrl, Target},
};

/// The most connections of one instance: what a machine of few cores can use,
/// and few enough for several instances on one server.
const POSTGRES_CONNECTIONS: u32 = 16;
const SQLITE_READERS: u32 = 4;
/// How long a request waits for a connection. The driver's 30 s would leave
/// requests hanging long after a restart of the server.
const ACQUIRE: Duration = Duration::from_secs(2);
/// How long a writer waits for another process's.
const BUSY: Duration = Duration::from_secs(2);
/// Connections are renewed now and then, so that a server behind a new address
/// is found, and returned when idle, so that a server that sleeps may.
const LIFETIME: Duration = Duration::from_mins(30);
const IDLE: Duration = Duration::from_mins(4);

/// The readers and the writer.
pub async fn open(
    url: &DatabaseUrl,
) -> Result<(DatabaseConnection, DatabaseConnection), StoreError> {
    match &url.0 {
        Target::Sqlite(path) => {
            prepare(path)?;
            let writer = sqlite(path, 1).await?;
            let readers = sqlite(path, SQLITE_READERS).await?;
            Ok((readers, writer))
        }
        Target::Postgres(url) => {
            let mut options = ConnectOptions::new(url.as_str());
            options
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(ACQUIRE)
                .max_lifetime(LIFETIME)
                .idle_timeout(IDLE)
                .connect_lazy(true)
                .sqlx_logging(false)
                .set_application_name("tasks-api")
                // PgBouncer refuses the parameter; nothing here is a float.
                .map_sqlx_postgres_opts(|options| options.extra_float_digits(None));
            let pool = Database::connect(options).await?;
            Ok((pool.clone(), pool))
        }
    }
}

/// Makes the file's folder, and says plainly what the driver would say darkly.
fn prepare(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    if path.is_dir() {
        return Err(StoreError::broken(format!(
            "{shown} is a directory; wants a file"
        )));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            StoreError::broken(format!("cannot make the folder {folder}: {error}"))
        })?;
    }
    Ok(())
}

async fn sqlite(path: &Path, connections: u32) -> Result<DatabaseConnection, StoreError> {
    // Several processes that start at once on a new file may meet while one
    // switches it to WAL; that lock does not honour the busy time-out.
    let mut attempts = 20;
    loop {
        let file = path.to_owned();
        let mut options = ConnectOptions::new("sqlite:");
        options
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |_| {
                SqliteConnectOptions::new()
                    .filename(&file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // NORMAL would lose acknowledged tasks when the power fails.
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(BUSY)
            });
        match Database::connect(options).await {
            Ok(pool) => return Ok(pool),
            Err(error) if attempts > 0 && is_locked(&error) => {
                attempts -= 1;
                sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(cannot_open(path, &error)),
        }
    }
}

fn database_error(error: &DbErr) -> Option<(Option<u32>, String)> {
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else {
        return None;
    };
    let sea_orm::RuntimeErr::SqlxError(error) = runtime else {
        return None;
    };
    let error = error.as_database_error()?;
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    Some((code.map(|code| code & 0xff), error.message().to_owned()))
}

/// `SQLITE_BUSY` or `SQLITE_LOCKED`.
fn is_locked(error: &DbErr) -> bool {
    matches!(database_error(error), Some((Some(5 | 6), _)))
}

fn cannot_open(path: &Path, error: &DbErr) -> StoreError {
    let why = database_error(error).map_or_else(|| error.to_string(), |(_, message)| message);
    StoreError::broken(format!("cannot open {}: {why}", path.display()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "asks the file for its settings")]
mod tests {
    use sea_orm::{ConnectionTrait, DbBackend, Statement, TryGetable};

    use super::*;

    async fn pragma<T: TryGetable>(pool: &DatabaseConnection, name: &str) -> T {
        let ask = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
        let row = pool.query_one_raw(ask).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    #[tokio::test]
    async fn a_file_is_opened_for_safety_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/tasks.db");
        let url = format!("sqlite://{}", path.display());

        let (readers, writer) = open(&DatabaseUrl::parse(&url).unwrap()).await.unwrap();

        for pool in [readers, writer] {
            assert_eq!(pragma::<String>(&pool, "journal_mode").await, "wal");
            assert_eq!(pragma::<i32>(&pool, "synchronous").await, 2, "FULL");
            assert_eq!(pragma::<i32>(&pool, "foreign_keys").await, 1);
            assert_eq!(pragma::<i32>(&pool, "busy_timeout").await, 2000);
        }
    }
}
