//! The program: parses the command line and runs it.
#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;

use tasks_api::cli;

#[cfg(not(windows))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
