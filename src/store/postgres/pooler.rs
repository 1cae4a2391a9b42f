//! Whether prepared statements are safe where `DATABASE_URL` leads.
//!
//! The driver gives the statements of each connection the same names: `sqlx_s_1`,
//! `sqlx_s_2` and so on. A pooler in transaction mode must give them names of its
//! own; one that does not runs another client's statement under our name, and nobody
//! sees an error. So before anything else is sent, [`check`] probes: a statement that
//! the server knows by another name than ours is tracked by a pooler; one that it
//! knows by ours is safe only in a session that no other client uses.
//!
//! `docs/decisions/0005` says what this cannot see.
#![expect(
    clippy::disallowed_methods,
    reason = "sends what `queries` makes, and has no SQL text of its own"
)]

mod queries;

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use parking_lot::Mutex;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, Row, error::DatabaseError, postgres::PgRow,
    query as prepared, raw_sql,
};
use tokio::time::timeout;
use uuid::Uuid;

use super::open::{LOCK_TIMEOUT, Pools};
use crate::store::error::{Fate, Progress, StoreError, sqlstate};

/// How long opening a connection, a query or closing may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many connections are compared where the server has our settings, and where a
/// pooler before it dropped them. There may be several poolers behind one address: of
/// five connections, two reach the same one of four.
const COMPARED: usize = 2;
const COMPARED_BEHIND_A_POOLER: usize = 5;
/// How the driver's names begin.
const DRIVER_PREFIX: &str = "sqlx_s_";

/// Why prepared statements are safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementSafety {
    /// Each connection has a session of the server to itself.
    OwnSession,
    /// A pooler tracks them and gives them names of its own.
    Tracked,
}

impl StatementSafety {
    /// The reason, for the operator.
    pub fn reason(self) -> &'static str {
        match self {
            Self::OwnSession => "each connection has a session of the server to itself",
            Self::Tracked => "a pooler tracks them",
        }
    }
}

/// The result of the last check; none where there was none yet, or where it proved
/// wrong.
pub type LastCheck = Mutex<Option<StatementSafety>>;

/// Why they are not safe.
const SHARED_SESSIONS: &str = "a pooler shares the database's sessions between clients and does \
     not track their prepared statements, so that one client would run the statements of another: \
     set max_prepared_statements above 0 (100 is good) in PgBouncer 1.21 or later, use its session \
     mode, or connect to the database directly";
const NO_TRANSACTIONS: &str = "a pooler allows no transactions: set PgBouncer to its transaction or \
     session mode, or connect to the database directly";

/// Why a probe has no result.
enum ProbeError {
    TimedOut,
    /// The server cannot be used like this, for this reason.
    Unsafe(String),
    NotConnected(sqlx::Error),
    Failed(sqlx::Error),
}

impl From<ProbeError> for StoreError {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::TimedOut => Self::timed_out(),
            ProbeError::Unsafe(why) => Self::Misconfigured(why),
            ProbeError::NotConnected(error) => Self::failed(Fate::of_connecting(&error), &error),
            ProbeError::Failed(error) => Self::failed(Fate::of(&error, Progress::Sent), &error),
        }
    }
}

/// Probes on connections of its own.
pub async fn check(pools: &Pools) -> Result<StatementSafety, StoreError> {
    let mut open = Vec::new();
    let found = compare(pools, &mut open).await;
    // Closed in order: a pooler takes a connection that is dropped for a broken client.
    let closing = open.into_iter().map(PgConnection::close);
    join_all(closing.map(|closing| timeout(RESPONSE_TIMEOUT, closing))).await;
    Ok(found?)
}

/// Fails where a pooler does not track the statements of a connection that was just
/// opened, as it did at the last check.
pub async fn check_tracked(connection: &mut PgConnection) -> Result<(), StoreError> {
    if probe(connection).await?.has_driver_name {
        return Err(ProbeError::Unsafe(SHARED_SESSIONS.to_owned()).into());
    }
    Ok(())
}

async fn compare(
    pools: &Pools,
    open: &mut Vec<PgConnection>,
) -> Result<StatementSafety, ProbeError> {
    let mut sessions = SessionMap::default();
    let mut wanted = COMPARED;
    while open.len() < wanted {
        let number = open.len();
        let mut connection = connect(pools).await?;
        let probe = match probe(&mut connection).await {
            // In session mode it waits for a session that the first connection does
            // not give back. The queries below tell whether that is why.
            Err(ProbeError::TimedOut) if number > 0 => break,
            probed => probed?,
        };
        open.push(connection);
        if !probe.has_driver_name {
            return Ok(StatementSafety::Tracked);
        }
        if !probe.has_settings {
            wanted = COMPARED_BEHIND_A_POOLER;
        }
        sessions.saw(number, probe.session)?;
        sessions.query_all(open).await?;
    }
    sessions.query_all(open).await?;
    Ok(StatementSafety::OwnSession)
}

