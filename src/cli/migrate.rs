//! `tasks-api migrate`: applies, reverts and lists migrations.

use std::fmt::Write;

use clap::Subcommand;

use crate::{
    app::{error::StartError, open_existing_store, open_store},
    config::Config,
    output,
    store::{
        Store,
        migrate::{Migration, none_applied},
    },
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
    /// Distribute the tables over the servers of a Citus cluster, by user. Keeps the rows.
    Distribute {
        /// Into how many parts, each of which is on one server.
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        shards: u32,
    },
}

/// Migrates, or distributes the tables. Returns one line for each migration, or what was done.
pub async fn run(config: &Config, direction: Direction) -> Result<String, StartError> {
    if matches!(direction, Direction::Up) {
        let (_, store) = open_store(config).await?;
        store.migrate_up().await?;
        return status(store).await;
    }
    match open_existing_store(config).await?.1 {
        Ok(store) => {
            match direction {
                Direction::Down { steps } => store.migrate_down(steps).await?,
                Direction::Distribute { shards } => return distribute(store, shards).await,
                Direction::Up | Direction::Status => {}
            }
            status(store).await
        }
        Err(missing) if !matches!(direction, Direction::Status) => {
            Err(StartError::Failed(format!("DATABASE_URL: {missing}")))
        }
        Err(missing) => {
            output::print_error(&format!("tasks-api: DATABASE_URL: {missing}"));
            Ok(lines(&none_applied()))
        }
    }
}

async fn distribute(store: Store, shards: u32) -> Result<String, StartError> {
    store.distribute(shards).await?;
    let layout = store.layout().await?;
    store.close().await;
    Ok(layout.map_or(String::new(), |layout| format!("{layout}\n")))
}

async fn status(store: Store) -> Result<String, StartError> {
    let migrations = store.migration_status().await?;
    store.close().await;
    Ok(lines(&migrations))
}

fn lines(migrations: &[Migration]) -> String {
    let mut lines = String::new();
    for migration in migrations {
        let state = if migration.applied {
            "applied"
        } else {
            "pending"
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(lines, "{state}  {}", migration.name);
    }
    lines
}
