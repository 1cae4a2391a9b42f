//! Cursors: opaque texts that say where a client stands. Each is a JSON array in base64url,
//! so that it needs no escape in a URL and in an entity tag.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::owned::Owner;
use crate::{
    api::tasks::{ListTasks, TaskError},
    auth::User,
};

/// The sequence of a user, as it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// Tells one life of the sequence from the next, and from those of other users.
    pub born: i64,
    /// The version of the last write.
    pub last: i64,
    /// The highest version of a deletion that is no longer remembered.
    pub forgotten: i64,
}

impl Sequence {
    /// That of a row of this owner. Rows that one statement made have the same `born`, which
    /// becomes another one for each owner.
    pub fn of(owner: &str, born: i64, last: i64, forgotten: i64) -> Self {
        Self {
            born: born ^ hash(&owner),
            last,
            forgotten,
        }
    }

    /// That of an owner who never wrote, or erased everything. A cursor of it is valid for
    /// this owner alone, also after the first write.
    pub fn none(owner: Owner<'_>) -> Self {
        Self::of(owner.as_str(), 0, 0, 0)
    }

    /// The cursor behind everything.
    pub fn cursor(&self) -> String {
        self.cursor_at(self.last)
    }

    /// The cursor behind this version.
    pub fn cursor_at(&self, version: i64) -> String {
        encode(&[self.born, version])
    }

    /// The cursor of a client that has read the tasks up to this id for the first time, and
    /// had begun at this version.
    pub fn cursor_after(&self, version: i64, id: i64) -> String {
        encode(&[self.born, version, id])
    }

    /// Whether everything after the cursor is known, now that this is the owner's sequence.
    pub fn check(&self, since: Since, owner: Owner<'_>) -> Result<(), TaskError> {
        let is_from_nothing = since.version == 0 && since.born == Self::none(owner).born;
        let is_known = (since.born == self.born || is_from_nothing)
            && (self.forgotten..=self.last).contains(&since.version);
        is_known.then_some(()).ok_or(TaskError::CursorExpired)
    }
}

/// Where a client stands in the changes of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Which life of the sequence it is.
    pub born: i64,
    /// The client has what was written up to this version.
    pub version: i64,
    /// It still reads all tasks for the first time, and has those up to this id.
    pub after: Option<i64>,
}

impl Since {
    /// Reads a cursor of [`Sequence`].
    pub fn decode(text: &str) -> Result<Self, TaskError> {
        let numbers: Vec<i64> = decode(text)?;
        let (born, version, after) = match numbers[..] {
            [born, version] => (born, version, None),
            [born, version, id] => (born, version, Some(id)),
            _ => return Err(TaskError::InvalidCursor),
        };
        if numbers.iter().any(|number| *number < 0) {
            return Err(TaskError::InvalidCursor);
        }
        Ok(Self {
            born,
            version,
            after,
        })
    }
}

/// The rank of a task in a list, which is in ascending order of it: the value by which it
/// is sorted, and its id, negative where the highest is first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank(pub SortKey, pub i64);

/// A value by which a list is sorted. Texts are compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortKey {
    Number(i64),
    Text(String),
}

/// Tells the cursors of lists from those of changes.
const LIST: &str = "list";

impl Rank {
    /// The cursor behind this rank of the user's list.
    pub fn cursor(&self, user: &User, list: &ListTasks) -> String {
        encode(&(LIST, identity(user, list), self))
    }

    /// Reads the cursor of the list; that of another list is invalid.
    pub fn decode(text: &str, user: &User, list: &ListTasks) -> Result<Self, TaskError> {
        let (kind, identity_of_list, place): (String, i64, Self) = decode(text)?;
        let is_of_list = kind == LIST && identity_of_list == identity(user, list);
        is_of_list.then_some(place).ok_or(TaskError::InvalidCursor)
    }
}

/// What makes a list the same: whose it is, its order and its filters.
fn identity(user: &User, list: &ListTasks) -> i64 {
    let whole = ListTasks {
        page: None,
        ..list.clone()
    };
    hash(&(user.subject(), whole.next("")))
}

/// A hash in 62 bits, like a random `born`.
fn hash(value: &impl Serialize) -> i64 {
    let digest = Sha256::digest(json!(value).to_string().as_bytes());
    let start = digest.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(start) & ((1 << 62) - 1)
}

fn encode(value: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(json!(value).to_string())
}

