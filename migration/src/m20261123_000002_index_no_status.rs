//! Drops the index on `completed`, the column that changes most often.
//!
//! With `tasks_by_user_and_status`, every update of `completed` writes to all indexes
//! of the row. Without it, `PostgreSQL` makes a heap-only tuple if the row's page has
//! room (hence the fill factor). A list of one status then reads all tasks of the
//! user through `tasks_by_user` and filters them; the quota bounds their number.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Tasks {
    Table,
    Id,
    UserId,
    Completed,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let by_status = Index::drop()
            .name("tasks_by_user_and_status")
            .table(Tasks::Table)
            .to_owned();
        manager.drop_index(by_status).await?;
        set_fill_factor(manager, 80).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        set_fill_factor(manager, 100).await?;
        let by_status = Index::create()
            .name("tasks_by_user_and_status")
            .table(Tasks::Table)
            .col(Tasks::UserId)
            .col(Tasks::Completed)
            .col((Tasks::Id, IndexOrder::Desc))
            .to_owned();
        manager.create_index(by_status).await
    }
}

/// Sets the fill factor of new pages, in per cent; existing pages are unchanged.
async fn set_fill_factor(manager: &SchemaManager<'_>, percent: u8) -> Result<(), DbErr> {
    if manager.get_database_backend() == DatabaseBackend::Postgres {
        let statement = format!("ALTER TABLE tasks SET (fillfactor = {percent})");
        let connection = manager.get_connection();
        connection.execute_unprepared(&statement).await?;
    }
    Ok(())
}
