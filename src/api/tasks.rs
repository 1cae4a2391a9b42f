//! The contract: every operation, its types, its statuses and its
//! documentation, and beside them [`TaskService`], what an implementation owes.
//!
//! Doc comments on the types and operations below are the text of the OpenAPI
//! document: they are written for the client's developer. This file knows no
//! database.

use std::fmt::Display;

use poem_openapi::{
    Object, OpenApi, Tags,
    param::Path,
    types::{Example, MaybeUndefined},
};
use serde::Serialize;

use crate::{
    api::{
        rest::{
            fields::{Description, Fields, FromFields, Nullable, Timestamp, Title},
            json::{Answer, Created, Json},
            path::TaskId,
            problem::{BadBody, BadQuery, FieldError, Problem, ProblemType, Problems, reasons},
            query::{Choice, Query},
            service::service,
        },
        security::SignedIn,
    },
    auth::User,
};

service! {
    /// Carries out the operations.
    ///
    /// Each method is atomic. Each takes the [`User`] that the verifier made and
    /// touches only that user's tasks: another user's task is
    /// [`TaskError::NotFound`], like a task that does not exist.
    pub trait TaskService {
        /// All tasks of the user, newest first (`id` descending).
        async fn list(&self, user: &User, status: StatusFilter) -> Result<Vec<Task>, TaskError>;

        /// Stores a new task: not completed, with both times equal. Fails with
        /// [`TaskError::QuotaExceeded`] if the user has reached the quota.
        async fn create(&self, user: &User, new: CreateTask) -> Result<Task, TaskError>;

        /// Returns one task.
        async fn get(&self, user: &User, id: i64) -> Result<Task, TaskError>;

        /// Sets the fields that `change` names, and `updated_at`.
        async fn update(&self, user: &User, id: i64, change: UpdateTask) -> Result<Task, TaskError>;

        /// Sets `completed` (never toggles it) and `updated_at`.
        async fn complete(&self, user: &User, id: i64, completed: bool) -> Result<Task, TaskError>;

        /// Deletes a task.
        async fn delete(&self, user: &User, id: i64) -> Result<(), TaskError>;
    }
}

/// Why a [`TaskService`] did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The user has no task of that id.
    #[error("no task {id}")]
    NotFound {
        /// The id that was asked for.
        id: i64,
    },
    /// The user already holds `limit` tasks.
    #[error("the quota of {limit} tasks is used up")]
    QuotaExceeded {
        /// The most tasks a user may hold.
        limit: u32,
    },
    /// The database is out of reach, and nothing was written. The text is for
    /// the log.
    #[error("the database is out of reach: {0}")]
    Unavailable(String),
    /// A write was sent, and the connection broke before the answer: it may or
    /// may not have happened. The text is for the log.
    #[error("the outcome of a write is unknown: {0}")]
    OutcomeUnknown(String),
    /// A fault of ours. The text is for the log.
    #[error("{0}")]
    Internal(String),
}

impl TaskError {
    /// Whether the fault is not the user's.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::QuotaExceeded { .. } => false,
            Self::Unavailable(_) | Self::OutcomeUnknown(_) | Self::Internal(_) => true,
        }
    }
}

impl From<TaskError> for Problem {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::NotFound { id } => no_such_task(id),
            TaskError::QuotaExceeded { limit } => Self::new(ProblemType::QuotaExceeded)
                .with_detail(format!(
                    "You have {limit} tasks, the most that you may have. Delete some first."
                )),
            TaskError::Unavailable(cause) => {
                tracing::warn!(%cause, "the database is unreachable");
                Self::new(ProblemType::Unavailable)
            }
            TaskError::OutcomeUnknown(cause) => {
                tracing::warn!(%cause, "the outcome of a write is unknown");
                Self::new(ProblemType::OutcomeUnknown)
            }
            TaskError::Internal(cause) => Self::internal(cause),
        }
    }
}

pub(super) fn no_such_task(id: impl Display) -> Problem {
    Problem::new(ProblemType::NotFound).with_detail(format!("No task has the id {id}."))
}

reasons! {
    /// The operation names a task.
    NoTask: [NotFound]
    /// The operation adds a task.
    OverQuota: [QuotaExceeded]
}

/// A task, as every operation answers it.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(example)]
pub struct Task {
    /// The task's number, assigned by the server.
    #[oai(validator(minimum(value = "1")))]
    pub id: i64,
    /// The owner: the `sub` claim of the token that created the task.
    #[oai(validator(min_length = 1, max_length = 255))]
    pub user_id: String,
    /// What is to be done.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub title: String,
    /// More about it, or null.
    #[oai(validator(max_length = 10000))]
    pub description: Nullable<String>,
    /// Whether it is done.
    pub completed: bool,
    /// When the task was created (RFC 3339, UTC, microseconds).
    pub created_at: Timestamp,
    /// When the task was last written (RFC 3339, UTC, microseconds).
    pub updated_at: Timestamp,
}

/// A new task. Fields that are not named here are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(example)]
pub struct CreateTask {
    /// What is to be done: 1 to 200 characters (Unicode scalar values), counted
    /// after white space at both ends is removed; no U+0000.
    pub title: Title,
    /// More about it: at most 10,000 characters (Unicode scalar values); no
    /// U+0000. Absent or null: none.
    #[oai(nullable)]
    pub description: Option<Description>,
}

