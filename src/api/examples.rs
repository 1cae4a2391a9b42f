//! The examples that the document shows.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use poem_openapi::types::{Example, MaybeUndefined};

use crate::api::{
    rest::fields::{Nullable, Text, Timestamp},
    tasks::{CompleteTask, CreateTask, Deleted, Task, UpdateTask},
};

fn example_text<const MIN: usize, const MAX: usize>(text: &str) -> Text<MIN, MAX> {
    Text::parse(text).unwrap_or_else(|rule| unreachable!("an example {rule}"))
}

fn example_time(text: &str) -> Timestamp {
    let time = DateTime::<Utc>::from_str(text);
    Timestamp(time.unwrap_or_else(|error| unreachable!("an example: {error}")))
}

impl Example for Task {
    fn example() -> Self {
        Self {
            id: 7,
            user_id: "vX3bQ0pJkZ2mT8sYhR5nLw1cD6fG9aEu".to_owned(),
            title: "Buy milk".to_owned(),
            description: Nullable(Some("Two litres, the blue one".to_owned())),
            completed: false,
            created_at: example_time("2026-01-05T08:30:00.123456Z"),
            updated_at: example_time("2026-01-05T09:15:42.654321Z"),
        }
    }
}

impl Example for CreateTask {
    fn example() -> Self {
        Self {
            title: example_text("Buy milk"),
            description: Some(example_text("Two litres, the blue one")),
        }
    }
}

impl Example for UpdateTask {
    fn example() -> Self {
        Self {
            title: example_text("Buy oat milk"),
            description: MaybeUndefined::Null,
            completed: Some(true),
        }
    }
}

impl Example for CompleteTask {
    fn example() -> Self {
        Self { completed: true }
    }
}

impl Example for Deleted {
    fn example() -> Self {
        Self {
            message: "Task deleted successfully".to_owned(),
        }
    }
}
