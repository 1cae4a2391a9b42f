//! Which key source verifies which token: the secret HS256, the key sets all else.
//! The algorithm decides, so that no header can make a token cross from one to the
//! other. The rules for claims are in `claims`.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::stream::{FuturesUnordered, StreamExt};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::{
    claims::{self, ClaimPolicy},
    error::{AuthError, Reason, SetupError},
    fetch::Endpoint,
    jws::Jws,
    key_set::{KeySet, KeySetStatus, KeySetTimes, KeySetsUnavailable},
    keys::{Keys, SignatureCheck},
    token_cache::{TokenCache, VerifiedBy, VerifiedToken},
    user::User,
};

/// What a verifier is built from: plain data, derived from the configuration.
///
/// Each source has its own claim policy. An issuer that is derived from
/// `BETTER_AUTH_URL` applies to the tokens of its key set, not to those signed with
/// `BETTER_AUTH_SECRET`. `JWT_ISSUER` and `JWT_AUDIENCE` apply to every token:
///
/// | configured | `secret_claims` | `key_set_claims` |
/// |---|---|---|
/// | `BETTER_AUTH_SECRET` alone | no rule | |
/// | `BETTER_AUTH_URL` | no rule | issuer and audience are its origin |
/// | `JWT_ISSUER`, `JWT_AUDIENCE` | these | these |
#[derive(Clone, Debug, Default)]
pub struct TokenSources {
    /// Verifies HS256, and nothing else does; its UTF-8 bytes are the key.
    pub secret: Option<SecretString>,
    /// The policy for tokens signed with the secret.
    pub secret_claims: ClaimPolicy,
    /// The `http` or `https` URLs of the key sets (RFC 7517, section 5). Their keys
    /// verify `EdDSA`, ES256, RS256 and PS256, and nothing else does. Several sets
    /// form a union: each may sign for every issuer of `key_set_claims`.
    pub key_set_urls: Vec<Url>,
    /// The policy for tokens signed by a key set.
    pub key_set_claims: ClaimPolicy,
    /// How long key sets are cached.
    pub key_set_times: KeySetTimes,
}

/// Verifies tokens: returns the [`User`] of a token that a configured source signed.
///
/// Cheap to clone: clones share their key sets and their cache. Building one fetches
/// nothing, so that the server starts while its issuer is down.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    secret: Option<DecodingKey>,
    secret_claims: ClaimPolicy,
    key_sets: Vec<KeySet>,
    key_set_claims: ClaimPolicy,
    cache: TokenCache,
}

impl Verifier {
    /// Builds a verifier without using the network.
    pub fn new(sources: TokenSources) -> Result<Self, SetupError> {
        let secret = sources.secret.as_ref().map(ExposeSecret::expose_secret);
        if secret.is_none() && sources.key_set_urls.is_empty() {
            return Err(SetupError::NoSource);
        }
        if secret.is_some_and(str::is_empty) {
            return Err(SetupError::EmptySecret);
        }
        let secret = secret.map(|secret| DecodingKey::from_secret(secret.as_bytes()));
        let mut key_sets = Vec::new();
        for url in sources.key_set_urls {
            let endpoint = Endpoint::new(url)?;
            key_sets.push(KeySet::new(
                endpoint.redacted_url(),
                sources.key_set_times,
                Box::new(move || {
                    let endpoint = Arc::clone(&endpoint);
                    Box::pin(async move { endpoint.fetch().await })
                }),
            ));
        }
        Ok(Self(Arc::new(Inner {
            secret,
            secret_claims: sources.secret_claims,
            key_sets,
            key_set_claims: sources.key_set_claims,
            cache: TokenCache::new(),
        })))
    }

    /// Verifies a token, given without the scheme `Bearer`. Logs the reason of a
    /// rejection, never the token or a part of it.
    ///
    /// May wait for key sets, at most `KeySetTimes::timeout` for each fetch: the
    /// first one, and the one that an unknown key triggers.
    ///
    /// Cancel safe: the future may be dropped at any point.
    pub async fn verify(&self, token: &str) -> Result<User, AuthError> {
        let result = self.0.verify(token).await;
        match &result {
            Ok(_) => {}
            Err(AuthError::Invalid(reason)) => tracing::info!(%reason, "token rejected"),
            Err(error @ AuthError::KeysUnavailable { .. }) => {
                tracing::warn!(%error, "token not verified");
            }
        }
        result
    }

