//! An issuer that is slow, disappears or sends invalid data.

use std::time::Duration;

use serde_json::json;
use tasks_api::auth::{AuthError, KeySetTimes};
use tasks_api_test_support::{
    key_server::{KeyServer, Reply, TIMEOUT},
    signer::{Kind, Signer},
};
use tokio::time::timeout;

use super::{UNKNOWN, is_unavailable, restless, usual, verifier, verify};

#[tokio::test]
async fn the_key_set_is_fetched_once_the_issuer_is_up() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let server = KeyServer::start(Reply::HangUp).await;
    let first_retry = Duration::from_millis(50);
    let times = KeySetTimes {
        first_retry,
        last_retry: first_retry,
        ..usual()
    };
    let verifier = verifier(&server.url, times);
    assert_eq!(
        server.requests(),
        0,
        "nothing is fetched before it is needed"
    );

    let result = verify(&verifier, &signer).await;
    let retry_after = Duration::from_secs(1);
    assert_eq!(result, Err(AuthError::KeysUnavailable { retry_after }));

    server.set(Reply::of(&[&signer]));
    let recovered = async {
        while is_unavailable(&verify(&verifier, &signer).await) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(TIMEOUT, recovered).await.is_ok());
    assert_eq!(verify(&verifier, &signer).await, Ok(()));
}

#[tokio::test]
async fn a_flood_does_not_reach_an_issuer_that_is_down() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let server = KeyServer::start(Reply::HangUp).await;
    let long = Duration::from_mins(1);
    let times = KeySetTimes {
        first_retry: long,
        last_retry: long,
        ..usual()
    };
    let verifier = verifier(&server.url, times);

    for _ in 0..200 {
        assert!(is_unavailable(&verify(&verifier, &signer).await));
    }

    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn the_last_valid_key_set_outlives_its_server() {
    let (known, unknown) = (Signer::new(Kind::EdDsa, "k"), Signer::new(Kind::EdDsa, "?"));
    let mut server = KeyServer::start(Reply::of(&[&known])).await;
    let verifier = verifier(&server.url, restless());
    assert_eq!(verify(&verifier, &known).await, Ok(()));

    server.disappear().await;

    for _ in 0..20 {
        assert_eq!(verify(&verifier, &known).await, Ok(()));
        assert_eq!(verify(&verifier, &unknown).await, Err(UNKNOWN));
    }
    let status = verifier.check_key_sets().await.unwrap();
    assert_eq!(status[0].keys, 1);
    assert!(
        status[0].problem.as_deref().unwrap().contains("refused"),
        "{status:?}"
    );
}

#[tokio::test]
async fn an_invalid_key_set_does_not_replace_a_valid_one() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let elsewhere = KeyServer::start(Reply::of(&[&signer])).await;
    let whole = json!({"keys": [signer.jwk()]}).to_string();
    let long = format!("{whole}{}", " ".repeat(256 * 1024));
    let slow = "timed out";
    for (name, reply, problem) in [
        (
            "HTML",
            Reply::json("<!doctype html><h1>Welcome</h1>"),
            "not a JSON Web Key Set",
        ),
        (
            "truncated",
            Reply::json(&whole[..whole.len() - 3]),
            "not a JSON Web Key Set",
        ),
        ("nothing", Reply::json(""), "not a JSON Web Key Set"),
        (
            "a bare key",
            Reply::json(&signer.jwk().to_string()),
            "not a JSON Web Key Set",
        ),
        ("no keys", Reply::keys(&[]), "no usable key"),
        ("500", Reply::status("500 Oops", &whole), "status 500"),
        ("404", Reply::status("404 Not Found", &whole), "status 404"),
        (
            "429",
            Reply::status("429 Too Many Requests", &whole),
            "status 429",
        ),
        (
            "203",
            Reply::status("203 Non-Authoritative", &whole),
            "status 203",
        ),
        ("a redirect", Reply::redirect(&elsewhere.url), "status 302"),
        ("too long", Reply::json(&long), "longer than 256 KiB"),
        ("endless", Reply::Flood, "longer than 256 KiB"),
        ("a drip", Reply::Drip, slow),
        ("silence", Reply::Silence, slow),
        ("a hang-up", Reply::HangUp, "error sending request"),
    ] {
        // A slow response takes the whole timeout, any other far less.
        let timeout = if problem == slow { 150 } else { 5000 };
        let times = KeySetTimes {
            timeout: Duration::from_millis(timeout),
            ..restless()
        };
        let server = KeyServer::start(reply.clone()).await;

        let without_keys = verifier(&server.url, times);
        assert!(
            is_unavailable(&verify(&without_keys, &signer).await),
            "{name}"
        );
        let error = without_keys.check_key_sets().await.unwrap_err();
        let said = error.key_sets[0].problem.as_deref().unwrap();
        assert!(said.contains(problem), "{name}: {said}");

        server.set(Reply::of(&[&signer]));
        let times = KeySetTimes {
            timeout: usual().timeout,
            ..times
        };
        let with_keys = verifier(&server.url, times);
        assert_eq!(verify(&with_keys, &signer).await, Ok(()), "{name}");
        server.set(reply);
        if problem != slow {
            assert_eq!(verify(&with_keys, &signer).await, Ok(()), "{name}");
            let status = with_keys.check_key_sets().await.unwrap();
            assert!(
                status[0].problem.as_deref().unwrap().contains(problem),
                "{name}"
            );
        }
    }
    assert_eq!(elsewhere.requests(), 0);
}
