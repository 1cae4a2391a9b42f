//! What carries out the operations, and why it may fail.

use std::time::Duration;

use futures_util::stream::BoxStream;

use super::{
    changes::ChangesPage,
    list::ListTasks,
    problems::{invalid_cursor, no_such_task},
    types::{CreateTask, NO_DATE, PatchTask, Task, TrashedTask},
};
use crate::{
    api::rest::{
        entity_tag::EntityTags,
        header::{IdempotencyKey, IfMatch},
        json_array::JsonArray,
        problem::{Problem, ProblemType},
        service::service,
    },
    auth::User,
};

service! {
    /// Carries out the operations.
    ///
    /// Each method but `list`, `trash` and `changes` is atomic. Each takes the [`User`] that
    /// the verifier made and touches only that user's tasks: another user's task is
    /// [`TaskError::NotFound`], like a task that does not exist.
    ///
    /// Every write takes the next number of the user's sequence, and the task remembers it as
    /// its version. `expected` is the state that a write is for: in another one it fails with
    /// [`TaskError::Conflict`].
    pub trait TaskService {
        /// Tasks of the user. A long list is read while it is sent: a task that is there
        /// throughout appears once, in a state that it had meanwhile. Fails with
        /// [`TaskError::InvalidCursor`].
        async fn list(&self, user: &User, list: ListTasks) -> Result<TaskList, TaskError>;

        /// The cursor of the user: where the changes end now.
        async fn cursor(&self, user: &User) -> Result<String, TaskError>;

        /// Stores a new task: not completed, with both times equal. Fails with
        /// [`TaskError::QuotaExceeded`] if the user has reached the quota. If a task was
        /// created with `key` before, it is the result, or the failure is
        /// [`TaskError::KeyReused`] or [`TaskError::AlreadyDeleted`].
        async fn create(
            &self,
            user: &User,
            new: CreateTask,
            key: Option<IdempotencyKey>,
        ) -> Result<CreatedTask, TaskError>;

        /// Returns one task.
        async fn get(&self, user: &User, id: i64) -> Result<Task, TaskError>;

        /// Sets the fields that `change` names, and `updated_at`. Without any field nothing is
        /// written. Fails with [`TaskError::NoDate`].
        async fn patch(
            &self,
            user: &User,
            id: i64,
            change: PatchTask,
            expected: Expected,
        ) -> Result<Task, TaskError>;

        /// Sets `completed` (never toggles it) and `updated_at`.
        async fn complete(
            &self,
            user: &User,
            id: i64,
            completed: bool,
            expected: Expected,
        ) -> Result<Task, TaskError>;

        /// Moves a task to the trash, or deletes it for good, also out of the trash.
        async fn delete(
            &self,
            user: &User,
            id: i64,
            into: Removal,
            expected: Expected,
        ) -> Result<(), TaskError>;

        /// Takes a task out of the trash. One that is not deleted stays as it is. Fails with
        /// [`TaskError::QuotaExceeded`].
        async fn restore(&self, user: &User, id: i64) -> Result<Task, TaskError>;

        /// The tasks in the trash, the last deleted one first. Read while they are sent.
        async fn trash(&self, user: &User) -> Result<JsonArray<TrashedTask>, TaskError>;

        /// Sets `completed` of every task of the user that has another one. Returns how many
        /// those were.
        async fn complete_all(&self, user: &User, completed: bool) -> Result<u64, TaskError>;

        /// Moves the completed tasks to the trash. Returns how many those were.
        async fn clear(&self, user: &User) -> Result<u64, TaskError>;

        /// At most `limit` changes after the cursor `since`, or all tasks from the first one
        /// on. Fails with [`TaskError::InvalidCursor`] or [`TaskError::CursorExpired`].
        async fn changes(
            &self,
            user: &User,
            since: Option<String>,
            limit: u32,
        ) -> Result<ChangesPage, TaskError>;

        /// Watches what is written for the user. Fails with [`TaskError::TooManyStreams`].
        async fn watch(&self, user: &User) -> Result<Watch, TaskError>;

        /// Removes everything of the user. Returns how many tasks that were, those in the
        /// trash included.
        async fn erase(&self, user: &User) -> Result<u64, TaskError>;
    }
}

