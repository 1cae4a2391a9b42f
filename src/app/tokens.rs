//! The tokens that the configuration accepts: verified for requests, signed for the
//! command line and the banner.

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::{development::SecretSource, error::StartError};
use crate::{
    api::docs::TokenHelp,
    auth::{ClaimPolicy, KeySetTimes, TokenSources, Verifier, sign_hs256},
    config::{Config, Environment},
};

/// Returns a token of the user that is signed in with Better Auth's JWT plugin, in the
/// console of a browser on a page of the application.
pub const BETTER_AUTH_SNIPPET: &str = r#"(await (await fetch("/api/auth/token")).json()).token"#;

/// The user of the tokens that development shows.
pub const DEVELOPER: &str = "developer";
/// How long these tokens are valid.
const DEVELOPER_LIFETIME: Duration = Duration::from_hours(24);

/// Builds the verifier. A secret that looks as if it was copied with too much is logged.
pub fn verifier(config: &Config) -> Result<Verifier, StartError> {
    if config.better_auth_secret.as_ref().is_some_and(has_border) {
        tracing::warn!(
            "BETTER_AUTH_SECRET begins or ends with white space or a quote; these bytes are part \
             of the secret, for the application that signs tokens too"
        );
    }
    let secret_claims = explicit_claims(config);
    let mut key_set_claims = secret_claims.clone();
    // Better Auth's default: issuer and audience of the tokens of its key set are its own
    // origin. Tokens signed with the secret are of the application's own making.
    for accepted in [&mut key_set_claims.issuers, &mut key_set_claims.audiences] {
        if accepted.is_empty() {
            accepted.extend(config.better_auth_origin.clone());
        }
    }
    Verifier::new(TokenSources {
        secret: config.better_auth_secret.clone(),
        secret_claims,
        key_set_urls: config.key_set_urls.clone(),
        key_set_claims,
        key_set_times: KeySetTimes::default(),
    })
    .map_err(StartError::failed)
}

/// Whether the secret begins or ends with white space or a quote.
fn has_border(secret: &SecretString) -> bool {
    let is_border = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`');
    let secret = secret.expose_secret();
    secret.starts_with(is_border) || secret.ends_with(is_border)
}

/// Signs a token that the service accepts, with `BETTER_AUTH_SECRET`. `lifetime` is in
/// whole seconds.
pub fn sign(config: &Config, subject: &str, lifetime: Duration) -> Result<String, StartError> {
    let Some(secret) = &config.better_auth_secret else {
        let message = "is not set; wants the secret to sign the token with";
        return Err(StartError::config("BETTER_AUTH_SECRET", &message));
    };
    sign_hs256(secret, &explicit_claims(config), subject, lifetime)
        .map_err(|error| StartError::Failed(format!("no token for {subject:?}: {error}")))
}

/// A token of [`DEVELOPER`], valid for 24 hours.
pub fn sign_for_developer(config: &Config) -> Result<String, StartError> {
    sign(config, DEVELOPER, DEVELOPER_LIFETIME)
}

/// What `/docs` says about tokens. Only development signs one, or shows where the
/// application is.
#[must_use]
pub fn help(config: &Config) -> TokenHelp {
    let is_development = config.environment == Environment::Development;
    let origin = config.better_auth_origin.clone();
    let signs = is_development && config.better_auth_secret.is_some();
    let signer = config.clone();
    TokenHelp {
        sign: signs.then(|| Arc::new(move || sign_for_developer(&signer).ok()) as _),
        snippet: origin.is_some().then_some(BETTER_AUTH_SNIPPET),
        origin: origin.filter(|_| is_development),
    }
}

/// One sentence for each source of tokens.
#[must_use]
pub fn describe_sources(config: &Config, secret: &SecretSource) -> Vec<String> {
    let mut sources = Vec::new();
    if config.better_auth_secret.is_some() {
        sources.push(match secret {
            SecretSource::Configured => "HS256, signed with BETTER_AUTH_SECRET".to_owned(),
            SecretSource::File(file) => {
                format!("HS256, signed with the secret in {}", file.display())
            }
            SecretSource::ThisRun => "HS256, signed with a random secret of this run".to_owned(),
        });
    }
    for url in &config.key_set_urls {
        sources.push(format!(
            "EdDSA, ES256 to ES384, RS256 to RS512, PS256 to PS512, signed with a key of {url}"
        ));
    }
    sources
}

/// What `JWT_ISSUER` and `JWT_AUDIENCE` require of every token.
fn explicit_claims(config: &Config) -> ClaimPolicy {
    ClaimPolicy {
        issuers: config.issuers.clone(),
        audiences: config.audiences.clone(),
    }
}
