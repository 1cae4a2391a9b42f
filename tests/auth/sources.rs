//! How the configuration becomes a verifier: which source verifies which tokens, and which
//! claims are required.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use tasks_api::auth::{
    AuthError, ClaimPolicy, Reason, SetupError, SignError, TokenSources, Verifier, sign_hs256,
};
use tasks_api_test_support::{
    key_server::{KeyServer, Reply},
    signer::{Kind, SECRET, Signer, encode, now},
};
use url::Url;

const HOUR: Duration = Duration::from_hours(1);

fn secret_alone() -> TokenSources {
    TokenSources {
        secret: Some(SecretString::from(SECRET)),
        ..TokenSources::default()
    }
}

fn origin_alone(origin: &str) -> ClaimPolicy {
    ClaimPolicy {
        issuers: vec![origin.into()],
        audiences: vec![origin.into()],
    }
}

#[tokio::test]
async fn a_source_that_is_not_configured_verifies_nothing() {
    let published = Signer::new(Kind::EdDsa, "k");
    let server = KeyServer::start(Reply::of(&[&published])).await;
    let by_secret = Verifier::new(secret_alone()).unwrap();
    let by_keys = Verifier::new(TokenSources {
        key_set_urls: vec![server.url.clone()],
        ..TokenSources::default()
    })
    .unwrap();
    let refused = Err(AuthError::Invalid(Reason::Algorithm));

    assert!(by_secret.verify(&Signer::secret().token()).await.is_ok());
    assert_eq!(by_secret.verify(&published.token()).await, refused);
    assert!(by_keys.verify(&published.token()).await.is_ok());
    assert_eq!(by_keys.verify(&Signer::secret().token()).await, refused);
    for form in published.public_forms() {
        assert_eq!(by_keys.verify(&Signer::hs256(&form).token()).await, refused);
    }
}

#[tokio::test]
async fn an_issuer_derived_from_better_auths_address_binds_the_key_set_alone() {
    let published = Signer::new(Kind::EdDsa, "Bq0Tx5WQvF6zYB4cVd0nNhZVwGmQx1xH");
    let server = KeyServer::start(Reply::of(&[&published])).await;
    let origin = server.url.origin().ascii_serialization();
    let verifier = Verifier::new(TokenSources {
        key_set_urls: vec![server.url.clone()],
        key_set_claims: origin_alone(&origin),
        ..secret_alone()
    })
    .unwrap();
    let bare = json!({"sub": "ana", "exp": now() + 900});
    // Better Auth's default token: no typ, the user's fields as claims.
    let default = json!({
        "iat": now(), "name": "Ana", "email": "ana@example.test", "emailVerified": false,
        "image": null, "createdAt": "2026-11-01T00:00:00.000Z", "id": "not the subject",
        "sub": "Vd0nNhZVwGmQx1xHBq0Tx5WQvF6zYB4c", "exp": now() + 900,
        "iss": origin, "aud": origin
    });
    let header = json!({"alg": "EdDSA", "kid": published.kid}).to_string();

    let user = verifier
        .verify(&published.sign(header, default.to_string()))
        .await
        .unwrap();
    assert_eq!(user.subject(), "Vd0nNhZVwGmQx1xHBq0Tx5WQvF6zYB4c");
    let missing = Err(AuthError::Invalid(Reason::Missing("iss")));
    assert_eq!(verifier.verify(&published.payload(&bare)).await, missing);
    let elsewhere = Err(AuthError::Invalid(Reason::Issuer));
    assert_eq!(verifier.verify(&published.token()).await, elsewhere);
    assert!(
        verifier
            .verify(&Signer::secret().payload(&bare))
            .await
            .is_ok()
    );
    assert!(verifier.verify(&Signer::secret().token()).await.is_ok());
}

#[tokio::test]
async fn without_a_policy_any_issuer_and_audience_is_accepted() {
    let verifier = Verifier::new(secret_alone()).unwrap();
    let signer = Signer::secret();
    for token in [
        signer.without_claim("iss"),
        signer.without_claim("aud"),
        signer.claim("iss", "anyone"),
        signer.claim("aud", json!(["a", "b"])),
        signer.claim("aud", json!([])),
    ] {
        assert!(verifier.verify(&token).await.is_ok());
    }
    let wrong = Err(AuthError::Invalid(Reason::ClaimType("iss")));
    assert_eq!(
        verifier.verify(&signer.claim("iss", json!(["a"]))).await,
        wrong
    );
}

