//! What the service prints once it listens: in development a text with a token to try
//! it with, elsewhere a log line.

use std::{net::SocketAddr, time::Duration};

use secrecy::ExposeSecret;

use super::{error::StartError, tokens};
use crate::{
    config::{Config, Environment, MIN_SECRET_BYTES},
    store::DatabaseUrl,
};

/// The user of the banner's token.
const SUBJECT: &str = "developer";
/// How long the banner's token is valid.
const LIFETIME: Duration = Duration::from_hours(24);

/// Shows that the service listens on `address`.
pub fn show(
    config: &Config,
    database: &DatabaseUrl,
    address: SocketAddr,
    secret_is_random: bool,
) -> Result<(), StartError> {
    let sources = tokens::describe_sources(config, secret_is_random);
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
        println!("\nA token comes from your application; see \"Better Auth\" in the README.");
        return Ok(());
    };
    if secret.expose_secret().len() < MIN_SECRET_BYTES {
        println!(
            "\nBETTER_AUTH_SECRET is shorter than {MIN_SECRET_BYTES} bytes; production rejects it."
        );
    }
    let token = tokens::sign(config, SUBJECT, LIFETIME)?;
    println!(
        "\nA token of the user \"{SUBJECT}\", valid for 24 hours (for \"Authorize\" in the docs):\n\n{token}"
    );
    println!("\nTry it:\n\ncurl -H 'Authorization: Bearer {token}' {url}/api/tasks\n");
    Ok(())
}
