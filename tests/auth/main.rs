//! The auth room as its neighbours use it: real signatures, a real key server, no
//! double of anything.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be arranged should stop there"
)]

mod jwks;
#[path = "../support/src/key_server.rs"]
mod key_server;
mod key_set;
mod matrix;
#[path = "../support/src/signer.rs"]
mod signer;
mod sources;
