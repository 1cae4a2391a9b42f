//! Migrates the tables, one process at a time: sea-orm's migrator takes no lock of its
//! own, and of several instances that start at once all but one would fail.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{DatabaseTransaction, DbErr, EntityTrait};
use tasks_api_migration::{BREAKING, Migrator, MigratorTrait, seaql_migrations};
use tokio::time::{sleep, timeout};

use super::{
    Store,
    engine::Engine,
    error::{StoreError, driver_error, sqlstate},
    postgres::citus::Layout,
};

/// How long to wait for another process's migration, and for each lock that one of
/// ours takes: a table in use is not held up for longer.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before the next attempt where the database is down.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// A migration, and whether it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name, which sorts by age.
    pub name: String,
    /// Whether it was applied to the tables.
    pub applied: bool,
}

impl Migration {
    /// Whether only a newer program knows it.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        !known().contains(&self.name)
    }

    /// Whether programs that do not know it must be stopped before it is applied.
    #[must_use]
    pub fn is_breaking(&self) -> bool {
        BREAKING.contains(&self.name.as_str())
    }
}

impl Store {
    /// Applies every pending migration. Where none is pending, this takes no lock and
    /// needs no right to create tables.
    pub async fn migrate_up(&self) -> Result<(), StoreError> {
        self.check_statements().await?;
        if !is_up_to_date(&applied_so_far(self.engine()).await?)? {
            let transaction = begin_exclusive(self.engine()).await?;
            let applied = applied_migrations(&transaction).await?;
            if without(&applied, &known()).is_empty() {
                warn_of_breaking(&applied);
                Migrator::up(&transaction, None).await?;
            }
            transaction.commit().await?;
        }
        self.set_migrated(true);
        Ok(())
    }

    /// Reverts the last `steps` migrations.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        self.check_statements().await?;
        let transaction = begin_exclusive(self.engine()).await?;
        Migrator::down(&transaction, Some(steps)).await?;
        transaction.commit().await?;
        self.set_migrated(false);
        Ok(())
    }

    /// Distributes the tables over the servers of a Citus cluster, each user's rows in one of
    /// so many shards, as far as they are not.
    pub async fn distribute(&self, shards: u32) -> Result<(), StoreError> {
        self.check_statements().await?;
        let transaction = begin_exclusive(self.engine()).await?;
        let applied = applied_migrations(&transaction).await?;
        if !without(&known(), &applied).is_empty() {
            let what = "migrations are pending: wants `migrate up` first".to_owned();
            return Err(StoreError::Broken(what));
        }
        self.engine().distribute(&transaction, shards).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Where the rows of the tables are; nothing where there is but one place.
    pub async fn layout(&self) -> Result<Option<Layout>, StoreError> {
        Ok(self.engine().layout().await?)
    }

    /// Every migration, oldest first, also those that only a newer program knows. Changes
    /// nothing.
    pub async fn migration_status(&self) -> Result<Vec<Migration>, StoreError> {
        self.check_statements().await?;
        let applied = applied_so_far(self.engine()).await?;
        let names: BTreeSet<_> = known().into_iter().chain(applied.clone()).collect();
        let migrations = names.into_iter().map(|name| Migration {
            applied: applied.contains(&name),
            name,
        });
        Ok(migrations.collect())
    }

    /// Migrates now, or, where the database is down, as soon as it is up; until then
    /// every operation is unavailable.
    pub async fn migrate_when_reachable(&self) -> Result<(), StoreError> {
        match self.migrate_up().await {
            Err(error) if error.is_unreachable() => {
                tracing::warn!(%error, "the database is down; migrations wait for it");
                let store = self.clone();
                tokio::spawn(async move { store.migrate_with_retries().await });
                Ok(())
            }
            done => done,
        }
    }

    async fn migrate_with_retries(&self) {
        let mut logged = String::new();
        loop {
            sleep(RETRY_DELAY).await;
            match self.migrate_up().await {
                Ok(()) => return tracing::info!("the database is up, and the tables up to date"),
                Err(error) if error.is_unreachable() => {}
                // Once, not with every attempt.
                Err(error) if error.to_string() == logged => {}
                Err(error) => {
                    logged = error.to_string();
                    tracing::error!(%error, "DATABASE_URL cannot be used; no request is served");
                }
            }
        }
    }
}

/// The migrations that were applied, as far as the table of migrations is there. Needs
/// no right to create it, unlike the migrator's own query.
async fn applied_so_far(engine: &Engine) -> Result<Vec<String>, StoreError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the table of migrations has no owner"
    )]
    let applied = seaql_migrations::Entity::find().all(engine.control());
    let applied = timeout(LOCK_TIMEOUT, applied).await;
    match applied.map_err(|_| StoreError::timed_out())? {
        Ok(applied) => Ok(applied.into_iter().map(|row| row.version).collect()),
        Err(error) if is_missing_table(&error) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn is_missing_table(error: &DbErr) -> bool {
    let code = driver_error(error).and_then(sqlstate);
    // SQLite has no code of its own for it.
    matches!(code.as_deref(), Some("42P01" | "1"))
}

/// Whether none is pending. An older instance may run beside a newer one during a
/// deployment: the newer one has migrated the tables in a way that the older one can live
/// with.
fn is_up_to_date(applied: &[String]) -> Result<bool, StoreError> {
    let unknown = without(applied, &known());
    if !applied.is_empty() && unknown.len() == applied.len() {
        return Err(StoreError::Misconfigured(
            "the database's table seaql_migrations is another program's; wants a database or a \
             schema of its own"
                .to_owned(),
        ));
    }
    if !unknown.is_empty() {
        tracing::warn!(?unknown, "the tables are newer than this program");
    }
    Ok(!unknown.is_empty() || without(&known(), applied).is_empty())
}

/// Older instances may still run where the tables are not new.
fn warn_of_breaking(applied: &[String]) {
    let known = known();
    for name in without(&known, applied) {
        if !applied.is_empty() && BREAKING.contains(&name.as_str()) {
            tracing::warn!(
                migration = name,
                "programs of an older version cannot use the tables from here on: stop them"
            );
        }
    }
}

/// A transaction that no other process's migration runs beside. Where another one
/// takes long, that is an error which a retry may solve.
async fn begin_exclusive(engine: &Engine) -> Result<DatabaseTransaction, StoreError> {
    let begin = timeout(LOCK_TIMEOUT * 2, engine.begin_exclusive(LOCK_TIMEOUT));
    Ok(begin.await.map_err(|_| StoreError::timed_out())??)
}

async fn applied_migrations(transaction: &DatabaseTransaction) -> Result<Vec<String>, StoreError> {
    Migrator::install(transaction).await?;
    let models = Migrator::get_migration_models(transaction).await?;
    Ok(models.into_iter().map(|model| model.version).collect())
}

/// The migrations of this program, for a database that does not exist yet.
#[must_use]
pub fn none_applied() -> Vec<Migration> {
    let known = known().into_iter();
    let pending = known.map(|name| Migration {
        name,
        applied: false,
    });
    pending.collect()
}

/// The migrations of this program.
fn known() -> Vec<String> {
    let known = Migrator::migrations();
    known.iter().map(|one| one.name().to_owned()).collect()
}

/// Those of `names` that are not in `others`.
fn without<'a>(names: &'a [String], others: &[String]) -> Vec<&'a String> {
    names.iter().filter(|name| !others.contains(name)).collect()
}
