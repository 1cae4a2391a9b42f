//! The contract: types, operations, and [`TaskService`], which carries them out.
//!
//! Doc comments on the types and operations are the text of the OpenAPI document,
//! written for the developer of a client.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use poem_openapi::{Object, OpenApi, Tags, param::Path, types::MaybeUndefined};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    api::{
        rest::{
            fields::{Text, request_bodies, rfc3339},
            json::{Created, Described, Json},
            json_array::JsonArray,
            path::PathId,
            problem::{Problem, ProblemType},
            query::{Query, QueryEnum},
            service::service,
        },
        security::SignedIn,
    },
    auth::User,
};

service! {
    /// Carries out the operations.
    ///
    /// Each method but `list` is atomic. Each takes the [`User`] that the verifier made and
    /// touches only that user's tasks: another user's task is
    /// [`TaskError::NotFound`], like a task that does not exist.
    pub trait TaskService {
        /// All tasks of the user, newest first (`id` descending). A long list is read
        /// while it is sent: a task that is there throughout appears once, in a state
        /// that it had meanwhile.
        async fn list(
            &self,
            user: &User,
            status: StatusFilter,
        ) -> Result<JsonArray<Task>, TaskError>;

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

/// Why a [`TaskService`] failed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The user has no task with this id.
    #[error("no task {id}")]
    NotFound {
        /// The requested id.
        id: i64,
    },
    /// The user already has `limit` tasks.
    #[error("the quota of {limit} tasks is used up")]
    QuotaExceeded {
        /// The maximum number of tasks of a user.
        limit: u32,
    },
    /// The database is unreachable, and nothing was written. The text is for the
    /// log.
    #[error("the database is unreachable: {0}")]
    Unavailable(String),
    /// A write was sent, and the connection broke before the response: it may or
    /// may not have happened. The text is for the log.
    #[error("the outcome of a write is unknown: {0}")]
    OutcomeUnknown(String),
    /// A bug or an unexpected error. The text is for the log.
    #[error("{0}")]
    Internal(String),
}

impl TaskError {
    /// Whether the service failed, rather than the request.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::NotFound { .. } | Self::QuotaExceeded { .. })
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

/// A path with text that is no id gets the response of an unused id.
fn task_id(id: &PathId) -> Result<i64, Problem> {
    id.number().map_err(no_such_task)
}

fn no_such_task(id: impl Display) -> Problem {
    Problem::new(ProblemType::NotFound).with_detail(format!("No task has the id {id}."))
}

/// The title of a task.
pub type Title = Text<1, 200>;

/// The description of a task.
pub type Description = Text<0, 10_000>;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct Task {
    /// The id of the task, assigned by the server.
    #[oai(validator(minimum(value = "1")))]
    pub id: i64,
    /// The owner: the `sub` claim of the token that created the task.
    #[oai(validator(min_length = 1, max_length = 255))]
    pub user_id: String,
    /// What is to be done.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub title: String,
    /// Details, or null.
    #[oai(nullable, validator(max_length = 10000))]
    pub description: Option<String>,
    /// Whether the task is completed.
    pub completed: bool,
    /// When the task was created (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    /// When the task was last written (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
}

/// A new task. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct CreateTask {
    /// What is to be done: 1 to 200 characters (Unicode scalar values), counted
    /// after white space at both ends is trimmed (Unicode `White_Space` and
    /// U+FEFF); no U+0000. At least one is visible: not white space, a format
    /// character (Cf), a `Default_Ignorable_Code_Point` or a blank such as U+2800.
    /// `pattern` expresses this for characters up to U+FFFF.
    pub title: Title,
    /// Details: at most 10,000 characters (Unicode scalar values); no U+0000.
    /// Absent or null: no description.
    #[oai(nullable)]
    pub description: Option<Description>,
}

/// The changes to a task. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct UpdateTask {
    /// What is to be done: 1 to 200 characters (Unicode scalar values), counted
    /// after white space at both ends is trimmed (Unicode `White_Space` and
    /// U+FEFF); no U+0000. At least one is visible: not white space, a format
    /// character (Cf), a `Default_Ignorable_Code_Point` or a blank such as U+2800.
    /// `pattern` expresses this for characters up to U+FFFF.
    pub title: Title,
    /// Details: at most 10,000 characters (Unicode scalar values); no U+0000.
    /// Absent: unchanged. Null: removed.
    #[oai(nullable)]
    pub description: MaybeUndefined<Description>,
    /// Whether the task is completed. Absent: unchanged.
    pub completed: Option<bool>,
}

/// Whether a task is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Object)]
pub struct CompleteTask {
    /// True: the task is completed. False: it is pending again.
    pub completed: bool,
}

/// The confirmation of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct Deleted {
    /// A sentence for a person.
    pub message: String,
}

/// Which tasks a list contains.
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

impl QueryEnum for StatusFilter {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("all", Self::All),
        ("pending", Self::Pending),
        ("completed", Self::Completed),
    ];
}

request_bodies! {
    CreateTask { title: required, description: nullable }
    UpdateTask { title: required, description: clearable, completed: optional }
    CompleteTask { completed: required }
}

