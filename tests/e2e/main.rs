//! Tests of the real binary that need curl, Node, Python or a browser. Not part of `cargo
//! test`, which needs nothing but Rust: `just e2e` runs them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its set-up fails"
)]

mod better_auth;
mod browser;
mod conformance;
mod curl;
mod refused_bodies;
