//! Fetching a key set from an issuer that is slow, rotates its keys, disappears or sends
//! invalid data. Unit tests of the cache cover minutes and hours on a paused clock.

mod outage;
mod rotation;

use std::{sync::Arc, time::Duration};

use tasks_api::auth::{AuthError, KeySetTimes, Reason, TokenSources, Verifier};
use tasks_api_test_support::{
    key_server::{KeyServer, Reply},
    signer::{Kind, Signer},
};
use tokio::{sync::Semaphore, task::JoinSet};
use url::Url;

const UNKNOWN: AuthError = AuthError::Invalid(Reason::UnknownKey);
const BAD: AuthError = AuthError::Invalid(Reason::Signature);

fn verifier(url: &Url, times: KeySetTimes) -> Verifier {
    Verifier::new(TokenSources {
        key_set_urls: vec![url.clone()],
        key_set_times: times,
        ..TokenSources::default()
    })
    .unwrap()
}

fn usual() -> KeySetTimes {
    KeySetTimes::default()
}

/// Fetches again for each unknown token, and immediately after a failure.
fn restless() -> KeySetTimes {
    KeySetTimes {
        fresh: Duration::ZERO,
        first_retry: Duration::ZERO,
        last_retry: Duration::ZERO,
        refetch: Duration::ZERO,
        ..usual()
    }
}

async fn verify(verifier: &Verifier, signer: &Signer) -> Result<(), AuthError> {
    verifier.verify(&signer.token()).await.map(drop)
}

fn is_unavailable(result: &Result<(), AuthError>) -> bool {
    matches!(result, Err(AuthError::KeysUnavailable { .. }))
}

#[tokio::test]
async fn a_hundred_first_requests_cause_one_download() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let gate = Arc::new(Semaphore::new(0));
    let server = KeyServer::start(Reply::of(&[&signer]).held(&gate)).await;
    let verifier = verifier(&server.url, usual());
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let (verifier, token) = (verifier.clone(), signer.token());
        requests.spawn(async move { verifier.verify(&token).await });
    }

    server.has_requests(1).await;
    gate.add_permits(1);

    for result in requests.join_all().await {
        assert_eq!(result.unwrap().subject(), "ana");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_disconnected_client_does_not_cancel_the_download() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let gate = Arc::new(Semaphore::new(0));
    let server = KeyServer::start(Reply::of(&[&signer]).held(&gate)).await;
    let verifier = verifier(&server.url, usual());
    let request = || {
        let (verifier, token) = (verifier.clone(), signer.token());
        tokio::spawn(async move { verifier.verify(&token).await })
    };

    let first = request();
    server.has_requests(1).await;
    let second = request();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.add_permits(1);

    assert!(second.await.unwrap().is_ok());
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn several_key_sets_are_a_union() {
    let (ana, ben) = (Signer::new(Kind::EdDsa, "a"), Signer::new(Kind::Es256, "b"));
    let stranger = Signer::new(Kind::EdDsa, "?");
    let gate = Arc::new(Semaphore::new(0));
    let ana_s = KeyServer::start(Reply::of(&[&ana])).await;
    let ben_s = KeyServer::start(Reply::of(&[&ben]).held(&gate)).await;
    let verifier = Verifier::new(TokenSources {
        key_set_urls: vec![ben_s.url.clone(), ana_s.url.clone()],
        ..TokenSources::default()
    })
    .unwrap();

    assert_eq!(
        verify(&verifier, &ana).await,
        Ok(()),
        "a slow set delays no other"
    );
    gate.add_permits(1);
    assert_eq!(verify(&verifier, &ben).await, Ok(()));
    assert_eq!(verify(&verifier, &stranger).await, Err(UNKNOWN));
    let keys: Vec<_> = verifier
        .check_key_sets()
        .await
        .unwrap()
        .into_iter()
        .map(|set| set.keys)
        .collect();
    assert_eq!(keys, [1, 1]);
}

#[tokio::test]
async fn a_token_is_not_rejected_while_a_key_set_is_missing() {
    let (ana, ben) = (Signer::new(Kind::EdDsa, "a"), Signer::new(Kind::EdDsa, "b"));
    let up = KeyServer::start(Reply::of(&[&ana])).await;
    let down = KeyServer::start(Reply::HangUp).await;
    let verifier = Verifier::new(TokenSources {
        key_set_urls: vec![up.url.clone(), down.url.clone()],
        ..TokenSources::default()
    })
    .unwrap();

    assert_eq!(verify(&verifier, &ana).await, Ok(()));
    assert!(is_unavailable(&verify(&verifier, &ben).await));
    assert!(
        verifier.check_key_sets().await.is_ok(),
        "one set is enough to be ready"
    );
}
