//! What the test suites share. It never depends on the service's library, so that the
//! library's own unit tests can use it.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    reason = "a test stops where its set-up fails"
)]

pub mod certificates;
pub mod client;
pub mod database;
pub mod events;
pub mod http2;
pub mod json_schema;
pub mod key_server;
pub mod pgbouncer;
pub mod postgres_server;
pub mod prefix_proxy;
pub mod process;
pub mod signer;
pub mod slow_client;
