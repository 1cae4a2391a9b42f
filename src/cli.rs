//! The verbs of the command line. The verb is parsed before any configuration
//! is read, so that `openapi` and `--help` need none.

pub mod doctor;
pub mod health;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::health::Question;
use crate::{
    api::spec,
    app::{self, StartError},
    config::Config,
    telemetry::{self, Process},
};

/// A secure to-do backend for front ends that sign their users in elsewhere.
///
/// Without a command it serves. Configuration is read from the environment, and
/// from .env in the working directory; the README lists every variable.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (what happens without a command).
    Serve,
    /// Print the OpenAPI document.
    Openapi {
        /// The format to print.
        #[arg(long, value_enum, default_value_t = Format::Yaml)]
        format: Format,
    },
    /// Bring the database's tables up to date, back, or say where they are.
    Migrate {
        #[command(subcommand)]
        direction: Direction,
    },
    /// Print a token signed with `BETTER_AUTH_SECRET`.
    Token(TokenArgs),
    /// Check configuration, database, migrations and keys.
    Doctor {
        /// A token to judge as well.
        #[arg(long)]
        token: Option<String>,
    },
    /// Ask the running service whether it is ready; exits with 0 or 1.
    ///
    /// It asks at HOST and PORT and needs nothing else of the configuration.
    Health {
        /// Ask only whether the process runs.
        #[arg(long)]
        live: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

#[derive(Subcommand)]
enum Direction {
    /// Apply every migration that is pending.
    Up,
    /// Take migrations back, and with the first of them every task.
    Down {
        /// How many, from the last.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// List the migrations.
    Status,
}

#[derive(Args)]
struct TokenArgs {
    /// The user: the token's `sub`.
    #[arg(long)]
    sub: String,
    /// How long the token is good for, in seconds.
    #[arg(long, default_value_t = 3600)]
    expires_in: u64,
}

/// Parses the command line, runs its verb, and says what the process exits with.
#[must_use]
pub fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tasks-api: {error}");
            ExitCode::from(match error {
                StartError::Config(_) => 2,
                StartError::Failed(_) => 1,
            })
        }
    }
}

fn run(command: Command) -> Result<(), StartError> {
    if let Command::Openapi { format } = command {
        return print(match format {
            Format::Yaml => &spec::YAML,
            Format::Json => &spec::JSON,
        });
    }
    if let Command::Health { live } = command {
        let question = if live {
            Question::Live
        } else {
            Question::Ready
        };
        return runtime()?.block_on(health::run(question));
    }
    let config = Config::from_env()?;
    let process = match command {
        Command::Serve => Process::Service,
        _ => Process::Command,
    };
    telemetry::start(&config, process).map_err(|error| StartError::Failed(error.to_string()))?;
    if let Command::Token(args) = command {
        return print_token(&config, &args);
    }
    runtime()?.block_on(async {
        match command {
            Command::Serve => app::serve(config).await,
            Command::Migrate { direction } => migrate(&config, direction).await,
            Command::Doctor { token } => doctor::run(config, token.as_deref()).await,
            Command::Openapi { .. } | Command::Token(_) | Command::Health { .. } => Ok(()),
        }
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, StartError> {
    let runtime = tokio::runtime::Runtime::new();
    runtime.map_err(|error| StartError::Failed(error.to_string()))
}

fn print(text: &str) -> Result<(), StartError> {
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| StartError::Failed(format!("cannot print: {error}")))
}

fn print_token(config: &Config, args: &TokenArgs) -> Result<(), StartError> {
    let lifetime = Duration::from_secs(args.expires_in);
    let token = app::sign_token(config, &args.sub, lifetime)?;
    print(&format!("{token}\n"))
}

async fn migrate(config: &Config, direction: Direction) -> Result<(), StartError> {
    let url = app::database_url(config)?;
    let store = app::open_store(config, &url).await?;
    let failed = |error: crate::store::StoreError| app::store_error(&error);
    match direction {
        Direction::Up => store.migrate_up().await.map_err(failed)?,
        Direction::Down { steps } => store.migrate_down(steps).await.map_err(failed)?,
        Direction::Status => {}
    }
    for migration in store.migration_status().await.map_err(failed)? {
        let state = if migration.applied {
            "applied"
        } else {
            "pending"
        };
        print(&format!("{state}  {}\n", migration.name))?;
    }
    store.close().await;
    Ok(())
}