/// A task's new state. Fields that are not named here are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(example)]
pub struct UpdateTask {
    /// What is to be done: 1 to 200 characters (Unicode scalar values), counted
    /// after white space at both ends is removed; no U+0000.
    pub title: Title,
    /// More about it: at most 10,000 characters (Unicode scalar values); no
    /// U+0000. Absent: kept as it is. Null: removed.
    #[oai(nullable)]
    pub description: MaybeUndefined<Description>,
    /// Whether it is done. Absent: kept as it is.
    pub completed: Option<bool>,
}

/// Whether a task is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Object)]
#[oai(example)]
pub struct CompleteTask {
    /// True: the task is done. False: it is pending again.
    pub completed: bool,
}

/// Word that a task was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(example)]
pub struct Deleted {
    /// A sentence for a person.
    pub message: String,
}

/// Which tasks a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum StatusFilter {
    /// Every task.
    #[default]
    All,
    /// Tasks that are not completed.
    Pending,
    /// Completed tasks.
    Completed,
}

impl Choice for StatusFilter {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("all", Self::All),
        ("pending", Self::Pending),
        ("completed", Self::Completed),
    ];
}

impl FromFields for CreateTask {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let title = fields.required("title");
        let description = fields.nullable("description");
        Some(Self {
            title: title?,
            description: description?.take(),
        })
    }
}

impl FromFields for UpdateTask {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let title = fields.required("title");
        let description = fields.nullable("description");
        let completed = fields.optional("completed");
        Some(Self {
            title: title?,
            description: description?,
            completed: completed?,
        })
    }
}

impl FromFields for CompleteTask {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            completed: fields.required("completed")?,
        })
    }
}

impl Answer for Task {
    const DESCRIPTION: &'static str = "The task.";
}

impl Answer for Vec<Task> {
    const DESCRIPTION: &'static str = "The tasks, newest first.";
}

impl Answer for Deleted {
    const DESCRIPTION: &'static str = "The task is gone.";
}

/// Examples of problems that say more than their type does.
pub(super) fn example_problems() -> [Problem; 3] {
    [
        Problem::invalid(vec![FieldError::example()]),
        TaskError::QuotaExceeded { limit: 10_000 }.into(),
        no_such_task(7),
    ]
}

/// The groups of operations in the document.
#[derive(Tags)]
enum Tag {
    /// The signed-in user's tasks. No one sees another user's.
    Tasks,
}

/// The six operations, over any [`TaskService`].
#[derive(Debug)]
pub struct TasksApi<S> {
    service: S,
}

impl<S> TasksApi<S> {
    /// The operations, carried out by `service`.
    pub fn new(service: S) -> Self {
        Self { service }
    }
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Tasks")]
impl<S: TaskService> TasksApi<S> {
    /// List tasks
    ///
    /// The signed-in user's tasks, newest first. The list is whole: it is never
    /// cut, and the quota is what bounds it.
    #[oai(path = "/tasks", method = "get", operation_id = "listTasks")]
    async fn list(
        &self,
        SignedIn(user): SignedIn,
        /// Which tasks to list.
        status: Query<StatusFilter>,
    ) -> Result<Json<Vec<Task>>, Problems<BadQuery>> {
        Ok(Json(self.service.list(&user, status.0).await?))
    }

    /// Create a task
    ///
    /// The new task is pending. A user holds a limited number of tasks (10,000
    /// unless the operator chose another number); one more is refused.
    #[oai(path = "/tasks", method = "post", operation_id = "createTask")]
    async fn create(
        &self,
        SignedIn(user): SignedIn,
        body: Json<CreateTask>,
    ) -> Result<Created, Problems<BadBody, OverQuota>> {
        Ok(Created(self.service.create(&user, body.0).await?))
    }

    /// Read a task
    ///
    /// Another user's task is answered like an id that names no task.
    #[oai(path = "/tasks/:id", method = "get", operation_id = "getTask")]
    async fn get(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<TaskId>,
    ) -> Result<Json<Task>, Problems<NoTask>> {
        Ok(Json(self.service.get(&user, id.number()?).await?))
    }

    /// Update a task
    ///
    /// Writes the title and whatever else the body names. What it does not name
    /// is kept, so a client that sends only what changed loses nothing;
    /// `"description": null` removes the description.
    #[oai(path = "/tasks/:id", method = "put", operation_id = "updateTask")]
    async fn update(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<TaskId>,
        body: Json<UpdateTask>,
    ) -> Result<Json<Task>, Problems<BadBody, NoTask>> {
        Ok(Json(
            self.service.update(&user, id.number()?, body.0).await?,
        ))
    }

    /// Complete a task, or take that back
    ///
    /// Sets `completed` to the given value and never toggles it, so a retry is
    /// harmless.
    #[oai(
        path = "/tasks/:id/complete",
        method = "patch",
        operation_id = "completeTask"
    )]
    async fn complete(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<TaskId>,
        body: Json<CompleteTask>,
    ) -> Result<Json<Task>, Problems<BadBody, NoTask>> {
        let task = self.service.complete(&user, id.number()?, body.0.completed);
        Ok(Json(task.await?))
    }

    /// Delete a task
    ///
    /// The task is removed for good; a second delete answers 404.
    #[oai(path = "/tasks/:id", method = "delete", operation_id = "deleteTask")]
    async fn delete(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<TaskId>,
    ) -> Result<Json<Deleted>, Problems<NoTask>> {
        self.service.delete(&user, id.number()?).await?;
        Ok(Json(Deleted {
            message: "Task deleted successfully".to_owned(),
        }))
    }
}
