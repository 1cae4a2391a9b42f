//! The API in process: every ruling of the contract, on a database of its own
//! for each test (`SQLite`, or the server of `TEST_DATABASE_URL`).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its setting does"
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
