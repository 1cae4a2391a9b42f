//! A connection that a lane keeps for itself.
//!
//! A pool hands its connections out and tests them on their way back: a second
//! round trip for each statement. So a lane takes one from sea-orm's pool and
//! keeps it. sea-orm runs a `Statement` on a pool or in a transaction only, not
//! on such a connection: [`Link::query`] does, with sea-orm's own binding of
//! values and its own rows. It can go once sea-orm can.
#![expect(
    clippy::disallowed_methods,
    reason = "carries statements that `sql` made, and says none itself"
)]

use std::{
    future::Future,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{DbErr, QueryResult, RuntimeErr, Statement, sea_query::Values};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Connection, Postgres, Sqlite, pool::PoolConnection};
use tokio::time::timeout;

use super::{
    DatabaseKind,
    pool::Pools,
    postgres::pooler::{self, Statements},
};
use crate::telemetry::metrics;

/// How long a batch may take. Less than a request's own limit, so that what is
/// sent early is also answered.
const BATCH: Duration = Duration::from_secs(2);
/// A connection that was quiet for so long is tested before it is used: the
/// server may have restarted, and a write that is lost with it is in doubt.
const QUIET: Duration = Duration::from_secs(1);
/// Connections are renewed now and then, so that a server behind a new address
/// is found.
const LIFETIME: Duration = Duration::from_mins(30);

/// A connection, opened when it is first needed and again after it broke.
pub struct Link {
    kind: DatabaseKind,
    pools: Pools,
    /// Whether a pooler refused the settings of the lanes' own connections.
    is_plain: bool,
    open: Option<Open>,
}

struct Open {
    connection: Kept,
    _counted: metrics::Connection,
    since: Instant,
    used: Instant,
}

enum Kept {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

/// Why a batch has no answers.
#[derive(Debug)]
pub enum Broken {
    /// No connection could be had: nothing was sent.
    NotConnected(DbErr),
    /// It failed as a whole.
    Failed(DbErr),
    /// No answer within the time limit.
    Silent,
}

impl Link {
    /// A connection of `pools`, not yet opened.
    pub fn new(kind: DatabaseKind, pools: &Pools) -> Self {
        Self {
            kind,
            pools: pools.clone(),
            is_plain: false,
            open: None,
        }
    }

    /// Which database it leads to.
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// Does the work of a batch on a connection that answers. Whatever goes
    /// wrong half-way, the connection is closed, so that the database takes back
    /// what was not committed.
    pub async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, DbErr>,
    ) -> Result<T, Broken> {
        if let Err(error) = self.open().await {
            metrics::database_error("not_connected");
            return Err(Broken::NotConnected(error));
        }
        let _busy = metrics::Connection::busy();
        match timeout(BATCH, work(self)).await {
            Ok(Ok(done)) => {
                if let Some(open) = &mut self.open {
                    open.used = Instant::now();
                }
                Ok(done)
            }
            Ok(Err(error)) => {
                if is_about_names(&error) {
                    // What was found of the pooler does not hold any more.
                    self.pools.statements.set(None);
                    self.drop_connection();
                }
                let refused = is_answer(&error);
                metrics::database_error(if refused { "refused" } else { "lost" });
                if self.kind == DatabaseKind::Sqlite || !refused {
                    self.drop_connection();
                }
                Err(Broken::Failed(error))
            }
            Err(_) => {
                metrics::database_error("too_slow");
                self.drop_connection();
                Err(Broken::Silent)
            }
        }
    }

    /// Runs one statement and reads all its rows. A write is committed when this
    /// returns: the driver reads on to the server's last word.
    pub async fn query(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let Some(open) = &mut self.open else {
            return Err(DbErr::Custom("the connection is not open".to_owned()));
        };
        let values = SqlxValues(statement.values.unwrap_or(Values(Vec::new())));
        let sql = AssertSqlSafe(statement.sql);
        let rows = match &mut open.connection {
            Kept::Postgres(connection) => {
                let query = sqlx::query_with(sql, values);
                let rows = query.fetch_all(&mut **connection).await;
                rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
            }
            Kept::Sqlite(connection) => {
                let query = sqlx::query_with(sql, values);
                let rows = query.fetch_all(&mut **connection).await;
                rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
            }
        };
        rows.map_err(query_error)
    }

