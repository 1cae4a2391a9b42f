//! What the service says when it starts: to a person in development, with a
//! token to try it with; to the log elsewhere.

use std::{net::SocketAddr, time::Duration};

use secrecy::ExposeSecret;

use crate::{
    app::{StartError, sign_token},
    config::{Config, Environment, SECRET_BYTES},
    store::DatabaseUrl,
};

/// The user of the token that the banner shows.
const SUBJECT: &str = "developer";
/// How long that token is good for.
const LIFETIME: Duration = Duration::from_hours(24);

/// In development without any source of token keys, makes a secret for this
/// run. Whether it did.
pub fn make_secret_where_none(config: &mut Config) -> Result<bool, StartError> {
    if config.verifies_tokens() || config.environment != Environment::Development {
        return Ok(false);
    }
    let mut bytes = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| StartError::Failed(format!("no random bytes can be had: {error}")))?;
    config.better_auth_secret = Some(hex::encode(bytes).into());
    Ok(true)
}

/// Which tokens are accepted, in words.
#[must_use]
pub fn token_sources(config: &Config, secret_is_random: bool) -> Vec<String> {
    let mut sources = Vec::new();
    if secret_is_random {
        sources.push("HS256, by a random secret made for this run".to_owned());
    } else if config.better_auth_secret.is_some() {
        sources.push("HS256, by BETTER_AUTH_SECRET".to_owned());
    }
    for url in &config.key_set_urls {
        sources.push(format!("EdDSA, ES256, RS256, PS256, by the key set {url}"));
    }
    sources
}

/// Says that the service listens on `address`.
pub fn show(
    config: &Config,
    database: &DatabaseUrl,
    address: SocketAddr,
    secret_is_random: bool,
) -> Result<(), StartError> {
    let sources = token_sources(config, secret_is_random);
    if config.environment != Environment::Development {
        let environment = config.environment.to_string();
        let tokens = sources.join("; ");
        tracing::info!(%address, environment, %database, tokens, "listening");
        return Ok(());
    }
    let host = if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    let url = format!("http://{host}");
    println!("Tasks API {}, development\n", env!("CARGO_PKG_VERSION"));
    println!("  Address   {url}");
    println!("  Docs      {url}/docs");
    println!("  Database  {database}");
    for source in &sources {
        println!("  Tokens    {source}");
    }
    let Some(secret) = &config.better_auth_secret else {
        println!("\nA token comes from your application: see the README, \"Better Auth\".");
        return Ok(());
    };
    if secret.expose_secret().len() < SECRET_BYTES {
        println!(
            "\nBETTER_AUTH_SECRET is shorter than {SECRET_BYTES} bytes; production will refuse it."
        );
    }
    let token = sign_token(config, SUBJECT, LIFETIME)?;
    println!(
        "\nA token of the user \"{SUBJECT}\", good for 24 hours (for \"Authorize\" in the docs):\n\n{token}"
    );
    println!("\nTry it:\n\ncurl -H 'Authorization: Bearer {token}' {url}/api/tasks\n");
    Ok(())
}
