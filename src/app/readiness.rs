//! The checks of `/health/ready`: the database and the key sets.

use std::sync::Arc;

use crate::{
    auth::Verifier,
    middleware::health::{Check, Readiness},
    store::Store,
};

/// Ready while the store can serve requests and each token has a key to verify it.
pub fn readiness(store: &Store, verifier: &Verifier) -> Readiness {
    let (store, verifier) = (store.clone(), verifier.clone());
    let database: Check = Arc::new(move || {
        let store = store.clone();
        Box::pin(async move {
            store.ready().await.map_err(|error| {
                tracing::warn!(%error, "not ready: database");
                "The database is unreachable."
            })
        })
    });
    let key_sets: Check = Arc::new(move || {
        let verifier = verifier.clone();
        Box::pin(async move {
            let checked = verifier.check_key_sets().await;
            checked.map(|_| ()).map_err(|error| {
                tracing::warn!(%error, "not ready: key set");
                "No key is available to verify tokens."
            })
        })
    });
    Readiness::new(vec![database, key_sets])
}
