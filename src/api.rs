//! The API as its clients see it: operations, types, problems, documents.
//!
//! Read [`tasks`] first: it is the contract. This module uses [`crate::auth`],
//! which makes a user from a token, and never imports the store: the document
//! can be emitted without a database.

pub mod docs;
pub mod rest;
pub mod security;
pub mod spec;
pub mod tasks;
