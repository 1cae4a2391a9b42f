//! The application: [`Application::build`] makes it from the configuration, and
//! [`Application::run_until_stopped`] serves.

mod banner;
pub mod database;
pub mod error;
mod readiness;
mod routes;
mod signals;
pub mod tokens;

use std::{future::pending, io, net::SocketAddr};

use tokio::net::TcpListener;

use self::error::StartError;
pub use self::routes::routes;
use crate::{
    auth::Verifier,
    config::Config,
    server,
    store::{DatabaseUrl, Store},
    telemetry::{metrics, traces},
};

/// The service with its database and its listeners, ready to run.
pub struct Application {
    config: Config,
    secret_is_random: bool,
    url: DatabaseUrl,
    store: Store,
    verifier: Verifier,
    api: Listener,
    metrics: Option<Listener>,
}

impl Application {
    /// Opens and migrates the database, and listens. A database that cannot be reached
    /// is migrated later; until then readiness fails.
    pub async fn build(mut config: Config) -> Result<Self, StartError> {
        let secret_is_random = tokens::make_development_secret(&mut config)?;
        let url = database::url(&config)?;
        let verifier = tokens::verifier(&config)?;
        let store = database::open(&config, &url).await?;
        store.migrate_when_reachable().await?;
        let api = Listener::bind("PORT", &config.host, config.port).await?;
        let metrics = match config.metrics_port {
            Some(port) => Some(Listener::bind("METRICS_PORT", &config.host, port).await?),
            None => None,
        };
        Ok(Self {
            config,
            secret_is_random,
            url,
            store,
            verifier,
            api,
            metrics,
        })
    }

    /// Serves until a signal stops it, in three steps: readiness fails at once, requests
    /// are accepted for `STOP_DELAY`, then those in flight are finished.
    pub async fn run_until_stopped(self) -> Result<(), StartError> {
        let Self { config, store, .. } = self;
        let readiness = readiness::readiness(&store, &self.verifier);
        let endpoint = routes(store.clone(), self.verifier, readiness.clone(), &config);

        banner::show(&config, &self.url, self.api.address, self.secret_is_random)?;
        let metrics = self.metrics.map(|Listener { socket, address }| {
            tracing::info!(%address, "listening for metrics");
            tokio::spawn(server::serve(socket, metrics::endpoint(), pending()))
        });
        let stopped = async move {
            signals::stop().await;
            readiness.stop();
            let delay = config.stop_delay;
            tracing::info!(delay_seconds = delay.as_secs(), "stopping");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                // A second signal ends the delay.
                () = signals::stop() => {}
            }
        };
        server::serve(self.api.socket, endpoint, stopped).await;
        store.close().await;
        // Metrics are served to the end, so that the stop can be observed.
        if let Some(metrics) = metrics {
            metrics.abort();
        }
        tracing::info!("stopped");
        traces::flush().await;
        Ok(())
    }
}

struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens on the port of `variable`, which an error names.
    async fn bind(variable: &str, host: &str, port: u16) -> Result<Self, StartError> {
        let bound = async {
            let socket = TcpListener::bind((host, port)).await?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address })
        };
        bound.await.map_err(|error: io::Error| {
            let (variable, cause) = match error.kind() {
                io::ErrorKind::AddrInUse => (variable, "the address is in use".to_owned()),
                io::ErrorKind::PermissionDenied => (variable, "permission denied".to_owned()),
                _ => ("HOST", error.to_string()),
            };
            StartError::Failed(format!(
                "{variable}: cannot listen on {host}:{port}: {cause}"
            ))
        })
    }
}
