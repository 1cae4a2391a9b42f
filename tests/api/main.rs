//! The API in process: every rule of the contract. Each test has a separate database:
//! a `SQLite` file, or one on the server of `TEST_DATABASE_URL`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its set-up fails"
)]

mod auth;
mod concurrency;
mod contract;
mod cors;
mod docs;
mod fuzz;
mod headers;
mod health;
mod isolation;
mod limits;
mod malformed;
mod problems;
mod support;
mod tasks;
