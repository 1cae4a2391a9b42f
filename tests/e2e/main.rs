//! What needs curl, Node, Python or a browser, against the real binary. Not part of a plain
//! `cargo test`, which needs nothing but Rust: `just e2e` runs it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails where its setting does"
)]

mod better_auth;
mod conformance;
mod curl;
mod docs;
