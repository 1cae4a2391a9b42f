//! The auth module through its public interface: real signatures, a real key server and
//! no mocks.
#![allow(clippy::unwrap_used, reason = "a test stops where its set-up fails")]

mod jwks;
mod key_set;
mod matrix;
mod sources;
