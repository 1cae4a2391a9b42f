//! The response of the changes feed: its tasks are sent as they are read.

use std::sync::Arc;

use parking_lot::Mutex;
use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};
use serde_json::json;

use super::types::{Changes, DeletedTask, Task};
use crate::api::rest::{json::Json, json_array::JsonArray};

/// A page of the changes feed: [`Changes`] whose tasks are sent as they are read.
#[derive(Debug)]
pub struct ChangesPage {
    /// Tasks that were created, changed or restored.
    pub tasks: JsonArray<Task>,
    /// Tasks that were deleted or moved to the trash: also those that are, while the others
    /// are sent.
    pub deleted: Arc<Mutex<Vec<DeletedTask>>>,
    /// Where to go on.
    pub cursor: String,
    /// Whether there are more changes now.
    pub more: bool,
}

impl ChangesPage {
    /// A page without changes.
    #[must_use]
    pub fn empty(cursor: String) -> Self {
        Self {
            tasks: JsonArray::in_memory("[]"),
            deleted: Arc::default(),
            cursor,
            more: false,
        }
    }

    /// The page as JSON: an object, around the array of its tasks.
    pub(super) fn json(self) -> JsonArray<Task> {
        let rest = move || {
            let mut rest = json!({
                "deleted": *self.deleted.lock(),
                "cursor": self.cursor,
                "more": self.more,
            })
            .to_string();
            // Behind the tasks, in place of the object's own beginning.
            rest.replace_range(..1, ",");
            rest
        };
        self.tasks.within("{\"tasks\":", rest)
    }
}

impl IntoResponse for ChangesPage {
    fn into_response(self) -> Response {
        self.json().into_response()
    }
}

impl ApiResponse for ChangesPage {
    fn meta() -> MetaResponses {
        Json::<Changes>::meta()
    }

    fn register(registry: &mut Registry) {
        Json::<Changes>::register(registry);
    }
}
