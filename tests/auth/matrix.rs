//! Every kind of token against one verifier: for each algorithm the valid tokens of every
//! form, and one token for each reason to be rejected.

mod claims;
mod forms;
mod good;
mod signatures;

use secrecy::SecretString;
use tasks_api::auth::{AuthError, ClaimPolicy, Reason, TokenSources, Verifier};
use tasks_api_test_support::{
    key_server::{KeyServer, Reply},
    signer::{AUDIENCE, ISSUER, Kind, SECRET, Signer},
};

/// A description, the token, and the subject or the reason of the rejection.
type Case = (String, String, Result<String, Reason>);

/// With any detail.
const MALFORMED: Reason = Reason::Malformed("");

#[tokio::test]
async fn every_hs256_token_is_verified_correctly() {
    judge_all(&Signer::secret()).await;
}

#[tokio::test]
async fn every_eddsa_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::EdDsa, "ed")).await;
}

#[tokio::test]
async fn every_es256_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::Es256, "ec")).await;
}

#[tokio::test]
async fn every_es384_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::Es384, "es")).await;
}

#[tokio::test]
async fn every_rs256_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::Rs256, "rs")).await;
}

#[tokio::test]
async fn every_rs384_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::Rs384, "rs")).await;
}

#[tokio::test]
async fn every_rs512_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::Rs512, "rs")).await;
}

#[tokio::test]
async fn every_ps256_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::Ps256, "ps")).await;
}

#[tokio::test]
async fn every_ps384_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::Ps384, "ps")).await;
}

#[tokio::test]
async fn every_ps512_token_is_verified_correctly() {
    judge_all(&Signer::new(Kind::Ps512, "ps")).await;
}

async fn judge_all(signer: &Signer) {
    // The keys of other algorithms are published too, and must not verify the token.
    let others: Vec<_> = Kind::PUBLISHED
        .into_iter()
        .filter(|&kind| kind != signer.kind)
        .map(|kind| Signer::new(kind, kind.alg()))
        .collect();
    let published: Vec<_> = others
        .iter()
        .chain([signer].into_iter().filter(|it| it.kind != Kind::Hs256))
        .collect();
    let server = KeyServer::start(Reply::of(&published)).await;
    let attacker = Signer::another(signer.kind, "attacker");
    let attackers_server = KeyServer::start(Reply::of(&[&attacker])).await;
    let policy = ClaimPolicy {
        issuers: vec!["https://first.test".into(), ISSUER.into()],
        audiences: vec!["first".into(), AUDIENCE.into()],
    };
    let verifier = Verifier::new(TokenSources {
        secret: Some(SecretString::from(SECRET)),
        secret_claims: policy.clone(),
        key_set_urls: vec![server.url.clone()],
        key_set_claims: policy,
        ..TokenSources::default()
    })
    .unwrap();
    let mut table = good::good(signer);
    table.extend(forms::bad_forms(signer));
    table.extend(forms::bad_members(signer));
    table.extend(forms::bad_headers(signer));
    table.extend(signatures::bad_signatures(
        signer,
        &attacker,
        attackers_server.url.as_str(),
    ));
    table.extend(claims::bad_dates(signer));
    table.extend(claims::bad_names(signer));
    table.extend(claims::stand_ins_for_a_subject(signer));
    table.extend(match signer.kind {
        Kind::Hs256 => signatures::confusions_with_keys(&others),
        _ => signatures::confusions_with_secret(signer, &others[0]),
    });

    let mut wrong = Vec::new();
    for (name, token, expected) in &table {
        let result = match verifier.verify(token).await {
            Ok(user) => Ok(user.subject().to_owned()),
            Err(AuthError::Invalid(Reason::Malformed(_))) => Err(MALFORMED),
            Err(AuthError::Invalid(reason)) => Err(reason),
            Err(AuthError::KeysUnavailable { .. }) => panic!("{name}: the keys are there"),
        };
        if result != *expected {
            wrong.push(format!("{name}: {result:?} instead of {expected:?}"));
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(table.len() >= 45, "{} cases", table.len());
    assert!(server.requests() <= 2, "one download and one refetch");
    assert_eq!(
        attackers_server.requests(),
        0,
        "a token never says where keys are"
    );
}

fn accepted(name: &str, token: String) -> Case {
    (name.into(), token, Ok("ana".into()))
}

fn refused(name: &str, token: String, reason: Reason) -> Case {
    (name.into(), token, Err(reason))
}

/// The longest token that is accepted, in bytes.
const MAX_LENGTH: usize = 16 * 1024;

/// The longest token within 16 KiB, and the next longer one.
fn length_around(signer: &Signer) -> (String, String) {
    let of = |length: usize| signer.claim("more", "x".repeat(length));
    // A binary search: a thousand RSA signatures would take longer than the leeway of the
    // tokens that were signed before.
    let (mut fits, mut exceeds) = (11_000, 12_400);
    while exceeds - fits > 1 {
        let middle = usize::midpoint(fits, exceeds);
        if of(middle).len() <= MAX_LENGTH {
            fits = middle;
        } else {
            exceeds = middle;
        }
    }
    let (within, over) = (of(fits), of(exceeds));
    assert!(within.len() <= MAX_LENGTH && over.len() > MAX_LENGTH);
    assert!(over.len() - within.len() <= 2);
    (within, over)
}
