//! The examples of the document: what mocks and Swagger UI show.

use serde_json::{Value, json};

use super::{problems::no_such_task, service::TaskError};
use crate::api::rest::problem::{Problem, ProblemType};

fn task() -> Value {
    json!({
        "id": 7,
        "version": 58,
        "user_id": "vX3bQ0pJkZ2mT8sYhR5nLw1cD6fG9aEu",
        "title": "Buy milk",
        "description": "Two litres, the blue one",
        "completed": true,
        "completed_at": "2026-01-05T09:15:42.654321Z",
        "due_date": "2026-01-06",
        "due_time": "18:00",
        "priority": "medium",
        "tags": ["errands", "kitchen"],
        "position": "Z8",
        "idempotency_key": "4f2b9c1e-6d0a-4a55-9f0e-2c7d1b8e3a64",
        "created_at": "2026-01-05T08:30:00.123456Z",
        "updated_at": "2026-01-05T09:15:42.654321Z",
    })
}

fn trashed() -> Value {
    let mut task = task();
    task["version"] = json!(61);
    task["deleted_at"] = json!("2026-01-07T07:02:11.000042Z");
    task
}

fn deleted() -> Value {
    json!({
        "id": 5,
        "idempotency_key": "0c5d8e0a-93f1-4f7b-8a67-1b7b1f0a2d44",
        "version": 57,
    })
}

/// A cursor.
const CURSOR: &str = "WzE2OTQwNDI0MzM5MDYzMjIyMDEsNThd";

fn changes() -> Value {
    json!({
        "tasks": [task()],
        "deleted": [deleted()],
        "cursor": CURSOR,
        "more": false,
    })
}

/// An event of the stream of changes.
pub fn example_event() -> String {
    format!("event: changes\nid: {CURSOR}\ndata: {}\n\n", changes())
}

/// The examples of the types, for the document.
pub fn examples() -> Value {
    json!({
        "Task": task(),
        "TrashedTask": trashed(),
        "CreateTask": {
            "title": "Buy milk",
            "description": "Two litres, the blue one",
            "due_date": "2026-01-06",
            "due_time": "18:00",
            "priority": "medium",
            "tags": ["errands", "kitchen"],
            "position": "Z8",
        },
        "UpdateTask": {
            "title": "Buy oat milk",
            "description": "One litre",
            "completed": true,
            "due_date": "2026-01-07",
            "due_time": "09:30",
            "priority": "high",
            "tags": ["errands"],
            "position": "Z8V",
        },
        "PatchTask": {
            "title": "Buy oat milk",
            "description": "One litre",
            "completed": false,
            "due_date": "2026-01-07",
            "due_time": "09:30",
            "priority": "low",
            "tags": ["errands"],
            "position": "Z8V",
        },
        "CompleteTask": { "completed": true },
        "CompleteTasks": { "completed": true },
        "Deleted": { "message": "Task deleted successfully" },
        "Count": { "count": 3 },
        "DeletedTask": deleted(),
        "Changes": changes(),
    })
}

/// The examples of the parameters, and of the headers of success, by name.
pub fn value_examples() -> Value {
    json!({
        "id": 7,
        "status": "all",
        "sort": "due",
        "q": "milk",
        "tag": ["errands"],
        "due_by": "2026-01-31",
        "limit": 100,
        "cursor": "WyJuIiwxMjM0NTY3ODksN10",
        "since": CURSOR,
        "Last-Event-ID": CURSOR,
        "trash": true,
        "If-Match": "\"58\"",
        "If-None-Match": "\"58\"",
        "Idempotency-Key": "4f2b9c1e-6d0a-4a55-9f0e-2c7d1b8e3a64",
        "ETag": "\"58\"",
        "Idempotency-Replayed": "true",
        "Link": "</api/tasks?limit=100&cursor=WyJuIiwxMjM0NTY3ODksN10>; rel=\"next\"",
        "Location": "/api/tasks/7",
    })
}

/// An example of a problem type; some say more than the type does.
pub fn example_problem(kind: ProblemType) -> Problem {
    match kind {
        ProblemType::InvalidRequest => {
            Problem::invalid_field("title", "must be 1 to 200 characters long")
        }
        ProblemType::QuotaExceeded => TaskError::QuotaExceeded { limit: 10_000 }.into(),
        ProblemType::NotFound => no_such_task(7),
        ProblemType::AlreadyDeleted => TaskError::AlreadyDeleted { id: 7 }.into(),
        ProblemType::VersionConflict => Problem::new(kind)
            .with_detail("The task has the version 58 by now.")
            .with_current(task()),
        _ => Problem::new(kind),
    }
}
