//! The command line. A command reads only the configuration that it needs, so that
//! `openapi` and `--help` work without any.

mod doctor;
mod health;
mod migrate;
mod resync;
mod token;

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};
use tokio::runtime::{Builder, Runtime};

use crate::{
    api::spec,
    app::{Application, error::StartError},
    config::Config,
    output, telemetry,
};

/// A secure to-do backend for front ends that sign their users in elsewhere.
///
/// Without a command it serves. The configuration is read from the environment and from
/// .env in the working directory; the README lists every variable.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve,
    /// Print the OpenAPI document.
    Openapi {
        /// The format to print.
        #[arg(long, value_enum, default_value_t = Format::Yaml)]
        format: Format,
    },
    /// Apply, revert or list the migrations of the database.
    Migrate {
        #[command(subcommand)]
        direction: migrate::Direction,
    },
    /// Print a token signed with `BETTER_AUTH_SECRET`, or in development with the secret
    /// of the running service.
    Token(token::Args),
    /// Check configuration, database, migrations and keys.
    Doctor {
        /// A token to verify as well.
        #[arg(long)]
        token: Option<String>,
        /// Correct counts of tasks and sequences where rows were written by other means;
        /// the service may run meanwhile.
        #[arg(long)]
        repair: bool,
    },
    /// After the database was restored from a backup, and before the service starts: mark
    /// every user's sequence of versions as a new one.
    ///
    /// Versions that clients have seen are given again then. With this, clients that follow
    /// changes begin anew.
    Resync,
    /// Check whether the running service is ready; exits with 0 or 1.
    ///
    /// It connects to HOST and PORT and needs no other configuration.
    Health {
        /// Check only whether the process runs.
        #[arg(long)]
        live: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// Parses the command line and runs it. Returns what the process exits with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help, a version, or an error of the command line, which ends with 2.
        Err(text) => {
            let printed = text.print().and_then(|()| stdout().flush());
            return match output::unless_closed(printed) {
                Err(error) if !text.use_stderr() => failed(&StartError::not_printed(error)),
                _ => ExitCode::from(u8::try_from(text.exit_code()).unwrap_or(2)),
            };
        }
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &StartError) -> ExitCode {
    output::print_error(&format!("tasks-api: {error}"));
    ExitCode::from(error.exit_code())
}

impl Cli {
    fn run(self) -> Result<(), StartError> {
        let output = match self.command.unwrap_or(Command::Serve) {
            Command::Serve => {
                let config = Config::from_env()?;
                let traces = config.traces.as_ref();
                telemetry::start(&config, traces).map_err(StartError::failed)?;
                telemetry::log_panics();
                // Requests are served by threads of their own.
                let runtime = Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build();
                return runtime.map_err(StartError::failed)?.block_on(async {
                    Application::build(config).await?.run_until_stopped().await;
                    Ok(())
                });
            }
            Command::Doctor { token, repair } => {
                return block_on(doctor::run(configure()?, token.as_deref(), repair));
            }
            Command::Openapi { format } => match format {
                Format::Yaml => spec::YAML.clone(),
                Format::Json => spec::JSON.clone(),
            },
            Command::Migrate { direction } => block_on(migrate::run(&configure()?, direction))?,
            Command::Resync => block_on(resync::run(&configure()?))?,
            Command::Token(args) => token::run(configure()?, &args)?,
            Command::Health { live } => block_on(health::run(live))?,
        };
        output::print(&output).map_err(StartError::not_printed)
    }
}

/// Reads the configuration of a command and starts its log. Nobody needs its traces.
fn configure() -> Result<Config, StartError> {
    let config = Config::from_env()?;
    telemetry::start(&config, None).map_err(StartError::failed)?;
    Ok(config)
}

fn block_on<T>(command: impl Future<Output = Result<T, StartError>>) -> Result<T, StartError> {
    let runtime = Runtime::new().map_err(StartError::failed)?;
    runtime.block_on(command)
}
