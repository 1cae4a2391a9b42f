//! The groups of operations in the document.

use poem_openapi::Tags;

/// A group, by its name.
#[derive(Tags)]
pub enum Group {
    /// The tasks of the signed-in user. Users cannot see each other's tasks.
    Tasks,
    /// Deleted tasks that can be restored.
    Trash,
    /// What changed, for clients that keep a copy.
    Sync,
}
