//! What the service prints once it listens: in development a text with a token to try
//! it with, elsewhere a log line.

use std::fmt::Write;

use secrecy::ExposeSecret;

use super::{development::SecretSource, error::StartError, tokens};
use crate::{
    config::{Config, Environment, LOCAL_ORIGINS, MIN_SECRET_BYTES},
    output,
    server::Listeners,
    store::DatabaseUrl,
};

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
    let text = text(config, database, &url, &sources, secret)?;
    // Not an error: the service runs without its banner, if standard output is closed.
    if let Err(error) = output::print(&text) {
        tracing::warn!(%error, "cannot print where the service listens");
    }
    Ok(())
}

fn text(
    config: &Config,
    database: &DatabaseUrl,
    url: &str,
    sources: &[String],
    secret: &SecretSource,
) -> Result<String, StartError> {
    let mut text = format!(
        "Tasks API {}, development\n\n  Address   {url}\n  Docs      {url}/docs\n  Database  \
         {database}\n",
        env!("CARGO_PKG_VERSION")
    );
    // Writing to a `String` cannot fail.
    for source in sources {
        let _ = writeln!(text, "  Tokens    {source}");
    }
    let _ = writeln!(text, "  Origins   {}", origins(config));
    if let Some(origin) = &config.better_auth_origin {
        let snippet = tokens::BETTER_AUTH_SNIPPET;
        let _ = writeln!(
            text,
            "\nA token of a signed-in user, in the browser's console at {origin}:\n\n{snippet}"
        );
    }
    let Some(configured) = &config.better_auth_secret else {
        text += "\nA token comes from your application; see \"Better Auth\" in the README.\n";
        return Ok(text);
    };
    if configured.expose_secret().len() < MIN_SECRET_BYTES {
        let _ = writeln!(
            text,
            "\nBETTER_AUTH_SECRET is shorter than {MIN_SECRET_BYTES} bytes; production rejects it."
        );
    }
    let token = tokens::sign_for_developer(config)?;
    let _ = writeln!(
        text,
        "
A token of the user \"{}\", valid for 24 hours (for \"Authorize\" in the \
         docs):

{token}",
        tokens::DEVELOPER
    );
    if *secret != SecretSource::ThisRun {
        let program = program();
        let _ = writeln!(
            text,
            "\nA token of another user:\n\n{program} token --sub bob"
        );
    }
    let _ = writeln!(
        text,
        "\nTry it:\n\ncurl -H 'Authorization: Bearer {token}' {url}/api/tasks\n"
    );
    Ok(text)
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
