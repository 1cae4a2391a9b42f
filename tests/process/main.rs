//! What needs the real process: a user's whole story, bad starts, signals,
//! several instances at once, kill -9.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its setting does"
)]

mod aborts;
mod cluster;
mod connection;
mod crowd;
#[path = "../support/src/database.rs"]
mod database;
mod dice;
mod durability;
mod failures;
mod flood;
mod http2;
mod instances;
mod isolation;
#[path = "../support/src/key_server.rs"]
mod key_server;
mod limits;
mod metrics;
mod model;
mod outage;
#[path = "../support/src/pgbouncer.rs"]
mod pgbouncer;
mod pooler;
#[path = "../support/src/process.rs"]
mod process;
mod rolling;
mod settings;
#[path = "../support/src/signer.rs"]
mod signer;
mod slow;
mod smuggling;
mod start;
mod stop;
mod story;
mod traces;
mod urls;
mod verbs;
#[cfg(target_os = "linux")]
mod watch;
