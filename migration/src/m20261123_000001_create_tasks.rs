//! The tasks, and the number of tasks of each user.
//!
//! `task_counts` keeps the quota exact: concurrent inserts of one user lock the
//! user's row in turn, on any number of instances.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, boolean, text, text_null, timestamp_with_time_zone},
    sea_orm::DatabaseBackend,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Tasks {
    Table,
    Id,
    UserId,
    Title,
    Description,
    Completed,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum TaskCounts {
    Table,
    UserId,
    Tasks,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // An id is never reused, even if the newest task is deleted: AUTOINCREMENT on
        // SQLite, a sequence on PostgreSQL.
        let mut id = ColumnDef::new(Tasks::Id);
        id.big_integer().not_null().auto_increment().primary_key();
        if manager.get_database_backend() == DatabaseBackend::Sqlite {
            id = ColumnDef::new(Tasks::Id);
            id.integer().not_null().auto_increment().primary_key();
        }
        let tasks = Table::create()
            .table(Tasks::Table)
            .col(id)
            .col(text(Tasks::UserId))
            .col(text(Tasks::Title))
            .col(text_null(Tasks::Description))
            .col(boolean(Tasks::Completed).default(false))
            .col(timestamp_with_time_zone(Tasks::CreatedAt))
            .col(timestamp_with_time_zone(Tasks::UpdatedAt))
            .to_owned();
        manager.create_table(tasks).await?;

        // For the list of a user, newest first, and for that of one status.
        let by_user = Index::create()
            .name("tasks_by_user")
            .table(Tasks::Table)
            .col(Tasks::UserId)
            .col((Tasks::Id, IndexOrder::Desc))
            .to_owned();
        manager.create_index(by_user).await?;
        let by_status = Index::create()
            .name("tasks_by_user_and_status")
            .table(Tasks::Table)
            .col(Tasks::UserId)
            .col(Tasks::Completed)
            .col((Tasks::Id, IndexOrder::Desc))
            .to_owned();
        manager.create_index(by_status).await?;

        let counts = Table::create()
            .table(TaskCounts::Table)
            .col(text(TaskCounts::UserId).primary_key())
            .col(big_integer(TaskCounts::Tasks))
            .to_owned();
        manager.create_table(counts).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let counts = Table::drop().table(TaskCounts::Table).to_owned();
        manager.drop_table(counts).await?;
        let tasks = Table::drop().table(Tasks::Table).to_owned();
        manager.drop_table(tasks).await
    }
}
