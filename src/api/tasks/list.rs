//! Which tasks a list contains, and in which order.

use poem_openapi::registry::MetaSchema;
use url::form_urlencoded;

use super::values::{DueDate, Tag};
use crate::api::rest::{
    characters::{is_white_space, words_pattern},
    query::{QueryEnum, QueryValue},
};

/// The number of tasks, or changes, in a page that names no limit.
pub const DEFAULT_LIMIT: u32 = 100;

/// Which tasks a list contains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum StatusFilter {
    /// Every task.
    #[default]
    All,
    /// Tasks that are not completed.
    Pending,
    /// Completed tasks.
    Completed,
}

impl QueryEnum for StatusFilter {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("all", Self::All),
        ("pending", Self::Pending),
        ("completed", Self::Completed),
    ];
}

/// The tasks that may be cleared: a DELETE without an id must name them, so that a
/// forgotten id deletes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Completed;

impl QueryEnum for Completed {
    const VALUES: &'static [(&'static str, Self)] = &[("completed", Self)];
    const IS_REQUIRED: bool = true;
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The highest id first.
    #[default]
    Newest,
    /// The lowest id first.
    Oldest,
    /// The earliest due day first, on a day the earliest time; tasks without a time come
    /// after those with one, tasks without a day last. Equal ones by id.
    Due,
    /// The highest priority first; equal ones newest first.
    Priority,
    /// The last written first.
    Updated,
    /// By `position`, equal ones by id.
    Manual,
}

impl QueryEnum for Sort {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("newest", Self::Newest),
        ("oldest", Self::Oldest),
        ("due", Self::Due),
        ("priority", Self::Priority),
        ("updated", Self::Updated),
        ("manual", Self::Manual),
    ];
}

/// The words of a search: each must occur in the title or the description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Words(Vec<String>);

impl Words {
    const MAX_NUMBER: usize = 10;
    const MAX_LENGTH: usize = 100;

    /// The words, as they were given.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl QueryValue for Words {
    fn schema() -> MetaSchema {
        MetaSchema {
            pattern: Some(words_pattern(Self::MAX_NUMBER, Self::MAX_LENGTH)),
            ..MetaSchema::new("string")
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("must not contain the character U+0000".to_owned());
        }
        let words = text.split(is_white_space).filter(|word| !word.is_empty());
        let words: Vec<_> = words.map(str::to_owned).collect();
        let is_short = |word: &String| word.chars().count() <= Self::MAX_LENGTH;
        if words.len() > Self::MAX_NUMBER || !words.iter().all(is_short) {
            return Err(format!(
                "must be at most {} words of at most {} characters",
                Self::MAX_NUMBER,
                Self::MAX_LENGTH
            ));
        }
        Ok(Self(words))
    }
}

impl QueryValue for Tag {
    fn schema() -> MetaSchema {
        Self::schema()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl QueryValue for DueDate {
    fn schema() -> MetaSchema {
        MetaSchema::new_with_format("string", "date")
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// A request for a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListTasks {
    /// Which tasks, by their status.
    pub status: StatusFilter,
    /// In which order.
    pub sort: Sort,
    /// Which tasks, by the words in their text.
    pub words: Words,
    /// Which tasks, by their tags: they have all of these.
    pub tags: Vec<Tag>,
    /// Which tasks, by their date: they are due on this day or before.
    pub due_by: Option<DueDate>,
    /// Which part of the list; nothing: all of it.
    pub page: Option<PageOf>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf {
    /// The most tasks of the part.
    pub limit: u32,
    /// Where it begins, as the part before said; nothing: at the first task.
    pub cursor: Option<String>,
}

impl ListTasks {
    /// Whether it is a list of version 1.0: whole, newest first, by the status alone.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let status = self.status;
        *self
            == Self {
                status,
                ..Self::default()
            }
    }

    /// The address of the part of this list that begins at `cursor`.
    #[must_use]
    pub fn next(&self, cursor: &str) -> String {
        let path = "/api/tasks?".to_owned();
        let start = path.len();
        let mut query = form_urlencoded::Serializer::for_suffix(path, start);
        if let Some(page) = &self.page {
            query.append_pair("limit", &page.limit.to_string());
        }
        query.append_pair("cursor", cursor);
        if self.status != StatusFilter::default() {
            query.append_pair("status", self.status.text());
        }
        if self.sort != Sort::default() {
            query.append_pair("sort", self.sort.text());
        }
        if !self.words.0.is_empty() {
            query.append_pair("q", &self.words.0.join(" "));
        }
        for tag in &self.tags {
            query.append_pair("tag", tag.as_str());
        }
        if let Some(day) = self.due_by {
            query.append_pair("due_by", &day.to_string());
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_has_at_most_ten_words_of_a_hundred_characters() {
        let words = |text: &str| Words::parse(text).map(|words| words.0);

        assert_eq!(words(" Ä  b\u{3000}%_ ").unwrap(), ["Ä", "b", "%_"]);
        assert_eq!(words("  ").unwrap(), Vec::<String>::new());
        assert_eq!(words(&"é".repeat(100)).unwrap().len(), 1);
        assert_eq!(words(&"a ".repeat(10)).unwrap().len(), 10);
        for refused in ["a\0", &"a".repeat(101), &"a ".repeat(11)] {
            words(refused).unwrap_err();
        }
    }

    #[test]
    fn the_address_of_the_next_page_repeats_the_request() {
        let list = ListTasks {
            status: StatusFilter::Pending,
            sort: Sort::Due,
            words: Words::parse("a&b ü").unwrap(),
            tags: vec![Tag::parse("x y").unwrap(), Tag::parse("z").unwrap()],
            due_by: Some(DueDate::parse("2026-01-31").unwrap()),
            page: Some(PageOf {
                limit: 7,
                cursor: None,
            }),
        };

        assert_eq!(
            list.next("c-1"),
            "/api/tasks?limit=7&cursor=c-1&status=pending&sort=due&q=a%26b+%C3%BC&tag=x+y&tag=z\
             &due_by=2026-01-31"
        );
        assert!(!list.is_plain());
        assert!(ListTasks::default().is_plain());
    }
}