impl Described for Task {
    const DESCRIPTION: &'static str = "The task.";
}

impl Described for Vec<Task> {
    const DESCRIPTION: &'static str = "The tasks, newest first.";
}

impl Described for Deleted {
    const DESCRIPTION: &'static str = "The task is deleted.";
}

/// The examples of the types, for the document.
pub(super) fn examples() -> Value {
    json!({
        "Task": {
            "id": 7,
            "user_id": "vX3bQ0pJkZ2mT8sYhR5nLw1cD6fG9aEu",
            "title": "Buy milk",
            "description": "Two litres, the blue one",
            "completed": false,
            "created_at": "2026-01-05T08:30:00.123456Z",
            "updated_at": "2026-01-05T09:15:42.654321Z",
        },
        "CreateTask": { "title": "Buy milk", "description": "Two litres, the blue one" },
        "UpdateTask": { "title": "Buy oat milk", "description": "One litre", "completed": true },
        "CompleteTask": { "completed": true },
        "Deleted": { "message": "Task deleted successfully" },
    })
}

/// The examples of the parameters, and of the headers of success, by name.
pub(super) fn value_examples() -> Value {
    json!({ "id": 7, "status": "all", "Location": "/api/tasks/7" })
}

/// An example of a problem type; some say more than the type does.
pub(super) fn example_problem(kind: ProblemType) -> Problem {
    match kind {
        ProblemType::InvalidRequest => {
            Problem::invalid_field("title", "must be 1 to 200 characters long")
        }
        ProblemType::QuotaExceeded => TaskError::QuotaExceeded { limit: 10_000 }.into(),
        ProblemType::NotFound => no_such_task(7),
        _ => Problem::new(kind),
    }
}

/// The groups of operations in the document.
#[derive(Tags)]
enum Tag {
    /// The tasks of the signed-in user. Users cannot see each other's tasks.
    Tasks,
}

/// The operations, over any [`TaskService`].
#[derive(Debug)]
pub struct TasksApi<S>(pub S);

#[OpenApi(prefix_path = "/api", tag = "Tag::Tasks")]
impl<S: TaskService> TasksApi<S> {
    /// List tasks
    ///
    /// All tasks of the signed-in user, newest first. There are no pages: the
    /// quota limits the length of the list. A long list is read while it is sent, so
    /// a task that changes meanwhile appears in its old or its new state; if reading
    /// fails, the response breaks off.
    #[oai(path = "/tasks", method = "get", operation_id = "listTasks")]
    async fn list(
        &self,
        SignedIn(user): SignedIn,
        /// Which tasks to list.
        status: Query<StatusFilter>,
    ) -> Result<JsonArray<Task>, Problem> {
        Ok(self.0.list(&user, status.0).await?)
    }

    /// Create a task
    ///
    /// The new task is pending. The number of tasks of a user is limited (10,000
    /// unless the operator configures another quota).
    #[oai(path = "/tasks", method = "post", operation_id = "createTask")]
    async fn create(
        &self,
        SignedIn(user): SignedIn,
        body: Json<CreateTask>,
    ) -> Result<Created<Task>, Problem> {
        let task = self.0.create(&user, body.0).await?;
        let location = format!("/api/tasks/{}", task.id);
        Ok(Created(task, location))
    }

    /// Read a task
    ///
    /// The response is the same for another user's task and for an unused id.
    #[oai(path = "/tasks/:id", method = "get", operation_id = "getTask")]
    async fn get(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<PathId>,
    ) -> Result<Json<Task>, Problem> {
        Ok(Json(self.0.get(&user, task_id(&id)?).await?))
    }

    /// Update a task
    ///
    /// Sets the title and the other fields in the body. Absent fields keep their
    /// values, so a client may send only what changed; `"description": null`
    /// removes the description.
    #[oai(path = "/tasks/:id", method = "put", operation_id = "updateTask")]
    async fn update(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<PathId>,
        body: Json<UpdateTask>,
    ) -> Result<Json<Task>, Problem> {
        Ok(Json(self.0.update(&user, task_id(&id)?, body.0).await?))
    }

    /// Complete or reopen a task
    ///
    /// Sets `completed` to the given value and never toggles it, so a retry is
    /// safe.
    #[oai(
        path = "/tasks/:id/complete",
        method = "patch",
        operation_id = "completeTask"
    )]
    async fn complete(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<PathId>,
        body: Json<CompleteTask>,
    ) -> Result<Json<Task>, Problem> {
        let task = self.0.complete(&user, task_id(&id)?, body.0.completed);
        Ok(Json(task.await?))
    }

    /// Delete a task
    ///
    /// The deletion is permanent. A second deletion gets the status 404.
    #[oai(path = "/tasks/:id", method = "delete", operation_id = "deleteTask")]
    async fn delete(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<PathId>,
    ) -> Result<Json<Deleted>, Problem> {
        self.0.delete(&user, task_id(&id)?).await?;
        Ok(Json(Deleted {
            message: "Task deleted successfully".to_owned(),
        }))
    }
}
