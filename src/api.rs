//! The API as its clients see it: operations, types, problems, documents.
//!
//! Read [`tasks`] first: it is the contract. This room knows [`crate::auth`],
//! which makes a user of a token, and must never import the store: the
//! contract does not know the database, so the document prints without one.

pub mod docs;
mod examples;
pub mod fields;
pub mod json;
pub mod problem;
pub mod query;
pub mod security;
pub mod spec;
pub mod task_id;
pub mod tasks;