    /// Lets go of the connection, politely.
    pub async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let closing = async {
            match open.connection {
                Kept::Postgres(connection) => connection.close().await,
                Kept::Sqlite(connection) => connection.close().await,
            }
        };
        if let Ok(Err(error)) = timeout(BATCH, closing).await {
            tracing::debug!(%error, "a connection did not close");
        }
    }

    async fn open(&mut self) -> Result<(), DbErr> {
        if let Some(open) = &mut self.open {
            if open.since.elapsed() > LIFETIME {
                self.close().await;
            } else if open.used.elapsed() < QUIET || open.connection.answers().await {
                return Ok(());
            } else {
                self.drop_connection();
            }
        }
        if self.pools.statements.get().is_none() {
            let check = pooler::check(&self.pools).await;
            check.map_err(|error| connect_error(sqlx::Error::Io(io::Error::other(error))))?;
        }
        let connection = match self.connect().await {
            Err(error) if refuses_settings(&error) && !self.is_plain => {
                self.is_plain = true;
                self.connect().await
            }
            connected => connected,
        };
        let mut connection = connection.map_err(connect_error)?;
        if let Err(error) = connection.check(&self.pools).await {
            // It may be in the middle of a transaction: not back into the pool.
            connection.leave();
            return Err(error);
        }
        let now = Instant::now();
        self.open = Some(Open {
            connection,
            _counted: metrics::Connection::open(),
            since: now,
            used: now,
        });
        Ok(())
    }

    async fn connect(&self) -> Result<Kept, sqlx::Error> {
        let pool = if self.is_plain {
            &self.pools.plain
        } else {
            &self.pools.lanes
        };
        match self.kind {
            DatabaseKind::Postgres => {
                let pool = pool.get_postgres_connection_pool();
                pool.acquire().await.map(Kept::Postgres)
            }
            DatabaseKind::Sqlite => {
                let pool = pool.get_sqlite_connection_pool();
                pool.acquire().await.map(Kept::Sqlite)
            }
        }
    }

    /// Closes the connection without a word: it may be in the middle of anything.
    pub fn drop_connection(&mut self) {
        if let Some(open) = self.open.take() {
            open.connection.leave();
        }
    }
}

impl Kept {
    fn leave(self) {
        match self {
            Self::Postgres(connection) => drop(connection.detach()),
            Self::Sqlite(connection) => drop(connection.detach()),
        }
    }

    async fn answers(&mut self) -> bool {
        let ping: std::pin::Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + '_>> =
            match self {
                Self::Postgres(connection) => Box::pin(connection.ping()),
                Self::Sqlite(_) => return true,
            };
        matches!(timeout(QUIET, ping).await, Ok(Ok(())))
    }

    /// Fails where a pooler kept track of statements and no longer does: it may
    /// have come back with other settings, or be another one.
    async fn check(&mut self, pools: &Pools) -> Result<(), DbErr> {
        let Self::Postgres(connection) = self else {
            return Ok(());
        };
        if pools.statements.get() != Some(Statements::Tracked)
            || pooler::is_tracked(connection).await?
        {
            return Ok(());
        }
        pools.statements.set(None);
        Err(pooler::untracked())
    }
}

/// Whether the database itself said no, on a connection that is as good as before.
fn is_answer(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    match &**error {
        // Classes 08 and 57P end the connection. Where the server is read-only,
        // another may have taken its place: a new connection finds it.
        sqlx::Error::Database(error) => !error.code().is_some_and(|code| {
            code.starts_with("08") || code.starts_with("57P") || code == "25006"
        }),
        _ => false,
    }
}

/// Whether a name that we gave a statement is not ours to use: the server does
/// not know it, or knows it as another one's.
fn is_about_names(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("26000" | "42P05"))
}

/// Poolers refuse settings that are sent as the connection is made, with
/// `protocol_violation` or `feature_not_supported`.
pub fn refuses_settings(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("08P01" | "0A000"))
}

pub fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

pub fn connect_error(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}
