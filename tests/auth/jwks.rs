//! What a key set may contain, and which tokens its keys verify.

use serde_json::{Value, json};
use tasks_api::auth::{AuthError, Reason, TokenSources, Verifier};
use tasks_api_test_support::{
    key_server::{KeyServer, Reply},
    signer::{Kind, Signer, encode},
};

async fn verifier(jwks: &[Value]) -> (KeyServer, Verifier) {
    let server = KeyServer::start(Reply::keys(jwks)).await;
    let verifier = Verifier::new(TokenSources {
        key_set_urls: vec![server.url.clone()],
        ..TokenSources::default()
    });
    (server, verifier.unwrap())
}

/// The result of a token of `signer` when these keys are published.
async fn verify(jwks: &[Value], signer: &Signer) -> Result<(), AuthError> {
    let (_server, verifier) = verifier(jwks).await;
    verifier.verify(&signer.token()).await.map(drop)
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

#[tokio::test]
async fn a_key_without_alg_gets_it_from_its_kind_and_curve() {
    for kind in Kind::PUBLISHED {
        let signer = Signer::new(kind, "k");
        assert_eq!(
            verify(&[signer.jwk_without_alg()], &signer).await,
            Ok(()),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn a_key_verifies_its_own_alg_alone() {
    let (rs, ps) = (Signer::new(Kind::Rs256, "k"), Signer::new(Kind::Ps256, "k"));
    let (unknown, good) = (Err(AuthError::Invalid(Reason::UnknownKey)), Ok(()));
    assert_eq!(verify(&[rs.jwk()], &rs).await, good);
    assert_eq!(verify(&[rs.jwk()], &ps).await, unknown);
    assert_eq!(verify(&[ps.jwk()], &ps).await, good);
    assert_eq!(verify(&[ps.jwk()], &rs).await, unknown);
}

#[tokio::test]
async fn the_newer_name_of_eddsa_is_understood() {
    let signer = Signer::new(Kind::EdDsa, "k");
    assert_eq!(
        verify(&[with(signer.jwk(), "alg", "Ed25519")], &signer).await,
        Ok(())
    );
}

#[tokio::test]
async fn a_key_set_without_a_usable_key_rejects_no_token() {
    let ed = Signer::new(Kind::EdDsa, "k");
    let rsa = Signer::new(Kind::Rs256, "k");
    for (jwks, signer) in [
        (vec![], &ed),
        (vec![with(ed.jwk(), "use", "enc")], &ed),
        (vec![with(ed.jwk(), "key_ops", json!(["sign"]))], &ed),
        (vec![with(ed.jwk(), "alg", "ES256")], &ed),
        (vec![with(ed.jwk(), "crv", "X25519")], &ed),
        (vec![with(ed.jwk(), "x", encode([7; 31]))], &ed),
        // The neutral element, whose forgeries verify any message.
        (
            vec![with(ed.jwk(), "x", encode([&[1][..], &[0; 31]].concat()))],
            &ed,
        ),
        (vec![with(ed.jwk(), "x", encode([0; 32]))], &ed),
        (vec![with(ed.jwk(), "d", encode([7; 32]))], &ed),
        (vec![with(rsa.jwk(), "n", encode([0xff; 128]))], &rsa),
        (vec![with(rsa.jwk(), "e", "AQ")], &rsa),
        (vec![Signer::secret().jwk()], &ed),
        (vec![json!("key"), json!(null), json!({})], &ed),
    ] {
        let result = verify(&jwks, signer).await;
        assert!(
            matches!(result, Err(AuthError::KeysUnavailable { .. })),
            "{jwks:?}: {result:?}"
        );
    }
}

#[tokio::test]
async fn a_key_of_another_kind_is_named() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let p521 = json!({"kty": "EC", "crv": "P-521", "alg": "ES512", "x": "AA", "y": "AA"});
    for (jwk, name) in [
        (p521, "EC P-521 ES512"),
        (json!({"kty": "EC", "crv": "secp256k1"}), "EC secp256k1"),
        (json!({"kty": "OKP", "crv": "Ed448"}), "OKP Ed448"),
        (json!({"kty": "oct", "k": "AA"}), "oct"),
    ] {
        let (_server, beside) = verifier(&[jwk.clone(), signer.jwk()]).await;
        let status = beside.check_key_sets().await.unwrap();
        assert_eq!(status[0].keys, 1);
        assert!(status[0].skipped[0].starts_with(name), "{status:?}");

        let (_server, alone) = verifier(&[jwk]).await;
        let problem = alone.check_key_sets().await.unwrap_err().key_sets[0]
            .problem
            .clone();
        assert!(problem.is_some_and(|text| text.contains(name)), "{name}");
    }
}

#[tokio::test]
async fn one_invalid_key_does_not_invalidate_the_set() {
    let signer = Signer::new(Kind::Es256, "good");
    let bad = [
        json!({"kty": "EC", "crv": "secp256k1", "kid": "good", "x": "AA", "y": "AA"}),
        json!({"kty": "new", "alg": "ML-DSA-65", "pub": "AA"}),
        json!(17),
        with(signer.jwk(), "x", "%%%"),
        // Decodable, but not a point on the curve.
        with(signer.jwk(), "x", encode([1; 32])),
    ];
    let jwks = [&bad[..], &[signer.jwk()]].concat();

    assert_eq!(verify(&jwks, &signer).await, Ok(()));
}

#[tokio::test]
async fn each_of_the_keys_that_share_an_id_is_tried() {
    let twins = [Signer::new(Kind::EdDsa, "k"), Signer::new(Kind::EdDsa, "k")];
    let (_server, verifier) = verifier(&[twins[0].jwk(), twins[1].jwk()]).await;
    for twin in &twins {
        assert!(verifier.verify(&twin.token()).await.is_ok());
    }
}

#[tokio::test]
async fn a_key_without_an_id_verifies_tokens_with_and_without_one() {
    let signer = Signer::new(Kind::EdDsa, "k");
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let (_server, verifier) = verifier(&[jwk]).await;

    assert!(verifier.verify(&signer.token()).await.is_ok());
    assert!(verifier.verify(&signer.without_header("kid")).await.is_ok());
}

#[tokio::test]
async fn a_secret_in_a_key_set_verifies_nothing() {
    let published = Signer::new(Kind::EdDsa, "k");
    let oct = with(Signer::secret().jwk(), "alg", "HS256");

    let result = verify(&[oct, published.jwk()], &Signer::secret()).await;

    assert_eq!(result, Err(AuthError::Invalid(Reason::Algorithm)));
}

#[tokio::test]
async fn the_keys_of_a_set_are_capped() {
    let signer = Signer::new(Kind::EdDsa, "wanted");
    let fill = |count: usize| (0..count).map(|n| with(signer.jwk(), "kid", n.to_string()));
    let capped = Err(AuthError::Invalid(Reason::UnknownKey));
    for (others, expected) in [(63, Ok(())), (64, capped)] {
        let jwks: Vec<_> = fill(others).chain([signer.jwk()]).collect();
        assert_eq!(
            verify(&jwks, &signer).await,
            expected,
            "after {others} others"
        );
    }
}

#[tokio::test]
async fn the_keys_tried_on_one_token_are_capped() {
    let (signer, other) = (Signer::new(Kind::EdDsa, "k"), Signer::new(Kind::EdDsa, "k"));
    let capped = Err(AuthError::Invalid(Reason::Signature));
    for (others, expected) in [(15, Ok(())), (16, capped)] {
        let mut jwks = vec![other.jwk(); others];
        jwks.push(signer.jwk());
        assert_eq!(
            verify(&jwks, &signer).await,
            expected,
            "after {others} others"
        );
    }
}
