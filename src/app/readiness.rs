//! The checks of `/health/ready`: the database and the key sets.

use crate::{auth::Verifier, middleware::health::Readiness, store::Store};

/// Ready while the store can serve requests and each token has a key to verify it.
pub fn readiness(store: &Store, verifier: &Verifier) -> Readiness {
    let (store, verifier) = (store.clone(), verifier.clone());
    Readiness::new(move || check(store.clone(), verifier.clone()))
}

async fn check(store: Store, verifier: Verifier) -> Result<(), &'static str> {
    store.ready().await.map_err(|error| {
        tracing::warn!(%error, "not ready: database");
        "The database is unreachable."
    })?;
    verifier.check_key_sets().await.map_err(|error| {
        tracing::warn!(%error, "not ready: key set");
        "No key is available to verify tokens."
    })?;
    Ok(())
}
