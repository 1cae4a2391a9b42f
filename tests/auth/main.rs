//! The auth room as its neighbours use it: real signatures, a real key server, no
//! double of anything.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be arranged should stop there"
)]

mod jwks;
mod key_set;
mod matrix;
mod sources;
