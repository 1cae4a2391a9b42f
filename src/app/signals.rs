//! The signals that stop the service.

use std::io;

/// Resolves on SIGTERM or SIGINT; never, if no handler can be installed.
#[cfg(unix)]
pub async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind| match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(error) => never(&error).await,
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

/// Resolves on Ctrl-C; never, if no handler can be installed.
#[cfg(not(unix))]
pub async fn stop() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        never(&error).await;
    }
}

async fn never(error: &io::Error) {
    tracing::warn!(%error, "cannot install a signal handler");
    std::future::pending::<()>().await;
}
