//! The schema, as migrations. Never imports the application: the meaning of a
//! migration must not change with the code.
//!
//! A released migration is immutable. A change of a column's type is expanded and
//! contracted over two releases, because instances of both run side by side during
//! a rolling update. A migration that older instances cannot live with is named in
//! [`BREAKING`].

mod m20261123_000001_create_tasks;
mod m20261123_000002_index_no_status;
mod m20261127_000003_sequence_per_user;

use sea_orm_migration::{MigrationTrait, async_trait};
pub use sea_orm_migration::{MigratorTrait, seaql_migrations};

/// Migrations after which programs that do not know them fail or harm the tables: they must
/// be stopped before.
pub const BREAKING: &[&str] = &["m20261127_000003_sequence_per_user"];

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_create_tasks::Migration),
            Box::new(m20261123_000002_index_no_status::Migration),
            Box::new(m20261127_000003_sequence_per_user::Migration),
        ]
    }
}
