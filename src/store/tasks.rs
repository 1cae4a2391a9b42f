//! The contract, carried out: one statement for each operation (two in one
//! transaction where `SQLite` has no data-modifying CTE).

use poem_openapi::types::MaybeUndefined;
use sea_orm::{
    ColumnTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, SimpleExpr},
};

use super::{
    Store, clock,
    entity::task::{Column, Model},
    error::Work,
    owned::owned_by,
    sql,
};
use crate::{
    api::{
        fields::{Description, Nullable, Timestamp},
        tasks::{CreateTask, StatusFilter, Task, TaskError, TaskService, UpdateTask},
    },
    auth::User,
};

impl TaskService for Store {
    async fn list(&self, user: &User, status: StatusFilter) -> Result<Vec<Task>, TaskError> {
        let mut tasks = owned_by(user).all().order_by_desc(Column::Id);
        if status != StatusFilter::All {
            tasks = tasks.filter(Column::Completed.eq(status == StatusFilter::Completed));
        }
        let readers = self.inner.readers.clone();
        let found = self.run(Work::Read, async move {
            tasks.all(&readers).await.map_err(|e| Work::Read.failed(&e))
        });
        Ok(found.await?.into_iter().map(Task::from).collect())
    }

    async fn create(&self, user: &User, new: CreateTask) -> Result<Task, TaskError> {
        let limit = self.inner.tasks_per_user;
        let row = sql::NewTask {
            owner: owned_by(user).owner(),
            title: new.title.into_string(),
            description: new.description.map(Description::into_string),
            now: clock::now(),
        };
        let (kind, writer) = (self.inner.kind, self.inner.writer.clone());
        let created = self.run(Work::Write, async move {
            let created = sql::insert(kind, &writer, row, limit).await;
            created.map_err(|error| Work::Write.failed(&error))
        });
        let created = created.await?.map(Task::from);
        created.ok_or(TaskError::QuotaExceeded { limit })
    }

    async fn get(&self, user: &User, id: i64) -> Result<Task, TaskError> {
        let task = owned_by(user).one(id);
        let readers = self.inner.readers.clone();
        let found = self.run(Work::Read, async move {
            task.one(&readers).await.map_err(|e| Work::Read.failed(&e))
        });
        found
            .await?
            .map(Task::from)
            .ok_or(TaskError::NotFound { id })
    }

    async fn update(&self, user: &User, id: i64, change: UpdateTask) -> Result<Task, TaskError> {
        let mut values = vec![(Column::Title, Expr::value(change.title.into_string()))];
        match change.description {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => {
                values.push((Column::Description, Expr::value(Option::<String>::None)));
            }
            MaybeUndefined::Value(text) => {
                values.push((Column::Description, Expr::value(text.into_string())));
            }
        }
        if let Some(completed) = change.completed {
            values.push((Column::Completed, Expr::value(completed)));
        }
        self.write(user, id, values).await
    }

    async fn complete(&self, user: &User, id: i64, completed: bool) -> Result<Task, TaskError> {
        let values = vec![(Column::Completed, Expr::value(completed))];
        self.write(user, id, values).await
    }

    async fn delete(&self, user: &User, id: i64) -> Result<(), TaskError> {
        let owner = owned_by(user).owner();
        let (kind, writer) = (self.inner.kind, self.inner.writer.clone());
        let deleted = self.run(Work::Write, async move {
            let deleted = sql::delete(kind, &writer, owner, id).await;
            deleted.map_err(|error| Work::Write.failed(&error))
        });
        let deleted = deleted.await?;
        deleted.then_some(()).ok_or(TaskError::NotFound { id })
    }
}

impl Store {
    /// Writes `values` and the time to the user's task of this id.
    async fn write(
        &self,
        user: &User,
        id: i64,
        values: impl IntoIterator<Item = (Column, SimpleExpr)>,
    ) -> Result<Task, TaskError> {
        let mut update = owned_by(user).update(id);
        for (column, value) in values {
            update = update.col_expr(column, value);
        }
        let update = update.col_expr(Column::UpdatedAt, sql::moved(self.inner.kind, clock::now()));
        let writer = self.inner.writer.clone();
        let written = self.run(Work::Write, async move {
            let written = update.exec_with_returning(&writer).await;
            written.map_err(|error| Work::Write.failed(&error))
        });
        let task = written.await?.into_iter().next().map(Task::from);
        task.ok_or(TaskError::NotFound { id })
    }
}

impl From<Model> for Task {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            title: row.title,
            description: Nullable(row.description),
            completed: row.completed,
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "asks the database for its plans")]
mod tests {
    use std::time::Duration;

    use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};

    use super::*;
    use crate::{
        auth::{Secret, TokenSources, Verifier, sign_hs256},
        store::DatabaseUrl,
    };

    async fn user() -> User {
        let secret = Secret::new("a secret of the tests, long enough for HS256");
        let token = sign_hs256(&secret, "ana", Duration::from_mins(1)).unwrap();
        let sources = TokenSources {
            secret: Some(secret),
            ..TokenSources::default()
        };
        let verifier = Verifier::new(sources).unwrap();
        verifier.verify(&token).await.unwrap()
    }

    #[tokio::test]
    async fn lists_are_read_from_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/tasks.db", folder.path().display());
        let url = DatabaseUrl::parse(&url).unwrap();
        let store = Store::connect(&url, 10).await.unwrap();
        store.migrate_up().await.unwrap();
        let user = user().await;
        let all = owned_by(&user).all().order_by_desc(Column::Id);
        let pending = all.clone().filter(Column::Completed.eq(false));

        for (list, index) in [
            (all, "tasks_by_user"),
            (pending, "tasks_by_user_and_status"),
        ] {
            let list = list.build(DbBackend::Sqlite).to_string();
            let ask = format!("EXPLAIN QUERY PLAN {list}");
            let ask = Statement::from_string(DbBackend::Sqlite, ask);
            let plan = store.inner.readers.query_all_raw(ask).await.unwrap();
            let plan: Vec<String> = plan
                .iter()
                .map(|row| row.try_get("", "detail").unwrap())
                .collect();
            let search = format!("SEARCH tasks USING INDEX {index} ");
            assert!(plan.len() == 1 && plan[0].starts_with(&search), "{plan:?}");
        }
    }
}
