//! The migrations of the task table.
