//! The size of a task, before its text is made.

use crate::api::tasks::Task;

/// The bytes of a task as JSON, or a little more.
pub fn size(task: &Task) -> usize {
    // The names of the fields, the numbers, the dates and the times.
    const FIXED: usize = 400;
    let description = task.description.as_deref().unwrap_or_default();
    let key = task.idempotency_key.as_deref().unwrap_or_default();
    let texts = [&task.user_id, &task.title, description, key];
    let tags = task.tags.as_slice().iter();
    FIXED
        + texts.into_iter().map(escaped).sum::<usize>()
        + task.position.as_str().len()
        + tags.map(|tag| escaped(tag.as_str()) + 3).sum::<usize>()
}

/// The bytes of a text as JSON, where a control character may take six.
fn escaped(text: &str) -> usize {
    // Without branches, which the compiler turns into vector instructions.
    let more = |byte| 5 * u32::from(byte < 0x20) + u32::from(byte == b'"' || byte == b'\\');
    text.len() + text.bytes().map(more).sum::<u32>() as usize
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::tasks::{TaskService, TaskTags},
        store::tests::{Rig, body, user},
    };

    #[tokio::test]
    async fn a_task_is_no_larger_than_its_size_says() {
        let rig = Rig::start().await;
        let tags: Vec<_> = (0..20).map(|n| format!("{n}\"").repeat(10)).collect();
        let new = json!({
            "title": "\u{1}\\ä".repeat(60), "description": "\"/".repeat(99), "tags": tags,
            "due_date": "2026-01-05", "due_time": "09:30", "priority": "medium",
            "position": "z".repeat(64),
        });
        let ana = user("ana").await;
        let task = rig.store.create(&ana, body(new), None).await.unwrap().task;
        let largest = Task {
            id: i64::MAX,
            version: i64::MAX,
            completed_at: Some(task.created_at),
            idempotency_key: Some("k".repeat(64)),
            ..task
        };
        let smallest = Task {
            description: None,
            tags: TaskTags::default(),
            ..largest.clone()
        };
        for task in [largest, smallest] {
            let json = serde_json::to_vec(&task).unwrap().len();
            assert!((json..json + 200).contains(&size(&task)), "{json}");
        }
    }
}
