//! The types of the contract: what requests and responses consist of.

use chrono::{DateTime, Utc};
use poem_openapi::{Object, types::MaybeUndefined};
use serde::Serialize;

use super::values::{DueDate, DueTime, Position, Priority, Tags};
use crate::api::rest::{
    fields::{Text, request_bodies},
    json::Described,
    json_array::Element,
    time::{Rfc3339, optional_rfc3339, rfc3339},
};

/// The title of a task.
pub type Title = Text<1, 200>;

/// The description of a task.
pub type Description = Text<0, 10_000>;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct Task {
    /// The id of the task, assigned by the server. Unique among the tasks of its owner.
    #[oai(validator(minimum(value = "1")))]
    pub id: i64,
    /// The number of the last write to this task, in the order of the owner's writes.
    /// Unique among them; gaps mean nothing. 0: not written since version 1.0.
    #[oai(validator(minimum(value = "0")))]
    pub version: i64,
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
    /// When the task was completed (RFC 3339, UTC, microseconds). Null: it is pending, or
    /// was completed under version 1.0.
    #[oai(nullable)]
    #[serde(serialize_with = "optional_rfc3339")]
    pub completed_at: Option<DateTime<Utc>>,
    /// The calendar day on which the task is due, without a time zone, or null. The server
    /// never compares it with a clock.
    #[oai(nullable)]
    pub due_date: Option<DueDate>,
    /// The local time of that day, without a time zone, or null.
    #[oai(nullable)]
    pub due_time: Option<DueTime>,
    /// How important the task is.
    pub priority: Priority,
    /// Labels, each once, in the order in which they were given.
    pub tags: Tags,
    /// The place in the user's manual order: positions are compared byte by byte, equal ones
    /// by id. A new task comes first. Keys between two others can be made by the npm package
    /// `fractional-indexing`.
    pub position: Position,
    /// The `Idempotency-Key` of the request that created the task, or null.
    #[oai(nullable, validator(min_length = 1, max_length = 64))]
    pub idempotency_key: Option<String>,
    /// When the task was created (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    /// When the task was last written (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: DateTime<Utc>,
}

/// Writes the members of an object, each by its name and its value.
macro_rules! members {
    ($json:ident, $before:literal, $name:literal: $value:expr, $($rest:tt)*) => {
        $json.extend_from_slice(concat!($before, "\"", $name, "\":").as_bytes());
        serde_json::to_writer(&mut *$json, $value)?;
        members!($json, ",", $($rest)*);
    };
    ($json:ident, $before:literal,) => {
        $json.push(b'}');
    };
}

impl Element for Task {
    /// With the names as they are: serde looks through them for what must be escaped, which
    /// takes as long as all the values.
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        members! {
            json, "{",
            "id": &self.id,
            "version": &self.version,
            "user_id": &self.user_id,
            "title": &self.title,
            "description": &self.description,
            "completed": &self.completed,
            "completed_at": &self.completed_at.as_ref().map(Rfc3339),
            "due_date": &self.due_date,
            "due_time": &self.due_time,
            "priority": &self.priority,
            "tags": &self.tags,
            "position": &self.position,
            "idempotency_key": &self.idempotency_key,
            "created_at": &Rfc3339(&self.created_at),
            "updated_at": &Rfc3339(&self.updated_at),
        }
        Ok(())
    }
}

/// A task in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct TrashedTask {
    /// The task as it was, with the version of its deletion.
    #[oai(flatten)]
    #[serde(flatten)]
    pub task: Task,
    /// When the task was moved to the trash (RFC 3339, UTC, microseconds).
    #[serde(serialize_with = "rfc3339")]
    pub deleted_at: DateTime<Utc>,
}

impl Element for TrashedTask {}

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
    /// The calendar day on which the task is due. Absent or null: none.
    #[oai(nullable)]
    pub due_date: Option<DueDate>,
    /// The local time of that day. Absent or null: none. Without `due_date` it is an error.
    #[oai(nullable)]
    pub due_time: Option<DueTime>,
    /// How important the task is. Absent: `none`.
    pub priority: Option<Priority>,
    /// At most 20 labels of 1 to 50 characters (Unicode scalar values), counted after white
    /// space at both ends is trimmed; no U+0000. Exact duplicates are dropped, the order is
    /// kept, case matters. Absent: none.
    pub tags: Option<Tags>,
    /// The place in the manual order. Absent: before all tasks that have the position they
    /// were created with.
    pub position: Option<Position>,
}