/// Which connection was seen in which session of the server.
#[derive(Default)]
struct SessionMap(HashMap<String, usize>);

impl SessionMap {
    /// An error where another connection was seen in `session`, or this one in
    /// another: then a session is shared.
    fn saw(&mut self, connection: usize, session: String) -> Result<(), ProbeError> {
        let elsewhere = self
            .0
            .iter()
            .any(|(s, c)| *c == connection && *s != session);
        let before = self.0.insert(session, connection);
        if elsewhere || before.is_some_and(|before| before != connection) {
            return Err(ProbeError::Unsafe(SHARED_SESSIONS.to_owned()));
        }
        Ok(())
    }

    /// Queries each connection, twice: a pooler that hands out sessions in turn gives
    /// one connection different ones, and one that hands out the last used gives
    /// different connections the same.
    async fn query_all(&mut self, open: &mut [PgConnection]) -> Result<(), ProbeError> {
        for _ in 0..2 {
            for (number, connection) in open.iter_mut().enumerate() {
                let row = fetch_one(connection, queries::session()).await?;
                self.saw(number, text(&row, "session")?)?;
            }
        }
        Ok(())
    }
}

async fn connect(pools: &Pools) -> Result<PgConnection, ProbeError> {
    match timeout(RESPONSE_TIMEOUT, pools.connect()).await {
        Ok(connected) => connected.map_err(ProbeError::NotConnected),
        Err(_) => Err(ProbeError::TimedOut),
    }
}

struct Probe {
    /// Whether the server knows a statement by the name that the driver gave it.
    has_driver_name: bool,
    session: String,
    /// Whether the settings of batch connections came through to the server.
    has_settings: bool,
}

/// Prepares a statement and queries the server about it, in one transaction, which no
/// pooler splits. The statement is gone afterwards.
async fn probe(connection: &mut PgConnection) -> Result<Probe, ProbeError> {
    let nonce = format!("tasks-api {}", Uuid::now_v7().simple());
    execute(connection, "BEGIN".to_owned()).await?;
    let named = prepared(AssertSqlSafe(queries::unique(&nonce))).fetch_all(&mut *connection);
    in_time(named).await?;
    let row = fetch_one(connection, queries::known_as(&nonce)).await?;
    let name: Option<String> = row.try_get("name").map_err(failed)?;
    let own = name.filter(|name| name.starts_with(DRIVER_PREFIX));
    if let Some(name) = &own {
        execute(connection, queries::deallocate(name)).await?;
    }
    execute(connection, "COMMIT".to_owned()).await?;
    let encoding = text(&row, "encoding")?;
    if encoding != "UTF8" {
        return Err(ProbeError::Unsafe(format!(
            "the database's encoding is {encoding}, which cannot store every title; wants a \
             database with ENCODING 'UTF8'"
        )));
    }
    Ok(Probe {
        has_driver_name: own.is_some(),
        session: text(&row, "session")?,
        has_settings: text(&row, "lock_timeout")? == LOCK_TIMEOUT,
    })
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), ProbeError> {
    let executed = raw_sql(AssertSqlSafe(sql)).execute(connection);
    in_time(executed).await.map(|_| ())
}

async fn fetch_one(connection: &mut PgConnection, sql: String) -> Result<PgRow, ProbeError> {
    in_time(raw_sql(AssertSqlSafe(sql)).fetch_one(connection)).await
}

fn text(row: &PgRow, column: &str) -> Result<String, ProbeError> {
    row.try_get(column).map_err(failed)
}

async fn in_time<T>(query: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, ProbeError> {
    match timeout(RESPONSE_TIMEOUT, query).await {
        Ok(response) => response.map_err(failed),
        Err(_) => Err(ProbeError::TimedOut),
    }
}

fn failed(error: sqlx::Error) -> ProbeError {
    let message = error.as_database_error().map(DatabaseError::message);
    let about_modes = message.is_some_and(|message| message.contains("pooling mode"));
    match sqlstate(&error).as_deref() {
        // This connection is new, and yet its first name is taken.
        Some("42P05") => ProbeError::Unsafe(SHARED_SESSIONS.to_owned()),
        // PgBouncer sends this code with every message of its own.
        Some("08P01") if about_modes => ProbeError::Unsafe(NO_TRANSACTIONS.to_owned()),
        _ => ProbeError::Failed(error),
    }
}
