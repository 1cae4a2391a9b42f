//! Opens the file of `SQLite`.

use std::{fs, path::Path, time::Duration};

use sea_orm::{Database, DatabaseConnection, DbErr};
use sqlx::{
    ConnectOptions as _,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::time::sleep;

use crate::store::{
    error::{StoreError, driver_error, primary_code, sqlstate},
    pool,
};

/// How long a writer waits for another process's. Less than a batch may take, so that it
/// is known that nothing was written.
const BUSY_TIMEOUT: Duration = Duration::from_millis(1500);
/// To which length the WAL is cut after a checkpoint, in bytes: a long reader of another
/// process may have let it grow.
const WAL_LIMIT: &str = "67108864";
/// How often opening is tried again where the file is locked, and how long after.
const RETRIES: u32 = 20;
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Opens the file for at most so many connections, and creates it with its folder where it
/// is missing.
pub async fn open(path: &Path, connections: u32) -> Result<DatabaseConnection, StoreError> {
    prepare(path)?;
    connect(path, connections, |options| {
        options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
    })
    .await
}

/// Opens the file as it is, and creates nothing; nothing where it is missing.
pub async fn open_existing(
    path: &Path,
    connections: u32,
) -> Result<Option<DatabaseConnection>, StoreError> {
    check_is_file(path)?;
    match path.try_exists() {
        Ok(true) => {
            let opened = connect(path, connections, |options| options).await;
            opened.map(Some)
        }
        Ok(false) => Ok(None),
        Err(error) => {
            let shown = path.display();
            Err(StoreError::Broken(format!("cannot open {shown}: {error}")))
        }
    }
}

async fn connect(
    path: &Path,
    connections: u32,
    create: fn(SqliteConnectOptions) -> SqliteConnectOptions,
) -> Result<DatabaseConnection, StoreError> {
    // Several processes that start at once on a new file may meet while one switches
    // it to WAL; that lock does not honour the busy time-out.
    let mut retries = RETRIES;
    loop {
        let file = path.to_owned();
        let mut options = pool::options("sqlite:", connections);
        options.map_sqlx_sqlite_opts(move |_| {
            let options = SqliteConnectOptions::new()
                .filename(&file)
                // NORMAL would lose acknowledged tasks when the power fails.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .pragma("journal_size_limit", WAL_LIMIT)
                // What is deleted is overwritten in the file, not only unlinked.
                .pragma("secure_delete", "ON")
                .busy_timeout(BUSY_TIMEOUT)
                // New options log slow statements with their SQL.
                .disable_statement_logging();
            create(options)
        });
        match Database::connect(options).await {
            Ok(pool) => return Ok(pool),
            Err(error) if retries > 0 && may_retry(&error) => {
                retries -= 1;
                sleep(RETRY_DELAY).await;
            }
            Err(error) => return Err(cannot_open(path, &error)),
        }
    }
}

fn check_is_file(path: &Path) -> Result<(), StoreError> {
    if !path.is_dir() {
        return Ok(());
    }
    let shown = path.display();
    let what = format!("{shown} is a directory; wants a file");
    Err(StoreError::Broken(what))
}

/// Creates the file with its folder, for this user alone, and says plainly what the
/// driver would not. The files beside it get the rights of the file.
fn prepare(path: &Path) -> Result<(), StoreError> {
    check_is_file(path)?;
    let mut folders = fs::DirBuilder::new();
    let mut file = fs::OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folders.mode(0o700);
        file.mode(0o600);
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        folders.recursive(true).create(folder).map_err(|error| {
            let folder = folder.display();
            StoreError::Broken(format!("cannot create the folder {folder}: {error}"))
        })?;
    }
    // Whether it is there already, or cannot be created, the driver says.
    let _ = file.open(path);
    Ok(())
}

/// `SQLITE_BUSY` or `SQLITE_LOCKED`, or a machine so busy that the file is not open in
/// time.
fn may_retry(error: &DbErr) -> bool {
    let error = driver_error(error);
    let code = error.and_then(sqlstate);
    matches!(error, Some(sqlx::Error::PoolTimedOut))
        || code.is_some_and(|code| matches!(primary_code(&code), Some(5 | 6)))
}

fn cannot_open(path: &Path, error: &DbErr) -> StoreError {
    let message = driver_error(error).and_then(sqlx::Error::as_database_error);
    let message = message.map_or_else(|| error.to_string(), |error| error.message().to_owned());
    StoreError::Broken(format!("cannot open {}: {message}", path.display()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "queries the file's settings")]
mod tests {
    use sea_orm::{ConnectionTrait, DbBackend, Statement, TryGetable};

    use super::*;

    async fn pragma<T: TryGetable>(pool: &DatabaseConnection, name: &str) -> T {
        let query = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
        let row = pool.query_one_raw(query).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    #[tokio::test]
    async fn a_file_is_opened_for_safety_first() {
        let folder = tempfile::tempdir().unwrap();

        let pool = open(&folder.path().join("new/folder/tasks.db"), 12)
            .await
            .unwrap();

        assert_eq!(pragma::<String>(&pool, "journal_mode").await, "wal");
        assert_eq!(pragma::<i32>(&pool, "synchronous").await, 2, "FULL");
        assert_eq!(pragma::<i32>(&pool, "foreign_keys").await, 1);
        assert_eq!(pragma::<i32>(&pool, "busy_timeout").await, 1500);
        assert_eq!(pragma::<i64>(&pool, "journal_size_limit").await, 64 << 20);
    }

    #[tokio::test]
    async fn no_statement_is_logged_with_its_sql() {
        let folder = tempfile::tempdir().unwrap();

        let pool = open(&folder.path().join("tasks.db"), 12).await.unwrap();

        let options = pool.get_sqlite_connection_pool().connect_options();
        let options = format!("{options:?}");
        for setting in ["{ statements_level: Off", " slow_statements_level: Off"] {
            assert!(options.contains(setting), "{options}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_file_and_its_folder_are_readable_by_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/folder/tasks.db");

        let pool = open(&file, 12).await.unwrap();
        let write = "CREATE TABLE t (a); INSERT INTO t VALUES (1)";
        pool.execute_unprepared(write).await.unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (path, expected) in [
            ("new", 0o700),
            ("new/folder", 0o700),
            ("new/folder/tasks.db", 0o600),
            ("new/folder/tasks.db-wal", 0o600),
        ] {
            assert_eq!(mode(&folder.path().join(path)), expected, "{path}");
        }
    }
}
