//! Tests of the real process: start and stop, signals, connections, load, faults of the
//! database, several instances.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its set-up fails"
)]

mod cluster;
mod columns;
mod connection;
mod crowd;
mod development;
mod dice;
mod docs;
mod durability;
mod events;
mod failures;
mod flood;
mod hosts;
mod http2;
mod idle;
mod instances;
mod isolation;
mod limits;
mod lists;
mod metrics;
mod model;
mod operator;
mod outage;
mod pipes;
mod pooler;
mod readiness;
mod refused_bodies;
mod rolling;
mod sequence;
mod settings;
mod slow;
mod smuggling;
mod start;
mod stop;
mod story;
mod stuck;
mod tls;
mod traces;
mod urls;
mod verbs;
#[cfg(target_os = "linux")]
mod watch;
mod workers;
