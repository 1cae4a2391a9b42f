//! Tasks API: a private list of tasks for each user of a front end that signs
//! its users in elsewhere.
//!
//! Three rooms, and one file that joins them:
//!
//! - [`api`] is the contract: operations, types, problems, the OpenAPI
//!   document. Start reading at [`api::tasks`].
//! - [`auth`] makes a [`auth::User`] of a token; nothing else can.
//! - [`store`] keeps the tasks, in `SQLite` or `PostgreSQL`.
//! - [`app`] joins them: routes, middleware, start and stop.
//!
//! Beside them stand [`config`] (what the operator sets), [`telemetry`] (logs,
//! metrics and traces, made by all rooms) and [`server`] (the accept loop). `main.rs` holds the verbs of the command line, and the
//! `migration` crate the tables.
//!
//! Arrows go one way: `main -> app -> {api, auth, store}`, `store -> api, auth,
//! migration`, `api -> auth`. Never `api -> store`: the contract does not know
//! the database, so the document prints without one, and the store can be
//! replaced.
//!
//! One request, room by room: `PATCH /api/tasks/7/complete` passes [`server`]
//! (time-outs), [`middleware`] (span, request id, CORS, rate limits, problems),
//! [`api::security`] (token to user), [`api::tasks`] (path and body, one call)
//! and [`store`] (one statement, the owner part of it). A bad token stops at
//! [`api::security`]: no user exists, so nothing below can be entered.

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod duration;
pub mod middleware;
pub mod server;
pub mod store;
pub mod telemetry;