/// Declares a change of a task: its title, and the fields that every change may have.
macro_rules! changes {
    ($($(#[$attribute:meta])* $name:ident { $(#[$title_attribute:meta])* $title:ty })*) => {$(
        $(#[$attribute])*
        pub struct $name {
            $(#[$title_attribute])*
            pub title: $title,
            /// Details: at most 10,000 characters (Unicode scalar values); no U+0000.
            /// Absent: unchanged. Null: removed.
            #[oai(nullable)]
            pub description: MaybeUndefined<Description>,
            /// Whether the task is completed. Absent: unchanged.
            pub completed: Option<bool>,
            /// The calendar day on which the task is due. Absent: unchanged. Null: removed, and the
            /// time with it.
            #[oai(nullable)]
            pub due_date: MaybeUndefined<DueDate>,
            /// The local time of that day. Absent: unchanged. Null: removed. For a task without a
            /// date it is an error.
            #[oai(nullable)]
            pub due_time: MaybeUndefined<DueTime>,
            /// How important the task is. Absent: unchanged.
            pub priority: Option<Priority>,
            /// All labels, as of a new task. Absent: unchanged.
            pub tags: Option<Tags>,
            /// The place in the manual order. Absent: unchanged.
            pub position: Option<Position>,
        }
    )*};
}

changes! {
    /// The changes to a task. Unknown fields are ignored.
    #[derive(Debug, Clone, PartialEq, Eq, Object)]
    UpdateTask {
        /// What is to be done: 1 to 200 characters (Unicode scalar values), counted
        /// after white space at both ends is trimmed (Unicode `White_Space` and
        /// U+FEFF); no U+0000. At least one is visible: not white space, a format
        /// character (Cf), a `Default_Ignorable_Code_Point` or a blank such as U+2800.
        /// `pattern` expresses this for characters up to U+FFFF.
        Title
    }

    /// Any of the fields of a task that a client sets. Absent fields keep their values, null
    /// removes what may be null. Unknown fields are ignored.
    #[derive(Debug, Clone, Default, PartialEq, Eq, Object)]
    PatchTask {
        /// What is to be done, as of a new task. Absent: unchanged.
        Option<Title>
    }
}

impl From<UpdateTask> for PatchTask {
    fn from(update: UpdateTask) -> Self {
        Self {
            title: Some(update.title),
            description: update.description,
            completed: update.completed,
            due_date: update.due_date,
            due_time: update.due_time,
            priority: update.priority,
            tags: update.tags,
            position: update.position,
        }
    }
}

/// Whether a task is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Object)]
pub struct CompleteTask {
    /// True: the task is completed. False: it is pending again.
    pub completed: bool,
}

/// Whether all tasks are completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Object)]
pub struct CompleteTasks {
    /// True: every task is completed. False: every task is pending again.
    pub completed: bool,
}

/// The confirmation of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct Deleted {
    /// A sentence for a person.
    pub message: String,
}

/// How many tasks were changed.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct Count {
    /// The number of tasks that were changed or removed.
    #[oai(validator(minimum(value = "0")))]
    pub count: u64,
}

/// A task that was deleted, or moved to the trash.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct DeletedTask {
    /// The id of the task.
    #[oai(validator(minimum(value = "1")))]
    pub id: i64,
    /// The `Idempotency-Key` of the request that created the task, or null.
    #[oai(nullable, validator(min_length = 1, max_length = 64))]
    pub idempotency_key: Option<String>,
    /// The version of the deletion.
    #[oai(validator(minimum(value = "1")))]
    pub version: i64,
}

/// What changed since a cursor: the state of each task that was written, in the order of the
/// writes.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub struct Changes {
    /// Tasks that were created, changed or restored, as they are now.
    pub tasks: Vec<Task>,
    /// Tasks that were deleted or moved to the trash.
    pub deleted: Vec<DeletedTask>,
    /// Where to go on: the next `since`.
    #[oai(validator(min_length = 1))]
    pub cursor: String,
    /// Whether there are more changes now.
    pub more: bool,
}

request_bodies! {
    CreateTask {
        title: required, description: nullable, due_date: nullable, due_time: nullable,
        priority: optional, tags: optional, position: optional,
    } check check_new(due_date, due_time);
    UpdateTask {
        title: required, description: clearable, completed: optional, due_date: clearable,
        due_time: clearable, priority: optional, tags: optional, position: optional,
    } check check_change(due_date, due_time);
    PatchTask {
        title: optional, description: clearable, completed: optional, due_date: clearable,
        due_time: clearable, priority: optional, tags: optional, position: optional,
    } check check_change(due_date, due_time);
    CompleteTask { completed: required };
    CompleteTasks { completed: required };
}

/// What is wrong with a time of a task without a date: the field, and the rule.
pub const NO_DATE: (&str, &str) = ("due_time", "must not be set without a due_date");

fn check_new(
    date: Option<DueDate>,
    time: Option<DueTime>,
) -> Result<(), (&'static str, &'static str)> {
    let has_date = time.is_none() || date.is_some();
    has_date.then_some(()).ok_or(NO_DATE)
}

impl PatchTask {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is valid for a task with a date alone: it sets the time and keeps the date.
    #[must_use]
    pub fn needs_date(&self) -> bool {
        self.due_time.value().is_some() && self.due_date.is_undefined()
    }
}

fn check_change(
    date: MaybeUndefined<DueDate>,
    time: MaybeUndefined<DueTime>,
) -> Result<(), (&'static str, &'static str)> {
    let has_date = !(date.is_null() && time.value().is_some());
    has_date.then_some(()).ok_or(NO_DATE)
}

impl Described for Task {
    const DESCRIPTION: &'static str = "The task.";
}

impl Described for Vec<Task> {
    const DESCRIPTION: &'static str = "The tasks, newest first or in the order of `sort`.";
}

impl Described for Vec<TrashedTask> {
    const DESCRIPTION: &'static str = "The tasks in the trash, the last deleted one first.";
}

impl Described for Deleted {
    const DESCRIPTION: &'static str = "The task is deleted.";
}

impl Described for Count {
    const DESCRIPTION: &'static str = "How many tasks were changed.";
}

impl Described for Changes {
    const DESCRIPTION: &'static str = "The changes, and where to go on.";
}