    /// Checks that key-set tokens can be verified. Returns the status of each
    /// configured key set, fetched if necessary; an empty list if only a secret is
    /// configured.
    ///
    /// Fails if key sets are configured and none of them has a usable key. Safe to
    /// call often: it fetches no more often than tokens do.
    pub async fn check_key_sets(&self) -> Result<Vec<KeySetStatus>, KeySetsUnavailable> {
        let sets = &self.0.key_sets;
        let mut current: FuturesUnordered<_> = sets.iter().map(KeySet::current).collect();
        let mut usable = sets.is_empty();
        let mut retry_after = None;
        while let Some(keys) = current.next().await {
            match keys {
                Ok(_) => usable = true,
                Err(unavailable) => keep_shorter(&mut retry_after, unavailable.retry_after),
            }
        }
        let key_sets = sets.iter().map(KeySet::status).collect();
        match retry_after {
            Some(retry_after) if !usable => Err(KeySetsUnavailable {
                key_sets,
                retry_after,
            }),
            _ => Ok(key_sets),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verifier")
            .field("secret", &self.0.secret.is_some())
            .field("key_sets", &self.0.key_sets.len())
            .finish_non_exhaustive()
    }
}

impl Inner {
    async fn verify(&self, token: &str) -> Result<User, AuthError> {
        let now = claims::now();
        let fingerprint = TokenCache::fingerprint(token);
        let cached = self.cache.get(&fingerprint, now, &self.key_sets);
        if let Some(user) = cached.await {
            return Ok(user);
        }
        let token = Jws::parse(token)?;
        let (verified_by, policy) = if token.algorithm == Algorithm::HS256 {
            self.verify_by_secret(&token)?;
            (VerifiedBy::Secret, &self.secret_claims)
        } else {
            let (index, keys) = self.verify_by_key_sets(&token).await?;
            (VerifiedBy::KeySet(index, keys), &self.key_set_claims)
        };
        let claims = token.claims()?;
        let valid = claims::validate(&claims, policy, now)?;
        let user = User {
            subject: valid.subject.into(),
        };
        let verified = VerifiedToken {
            user: user.clone(),
            verified_by,
            verified_at: now,
            expires_at: valid.expires_at,
        };
        self.cache.insert(fingerprint, verified);
        Ok(user)
    }

    fn verify_by_secret(&self, token: &Jws<'_>) -> Result<(), Reason> {
        let secret = self.secret.as_ref().ok_or(Reason::Algorithm)?;
        if token.is_signed_by(secret) {
            Ok(())
        } else {
            Err(Reason::Signature)
        }
    }

    /// Tries every key set, then refetches those whose issuer may have rotated its
    /// keys. Returns the index of the set that verifies the token, and its keys.
    ///
    /// An unavailable set delays no token that another set verifies. If no other set
    /// does, the unavailable one might: the result is then `KeysUnavailable`, not a
    /// rejection.
    async fn verify_by_key_sets(&self, token: &Jws<'_>) -> Result<(usize, Arc<Keys>), AuthError> {
        if self.key_sets.is_empty() {
            return Err(Reason::Algorithm.into());
        }
        let received_at = Instant::now();
        let mut best = SignatureCheck::NoMatchingKey;
        let mut retry_after = None;

        let mut failed = Vec::new();
        let sets = self.key_sets.iter().enumerate();
        let mut current: FuturesUnordered<_> = sets
            .map(async |(index, set)| (index, set, set.current().await))
            .collect();
        while let Some((index, set, keys)) = current.next().await {
            match keys {
                Err(unavailable) => keep_shorter(&mut retry_after, unavailable.retry_after),
                Ok(keys) => match keys.check(token) {
                    SignatureCheck::Valid => return Ok((index, keys)),
                    other => {
                        best = best.max(other);
                        failed.push((index, set, keys));
                    }
                },
            }
        }

        let mut refetched: FuturesUnordered<_> = failed
            .into_iter()
            .map(async |(index, set, keys)| {
                let newer = verify_by_newer_keys(set, keys, token, received_at);
                (index, newer.await)
            })
            .collect();
        while let Some((index, newer)) = refetched.next().await {
            match newer {
                Ok(keys) => return Ok((index, keys)),
                Err(other) => best = best.max(other),
            }
        }

        Err(match (retry_after, best) {
            (Some(retry_after), _) => AuthError::KeysUnavailable { retry_after },
            (None, SignatureCheck::NoMatchingKey) => Reason::UnknownKey.into(),
            (None, _) => Reason::Signature.into(),
        })
    }
}

/// Tries the keys newer than `tried` on a token. Returns those that verify it, or
/// the best result of the others. Terminates: keys that were requested after the
/// token was received are not refetched for it.
async fn verify_by_newer_keys(
    set: &KeySet,
    mut tried: Arc<Keys>,
    token: &Jws<'_>,
    received_at: Instant,
) -> Result<Arc<Keys>, SignatureCheck> {
    let mut best = SignatureCheck::NoMatchingKey;
    while let Some(keys) = set.newer(&tried, received_at).await {
        match keys.check(token) {
            SignatureCheck::Valid => return Ok(keys),
            other => best = best.max(other),
        }
        tried = keys;
    }
    Err(best)
}

fn keep_shorter(retry_after: &mut Option<Duration>, candidate: Duration) {
    *retry_after = Some(retry_after.map_or(candidate, |shortest| shortest.min(candidate)));
}
