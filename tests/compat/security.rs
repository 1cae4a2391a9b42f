//! Comparison of security requirements: which callers still have access.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::{Value, json};

/// One alternative: its schemes with their scopes. A scheme is compared by its definition,
/// because its name is never sent.
type Way = BTreeMap<String, BTreeSet<String>>;

/// The alternatives, one of which is enough.
#[derive(PartialEq)]
pub struct Security(Vec<Way>);

/// What a change means for callers that had access.
pub enum Access {
    Same,
    AsksLess,
    AsksMore,
}

impl Security {
    /// The `security` of an operation, or else of the document. Each scheme's name is
    /// replaced by its definition.
    pub fn resolved(operation: &Value, document: &Value) -> Value {
        let own = operation.get("security");
        let asked = own.unwrap_or(&document["security"]);
        let schemes = &document["components"]["securitySchemes"];
        let ways = asked.as_array().into_iter().flatten().map(|way| {
            let needs = way.as_object().into_iter().flatten();
            let needs = needs.map(|(name, scopes)| {
                let mut scheme = schemes[name].clone();
                if let Some(scheme) = scheme.as_object_mut() {
                    scheme.remove("description");
                    scheme.remove("bearerFormat");
                }
                json!({"scheme": scheme, "scopes": scopes})
            });
            needs.collect::<Value>()
        });
        ways.collect()
    }

    /// From an operation with resolved `security`.
    pub fn of(operation: &Value) -> Self {
        let ways = operation["security"].as_array().into_iter().flatten();
        let ways = ways.map(|way| {
            let needs = way.as_array().into_iter().flatten().map(|need| {
                let scopes = need["scopes"].as_array().into_iter().flatten();
                (
                    need["scheme"].to_string(),
                    scopes.map(Value::to_string).collect(),
                )
            });
            needs.collect()
        });
        let mut ways: Vec<Way> = ways.collect();
        if ways.is_empty() {
            // No requirement is one alternative without schemes.
            ways.push(Way::new());
        }
        Self(ways)
    }

    /// Whether every alternative of `old` still gives access.
    pub fn access_after(&self, old: &Self) -> Access {
        let admits = |new: &Way, old: &Way| {
            let mut needs = new.iter();
            needs.all(|(scheme, scopes)| old.get(scheme).is_some_and(|had| scopes.is_subset(had)))
        };
        let open = |way| self.0.iter().any(|new| admits(new, way));
        if !old.0.iter().all(open) {
            Access::AsksMore
        } else if self == old {
            Access::Same
        } else {
            Access::AsksLess
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, way) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            if way.is_empty() {
                f.write_str("nothing")?;
            }
            for (index, (scheme, scopes)) in way.iter().enumerate() {
                if index > 0 {
                    f.write_str(" and ")?;
                }
                f.write_str(scheme)?;
                if !scopes.is_empty() {
                    write!(f, " with {scopes:?}")?;
                }
            }
        }
        Ok(())
    }
}
