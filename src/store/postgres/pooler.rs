//! Whether prepared statements can be relied on where `DATABASE_URL` leads.
//!
//! The driver gives the statements of each connection the same names: `sqlx_s_1`,
//! `sqlx_s_2` and so on. A pooler that lends the server's sessions out for a
//! transaction at a time must give them names of its own; one that does not runs
//! another client's statement under our name, and nobody sees an error. So before
//! anything else is asked, [`check`] looks: a statement that the server knows by
//! another name than ours is kept track of; one that it knows by ours is safe only
//! in a session that nobody else is lent.
//!
//! `docs/decisions/0005` says what this cannot see.
#![expect(
    clippy::disallowed_methods,
    reason = "carries statements that `sql` made, and says none itself"
)]

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use sea_orm::DbErr;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, error::DatabaseError,
    postgres::PgRow, query as prepared, raw_sql,
};
use tokio::time::timeout;
use uuid::Uuid;

mod statements;

use self::statements as probe;
use crate::store::{
    connection::{connect_error, query_error, refuses_settings},
    error::StoreError,
    pool::{LOCK_TIMEOUT, Pools},
};

/// How long a connection may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many connections are compared where the server itself took our settings,
/// and where something before it kept them back. Of the latter there may be
/// several behind one address: two of five connections meet in one of four.
const COMPARED: usize = 2;
const COMPARED_BEHIND_A_POOLER: usize = 5;
/// How the driver's names begin.
const OURS: &str = "sqlx_s_";

/// Why prepared statements can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statements {
    /// Each connection has a session of the server to itself.
    Own,
    /// A pooler gives them names of its own.
    Tracked,
}

impl fmt::Display for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "each connection has a session of the server to itself",
            Self::Tracked => "a pooler keeps track of them",
        })
    }
}

/// What the last check found, for all who connect.
#[derive(Clone, Default)]
pub struct Known(Arc<Mutex<Option<Statements>>>);

impl Known {
    pub fn get(&self) -> Option<Statements> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, found: Option<Statements>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

/// Why they cannot.
const SHARED: &str = "a pooler lends the database's sessions to several clients and does not keep \
     track of their prepared statements, so that one would run the statements of another: set \
     max_prepared_statements above 0 (100 is good) in PgBouncer 1.21 or later, use its session \
     mode, or connect to the database directly";
const NO_TRANSACTIONS: &str = "a pooler allows no transactions: set PgBouncer to its transaction or \
     session mode, or connect to the database directly";

/// What came of a question.
enum Failure {
    /// No answer in time.
    Silent,
    /// An answer that tells all.
    Unsafe(&'static str),
    Failed(DbErr),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Silent => Self::silent(),
            Failure::Unsafe(why) => Self::misconfigured(why),
            Failure::Failed(error) => error.into(),
        }
    }
}

/// Looks, on connections of its own, and tells `pools` what it found.
pub async fn check(pools: &Pools) -> Result<Statements, StoreError> {
    let mut open = Vec::new();
    let found = compare(pools, &mut open).await;
    // Politely: what a pooler is left with it may take for a broken client.
    join_all(open.into_iter().map(|one| timeout(PATIENCE, one.close()))).await;
    pools.statements.set(found.as_ref().ok().copied());
    Ok(found?)
}

/// Whether the statements of a connection that was just made are kept track of,
/// as they were when the service started.
pub async fn is_tracked(connection: &mut PgConnection) -> Result<bool, DbErr> {
    match look(connection).await {
        Ok(look) => Ok(!look.is_ours),
        Err(Failure::Unsafe(_)) => Ok(false),
        Err(Failure::Silent) => Err(connect_error(sqlx::Error::PoolTimedOut)),
        Err(Failure::Failed(error)) => Err(error),
    }
}

/// The failure to give where they are not.
pub fn untracked() -> DbErr {
    connect_error(sqlx::Error::Io(std::io::Error::other(SHARED)))
}

async fn compare(pools: &Pools, open: &mut Vec<PgConnection>) -> Result<Statements, Failure> {
    let mut lent = Lent::default();
    let mut wanted = COMPARED;
    while open.len() < wanted {
        let nth = open.len();
        let (mut connection, refused) = connect(pools).await?;
        let look = match look(&mut connection).await {
            // In session mode it waits for a session that the first one does not
            // give back. Whether that is why, the first one can say.
            Err(Failure::Silent) if nth > 0 => break,
            done => done?,
        };
        open.push(connection);
        if !look.is_ours {
            return Ok(Statements::Tracked);
        }
        if refused || !look.has_settings {
            wanted = COMPARED_BEHIND_A_POOLER;
        }
        lent.to(nth, look.session)?;
        lent.ask(open).await?;
    }
    lent.ask(open).await?;
    Ok(Statements::Own)
}

