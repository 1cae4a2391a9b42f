//! Tests that need a quiet machine or minutes of time: ratios of times and rates, and
//! timeouts at full length. Not part of `cargo test`, which runs tests in parallel: `just
//! faults` runs them one at a time.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its set-up fails"
)]

mod aborts;
mod crowds;
mod lists;
mod slow;
mod streams;
mod timing;
