//! The tables, and how they came to be. Never imports the application: a
//! migration must mean the same in ten years.
//!
//! A migration that has been released is never changed; a change of a column's
//! type is expanded and contracted over two releases, because instances of both
//! run side by side during a deployment.

mod m20261123_000001_create_tasks;
mod m20261123_000002_index_no_status;

use sea_orm_migration::{MigrationTrait, async_trait};
pub use sea_orm_migration::{MigratorTrait, migrator::MigrationStatus, seaql_migrations};

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_create_tasks::Migration),
            Box::new(m20261123_000002_index_no_status::Migration),
        ]
    }
}
