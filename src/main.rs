//! The program: parses the command line and runs it.

use std::process::ExitCode;

use clap::Parser;
use tasks_api::cli::Cli;

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tasks-api: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