#[tokio::test]
async fn the_secret_is_its_raw_bytes() {
    let encoded = encode([7; 32]);
    let verifier = Verifier::new(TokenSources {
        secret: Some(SecretString::from(encoded.clone())),
        ..TokenSources::default()
    })
    .unwrap();

    assert!(
        verifier
            .verify(&Signer::hs256(encoded.as_bytes()).token())
            .await
            .is_ok()
    );
    let decoded = verifier.verify(&Signer::hs256(&[7; 32]).token()).await;
    assert_eq!(decoded, Err(AuthError::Invalid(Reason::Signature)));
}

#[tokio::test]
async fn a_token_signed_by_the_service_is_accepted() {
    let secret = SecretString::from(SECRET);
    let policy = ClaimPolicy {
        issuers: vec!["https://a.test".into(), "https://b.test".into()],
        audiences: vec!["api".into()],
    };
    let strict = Verifier::new(TokenSources {
        secret_claims: policy.clone(),
        ..secret_alone()
    })
    .unwrap();
    let plain = Verifier::new(secret_alone()).unwrap();

    let token = sign_hs256(&secret, &ClaimPolicy::default(), "ana", HOUR).unwrap();
    assert_eq!(plain.verify(&token).await.unwrap().subject(), "ana");
    assert_eq!(
        strict.verify(&token).await,
        Err(AuthError::Invalid(Reason::Missing("iss")))
    );
    let token = sign_hs256(&secret, &policy, "ana", HOUR).unwrap();
    assert_eq!(strict.verify(&token).await.unwrap().subject(), "ana");
}

#[test]
fn a_token_that_would_be_rejected_is_not_signed() {
    let secret = SecretString::from(SECRET);
    for (secret, subject, lifetime, error) in [
        (&SecretString::from(""), "ana", HOUR, SignError::EmptySecret),
        (&secret, "", HOUR, SignError::Subject),
        (&secret, " ", HOUR, SignError::Subject),
        (&secret, "a\n", HOUR, SignError::Subject),
        (&secret, &"a".repeat(256), HOUR, SignError::Subject),
        (&secret, "ana", Duration::ZERO, SignError::Lifetime),
        (&secret, "ana", Duration::MAX, SignError::Lifetime),
    ] {
        assert_eq!(
            sign_hs256(secret, &ClaimPolicy::default(), subject, lifetime),
            Err(error),
            "{subject:?}"
        );
    }
}

#[test]
fn a_configuration_that_cannot_verify_is_rejected() {
    let at = |url: &str| TokenSources {
        key_set_urls: vec![Url::parse(url).unwrap()],
        ..TokenSources::default()
    };
    let empty = TokenSources {
        secret: Some(SecretString::from("")),
        ..TokenSources::default()
    };
    for (sources, error) in [
        (TokenSources::default(), SetupError::NoSource),
        (empty, SetupError::EmptySecret),
        (
            at("ftp://a:b@c.test/k?d=e"),
            SetupError::KeySetUrl("ftp://c.test/k".into()),
        ),
        (
            at("file:///etc/keys"),
            SetupError::KeySetUrl("file:///etc/keys".into()),
        ),
    ] {
        assert_eq!(Verifier::new(sources).map(drop), Err(error));
    }
}

#[tokio::test]
async fn a_secret_alone_needs_no_key_set() {
    let verifier = Verifier::new(secret_alone()).unwrap();
    assert_eq!(verifier.check_key_sets().await.unwrap(), []);
}

#[test]
fn nothing_shows_the_secret() {
    let verifier = Verifier::new(secret_alone()).unwrap();
    let shown = format!(
        "{:?} {:?} {verifier:?}",
        SecretString::from(SECRET),
        secret_alone()
    );
    assert!(shown.contains("[REDACTED]"));
    assert!(!shown.contains("shared secret"), "{shown}");
}
