//! The break gate: how a change of the document affects clients of released versions, and
//! which version number it requires.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops where its set-up fails"
)]

mod compare;
mod corrections;
mod document;
mod edges;
mod mutations;
mod only_with;
mod patterns;
mod releases;
mod schema;
mod security;
