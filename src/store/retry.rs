//! Safe retries of creations: what an idempotency key has created before.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    entity::Earlier,
    requests::{Done, Outcome, Retry},
};
use crate::api::{
    rest::{fields::Text, header::IdempotencyKey},
    tasks::{CreateTask, Priority, TaskError},
};

impl Retry {
    /// The retry of the creation of `new`.
    pub fn new(new: &CreateTask, key: IdempotencyKey) -> Self {
        let fingerprint = fingerprint(new);
        Self { key, fingerprint }
    }

    /// The outcome, where the key has created something before.
    pub fn outcome(&self, earlier: &Earlier) -> Outcome<Done> {
        if earlier.fingerprint != Some(self.fingerprint) {
            return Outcome::Refused(TaskError::KeyReused);
        }
        match &earlier.task {
            Ok(task) => Outcome::Done(Done::Replayed(task.clone())),
            Err(id) => Outcome::Refused(TaskError::AlreadyDeleted { id: *id }),
        }
    }
}

/// A hash of the validated body: two texts of the same request are equal. It is stored, so
/// it must not change; a field that is absent does not count, so that fields can be added.
fn fingerprint(new: &CreateTask) -> i64 {
    let mut fields = json!({
        "title": new.title.as_str(),
        "description": new.description.as_ref().map(Text::as_str),
        "due_date": new.due_date,
        "due_time": new.due_time,
        "priority": new.priority.filter(|priority| *priority != Priority::default()),
        "tags": new.tags.as_ref().filter(|tags| !tags.as_slice().is_empty()),
        "position": new.position,
    });
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.sort_keys();
    }
    let digest = Sha256::digest(fields.to_string().as_bytes());
    let start = digest.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rest::fields::Fields;

    fn of(body: serde_json::Value) -> i64 {
        let serde_json::Value::Object(body) = body else {
            unreachable!("an object")
        };
        fingerprint(&Fields::read(body).unwrap())
    }

    #[test]
    fn bodies_that_ask_for_the_same_have_one_fingerprint() {
        let plain = of(json!({"title": "a"}));

        // What is stored must not change with the code.
        assert_eq!(plain, -4_149_381_381_293_393_418);
        for same in [
            json!({"title": " a ", "unknown": 1}),
            json!({"title": "a", "description": null, "due_date": null}),
            json!({"title": "a", "tags": [], "priority": "none"}),
        ] {
            assert_eq!(of(same.clone()), plain, "{same}");
        }
        for other in [
            json!({"title": "b"}),
            json!({"title": "a", "description": ""}),
            json!({"title": "a", "due_date": "2026-01-01"}),
            json!({"title": "a", "tags": ["a"]}),
            json!({"title": "a", "priority": "low"}),
            json!({"title": "a", "position": "a0"}),
        ] {
            assert_ne!(of(other.clone()), plain, "{other}");
        }
    }
}