/// Reads what [`encode`] wrote, and no other text that means the same.
fn decode<T: DeserializeOwned + Serialize>(text: &str) -> Result<T, TaskError> {
    let json = URL_SAFE_NO_PAD.decode(text).ok();
    let value = json.and_then(|json| serde_json::from_slice(&json).ok());
    let value = value.filter(|value| encode(value) == text);
    value.ok_or(TaskError::InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::tasks::{PageOf, Sort, StatusFilter, TaskTag},
        store::{owned::owned_by, tests::user},
    };

    fn at(born: i64, version: i64) -> Since {
        Since {
            born,
            version,
            after: None,
        }
    }

    #[tokio::test]
    async fn a_cursor_of_changes_is_known_from_what_is_forgotten_to_the_last_write() {
        let ana = owned_by(&user("ana").await, ());
        let bob = owned_by(&user("bob").await, ());
        let sequence = Sequence {
            born: 7,
            last: 58,
            forgotten: 3,
        };
        let is_known = |since| sequence.check(since, ana.owner()).is_ok();

        assert_eq!(Since::decode(&sequence.cursor()).unwrap(), at(7, 58));
        let first = Since::decode(&sequence.cursor_after(58, 9)).unwrap();
        assert_eq!((first.version, first.after), (58, Some(9)));
        assert_eq!(
            [2, 3, 58, 59].map(|version| is_known(at(7, version))),
            [false, true, true, false]
        );
        assert!(!is_known(at(8, 58)));

        // Nothing is known of a new user's cursor but that the client has nothing.
        let (of_ana, of_bob) = (Sequence::none(ana.owner()), Sequence::none(bob.owner()));
        let [of_ana, of_bob] = [of_ana, of_bob].map(|none| Since::decode(&none.cursor()).unwrap());
        assert!(!is_known(of_ana), "something is forgotten");
        let sequence = Sequence {
            forgotten: 0,
            ..sequence
        };
        let is_known = |since| sequence.check(since, ana.owner()).is_ok();
        assert!(is_known(of_ana));
        assert!(!is_known(of_bob), "another user's");
        assert!(!is_known(at(of_ana.born, 1)), "after an erase");
        let none = Sequence::none(ana.owner());
        assert!(none.check(of_ana, ana.owner()).is_ok());
        assert!(none.check(at(7, 58), ana.owner()).is_err(), "erased");
    }

    #[test]
    fn other_texts_are_no_cursors() {
        for json in [
            "[1]",
            "[1,2,3,4]",
            "[1, 2]",
            "[-1,2]",
            "[1,-2]",
            "[1,2,-3]",
            "[1.0,2]",
            "[1,99999999999999999999]",
            "[\"list\",1,[2,3]]",
            "{}",
            "null",
            "",
        ] {
            let text = URL_SAFE_NO_PAD.encode(json);
            Since::decode(&text).unwrap_err();
        }
        let cursor = encode(&[1, 2]);
        for text in [
            format!("{cursor}="),
            format!(" {cursor}"),
            format!("{cursor}-gzip"),
            "58".to_owned(),
            "*".to_owned(),
            // The bits behind the last byte are not zero.
            "WzEsMl1".to_owned(),
        ] {
            Since::decode(&text).unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_cursor_of_a_list_is_bound_to_its_user_its_order_and_its_filters() {
        let (ana, bob) = (user("ana").await, user("bob").await);
        let list = ListTasks {
            page: Some(PageOf {
                limit: 7,
                cursor: None,
            }),
            ..ListTasks::default()
        };
        for key in [SortKey::Number(-3), SortKey::Text("a0".to_owned())] {
            let place = Rank(key, -9);
            let cursor = place.cursor(&ana, &list);
            let of = |user: &User, list: &ListTasks| Rank::decode(&cursor, user, list);

            assert_eq!(of(&ana, &list).unwrap(), place);
            assert_eq!(of(&ana, &ListTasks::default()).unwrap(), place);
            of(&bob, &list).unwrap_err();
            for other in [
                ListTasks {
                    sort: Sort::Due,
                    ..ListTasks::default()
                },
                ListTasks {
                    status: StatusFilter::Pending,
                    ..ListTasks::default()
                },
                ListTasks {
                    tags: vec![TaskTag::parse("a").unwrap()],
                    ..ListTasks::default()
                },
            ] {
                of(&ana, &other).unwrap_err();
            }
            Since::decode(&cursor).unwrap_err();
        }
        Rank::decode(&encode(&[1, 2]), &ana, &list).unwrap_err();
    }
}
