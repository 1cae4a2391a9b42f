//! Which key judges which token: HS256 by the secret, all else by the key sets.
//! The two never cross, whatever a token's header says. Must not decide about
//! claims; `claims` does.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::{
    AuthError, ClaimPolicy, KeySetStatus, KeySetsUnavailable, Reason, SetupError, TokenSources,
    User, claims,
    fetch::Endpoint,
    jws::Compact,
    key_set::KeySet,
    keys::{Keys, Match},
    token_cache::{Remembered, Verified, Voucher},
};

/// Makes a [`User`] of a token that one of the configured sources signed.
///
/// Cheap to clone: clones share their key sets. Building one fetches nothing, so
/// that the server starts while its issuer is down.
#[derive(Clone)]
pub struct Verifier(Arc<Sources>);

struct Sources {
    secret: Option<DecodingKey>,
    secret_claims: ClaimPolicy,
    key_sets: Vec<KeySet>,
    key_set_claims: ClaimPolicy,
    remembered: Remembered,
}

impl Verifier {
    /// Builds a verifier; needs no network yet.
    pub fn new(sources: TokenSources) -> Result<Self, SetupError> {
        if sources.secret.is_none() && sources.key_set_urls.is_empty() {
            return Err(SetupError::NoSource);
        }
        if sources
            .secret
            .as_ref()
            .is_some_and(|secret| secret.expose_secret().is_empty())
        {
            return Err(SetupError::EmptySecret);
        }
        let secret = sources
            .secret
            .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()));
        let mut key_sets = Vec::new();
        for url in sources.key_set_urls {
            let endpoint = Endpoint::new(url)?;
            key_sets.push(KeySet::new(
                endpoint.name(),
                sources.key_set_times,
                Box::new(move || {
                    let endpoint = Arc::clone(&endpoint);
                    Box::pin(async move { endpoint.fetch().await })
                }),
            ));
        }
        Ok(Self(Arc::new(Sources {
            secret,
            secret_claims: sources.secret_claims,
            key_sets,
            key_set_claims: sources.key_set_claims,
            remembered: Remembered::new(),
        })))
    }

    /// Judges a token, without the word `Bearer`. The reason of a refusal is
    /// logged here; neither the token nor a part of it ever is.
    ///
    /// May wait for a key set, at most `KeySetTimes::timeout` for each download:
    /// the first one, or the one that an unknown key causes.
    ///
    /// Dropping the future is safe at any point.
    pub async fn verify(&self, token: &str) -> Result<User, AuthError> {
        let judged = self.0.judge(token).await;
        match &judged {
            Ok(_) => {}
            Err(AuthError::Invalid(reason)) => tracing::info!(%reason, "token refused"),
            Err(error @ AuthError::KeysUnavailable { .. }) => {
                tracing::warn!(%error, "token not judged");
            }
        }
        judged
    }

    /// Whether key-set tokens can be judged: what each configured key set holds,
    /// fetched if need be, and nothing if only a secret is configured.
    ///
    /// Fails if key sets are configured and none of them has a usable key. Safe to
    /// call often: it asks an issuer no oftener than tokens do.
    pub async fn check_key_sets(&self) -> Result<Vec<KeySetStatus>, KeySetsUnavailable> {
        let sets = &self.0.key_sets;
        let mut current: FuturesUnordered<_> = sets.iter().map(KeySet::current).collect();
        let mut usable = sets.is_empty();
        let mut retry_after = None;
        while let Some(keys) = current.next().await {
            match keys {
                Ok(_) => usable = true,
                Err(unavailable) => sooner(&mut retry_after, unavailable.retry_after),
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

impl Sources {
    async fn judge(&self, token: &str) -> Result<User, AuthError> {
        let now = now();
        let fingerprint = Remembered::fingerprint(token);
        let known = self.remembered.user(&fingerprint, now, &self.key_sets);
        if let Some(user) = known.await {
            return Ok(user);
        }
        let token = Compact::parse(token)?;
        let (voucher, policy) = if token.algorithm == Algorithm::HS256 {
            self.check_by_secret(&token)?;
            (Voucher::Secret, &self.secret_claims)
        } else {
            let (number, keys) = self.check_by_key_sets(&token).await?;
            (Voucher::Keys(number, keys), &self.key_set_claims)
        };
        let claims = token.claims()?;
        let (subject, until) = claims::subject(&claims, policy, now)?;
        let user = User {
            subject: subject.into(),
        };
        let verified = Verified {
            user: user.clone(),
            voucher,
            since: now,
            until,
        };
        self.remembered.remember(fingerprint, verified);
        Ok(user)
    }

    fn check_by_secret(&self, token: &Compact<'_>) -> Result<(), Reason> {
        let secret = self.secret.as_ref().ok_or(Reason::Algorithm)?;
        if token.is_signed_by(secret) {
            Ok(())
        } else {
            Err(Reason::Signature)
        }
    }

    /// Asks every key set, then those again whose issuer may have rotated its keys.
    /// Returns the number of the set that vouches for the token, and the keys.
    ///
    /// A set out of reach delays no token that another set verifies. If none does,
    /// the missing one might have: the token is not refused, its judgement fails.
    async fn check_by_key_sets(
        &self,
        token: &Compact<'_>,
    ) -> Result<(usize, Arc<Keys>), AuthError> {
        if self.key_sets.is_empty() {
            return Err(Reason::Algorithm.into());
        }
        let arrived = Instant::now();
        let mut best = Match::NoKey;
        let mut retry_after = None;

        let mut missed = Vec::new();
        let sets = self.key_sets.iter().enumerate();
        let mut current: FuturesUnordered<_> = sets
            .map(async |(number, set)| (number, set, set.current().await))
            .collect();
        while let Some((number, set, keys)) = current.next().await {
            match keys {
                Err(unavailable) => sooner(&mut retry_after, unavailable.retry_after),
                Ok(keys) => match keys.check(token) {
                    Match::Good => return Ok((number, keys)),
                    other => {
                        best = best.max(other);
                        missed.push((number, set, keys));
                    }
                },
            }
        }

        let mut again: FuturesUnordered<_> = missed
            .into_iter()
            .map(async |(number, set, keys)| (number, check_newer(set, keys, token, arrived).await))
            .collect();
        while let Some((number, newer)) = again.next().await {
            match newer {
                Ok(keys) => return Ok((number, keys)),
                Err(other) => best = best.max(other),
            }
        }

        Err(match (retry_after, best) {
            (Some(retry_after), _) => AuthError::KeysUnavailable { retry_after },
            (None, Match::NoKey) => Reason::UnknownKey.into(),
            (None, _) => Reason::Signature.into(),
        })
    }
}

/// Checks a token that `seen` did not verify by the keys that come after, and
/// returns those that do, or the best that any of them said. Ends soon: keys as
/// new as the request have no newer ones.
async fn check_newer(
    set: &KeySet,
    mut seen: Arc<Keys>,
    token: &Compact<'_>,
    arrived: Instant,
) -> Result<Arc<Keys>, Match> {
    let mut best = Match::NoKey;
    while let Some(keys) = set.newer(&seen, arrived).await {
        match keys.check(token) {
            Match::Good => return Ok(keys),
            other => best = best.max(other),
        }
        seen = keys;
    }
    Err(best)
}

fn sooner(retry_after: &mut Option<Duration>, candidate: Duration) {
    *retry_after = Some(retry_after.map_or(candidate, |least| least.min(candidate)));
}

/// Seconds since 1970. A clock before that judges every token expired rather
/// than none.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(claims::LATEST, |since| since.as_secs())
}