/// Which connection was seen in which session of the server.
#[derive(Default)]
struct Lent(HashMap<String, usize>);

impl Lent {
    /// An error where another one was, or where this one was in another: then a
    /// session is not its own.
    fn to(&mut self, connection: usize, session: String) -> Result<(), Failure> {
        let elsewhere = self
            .0
            .iter()
            .any(|(s, c)| *c == connection && *s != session);
        let before = self.0.insert(session, connection);
        if elsewhere || before.is_some_and(|before| before != connection) {
            return Err(Failure::Unsafe(SHARED));
        }
        Ok(())
    }

    /// Asks each one, twice: a pooler that lends its sessions in turn gives one
    /// connection different ones, and one that lends the last given back gives
    /// different connections the same.
    async fn ask(&mut self, open: &mut [PgConnection]) -> Result<(), Failure> {
        for _ in 0..2 {
            for (nth, connection) in open.iter_mut().enumerate() {
                let row = one(connection, probe::session()).await?;
                self.to(nth, text(&row, "session")?)?;
            }
        }
        Ok(())
    }
}

/// Like a lane's, with the lanes' settings where they are taken. Whether they
/// were refused.
async fn connect(pools: &Pools) -> Result<(PgConnection, bool), Failure> {
    let connect = async |pool: &sea_orm::DatabaseConnection| {
        let options = pool.get_postgres_connection_pool().connect_options();
        let connected = timeout(PATIENCE, options.connect()).await;
        connected.map_err(|_| None)?.map_err(Some)
    };
    let (connected, refused) = match connect(&pools.lanes).await {
        Err(Some(error)) if refuses_settings(&error) => (connect(&pools.plain).await, true),
        connected => (connected, false),
    };
    match connected {
        Ok(connection) => Ok((connection, refused)),
        Err(None) => Err(Failure::Silent),
        Err(Some(error)) => Err(Failure::Failed(connect_error(error))),
    }
}

struct Look {
    /// Whether the server knows a statement by the name that we gave it.
    is_ours: bool,
    session: String,
    /// Whether the lanes' settings came through to the server.
    has_settings: bool,
}

/// Prepares a statement and asks the server about it, in one transaction, which
/// no pooler splits. It is gone afterwards.
async fn look(connection: &mut PgConnection) -> Result<Look, Failure> {
    let nonce = format!("tasks-api {}", Uuid::now_v7().simple());
    run(connection, "BEGIN".to_owned()).await?;
    let named = prepared(AssertSqlSafe(probe::named(&nonce))).fetch_all(&mut *connection);
    answer(named).await?;
    let row = one(connection, probe::known_as(&nonce)).await?;
    let name: Option<String> = row.try_get("name").map_err(failed)?;
    let ours = name.filter(|name| name.starts_with(OURS));
    if let Some(name) = &ours {
        run(connection, probe::deallocate(name)).await?;
    }
    run(connection, "COMMIT".to_owned()).await?;
    Ok(Look {
        is_ours: ours.is_some(),
        session: text(&row, "session")?,
        has_settings: text(&row, "lock_timeout")? == LOCK_TIMEOUT,
    })
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), Failure> {
    let run = raw_sql(AssertSqlSafe(sql)).execute(connection);
    answer(run).await.map(|_| ())
}

async fn one(connection: &mut PgConnection, sql: String) -> Result<PgRow, Failure> {
    answer(raw_sql(AssertSqlSafe(sql)).fetch_one(connection)).await
}

fn text(row: &PgRow, column: &str) -> Result<String, Failure> {
    row.try_get(column).map_err(failed)
}

async fn answer<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(failed),
        Err(_) => Err(Failure::Silent),
    }
}

fn failed(error: sqlx::Error) -> Failure {
    let said = error.as_database_error();
    match said.and_then(DatabaseError::code).as_deref() {
        // This connection is new, and yet its first name is taken.
        Some("42P05") => Failure::Unsafe(SHARED),
        // The code alone is PgBouncer's for whatever it has to say.
        Some("08P01") if said.is_some_and(|said| said.message().contains("pooling mode")) => {
            Failure::Unsafe(NO_TRANSACTIONS)
        }
        _ => Failure::Failed(query_error(error)),
    }
}
