//! An issuer whose keys change: new ids, and old ids with new keys.

use std::{sync::Arc, time::Duration};

use tasks_api::auth::KeySetTimes;
use tasks_api_test_support::{
    key_server::{KeyServer, Reply},
    signer::{Kind, Signer},
};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use super::{BAD, UNKNOWN, judge, restless, usual, verifier};

#[tokio::test]
async fn a_rotated_key_is_found_by_one_refetch() {
    let (old, new) = (
        Signer::new(Kind::EdDsa, "old"),
        Signer::new(Kind::EdDsa, "new"),
    );
    let server = KeyServer::start(Reply::of(&[&old])).await;
    let verifier = verifier(&server.url, usual());
    assert_eq!(judge(&verifier, &old).await, Ok(()));

    server.set(Reply::of(&[&old, &new]));
    assert_eq!(judge(&verifier, &new).await, Ok(()));
    assert_eq!(judge(&verifier, &old).await, Ok(()));
    assert_eq!(server.requests(), 2);

    // The next rotation is too soon: its tokens wait for the 30 seconds.
    let newest = Signer::new(Kind::EdDsa, "newest");
    server.set(Reply::of(&[&newest]));
    assert_eq!(judge(&verifier, &newest).await, Err(UNKNOWN));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_rotated_key_is_found_without_ids_too() {
    let (old, new) = (Signer::new(Kind::EdDsa, "k"), Signer::new(Kind::EdDsa, "k"));
    let server = KeyServer::start(Reply::of(&[&old])).await;
    let verifier = verifier(&server.url, usual());
    assert!(verifier.verify(&old.without_header("kid")).await.is_ok());

    server.set(Reply::of(&[&new]));

    assert!(verifier.verify(&new.without_header("kid")).await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn an_id_that_is_used_again_gets_its_new_key() {
    for kind in Kind::PUBLISHED {
        let (before, after) = (Signer::new(kind, "1"), Signer::another(kind, "1"));
        let server = KeyServer::start(Reply::of(&[&before])).await;
        let verifier = verifier(&server.url, usual());
        assert_eq!(judge(&verifier, &before).await, Ok(()));

        server.set(Reply::of(&[&after]));

        assert_eq!(judge(&verifier, &after).await, Ok(()), "{kind:?}");
        assert_eq!(
            judge(&verifier, &before).await,
            Err(BAD),
            "a removed key is gone"
        );
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn an_id_may_come_back_with_another_kind_of_key() {
    let (before, after) = (Signer::new(Kind::Rs256, "1"), Signer::new(Kind::EdDsa, "1"));
    let server = KeyServer::start(Reply::of(&[&before])).await;
    let verifier = verifier(&server.url, usual());
    assert_eq!(judge(&verifier, &before).await, Ok(()));

    server.set(Reply::of(&[&after]));

    assert_eq!(judge(&verifier, &after).await, Ok(()));
}

#[tokio::test]
async fn a_thousand_unknown_tokens_cause_one_refetch_and_delay_nobody_else() {
    let (known, unknown) = (Signer::new(Kind::EdDsa, "k"), Signer::new(Kind::EdDsa, "?"));
    let gate = Arc::new(Semaphore::new(0));
    let server = KeyServer::start(Reply::of(&[&known])).await;
    let verifier = verifier(&server.url, usual());
    assert_eq!(judge(&verifier, &known).await, Ok(()));
    server.set(Reply::of(&[&known]).held(&gate));
    let mut flood = JoinSet::new();
    for n in 0..1000 {
        let verifier = verifier.clone();
        let token = unknown.with_header("kid", format!("unknown {n}"));
        flood.spawn(async move { verifier.verify(&token).await });
    }
    server.has_requests(2).await;

    // The refetch is held, and these come through.
    for _ in 0..100 {
        assert_eq!(judge(&verifier, &known).await, Ok(()));
    }

    gate.add_permits(1);
    for judged in flood.join_all().await {
        assert_eq!(judged, Err(UNKNOWN));
    }
    assert_eq!(judge(&verifier, &unknown).await, Err(UNKNOWN));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_token_is_forgotten_with_the_key_that_vouched_for_it() {
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

    // The issuer takes the key back.
    server.set(Reply::of(&[&new]));

    assert_eq!(verifier.verify(&token).await.map(drop), Err(UNKNOWN));
    judge(&verifier, &new).await.unwrap();
}

#[tokio::test]
async fn a_token_seen_before_renews_the_key_set_like_any_other() {
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
