//! Which key source verifies which token: the secret HS256, the key sets all else.
//! The algorithm decides, so that no header can make a token cross from one to the
//! other. The rules for claims are in `claims`.

use std::{fmt, sync::Arc};

use futures_util::{
    FutureExt,
    future::join_all,
    stream::{FuturesUnordered, StreamExt},
};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::{
    claims::{self, ClaimPolicy},
    error::{AuthError, Reason, SetupError},
    fetch,
    jwk::Keys,
    jws::Jws,
    key_set::{KeySet, KeySetStatus, KeySetTimes, KeySetsUnavailable},
    token_cache::{TokenCache, VerifiedBy, VerifiedToken},
    user::{Session, User},
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
    /// verify `EdDSA`, ES256, ES384, RS256, RS384, RS512, PS256, PS384 and PS512, and
    /// nothing else does. Several sets form a union: each may sign for every issuer of
    /// `key_set_claims`.
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
    key_sets: Vec<Arc<KeySet>>,
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
        let mut key_sets = Vec::new();
        for url in sources.key_set_urls {
            let redacted = fetch::redacted(&url);
            let source = Arc::new(fetch::Source::new(url)?);
            key_sets.push(Arc::new(KeySet::new(
                redacted,
                sources.key_set_times,
                Box::new(move || {
                    let source = Arc::clone(&source);
                    async move { source.fetch().await }.boxed()
                }),
            )));
        }
        Ok(Self(Arc::new(Inner {
            secret: secret.map(|secret| DecodingKey::from_secret(secret.as_bytes())),
            secret_claims: sources.secret_claims,
            key_sets,
            key_set_claims: sources.key_set_claims,
            cache: TokenCache::new(),
        })))
    }

    /// Verifies a token, given without the scheme `Bearer`. Logs the reason of a
    /// rejection, never the token or a part of it.
    ///
    /// May wait for key sets, at most `KeySetTimes::timeout` for each fetch: the first
    /// one, and the one that an unknown key triggers. Cancel safe.
    pub async fn verify(&self, token: &str) -> Result<User, AuthError> {
        Ok(self.session(token).await?.user)
    }

    /// Like [`Verifier::verify`]; also returns when the token expires.
    pub async fn session(&self, token: &str) -> Result<Session, AuthError> {
        let result = self.0.verify(token).await;
        result.inspect_err(|error| match error {
            AuthError::Invalid(reason) => tracing::info!(%reason, "token rejected"),
            AuthError::KeysUnavailable { .. } => tracing::warn!(%error, "token not verified"),
        })
    }

    /// The status of each configured key set, fetched if necessary. Fails if key sets are
    /// configured and none of them has a usable key. Safe to call often: it fetches no more
    /// often than tokens do.
    pub async fn check_key_sets(&self) -> Result<Vec<KeySetStatus>, KeySetsUnavailable> {
        let sets = &self.0.key_sets;
        join_all(sets.iter().map(KeySet::current)).await;
        let key_sets: Vec<_> = sets.iter().map(|set| set.status()).collect();
        if key_sets.is_empty() || key_sets.iter().any(|set| set.keys > 0) {
            Ok(key_sets)
        } else {
            Err(KeySetsUnavailable { key_sets })
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Inner {
    async fn verify(&self, token: &str) -> Result<Session, AuthError> {
        let now = claims::now();
        let fingerprint = TokenCache::fingerprint(token);
        if let Some(session) = self.cache.get(&fingerprint, now).await {
            return Ok(session);
        }
        let token = Jws::parse(token)?;
        let (verified_by, policy) = if token.algorithm == Algorithm::HS256 {
            let secret = self.secret.as_ref().ok_or(Reason::Algorithm)?;
            token.verify(secret)?;
            (VerifiedBy::Secret, &self.secret_claims)
        } else {
            (self.verify_by_key_sets(&token).await?, &self.key_set_claims)
        };
        let claims = token.claims()?;
        let valid = claims::validate(&claims, policy, now)?;
        let user = User {
            subject: valid.subject.into(),
        };
        let verified = VerifiedToken {
            user,
            verified_by,
            verified_at: now,
            expires_at: valid.expires_at,
        };
        let session = verified.session();
        self.cache.insert(fingerprint, verified);
        Ok(session)
    }

    /// Tries every key set, then refetches those whose issuer may have rotated its keys.
    ///
    /// An unavailable set delays no token that another set verifies. If no other set
    /// does, the unavailable one might: the result is then `KeysUnavailable`, not a
    /// rejection.
    async fn verify_by_key_sets(&self, token: &Jws<'_>) -> Result<VerifiedBy, AuthError> {
        let received_at = Instant::now();
        // The greatest reason of all sets; this one is left if there are none.
        let mut rejection = Reason::Algorithm;
        let mut retries = Vec::new();

        let mut tried = Vec::new();
        let sets = self.key_sets.iter();
        let mut current: FuturesUnordered<_> =
            sets.map(async |set| (set, set.current().await)).collect();
        while let Some((set, keys)) = current.next().await {
            match keys {
                Err(retry_after) => retries.push(retry_after),
                Ok(keys) => match keys.verify(token) {
                    Ok(()) => return Ok(VerifiedBy::KeySet(Arc::clone(set), keys)),
                    Err(reason) => {
                        rejection = rejection.max(reason);
                        tried.push((set, keys));
                    }
                },
            }
        }

        let tried = tried.into_iter();
        let mut refetched: FuturesUnordered<_> = tried
            .map(async |(set, keys)| verify_by_newer_keys(set, keys, token, received_at).await)
            .collect();
        while let Some(result) = refetched.next().await {
            match result {
                Ok(verified_by) => return Ok(verified_by),
                Err(reason) => rejection = rejection.max(reason),
            }
        }

        Err(match retries.into_iter().min() {
            Some(retry_after) => AuthError::KeysUnavailable { retry_after },
            None => rejection.into(),
        })
    }
}

/// Tries the keys newer than `tried` on a token. Terminates: keys that were requested
/// after the token was received are not refetched for it.
async fn verify_by_newer_keys(
    set: &Arc<KeySet>,
    mut tried: Arc<Keys>,
    token: &Jws<'_>,
    received_at: Instant,
) -> Result<VerifiedBy, Reason> {
    let mut rejection = Reason::UnknownKey;
    while let Some(keys) = set.newer(&tried, received_at).await {
        match keys.verify(token) {
            Ok(()) => return Ok(VerifiedBy::KeySet(Arc::clone(set), keys)),
            Err(reason) => rejection = rejection.max(reason),
        }
        tried = keys;
    }
    Err(rejection)
}
