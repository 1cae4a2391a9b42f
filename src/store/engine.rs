//! What the store needs of a database engine. Each engine implements it in a folder of
//! its own; [`Store::connect`](super::Store::connect) is the one place that chooses.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr};

use super::{
    error::StoreError,
    owned::{Owned, Owner},
    requests::{Outcome, Write},
};
use crate::api::tasks::Task;

/// Where the tasks are.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Its name in OpenTelemetry's semantic conventions (`db.system.name`).
    fn name(&self) -> &'static str;

    /// How many connections may write at once.
    fn writers(&self) -> usize;

    /// Whether a batch applies its members one after the other, so that several may
    /// write the same row.
    fn applies_members_in_order(&self) -> bool;

    /// The connections for migrations and health checks.
    fn control(&self) -> &DatabaseConnection;

    /// A transaction for the plain path.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr>;

    /// A transaction that no other process's migration runs beside. It waits for
    /// another one at most for `wait`.
    async fn begin_exclusive(&self, wait: Duration) -> Result<DatabaseTransaction, DbErr>;

    /// Why prepared statements are safe, or an error that says what to change; nothing
    /// where no pooler can be in between. Probes once, and again when the result proved
    /// wrong.
    async fn check_statements(&self) -> Result<Option<&'static str>, StoreError>;

    /// A new connection for batches.
    async fn connect(&self) -> Result<Box<dyn Driver>, sqlx::Error>;

    /// Whether a connection can be used after a batch failed with `error`.
    fn keeps_connection(&self, error: &sqlx::Error) -> bool;

    /// Closes every connection.
    async fn close(&self);
}

/// An open connection that runs batches.
#[async_trait]
pub trait Driver: Send {
    /// The tasks of these ids, each where it is its owner's, in no particular order.
    async fn get(&mut self, gets: &[(i64, Owner<'_>)]) -> Result<Vec<Task>, sqlx::Error>;

    /// The lists of these owners, in no particular order: whole, or their tasks that
    /// are completed or not.
    async fn list(&mut self, lists: &[(Owner<'_>, Option<bool>)])
    -> Result<Vec<Task>, sqlx::Error>;

    /// Runs a batch of writes as one unit: an outcome for each member, in their order.
    /// That of a deletion is the task as it was.
    async fn write(&mut self, batch: &[Owned<Write>]) -> Result<Vec<Outcome<Task>>, sqlx::Error>;

    /// Whether the database responds within `limit`.
    async fn responds_within(&mut self, limit: Duration) -> bool;

    /// Closes the connection in order.
    async fn close(self: Box<Self>) -> Result<(), sqlx::Error>;

    /// Drops the connection, which may be in the middle of a transaction.
    fn abandon(self: Box<Self>);
}
