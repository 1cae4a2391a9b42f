//! The API as its clients see it: operations, types, problems, documents.
//!
//! Read [`tasks`] first: it is the contract. This room knows [`crate::auth`],
//! which makes a user of a token, and must never import the store: the
//! contract does not know the database, so the document prints without one.

pub mod docs;
mod examples;
pub mod rest;
pub mod security;
pub mod spec;
pub mod tasks;
