//! The contract: types, operations, and [`TaskService`], which carries them out.
//!
//! Doc comments on the types and operations are the text of the OpenAPI document,
//! written for the developer of a client.

mod changes;
mod events;
mod examples;
mod groups;
mod list;
mod problems;
mod service;
mod sync;
mod types;
mod values;

use std::sync::Arc;

use poem_openapi::{OpenApi, param::Path};

pub use self::{
    changes::ChangesPage,
    list::{Completed, ListTasks, PageOf, Sort, StatusFilter, Words},
    service::{CreatedTask, Expected, Removal, TaskError, TaskList, TaskService, Watch},
    types::{
        Changes, CompleteTask, CompleteTasks, Count, CreateTask, Deleted, DeletedTask, Description,
        NO_DATE, PatchTask, Task, Title, TrashedTask, UpdateTask,
    },
    values::{DueDate, DueTime, Position, Priority, Tag as TaskTag, Tags as TaskTags},
};
pub(super) use self::{
    examples::{example_problem, examples, value_examples},
    problems::{OWN_PROBLEMS, OwnProblem},
};
use self::{groups::Group, list::DEFAULT_LIMIT, problems::no_such_task, sync::SyncApi};
use crate::api::{
    rest::{
        conditional::{Conditional, Paged, Tagged},
        header::{Header, IdempotencyKey, IfMatch, IfNoneMatch},
        json::{Created, Json, MergePatch},
        json_array::JsonArray,
        path::PathId,
        problem::Problem,
        query::{Limit, Opaque, Query},
    },
    security::SignedIn,
};

/// A path with text that is no id gets the response of an unused id.
fn task_id(id: &PathId) -> Result<i64, Problem> {
    id.number().map_err(no_such_task)
}

/// What a client may do after an unknown outcome of a creation with a key.
const SAFE_TO_REPEAT: &str = "The task may or may not have been created. Send the request again \
with the same Idempotency-Key: no second task is created.";

/// The operations, over any [`TaskService`]; [`SyncApi`] has the others.
#[derive(Debug)]
pub struct TasksApi<S>(pub Arc<S>);

/// All operations.
pub type Operations<S> = (TasksApi<S>, SyncApi<S>);

/// The operations of `service`.
pub fn operations<S: TaskService>(service: S) -> Operations<S> {
    let service = Arc::new(service);
    (TasksApi(Arc::clone(&service)), SyncApi(service))
}

