//! `tasks-api token`: prints a token that the service accepts.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::{
    app::{development, error::StartError, tokens},
    config::Config,
    store::DatabaseUrl,
};

/// The options of the command.
#[derive(clap::Args)]
pub struct Args {
    /// The user: the token's `sub`.
    #[arg(long)]
    sub: String,
    /// How long the token is valid, in seconds.
    #[arg(long, default_value_t = 3600)]
    expires_in: u64,
}

/// Signs the token, and returns it as a line. It creates no development secret: no service
/// would know it.
pub fn run(mut config: Config, args: &Args) -> Result<String, StartError> {
    if !config.verifies_tokens() {
        let url = DatabaseUrl::parse(config.database_url.expose_secret())?;
        if let Some(file) = development::secret_file(&config, &url)
            && !development::set_secret_of(&file, &mut config)?
        {
            let message = format!(
                "is not set, and there is no development secret in {}: start the service first",
                file.display()
            );
            return Err(StartError::config("BETTER_AUTH_SECRET", &message));
        }
    }
    let lifetime = Duration::from_secs(args.expires_in);
    Ok(tokens::sign(&config, &args.sub, lifetime)? + "\n")
}
