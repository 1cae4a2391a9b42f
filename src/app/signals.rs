//! The signals that stop the service.

use tokio::signal::ctrl_c;

/// Resolves on SIGINT (Ctrl-C) or SIGTERM; never, if no handler can be installed.
pub async fn stop() {
    let stopped = async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                _ = terminate.recv() => Ok(()),
                interrupted = ctrl_c() => interrupted,
            }
        }
        #[cfg(not(unix))]
        ctrl_c().await
    };
    if let Err(error) = stopped.await {
        tracing::warn!(%error, "cannot install a signal handler");
        std::future::pending::<()>().await;
    }
}
