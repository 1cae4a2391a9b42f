//! Joins the rooms: the only file that knows `api`, `auth` and `store`. Start,
//! routes, stop.

pub mod banner;
pub mod routes;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use crate::{
    auth::{ClaimPolicy, KeySetTimes, TokenSources, Verifier, sign_hs256},
    config::{Config, ConfigError, ConfigErrors},
    middleware::health::{Check, Readiness},
    server,
    store::{DatabaseUrl, Store, StoreError},
    telemetry::{self, metrics},
};

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operator must change something; exit code 2.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Something did not work; exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl StartError {
    fn config(variable: &'static str, message: &impl ToString) -> Self {
        Self::Config(ConfigErrors(vec![ConfigError {
            variable,
            message: message.to_string(),
        }]))
    }
}

/// Reads `DATABASE_URL`.
pub fn database_url(config: &Config) -> Result<DatabaseUrl, StartError> {
    DatabaseUrl::parse(config.database_url.expose_secret())
        .map_err(|error| StartError::config("DATABASE_URL", &error))
}

/// Opens the store. The error names `DATABASE_URL`.
pub async fn open_store(config: &Config, url: &DatabaseUrl) -> Result<Store, StartError> {
    let store = Store::connect(url, config.tasks_per_user).await;
    store.map_err(|error| store_error(&error))
}

/// The error names `DATABASE_URL`.
#[must_use]
pub fn store_error(error: &StoreError) -> StartError {
    if error.is_misconfigured() {
        return StartError::config("DATABASE_URL", error);
    }
    StartError::Failed(format!("DATABASE_URL: {error}"))
}

/// What `JWT_ISSUER` and `JWT_AUDIENCE` ask of every token.
fn explicit_claims(config: &Config) -> ClaimPolicy {
    ClaimPolicy {
        issuers: config.issuers.clone(),
        audiences: config.audiences.clone(),
    }
}

/// Signs a token that the service will accept, with `BETTER_AUTH_SECRET`.
/// `lifetime` is in whole seconds.
pub fn sign_token(
    config: &Config,
    subject: &str,
    lifetime: Duration,
) -> Result<String, StartError> {
    let Some(secret) = &config.better_auth_secret else {
        let message = "is not set; wants the secret to sign the token with";
        return Err(StartError::config("BETTER_AUTH_SECRET", &message));
    };
    sign_hs256(secret, &explicit_claims(config), subject, lifetime)
        .map_err(|error| StartError::Failed(format!("no token for {subject:?}: {error}")))
}

/// The verifier that the configuration describes.
pub fn verifier(config: &Config) -> Result<Verifier, StartError> {
    // Better Auth's default: issuer and audience of its key-set tokens are its
    // own origin. Tokens by the shared secret are the application's own make.
    let implied = |explicit: &[String]| match &config.better_auth_origin {
        Some(origin) if explicit.is_empty() => vec![origin.clone()],
        _ => explicit.to_vec(),
    };
    Verifier::new(TokenSources {
        secret: config.better_auth_secret.clone(),
        key_set_urls: config.key_set_urls.clone(),
        key_set_claims: ClaimPolicy {
            issuers: implied(&config.issuers),
            audiences: implied(&config.audiences),
        },
        secret_claims: explicit_claims(config),
        key_set_times: KeySetTimes::default(),
    })
    .map_err(|error| StartError::Failed(error.to_string()))
}

fn readiness(store: &Store, verifier: &Verifier) -> Readiness {
    let (store, verifier) = (store.clone(), verifier.clone());
    let database: Check = Arc::new(move || {
        let store = store.clone();
        Box::pin(async move {
            let answer = store.ready().await;
            answer.map_err(|error| {
                tracing::warn!(%error, "not ready: database");
                "The database is out of reach."
            })
        })
    });
    let key_set: Check = Arc::new(move || {
        let verifier = verifier.clone();
        Box::pin(async move {
            let keys = verifier.check_key_sets().await;
            keys.map(|_| ()).map_err(|error| {
                tracing::warn!(%error, "not ready: key set");
                "No key to verify tokens with can be had."
            })
        })
    });
    Readiness::new(vec![database, key_set])
}

/// Starts the service and serves until a signal ends it: readiness turns at once,
/// requests are taken for the delay that is configured, and those in flight then
/// are finished.
pub async fn serve(mut config: Config) -> Result<(), StartError> {
    let secret_is_random = banner::make_secret_where_none(&mut config)?;
    let url = database_url(&config)?;
    let verifier = verifier(&config)?;
    let store = open_store(&config, &url).await?;
    let migrated = store.migrate_when_reachable().await;
    migrated.map_err(|error| store_error(&error))?;
    let (listener, address) = listen("PORT", &config.host, config.port).await?;
    let readiness = readiness(&store, &verifier);
    let endpoint = routes::routes(store.clone(), verifier, readiness.clone(), &config);

    let measured = match config.metrics_port {
        Some(port) => Some(listen("METRICS_PORT", &config.host, port).await?),
        None => None,
    };

    banner::show(&config, &url, address, secret_is_random)?;
    let measuring = measured.map(|(listener, address)| {
        tracing::info!(%address, "metrics");
        tokio::spawn(server::serve(
            listener,
            metrics::endpoint(),
            std::future::pending(),
        ))
    });
    let delay = config.stop_delay;
    let stop = async move {
        stop_signal().await;
        readiness.stop();
        tracing::info!(delay_seconds = delay.as_secs(), "stopping");
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            // Asked twice, it waits for no balancer.
            () = stop_signal() => {}
        }
    };
    server::serve(listener, endpoint, stop).await;
    store.close().await;
    // To the last, so that the end can be seen.
    if let Some(measuring) = measuring {
        measuring.abort();
    }
    tracing::info!("stopped");
    telemetry::stop().await;
    Ok(())
}

/// Listens on the port that `variable` names, and says where that is.
async fn listen(
    variable: &str,
    host: &str,
    port: u16,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let listening = async {
        let listener = TcpListener::bind((host, port)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listening.await.map_err(|error: io::Error| {
        let (variable, why) = match error.kind() {
            io::ErrorKind::AddrInUse => (variable, "another program listens there".to_owned()),
            io::ErrorKind::PermissionDenied => {
                (variable, "this user may not listen there".to_owned())
            }
            _ => ("HOST", error.to_string()),
        };
        StartError::Failed(format!("{variable}: cannot listen on {host}:{port}: {why}"))
    })
}

/// Resolves on SIGTERM or SIGINT; where no handler can be set, never.
#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(error) => no_signal(&error).await,
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

/// Resolves on Ctrl-C; where no handler can be set, never.
#[cfg(not(unix))]
async fn stop_signal() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        no_signal(&error).await;
    }
}

async fn no_signal(error: &std::io::Error) {
    tracing::warn!(%error, "cannot listen for a signal");
    std::future::pending::<()>().await;
}
