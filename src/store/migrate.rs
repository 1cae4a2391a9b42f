//! Moves the tables, one process at a time: sea-orm's migrator takes no lock of
//! its own, and of several instances that start at once all but one would fail.

use std::{sync::atomic::Ordering, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tasks_api_migration::{Migrator, MigratorTrait};
use tokio::time::sleep;

use super::{DatabaseKind, Store, StoreError};

/// The advisory lock that instances queue at: the letters "tasks" as a number,
/// so that it is nobody else's.
const LOCK: i64 = 0x74_61_73_6b_73;
/// How long to wait before the next try where the database is away.
const RETRY: Duration = Duration::from_millis(500);

/// A migration, and whether it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name, which sorts by age.
    pub name: String,
    /// Whether the tables have it.
    pub applied: bool,
}

impl Store {
    /// Applies every migration that is pending.
    pub async fn migrate_up(&self) -> Result<(), StoreError> {
        let transaction = self.lock().await?;
        let unknown = unknown_migrations(&transaction).await?;
        if unknown.is_empty() {
            Migrator::up(&transaction, None).await?;
        } else {
            // An older instance beside a newer one, during a deployment: the
            // newer has moved the tables, in a way that the older can live with.
            tracing::warn!(?unknown, "the tables are newer than this program");
        }
        transaction.commit().await?;
        self.inner.migrated.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Takes back the last `steps` migrations.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        let transaction = self.lock().await?;
        self.inner.migrated.store(false, Ordering::Relaxed);
        Migrator::down(&transaction, Some(steps)).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Every migration, oldest first; those that only a newer program knows are
    /// listed as well.
    pub async fn migration_status(&self) -> Result<Vec<Migration>, StoreError> {
        let transaction = self.lock().await?;
        let applied = applied_migrations(&transaction).await?;
        transaction.commit().await?;
        let known = Migrator::migrations();
        let known = known.iter().map(|migration| migration.name().to_owned());
        let mut names: Vec<_> = known.chain(applied.iter().cloned()).collect();
        names.sort();
        names.dedup();
        let migrations = names.into_iter().map(|name| Migration {
            applied: applied.contains(&name),
            name,
        });
        Ok(migrations.collect())
    }

    /// Migrates now, or, where the database is away, as soon as it is back;
    /// until then every operation is unavailable.
    pub async fn migrate_when_reachable(&self) -> Result<(), StoreError> {
        match self.migrate_up().await {
            Err(error) if error.is_unreachable() => {
                tracing::warn!(%error, "the database is away; migrations wait for it");
                let store = self.clone();
                tokio::spawn(async move { store.migrate_until_done().await });
                Ok(())
            }
            done => done,
        }
    }

    async fn migrate_until_done(&self) {
        loop {
            sleep(RETRY).await;
            match self.migrate_up().await {
                Ok(()) => return tracing::info!("the database is back, the tables are up to date"),
                Err(error) if error.is_unreachable() => {}
                Err(error) => tracing::error!(%error, "the tables cannot be moved"),
            }
        }
    }

    /// A transaction that no other process's migration runs beside.
    async fn lock(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.inner.writer.begin_with_options(options).await?;
        if self.inner.kind == DatabaseKind::Postgres {
            let statement = format!("SELECT pg_advisory_xact_lock({LOCK})");
            transaction.execute_unprepared(&statement).await?;
        }
        Ok(transaction)
    }
}

async fn applied_migrations(transaction: &DatabaseTransaction) -> Result<Vec<String>, StoreError> {
    Migrator::install(transaction).await?;
    let models = Migrator::get_migration_models(transaction).await?;
    Ok(models.into_iter().map(|model| model.version).collect())
}

async fn unknown_migrations(transaction: &DatabaseTransaction) -> Result<Vec<String>, StoreError> {
    let known = Migrator::migrations();
    let mut applied = applied_migrations(transaction).await?;
    applied.retain(|name| known.iter().all(|migration| migration.name() != name));
    Ok(applied)
}