/// When a stream beyond the limit may be tried again: by then a client that is gone is noticed,
/// as a rule.
const STREAM_RETRY: Duration = Duration::from_secs(5);

/// Has an item once something of a user may have been written, on whichever instance, since
/// the item before. It ends when the service stops.
pub type Watch = BoxStream<'static, ()>;

/// A list of tasks.
#[derive(Debug)]
pub struct TaskList {
    /// The tasks.
    pub tasks: JsonArray<Task>,
    /// The user's cursor from before they were read.
    pub cursor: String,
    /// Where the next part begins; nothing after the last one.
    pub next: Option<String>,
}

/// The task of a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTask {
    /// The task as it is now.
    pub task: Task,
    /// Whether an earlier request with the same key created it.
    pub is_replayed: bool,
}

/// The state of a task that a write is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Any.
    #[default]
    Any,
    /// One of these versions.
    Versions(Vec<i64>),
}

impl Expected {
    /// Whether it is any.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }

    /// Whether a task of this version is in such a state.
    #[must_use]
    pub fn includes(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

impl From<IfMatch> for Expected {
    fn from(header: IfMatch) -> Self {
        let tags = header.0.as_ref().and_then(EntityTags::strong);
        tags.map_or(Self::Any, |tags| {
            // Another text is no tag of a task.
            let version = |tag: &str| tag.parse().ok().filter(|v: &i64| v.to_string() == tag);
            Self::Versions(tags.into_iter().filter_map(version).collect())
        })
    }
}

/// Where a task goes that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is gone, and its content with it.
    Forever,
    /// Into the trash.
    Trash,
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
    /// The task is in another state than the write is for.
    #[error("task {} has the version {}", current.id, current.version)]
    Conflict {
        /// The task as it is.
        current: Box<Task>,
    },
    /// The write sets the time of a task without a date.
    #[error("the task has no date")]
    NoDate,
    /// The key was used for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// The task that was created with the key was deleted since.
    #[error("task {id} was deleted")]
    AlreadyDeleted {
        /// The id that it had.
        id: i64,
    },
    /// The text is no cursor of such a request.
    #[error("the cursor is invalid")]
    InvalidCursor,
    /// What the cursor tells of is no longer remembered, or never was.
    #[error("the cursor has expired")]
    CursorExpired,
    /// The user has `limit` streams of changes open.
    #[error("{limit} streams are open")]
    TooManyStreams {
        /// The most streams of a user.
        limit: usize,
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
        match self {
            Self::NotFound { .. }
            | Self::QuotaExceeded { .. }
            | Self::Conflict { .. }
            | Self::NoDate
            | Self::KeyReused
            | Self::AlreadyDeleted { .. }
            | Self::InvalidCursor
            | Self::CursorExpired
            | Self::TooManyStreams { .. } => false,
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
            TaskError::Conflict { current } => Self::new(ProblemType::VersionConflict)
                .with_detail(format!(
                    "The task has the version {} by now.",
                    current.version
                ))
                .with_current(*current),
            TaskError::NoDate => Self::invalid_field(NO_DATE.0, NO_DATE.1),
            TaskError::KeyReused => Self::new(ProblemType::KeyReused),
            TaskError::AlreadyDeleted { id } => Self::new(ProblemType::AlreadyDeleted).with_detail(
                format!("The task {id}, which this key created, was deleted since."),
            ),
            TaskError::InvalidCursor => invalid_cursor("cursor"),
            TaskError::CursorExpired => Self::new(ProblemType::CursorExpired),
            TaskError::TooManyStreams { limit } => Self::new(ProblemType::RateLimited)
                .with_detail(format!(
                    "You have {limit} streams open, the most that you may have. Close one first."
                ))
                .with_retry_after(STREAM_RETRY),
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
