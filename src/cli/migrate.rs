//! `tasks-api migrate`: applies, reverts and lists migrations.

use clap::Subcommand;

use super::output::print;
use crate::{
    app::{database, error::StartError},
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

/// Migrates, then prints one line for each migration.
pub async fn run(config: &Config, direction: Direction) -> Result<(), StartError> {
    let url = database::url(config)?;
    let store = database::open(config, &url).await?;
    match direction {
        Direction::Up => store.migrate_up().await?,
        Direction::Down { steps } => store.migrate_down(steps).await?,
        Direction::Status => {}
    }
    for migration in store.migration_status().await? {
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
