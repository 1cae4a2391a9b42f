//! `tasks-api token`: prints a token that the service accepts.

use std::time::Duration;

use super::output::print;
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

/// Signs and prints the token.
pub fn run(config: &Config, args: &Args) -> Result<(), StartError> {
    let lifetime = Duration::from_secs(args.expires_in);
    let token = tokens::sign(config, &args.sub, lifetime)?;
    print(&format!("{token}\n"))
}