#[OpenApi(prefix_path = "/api", tag = "Group::Tasks")]
impl<S: TaskService> TasksApi<S> {
    /// List tasks
    ///
    /// The tasks of the signed-in user, newest first: all of them, or with `limit` or
    /// `cursor` a page. A long list is read while it is sent, so a task that changes
    /// meanwhile appears in its old or its new state; if reading fails, the response breaks
    /// off.
    ///
    /// A task that does not change is on exactly one page. One that moves under `sort` may
    /// be on two pages or on none; use `listChanges` where that matters.
    ///
    /// The `ETag` is the state of all tasks of the user, whatever the parameters. Without its
    /// quotes it is a `since` of `listChanges`.
    #[oai(path = "/tasks", method = "get", operation_id = "listTasks")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn list(
        &self,
        SignedIn(user): SignedIn,
        /// Which tasks to list.
        status: Query<StatusFilter>,
        /// The order. `due`: by day and time, tasks without a time after those of their day,
        /// tasks without a day last. `priority`: the highest first. `updated`: the last
        /// written first. `manual`: by `position`. Equal tasks are in the order of their ids.
        sort: Query<Sort>,
        /// Words, each of which must occur in the title or the description, anywhere,
        /// ignoring case (Unicode simple case folding). At most 10 words of 100 characters.
        q: Query<Option<Words>>,
        /// A tag that the tasks must have; with several, all of them.
        tag: Query<Vec<TaskTag>>,
        /// The tasks must be due on or before this day.
        due_by: Query<Option<DueDate>>,
        /// The most tasks of a page; 100 if there is only a `cursor`.
        limit: Query<Option<Limit<1000>>>,
        /// Where the page begins: take the whole address from `Link`. A cursor is for one
        /// `sort` and the same filters.
        cursor: Query<Option<Opaque>>,
        /// Entity tags that the client has: with the current one, the status is 304.
        #[oai(name = "If-None-Match")]
        known: Header<IfNoneMatch>,
    ) -> Result<Conditional<Paged<JsonArray<Task>>>, Problem> {
        // Of a page it is not known yet whether its cursor is valid: an invalid one is 400
        // whatever the client has (RFC 9110, section 13.2.1).
        if known.0.0.is_some() && cursor.0.is_none() {
            let tag = self.0.cursor(&user).await?;
            if known.0.has(&tag) {
                return Ok(Conditional::NotModified(tag));
            }
        }
        let page = (limit.0.is_some() || cursor.0.is_some()).then(|| PageOf {
            limit: limit.0.map_or(DEFAULT_LIMIT, |limit| limit.0),
            cursor: cursor.0.map(|cursor| cursor.0),
        });
        let list = ListTasks {
            status: status.0,
            sort: sort.0,
            words: q.0.unwrap_or_default(),
            tags: tag.0,
            due_by: due_by.0,
            page,
        };
        let found = self.0.list(&user, list.clone()).await?;
        if known.0.has(&found.cursor) {
            return Ok(Conditional::NotModified(found.cursor));
        }
        let next = found.next.map(|cursor| list.next(&cursor));
        let page = found.tasks;
        Ok(Conditional::Current(Tagged(
            Paged { page, next },
            found.cursor,
        )))
    }

    /// Create a task
    ///
    /// The new task is pending. The number of tasks of a user is limited (10,000
    /// unless the operator configures another quota).
    ///
    /// With an `Idempotency-Key` a retry is safe: the second request with the key and the
    /// same body creates nothing, and its response is the task as it is now. Without one, a
    /// retry may create the task twice.
    #[oai(path = "/tasks", method = "post", operation_id = "createTask")]
    async fn create(
        &self,
        SignedIn(user): SignedIn,
        /// A text that the client makes up for this task, such as a UUID: 1 to 64 characters
        /// of `[0-9A-Za-z._:-]`, quotes around it are optional. It is remembered as long as
        /// the task, and after a deletion for 30 days unless the operator configures another
        /// time.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<IdempotencyKey>>,
        body: Json<CreateTask>,
    ) -> Result<Created<Task>, Problem> {
        let has_key = key.0.is_some();
        let created = self.0.create(&user, body.0, key.0).await;
        let created = created.map_err(|error| match error {
            TaskError::OutcomeUnknown(_) if has_key => {
                Problem::from(error).with_detail(SAFE_TO_REPEAT)
            }
            error => error.into(),
        })?;
        Ok(Created {
            location: format!("/api/tasks/{}", created.task.id),
            tag: created.task.version.to_string(),
            resource: created.task,
            is_replayed: created.is_replayed,
        })
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
        /// Entity tags that the client has: with the current one, the status is 304.
        #[oai(name = "If-None-Match")]
        known: Header<IfNoneMatch>,
    ) -> Result<Conditional<Json<Task>>, Problem> {
        let task = self.0.get(&user, task_id(&id)?).await?;
        let tag = task.version.to_string();
        if known.0.has(&tag) {
            return Ok(Conditional::NotModified(tag));
        }
        Ok(Conditional::Current(Tagged(Json(task), tag)))
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
        /// The version that the write is for, as an entity tag: `"58"`. If the task has
        /// another one, the status is 412 and nothing is written. A list or `*` is possible.
        #[oai(name = "If-Match")]
        expected: Header<IfMatch>,
        body: Json<UpdateTask>,
    ) -> Result<Json<Task>, Problem> {
        let (id, expected) = (task_id(&id)?, expected.0.into());
        Ok(Json(
            self.0.patch(&user, id, body.0.into(), expected).await?,
        ))
    }

    /// Change fields of a task
    ///
    /// Sets the fields in the body, and no others. A body without any field writes nothing.
    #[oai(path = "/tasks/:id", method = "patch", operation_id = "patchTask")]
    async fn patch(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<PathId>,
        /// The version that the write is for, as an entity tag: `"58"`. If the task has
        /// another one, the status is 412 and nothing is written. A list or `*` is possible.
        #[oai(name = "If-Match")]
        expected: Header<IfMatch>,
        body: MergePatch<PatchTask>,
    ) -> Result<Tagged<Json<Task>>, Problem> {
        let (id, expected) = (task_id(&id)?, expected.0.into());
        let task = self.0.patch(&user, id, body.0, expected).await?;
        let tag = task.version.to_string();
        Ok(Tagged(Json(task), tag))
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
        /// The version that the write is for, as an entity tag: `"58"`. If the task has
        /// another one, the status is 412 and nothing is written. A list or `*` is possible.
        #[oai(name = "If-Match")]
        expected: Header<IfMatch>,
        body: Json<CompleteTask>,
    ) -> Result<Json<Task>, Problem> {
        let (id, expected) = (task_id(&id)?, expected.0.into());
        let task = self.0.complete(&user, id, body.0.completed, expected);
        Ok(Json(task.await?))
    }

    /// Complete or reopen all tasks
    ///
    /// Sets `completed` of every task of the user that has another value.
    #[oai(path = "/tasks", method = "patch", operation_id = "completeTasks")]
    async fn complete_all(
        &self,
        SignedIn(user): SignedIn,
        body: Json<CompleteTasks>,
    ) -> Result<Json<Count>, Problem> {
        let count = self.0.complete_all(&user, body.0.completed).await?;
        Ok(Json(Count { count }))
    }

    /// Delete a task
    ///
    /// Without `trash=true` the deletion is permanent, also of a task in the trash. A second
    /// deletion gets the status 404.
    #[oai(path = "/tasks/:id", method = "delete", operation_id = "deleteTask")]
    async fn delete(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<PathId>,
        /// Whether the task is moved to the trash, from where it can be restored.
        trash: Query<bool>,
        /// The version that the write is for, as an entity tag: `"58"`. If the task has
        /// another one, the status is 412 and nothing is written. A list or `*` is possible.
        #[oai(name = "If-Match")]
        expected: Header<IfMatch>,
    ) -> Result<Json<Deleted>, Problem> {
        let (id, expected) = (task_id(&id)?, expected.0.into());
        let into = if trash.0 {
            Removal::Trash
        } else {
            Removal::Forever
        };
        self.0.delete(&user, id, into, expected).await?;
        Ok(Json(Deleted {
            message: "Task deleted successfully".to_owned(),
        }))
    }

    /// Clear completed tasks
    ///
    /// Moves the completed tasks to the trash, from where they can be restored.
    #[oai(path = "/tasks", method = "delete", operation_id = "clearTasks")]
    async fn clear(
        &self,
        SignedIn(user): SignedIn,
        /// Mandatory, so that a DELETE with a forgotten id deletes nothing.
        status: Query<Completed>,
    ) -> Result<Json<Count>, Problem> {
        let Query(Completed) = status;
        let count = self.0.clear(&user).await?;
        Ok(Json(Count { count }))
    }

    /// Restore a task
    ///
    /// Takes a task out of the trash, with its id and its key. A task that is not deleted
    /// stays as it is.
    #[oai(
        path = "/tasks/:id/restore",
        method = "post",
        operation_id = "restoreTask",
        tag = "Group::Trash"
    )]
    async fn restore(
        &self,
        SignedIn(user): SignedIn,
        /// The task's id.
        id: Path<PathId>,
    ) -> Result<Json<Task>, Problem> {
        Ok(Json(self.0.restore(&user, task_id(&id)?).await?))
    }

    /// List the trash
    ///
    /// The tasks that were deleted with `trash=true` or by `clearTasks`, the last deleted one
    /// first. They are kept for 30 days unless the operator configures another time, and at
    /// most as many as the quota. They do not count against the quota.
    #[oai(
        path = "/trash",
        method = "get",
        operation_id = "listTrash",
        tag = "Group::Trash"
    )]
    async fn trash(&self, SignedIn(user): SignedIn) -> Result<JsonArray<TrashedTask>, Problem> {
        Ok(self.0.trash(&user).await?)
    }

    /// Erase all data
    ///
    /// Removes every task of the user for good, those in the trash and all that is remembered
    /// of deleted ones included. There is no way back.
    #[oai(path = "/data", method = "delete", operation_id = "eraseData")]
    async fn erase(&self, SignedIn(user): SignedIn) -> Result<Json<Count>, Problem> {
        let count = self.0.erase(&user).await?;
        Ok(Json(Count { count }))
    }
}
