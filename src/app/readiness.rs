//! The checks of `/health/ready`: the database and the key sets.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{auth::Verifier, middleware::health::Readiness, store::Store};

/// Ready while the store can serve requests and each token has a key to verify it.
pub fn readiness(store: &Store, verifier: &Verifier) -> Readiness {
    let (store, verifier) = (store.clone(), verifier.clone());
    let last = Arc::new(LastLogged::default());
    Readiness::new(move || {
        let (store, verifier) = (store.clone(), verifier.clone());
        let last = Arc::clone(&last);
        async move {
            let outcome = check(&store, &verifier).await;
            last.log_change(&outcome);
            outcome.map_err(|missing| missing.sentence)
        }
    })
}

/// What is missing.
struct Missing {
    /// For anyone.
    sentence: &'static str,
    /// For the log.
    cause: String,
}

async fn check(store: &Store, verifier: &Verifier) -> Result<(), Missing> {
    store.ready().await.map_err(|error| Missing {
        sentence: "The database is unreachable.",
        cause: error.to_string(),
    })?;
    verifier.check_key_sets().await.map_err(|error| Missing {
        sentence: "No key is available to verify tokens.",
        cause: error.to_string(),
    })?;
    Ok(())
}

/// What was missing when it was last logged: a change is logged, the same again is not.
#[derive(Default)]
struct LastLogged(Mutex<Option<&'static str>>);

impl LastLogged {
    fn log_change(&self, outcome: &Result<(), Missing>) {
        let missing = outcome.as_ref().err();
        let sentence = missing.map(|missing| missing.sentence);
        let before = std::mem::replace(&mut *self.0.lock(), sentence);
        match missing {
            _ if before == sentence => {}
            Some(Missing { sentence, cause }) => {
                tracing::warn!(missing = sentence, error = cause, "not ready");
            }
            None => tracing::info!("ready again"),
        }
    }
}
