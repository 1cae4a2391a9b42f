//! The application: [`Application::build`] makes it from the configuration, and
//! [`Application::run_until_stopped`] serves.

mod banner;
mod connections;
pub mod development;
pub mod error;
mod readiness;
mod routes;
mod signals;
pub mod tokens;

use std::{
    future::{Pending, pending},
    io::ErrorKind,
};

use secrecy::ExposeSecret;

use self::error::StartError;
pub use self::routes::routes;
use self::signals::Signals;
use crate::{
    auth::Verifier,
    config::Config,
    server::{self, Listeners, Workers},
    store::{DatabaseUrl, Store},
    telemetry::{metrics, traces},
};

/// The service with its database and its listeners, ready to run.
pub struct Application {
    config: Config,
    store: Store,
    verifier: Verifier,
    workers: Workers,
    signals: Signals,
    api: Listeners,
    metrics: Option<Listeners>,
}

/// Opens the database that the configuration names, and creates the file of `SQLite`.
pub async fn open_store(config: &Config) -> Result<(DatabaseUrl, Store), StartError> {
    let url = database_url(config)?;
    let connections = config.database_connections;
    let store = Store::connect_with(&url, config.tasks_per_user, connections).await?;
    Ok((url, store))
}

/// Opens the database as it is, for commands that create nothing: the text says that its
/// file is missing.
pub async fn open_existing_store(
    config: &Config,
) -> Result<(DatabaseUrl, Result<Store, String>), StartError> {
    let url = database_url(config)?;
    let store = Store::connect_existing(&url, config.tasks_per_user).await?;
    let missing = || format!("{url} does not exist yet; serve and migrate up create it");
    let store = store.ok_or_else(missing);
    Ok((url, store))
}

/// The address of the database. Its ignored parameters are logged.
fn database_url(config: &Config) -> Result<DatabaseUrl, StartError> {
    let url = DatabaseUrl::parse(config.database_url.expose_secret())?;
    if !url.ignored().is_empty() {
        let parameters = url.ignored().join(", ");
        tracing::info!(
            parameters,
            "DATABASE_URL has parameters that change nothing here"
        );
    }
    Ok(url)
}

impl Application {
    /// Opens and migrates the database, listens, and shows where. A database that cannot
    /// be reached is migrated later; until then readiness fails.
    pub async fn build(mut config: Config) -> Result<Self, StartError> {
        let (url, store) = open_store(&config).await?;
        let secret = development::keep_secret(&mut config, &url)?;
        let verifier = tokens::verifier(&config)?;
        store.migrate_when_reachable().await?;
        let workers = Workers::start(config.workers).map_err(StartError::failed)?;
        store.share_out(&workers.runtimes());
        let api = listen("PORT", &config.host, config.port).await?;
        let metrics = match config.metrics_port {
            Some(port) => Some(listen("METRICS_PORT", &config.host, port).await?),
            None => None,
        };
        // Whoever reads the banner may stop the service at once.
        let signals = Signals::receive();
        banner::show(&config, &url, &api, &secret)?;
        if let Some(metrics) = &metrics {
            let address = metrics.reachable().map_err(StartError::failed)?;
            tracing::info!(%address, "listening for metrics");
        }
        Ok(Self {
            config,
            store,
            verifier,
            workers,
            signals,
            api,
            metrics,
        })
    }

    /// Serves until a signal stops it, in three steps: readiness fails at once, requests
    /// are accepted for `STOP_DELAY`, then those in flight are finished.
    pub async fn run_until_stopped(self) {
        let Self { config, store, .. } = self;
        let readiness = readiness::readiness(&store, &self.verifier);
        let endpoint = routes(store.clone(), self.verifier, &readiness, &config);
        let metrics = self.metrics.map(|listeners| {
            let (limits, never) = (connections::metrics(&config), pending::<Pending<()>>());
            tokio::spawn(async move {
                let mut here = Workers::here();
                server::serve(listeners, &mut here, metrics::endpoint(), limits, never).await;
            })
        });
        store.purge_regularly(config.trash_days);
        let limits = connections::api(&config);
        let mut workers = self.workers;
        let mut signals = self.signals;
        let streams = store.clone();
        #[expect(
            clippy::async_yields_async,
            reason = "what ends the wait is known then"
        )]
        let stopped = async move {
            signals.next().await;
            readiness.stop();
            let delay = config.stop_delay;
            tracing::info!(delay_seconds = delay.as_secs(), "stopping");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                // A second signal ends the delay.
                () = signals.next() => {}
            }
            // No earlier: clients connect again at once, and proxies know by now where not.
            streams.end_streams();
            // The next one ends the wait for requests in flight.
            async move { signals.next().await }
        };
        server::serve(self.api, &mut workers, endpoint, limits, stopped).await;
        store.close().await;
        drop(workers);
        // Metrics are served to the end, so that the stop can be observed.
        if let Some(metrics) = metrics {
            metrics.abort();
        }
        tracing::info!("stopped");
        traces::flush().await;
    }
}

/// Listens on the port of `variable`, which an error names.
async fn listen(variable: &str, host: &str, port: u16) -> Result<Listeners, StartError> {
    let listeners = Listeners::bind(host, port).await;
    listeners.map_err(|error| {
        let (variable, cause) = match error.kind() {
            ErrorKind::AddrInUse => (variable, "the address is in use".to_owned()),
            ErrorKind::PermissionDenied => (variable, "permission denied".to_owned()),
            _ => ("HOST", error.to_string()),
        };
        StartError::Failed(format!(
            "{variable}: cannot listen on {host}:{port}: {cause}"
        ))
    })
}
