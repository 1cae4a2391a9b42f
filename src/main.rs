//! The `tasks-api` binary.

fn main() {}
