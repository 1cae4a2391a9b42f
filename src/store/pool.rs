//! Opens the pools that connections come from.
//!
//! Lanes take their connections for long; the control connection is for
//! migrations and for questions about the database's health.

use std::{fs, path::Path, time::Duration};

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::time::sleep;
use url::Url;

use super::{
    error::StoreError,
    postgres::pooler::{Known, Statements},
    url::{DatabaseUrl, Target},
};

/// What the lanes take, and one or two beside them that are being closed.
const LANES: u32 = 8;
const CONTROL: u32 = 2;
/// How long to wait for a connection. The driver's 30 s would leave requests
/// hanging long after a restart of the server.
const ACQUIRE: Duration = Duration::from_secs(2);
/// How long a writer waits for another process's.
const BUSY: Duration = Duration::from_secs(2);
/// The control connection is renewed now and then, so that a server behind a new
/// address is found, and returned when idle, so that a server that sleeps may.
const LIFETIME: Duration = Duration::from_mins(30);
const IDLE: Duration = Duration::from_mins(4);
/// Settings of a lane's connection to `PostgreSQL`, sent as it is made. A plan is
/// made once for each statement, not again for each batch. A statement that the
/// service no longer waits for ends, and so does its lock; a batch that meets a
/// locked row fails soon, so that its other members can go on without it. And the
/// server asks after two minutes whether an instance is still there, not after its
/// system's two hours: one that vanished holds connections until then. (The driver
/// sets no keep-alive on this side, where each use of a connection has a limit.)
const SETTINGS: [(&str, &str); 7] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("statement_timeout", "2s"),
    ("lock_timeout", LOCK_TIMEOUT),
    ("idle_in_transaction_session_timeout", "5s"),
    ("tcp_keepalives_idle", "60s"),
    ("tcp_keepalives_interval", "15s"),
    ("tcp_keepalives_count", "4"),
];
/// As the server writes it, too: so it tells whether it took the settings.
pub const LOCK_TIMEOUT: &str = "500ms";

/// How a certificate begins, and how a key does too.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const PEM: &str = "-----BEGIN ";

/// Where connections come from. A clone opens none.
#[derive(Clone)]
pub struct Pools {
    /// For migrations and health.
    pub control: DatabaseConnection,
    /// For lanes.
    pub lanes: DatabaseConnection,
    /// For lanes behind a pooler that refuses [`SETTINGS`].
    pub plain: DatabaseConnection,
    /// What is known of prepared statements there.
    pub statements: Known,
}

impl Pools {
    /// Lets go of every connection.
    pub async fn close(&self) {
        for pool in [&self.control, &self.lanes, &self.plain] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::warn!(%error, "a connection did not close");
            }
        }
    }
}

/// Opens the pools.
pub async fn open(url: &DatabaseUrl) -> Result<Pools, StoreError> {
    let statements = Known::default();
    match &url.0 {
        Target::Sqlite(path) => {
            statements.set(Some(Statements::Own));
            prepare(path)?;
            let pool = sqlite(path, LANES + CONTROL).await?;
            Ok(Pools {
                control: pool.clone(),
                lanes: pool.clone(),
                plain: pool,
                statements,
            })
        }
        Target::Postgres(url) => {
            check_files(url)?;
            Ok(Pools {
                control: postgres(url.as_str(), CONTROL, &[]).await?,
                lanes: postgres(url.as_str(), LANES, &SETTINGS).await?,
                plain: postgres(url.as_str(), LANES, &[]).await?,
                statements,
            })
        }
    }
}

/// The driver reads them with each connection: a wrong one would look as if the
/// server were away.
fn check_files(url: &Url) -> Result<(), StoreError> {
    for (key, value) in url.query_pairs() {
        match &*key {
            // The certificate itself may stand there instead.
            "sslrootcert" | "sslcert" if value.starts_with(CERTIFICATE) => {}
            "sslrootcert" | "sslcert" | "sslkey" => {
                // Where it stands is not shown: it may be a key and no file's name.
                let wrong = |what: &str| StoreError::misconfigured(format!("{key}: {what}"));
                let text = fs::read(&*value);
                let text =
                    text.map_err(|error| wrong(&format!("the file cannot be read: {error}")))?;
                if !text.windows(PEM.len()).any(|part| part == PEM.as_bytes()) {
                    return Err(wrong("the file holds no PEM"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

async fn postgres(
    url: &str,
    connections: u32,
    settings: &'static [(&str, &str)],
) -> Result<DatabaseConnection, StoreError> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .max_lifetime(LIFETIME)
        .idle_timeout(IDLE)
        .connect_lazy(true)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .set_application_name("tasks-api")
        .map_sqlx_postgres_opts(move |options| {
            // PgBouncer refuses the parameter; nothing here is a float.
            let options = options.extra_float_digits(None);
            if settings.is_empty() {
                // No settings would be sent as an empty parameter, refused as well.
                return options;
            }
            options.options(settings.iter().copied())
        });
    Ok(Database::connect(options).await?)
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

        let Pools { control, lanes, .. } = open(&DatabaseUrl::parse(&url).unwrap()).await.unwrap();

        for pool in [control, lanes] {
            assert_eq!(pragma::<String>(&pool, "journal_mode").await, "wal");
            assert_eq!(pragma::<i32>(&pool, "synchronous").await, 2, "FULL");
            assert_eq!(pragma::<i32>(&pool, "foreign_keys").await, 1);
            assert_eq!(pragma::<i32>(&pool, "busy_timeout").await, 2000);
        }
    }
}
