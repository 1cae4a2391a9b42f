//! What the service prints once it listens: in development a text with a token to try
//! it with, elsewhere a log line.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{development::SecretSource, error::StartError, tokens};
use crate::{
    config::{Config, Environment, LOCAL_ORIGINS, MIN_SECRET_BYTES},
    server::Listeners,
    store::DatabaseUrl,
};

/// The user of the banner's token.
const SUBJECT: &str = "developer";
/// How long the banner's token is valid.
const LIFETIME: Duration = Duration::from_hours(24);

/// Shows where the service listens, and an address at which it can be reached.
pub fn show(
    config: &Config,
    database: &DatabaseUrl,
    listeners: &Listeners,
    secret: &SecretSource,
) -> Result<(), StartError> {
    let sources = tokens::describe_sources(config, secret);
    let reachable = listeners.reachable().map_err(StartError::failed)?;
    let url = format!("http://{reachable}");
    if config.environment != Environment::Development {
        let environment = config.environment.to_string();
        let tokens = sources.join("; ");
        let addresses = listeners.addresses().map_err(StartError::failed)?;
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let address = addresses.join(", ");
        tracing::info!(address, url, environment, %database, tokens, "listening");
        return Ok(());
    }
    println!("Tasks API {}, development\n", env!("CARGO_PKG_VERSION"));
    println!("  Address   {url}");
    println!("  Docs      {url}/docs");
    println!("  Database  {database}");
    for source in &sources {
        println!("  Tokens    {source}");
    }
    println!("  Origins   {}", origins(config));
    if let Some(origin) = &config.better_auth_origin {
        println!(
            "\nA token of a signed-in user, in the browser's console at {origin}:\n\n{}",
            tokens::BETTER_AUTH_SNIPPET
        );
    }
    let Some(configured) = &config.better_auth_secret else {
        println!("\nA token comes from your application; see \"Better Auth\" in the README.");
        return Ok(());
    };
    if configured.expose_secret().len() < MIN_SECRET_BYTES {
        println!(
            "\nBETTER_AUTH_SECRET is shorter than {MIN_SECRET_BYTES} bytes; production rejects it."
        );
    }
    let token = tokens::sign(config, SUBJECT, LIFETIME)?;
    println!(
        "\nA token of the user \"{SUBJECT}\", valid for 24 hours (for \"Authorize\" in the docs):\n\n{token}"
    );
    if *secret != SecretSource::ThisRun {
        println!(
            "\nA token of another user:\n\n{} token --sub bob",
            program()
        );
    }
    println!("\nTry it:\n\ncurl -H 'Authorization: Bearer {token}' {url}/api/tasks\n");
    Ok(())
}

/// The origins whose pages may call.
fn origins(config: &Config) -> String {
    let mut origins: Vec<_> = config
        .cors_origins
        .iter()
        .map(ToString::to_string)
        .collect();
    for local in LOCAL_ORIGINS {
        let any_port = format!("{local}:*");
        origins.retain(|origin| origin != local && !origin.starts_with(&format!("{local}:")));
        origins.push(any_port);
    }
    origins.join(", ")
}

/// The program, as it was called. A name alone is found again in `PATH`.
fn program() -> String {
    let called = std::env::args().next();
    called.unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned())
}
