//! Opens the connections to `PostgreSQL`.

use std::{fs, time::Duration};

use sea_orm::{Database, DatabaseConnection};
use sqlx::{ConnectOptions, PgConnection};
use url::Url;

use crate::store::{
    error::{StoreError, sqlstate},
    pool::{self, CONTROL},
};

/// Control connections are renewed now and then, so that a server behind a new
/// address is found, and closed when idle, so that a server that scales to zero may.
const MAX_LIFETIME: Duration = Duration::from_mins(30);
const IDLE_TIMEOUT: Duration = Duration::from_mins(4);
/// The settings of a batch connection, sent as it is opened.
///
/// - A plan is made once for each statement, not again for each batch; and it uses the keys.
///   While a table is small, a scan of it costs less, and the plan would outlive that: with
///   a thousand users a completion took 0.27 ms instead of 0.15.
/// - Batches of several users would fail one another at a stricter isolation level, which
///   a database may have as its default.
/// - A statement that the service no longer waits for ends, and so do its locks; a
///   batch that meets a locked row fails soon, so that its other members can go on
///   without it.
/// - The server probes after a minute whether an instance is still there, not after
///   its system's two hours: one that vanished holds its connections until then. (The
///   driver sets no keep-alive on this side, where each use of a connection has a
///   time limit.)
const SETTINGS: [(&str, &str); 9] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("default_transaction_isolation", "read committed"),
    ("statement_timeout", "2s"),
    ("lock_timeout", LOCK_TIMEOUT),
    ("idle_in_transaction_session_timeout", "5s"),
    ("tcp_keepalives_idle", "60s"),
    ("tcp_keepalives_interval", "15s"),
    ("tcp_keepalives_count", "4"),
];
/// As the server writes it, too: this tells whether it took the settings.
pub const LOCK_TIMEOUT: &str = "500ms";

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const PEM: &str = "-----BEGIN ";

/// Where connections come from. Opening them connects to nothing yet; clones share the
/// connections.
#[derive(Clone)]
pub struct Pools {
    /// For migrations and health checks.
    pub control: DatabaseConnection,
    /// For batches and transactions: with [`SETTINGS`], unless a pooler refuses them.
    pub batches: DatabaseConnection,
}

impl Pools {
    /// The pools of the server at `url`, of so many connections together.
    pub async fn open(url: &Url, connections: u32) -> Result<Self, StoreError> {
        check_files(url)?;
        Ok(Self {
            control: open(url, CONTROL, &[]).await?,
            batches: open(url, connections.saturating_sub(CONTROL).max(1), &SETTINGS).await?,
        })
    }

    /// A connection outside of the pools, opened like those of batches. Where a pooler
    /// refuses the settings, batches do without them from here on.
    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let batches = self.batches.get_postgres_connection_pool();
        match batches.connect_options().connect().await {
            Err(error) if refuses_settings(&error) => {
                let without = self.control.get_postgres_connection_pool();
                let without = without.connect_options();
                batches.set_connect_options((*without).clone());
                without.connect().await
            }
            connected => connected,
        }
    }

    /// Closes every connection.
    pub async fn close(&self) {
        pool::close(&self.control).await;
        pool::close(&self.batches).await;
    }
}

/// Poolers refuse settings that are sent as the connection is opened, with
/// `protocol_violation` or `feature_not_supported`.
pub fn refuses_settings(error: &sqlx::Error) -> bool {
    matches!(sqlstate(error).as_deref(), Some("08P01" | "0A000"))
}

async fn open(
    url: &Url,
    connections: u32,
    settings: &'static [(&str, &str)],
) -> Result<DatabaseConnection, StoreError> {
    let mut options = pool::options(url.as_str(), connections);
    options
        .max_lifetime(MAX_LIFETIME)
        .idle_timeout(IDLE_TIMEOUT)
        .connect_lazy(true)
        .test_before_acquire(false)
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

/// The driver reads these files with each connection: a wrong one would look as if
/// the server were down.
fn check_files(url: &Url) -> Result<(), StoreError> {
    for (key, value) in url.query_pairs() {
        match &*key {
            // The certificate itself may stand there instead.
            "sslrootcert" | "sslcert" if value.starts_with(CERTIFICATE) => {}
            "sslrootcert" | "sslcert" | "sslkey" => {
                // The value is not shown: it may be a key and no file's name.
                let wrong = |what: &str| StoreError::Misconfigured(format!("{key}: {what}"));
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
    let has = |name| url.query_pairs().any(|(key, _)| key == name);
    if has("sslkey") && !has("sslcert") {
        let what = "sslkey, the key of this client, wants its sslcert beside it";
        return Err(StoreError::Misconfigured(what.to_owned()));
    }
    Ok(())
}
