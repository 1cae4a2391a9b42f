//! Moves the tables, one process at a time: sea-orm's migrator takes no lock of
//! its own, and of several instances that start at once all but one would fail.

use std::{sync::atomic::Ordering, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tasks_api_migration::{Migrator, MigratorTrait};
use tokio::time::{sleep, timeout};

use super::{DatabaseKind, Store, StoreError, sql};

/// The advisory lock that instances queue at: the letters "tasks" as a number,
/// so that it is nobody else's.
const LOCK: i64 = 0x74_61_73_6b_73;
/// How long to wait for another process's migration, and for each lock that one
/// of ours takes: a table in use is not held up for longer.
const LOCK_WAIT: Duration = Duration::from_secs(5);
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
    /// Applies every migration that is pending. Where none is, this takes no lock
    /// and needs no right to create tables.
    pub async fn migrate_up(&self) -> Result<(), StoreError> {
        self.check_statements().await?;
        if !self.is_up_to_date().await? {
            let transaction = self.lock().await?;
            let applied = applied_migrations(&transaction).await?;
            if unknown(&applied).is_empty() {
                Migrator::up(&transaction, None).await?;
            }
            transaction.commit().await?;
        }
        self.inner.migrated.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn is_up_to_date(&self) -> Result<bool, StoreError> {
        // The migrator's own question makes the table where it is missing, and asks
        // for the right to make it also where it is not.
        let ask = sql::applied_migrations(self.inner.kind);
        let asked = timeout(LOCK_WAIT, self.inner.control.query_all_raw(ask)).await;
        match asked.map_err(|_| StoreError::silent())? {
            Ok(rows) => {
                let applied = rows.iter().map(|row| row.try_get("", "version"));
                let applied = applied.collect::<Result<Vec<String>, _>>()?;
                let unknown = unknown(&applied);
                if !unknown.is_empty() {
                    // An older instance beside a newer one, during a deployment: the
                    // newer has moved the tables, in a way that the older can live with.
                    tracing::warn!(?unknown, "the tables are newer than this program");
                    return Ok(true);
                }
                let known = Migrator::migrations();
                Ok(known
                    .iter()
                    .all(|one| applied.iter().any(|name| name == one.name())))
            }
            Err(error) => match StoreError::from(error) {
                away if away.is_unreachable() => Err(away),
                // No migration was ever applied here: there is no such table.
                _ => Ok(false),
            },
        }
    }

    /// Takes back the last `steps` migrations.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        self.check_statements().await?;
        let transaction = self.lock().await?;
        Migrator::down(&transaction, Some(steps)).await?;
        transaction.commit().await?;
        self.inner.migrated.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Every migration, oldest first; those that only a newer program knows are
    /// listed as well.
    pub async fn migration_status(&self) -> Result<Vec<Migration>, StoreError> {
        self.check_statements().await?;
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
        let mut said = String::new();
        loop {
            sleep(RETRY).await;
            match self.migrate_up().await {
                Ok(()) => return tracing::info!("the database is back, the tables are up to date"),
                Err(error) if error.is_unreachable() => {}
                // Once, not with every try.
                Err(error) if error.to_string() == said => {}
                Err(error) => {
                    said = error.to_string();
                    tracing::error!(%error, "DATABASE_URL cannot be used; no request is served");
                }
            }
        }
    }

    /// A transaction that no other process's migration runs beside. Where another
    /// one's takes long, that is an error which the next try may mend.
    async fn lock(&self) -> Result<DatabaseTransaction, StoreError> {
        let locked = timeout(LOCK_WAIT * 2, self.begin_locked());
        locked.await.map_err(|_| StoreError::silent())?
    }

    async fn begin_locked(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.inner.control.begin_with_options(options).await?;
        if self.inner.kind == DatabaseKind::Postgres {
            let wait = LOCK_WAIT.as_secs();
            let statement =
                format!("SET LOCAL lock_timeout = '{wait}s'; SELECT pg_advisory_xact_lock({LOCK})");
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

/// Migrations that only a newer program knows.
fn unknown(applied: &[String]) -> Vec<&String> {
    let known = Migrator::migrations();
    let known = |name: &&String| {
        known
            .iter()
            .any(|migration| migration.name() == name.as_str())
    };
    applied.iter().filter(|name| !known(name)).collect()
}
