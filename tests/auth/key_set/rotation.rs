//! An issuer whose keys change: new ids, and old ids with new keys.

use std::{sync::Arc, time::Duration};

use tasks_api::auth::KeySetTimes;
use tasks_api_test_support::{
    key_server::{KeyServer, Reply},
    signer::{Kind, Signer},
};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use super::{BAD, UNKNOWN, restless, usual, verifier, verify};

#[tokio::test]
async fn a_rotated_key_is_found_by_one_refetch() {
    let (old, new) = (
        Signer::new(Kind::EdDsa, "old"),
        Signer::new(Kind::EdDsa, "new"),
    );
    let server = KeyServer::start(Reply::of(&[&old])).await;
    let verifier = verifier(&server.url, usual());
    assert_eq!(verify(&verifier, &old).await, Ok(()));

    server.set(Reply::of(&[&old, &new]));
    assert_eq!(verify(&verifier, &new).await, Ok(()));
    assert_eq!(verify(&verifier, &old).await, Ok(()));
    assert_eq!(server.requests(), 2);

    // The next rotation is within 30 seconds of the refetch, so its tokens must wait.
    let newest = Signer::new(Kind::EdDsa, "newest");
    server.set(Reply::of(&[&newest]));
    assert_eq!(verify(&verifier, &newest).await, Err(UNKNOWN));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_rotated_key_without_an_id_is_found() {
    let (old, new) = (Signer::new(Kind::EdDsa, "k"), Signer::new(Kind::EdDsa, "k"));
    let server = KeyServer::start(Reply::of(&[&old])).await;
    let verifier = verifier(&server.url, usual());
    assert!(verifier.verify(&old.without_header("kid")).await.is_ok());

    server.set(Reply::of(&[&new]));

    assert!(verifier.verify(&new.without_header("kid")).await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_reused_key_id_verifies_with_its_new_key() {
    for kind in Kind::PUBLISHED {
        let (before, after) = (Signer::new(kind, "1"), Signer::another(kind, "1"));
        let server = KeyServer::start(Reply::of(&[&before])).await;
        let verifier = verifier(&server.url, usual());
        assert_eq!(verify(&verifier, &before).await, Ok(()));

        server.set(Reply::of(&[&after]));

        assert_eq!(verify(&verifier, &after).await, Ok(()), "{kind:?}");
        assert_eq!(
            verify(&verifier, &before).await,
            Err(BAD),
            "a removed key is gone"
        );
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn a_reused_key_id_may_have_another_algorithm() {
    let (before, after) = (Signer::new(Kind::Rs256, "1"), Signer::new(Kind::EdDsa, "1"));
    let server = KeyServer::start(Reply::of(&[&before])).await;
    let verifier = verifier(&server.url, usual());
    assert_eq!(verify(&verifier, &before).await, Ok(()));

    server.set(Reply::of(&[&after]));

    assert_eq!(verify(&verifier, &after).await, Ok(()));
}

#[tokio::test]
async fn a_thousand_unknown_tokens_cause_one_refetch_and_delay_no_other() {
    let (known, unknown) = (Signer::new(Kind::EdDsa, "k"), Signer::new(Kind::EdDsa, "?"));
    let gate = Arc::new(Semaphore::new(0));
    let server = KeyServer::start(Reply::of(&[&known])).await;
    let verifier = verifier(&server.url, usual());
    assert_eq!(verify(&verifier, &known).await, Ok(()));
    server.set(Reply::of(&[&known]).held(&gate));
    let mut flood = JoinSet::new();
    for n in 0..1000 {
        let verifier = verifier.clone();
        let token = unknown.with_header("kid", format!("unknown {n}"));
        flood.spawn(async move { verifier.verify(&token).await });
    }
    server.has_requests(2).await;

    // The refetch is pending, and these are verified meanwhile.
    for _ in 0..100 {
        assert_eq!(verify(&verifier, &known).await, Ok(()));
    }

    gate.add_permits(1);
    for result in flood.join_all().await {
        assert_eq!(result, Err(UNKNOWN));
    }
    assert_eq!(verify(&verifier, &unknown).await, Err(UNKNOWN));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_cached_token_is_evicted_with_its_key() {
    let (old, new) = (
        Signer::new(Kind::EdDsa, "old"),
        Signer::another(Kind::EdDsa, "new"),
    );
    let server = KeyServer::start(Reply::of(&[&old])).await;
    let verifier = verifier(&server.url, restless());
    let token = old.token();
    for _ in 0..3 {
        verifier.verify(&token).await.unwrap();
    }

    // The issuer withdraws the key.
    server.set(Reply::of(&[&new]));

    assert_eq!(verifier.verify(&token).await.map(drop), Err(UNKNOWN));
    verify(&verifier, &new).await.unwrap();
}

#[tokio::test]
async fn a_cached_token_refreshes_the_key_set() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let server = KeyServer::start(Reply::of(&[&signer])).await;
    let fresh = Duration::from_millis(500);
    let verifier = verifier(&server.url, KeySetTimes { fresh, ..usual() });
    let token = signer.token();
    for _ in 0..5 {
        verifier.verify(&token).await.unwrap();
    }
    assert_eq!(server.requests(), 1);

    sleep(fresh).await;
    for _ in 0..5 {
        verifier.verify(&token).await.unwrap();
    }

    assert_eq!(server.requests(), 2);
}
