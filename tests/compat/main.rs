//! The contract is a promise: what a change of the document does to those who
//! rely on an earlier one, and which version it therefore wants.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its setting does"
)]

mod compare;
mod document;
mod edges;
mod mutations;
mod releases;
mod schema;
mod security;
