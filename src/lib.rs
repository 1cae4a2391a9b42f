//! Tasks API: a private list of tasks for each user of a front end that signs
//! its users in elsewhere.

pub mod api;
pub mod auth;
pub mod config;
pub mod store;
pub mod telemetry;
