//! `SQLite`: what it is asked, and how a batch of writes goes.

pub mod statements;
pub mod write;
