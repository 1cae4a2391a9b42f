//! `tasks-api migrate`: applies, reverts and lists migrations.

use clap::Subcommand;

use crate::{
    app::{error::StartError, open_store},
    config::Config,
};

/// What to do.
#[derive(Subcommand)]
pub enum Direction {
    /// Apply every pending migration.
    Up,
    /// Revert migrations. Reverting the first one deletes all tasks.
    Down {
        /// How many, from the last.
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// List the migrations.
    Status,
}

/// Migrates. Returns one line for each migration.
pub async fn run(config: &Config, direction: Direction) -> Result<String, StartError> {
    let (_, store) = open_store(config).await?;
    match direction {
        Direction::Up => store.migrate_up().await?,
        Direction::Down { steps } => store.migrate_down(steps).await?,
        Direction::Status => {}
    }
    let mut lines = String::new();
    for migration in store.migration_status().await? {
        lines += if migration.applied {
            "applied  "
        } else {
            "pending  "
        };
        lines += &migration.name;
        lines.push('\n');
    }
    store.close().await;
    Ok(lines)
}
