//! Tasks API: a private list of tasks for each user of a front end that signs its users
//! in elsewhere.
//!
//! | room | holds |
//! |---|---|
//! | [`api`] | the contract: operations, types, problems, the OpenAPI document; start reading at [`api::tasks`] |
//! | [`auth`] | makes a [`auth::User`] of a token; nothing else can |
//! | [`store`] | keeps the tasks in `SQLite` or `PostgreSQL` |
//! | [`middleware`] | what every request passes, as one ordered list |
//! | [`app`] | builds the application from these four and runs it |
//! | [`cli`] | the commands |
//! | [`server`], [`telemetry`], [`config`], [`duration`], [`output`], [`tls`] | below all rooms, import none |
//!
//! Imports go one way: `main -> cli -> app -> middleware, api, auth, store`;
//! `middleware -> api, auth`; `store -> api, auth, migration`; `api -> auth`. Never
//! `api -> store`: the document prints without a database, and the store can be replaced.
//!
//! One request, `PATCH /api/tasks/7/complete`:
//!
//! 1. [`server`] reads the head, within the timeouts of its connection.
//! 2. [`middleware`] finds the route, begins log, metrics and trace, and counts the
//!    client's address.
//! 3. [`api::security`] verifies the token; [`auth`] makes the user, or it is 401 and
//!    nothing below can be called. The rate limits count the user.
//! 4. [`api::tasks`] reads path and body, and makes one call of the store.
//! 5. [`store`] puts the request into a queue. A worker sends all that wait there as one
//!    batch, whose statements name the owner of every row. After the commit, each request
//!    gets its own result.
//! 6. The response passes [`middleware`] from bottom to top: problem, headers, log line.

// Only `output` writes there, without a panic where nobody reads.
#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod duration;
pub mod middleware;
pub mod output;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tls;
