//! `tasks-api token`: prints a token that the service accepts.

use std::time::Duration;

use crate::{
    app::{error::StartError, tokens},
    config::Config,
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

/// Signs the token, and returns it as a line.
pub fn run(config: &Config, args: &Args) -> Result<String, StartError> {
    let lifetime = Duration::from_secs(args.expires_in);
    Ok(tokens::sign(config, &args.sub, lifetime)? + "\n")
}
