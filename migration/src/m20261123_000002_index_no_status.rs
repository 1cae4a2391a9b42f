//! No index on what changes most.
//!
//! `tasks_by_user_and_status` made every change of `completed` write to all
//! indexes of the row. Without it `PostgreSQL` keeps such a change on the row's
//! page (a heap-only tuple), given room there. A list of one status reads the
//! user's tasks in `tasks_by_user` and leaves the others out: the quota bounds it.

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
        fill(manager, 80).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        fill(manager, 100).await?;
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

/// How full new pages are filled, in per cent: pages that are there stay.
async fn fill(manager: &SchemaManager<'_>, percent: u8) -> Result<(), DbErr> {
    if manager.get_database_backend() == DatabaseBackend::Postgres {
        let statement = format!("ALTER TABLE tasks SET (fillfactor = {percent})");
        let connection = manager.get_connection();
        connection.execute_unprepared(&statement).await?;
    }
    Ok(())
}
