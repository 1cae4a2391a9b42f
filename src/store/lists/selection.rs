//! Lists with an order, a filter or a limit, in two phases: first their ids are selected, then
//! their tasks are read in pages like those of a long list. A task that is deleted in between
//! is left out, and one that is changed is in its new state.
//!
//! The database filters and tells the values by which the tasks are sorted. They are sorted
//! here, so that no collation matters, and with a limit no more of them are kept.

use std::{collections::BinaryHeap, sync::Arc};

use chrono::NaiveDate;
use serde_json::json;

use super::{
    FIRST_ROWS, Lists,
    long::{Reader, begin},
    parts::{PAGE_ROWS, PartRead, Selected, rows_per_page},
};
use crate::{
    api::{
        rest::json_array::JsonArray,
        tasks::{ListTasks, Sort, Task, TaskError},
    },
    auth::User,
    store::{
        cursor::{Rank, SortKey},
        requests::{IdRange, PageStart, PartOf, Select, completed},
        search::Words,
    },
};

/// The tasks that a search looks at first, whose texts may be long.
const FIRST_SEARCHED: usize = 64;

/// A selection of the tasks of a user.
pub struct Selection {
    select: Select,
    sort: Sort,
    words: Words,
    /// Those after this one.
    after: Option<Rank>,
    /// At most so many.
    limit: Option<usize>,
}

impl Selection {
    /// Of a list: one task more than a page has, if it has a limit.
    fn of(list: &ListTasks, after: Option<Rank>) -> Self {
        let words = Words::of(&list.words);
        let limit = list.page.as_ref().map(|page| page.limit as usize + 1);
        let start = after.as_ref().map(|rank| rank.1);
        let range = match list.sort {
            Sort::Oldest => IdRange::Above(start.unwrap_or(0)),
            Sort::Newest => IdRange::Below(start.map_or(i64::MAX, i64::saturating_neg)),
            _ => IdRange::Below(i64::MAX),
        };
        let tags = (!list.tags.is_empty()).then(|| json!(list.tags).to_string());
        let most = if words.is_empty() {
            PAGE_ROWS
        } else {
            FIRST_SEARCHED
        };
        let by_id = matches!(list.sort, Sort::Newest | Sort::Oldest);
        let rows = limit
            .filter(|_| by_id)
            .map_or(most, |limit| limit.min(most));
        Self {
            select: Select {
                range,
                rows: u32::try_from(rows).unwrap_or(1),
                completed: completed(list.status),
                due_by: list.due_by.map(NaiveDate::from),
                tags,
                text: words.ascii().map(str::to_owned),
                with_text: !words.is_empty(),
            },
            sort: list.sort,
            words,
            after,
            limit,
        }
    }

    /// At most `limit` of all tasks: those with the lowest ids above `after`.
    pub fn of_all(after: i64, limit: usize) -> Self {
        let list = ListTasks {
            sort: Sort::Oldest,
            ..ListTasks::default()
        };
        let after = Rank(SortKey::Number(0), after);
        let mut selection = Self::of(&list, Some(after));
        selection.limit = Some(limit);
        selection
    }

    /// Reads their ranks, in order.
    pub async fn read(mut self, reader: &Reader) -> Result<Vec<Rank>, TaskError> {
        let mut first = BinaryHeap::new();
        let limit = self.limit.unwrap_or(usize::MAX);
        loop {
            let (select, words) = (self.select.clone(), self.words.clone());
            let what = PartOf::Selection(select, self.sort, words);
            let found = reader.read(what, selected).await?;
            let after = self.after.as_ref();
            for rank in found.ranks {
                if after.is_none_or(|after| rank > *after) {
                    first.push(rank);
                    if first.len() > limit {
                        first.pop();
                    }
                }
            }
            let by_id = matches!(self.sort, Sort::Newest | Sort::Oldest);
            let is_whole = found.rows < self.select.rows as usize;
            let Some((lowest, highest)) = found.ids.filter(|_| !is_whole) else {
                break;
            };
            if by_id && first.len() >= limit {
                break;
            }
            self.select.range = match self.select.range {
                IdRange::Above(_) => IdRange::Above(highest),
                IdRange::Below(_) => IdRange::Below(lowest),
            };
            self.select.rows = rows_per_page(found.rows, found.bytes);
        }
        Ok(first.into_sorted_vec())
    }
}

impl Lists {
    /// The tasks of a list of `user`, and where the next part of it begins.
    pub async fn select(
        &self,
        user: &User,
        list: &ListTasks,
    ) -> Result<(JsonArray<Task>, Option<String>), TaskError> {
        let cursor = list.page.as_ref().and_then(|page| page.cursor.as_ref());
        let after = cursor.map(|cursor| Rank::decode(cursor, user, list));
        let reader = self.reader(user)?;
        let mut ranks = Selection::of(list, after.transpose()?)
            .read(&reader)
            .await?;
        let limit = list.page.as_ref().map(|page| page.limit as usize);
        let is_cut = limit.is_some_and(|limit| ranks.len() > limit);
        ranks.truncate(limit.unwrap_or(usize::MAX));
        let end = ranks.last().filter(|_| is_cut);
        let next = end.map(|end| end.cursor(user, list));
        let from = PageStart::Ids(ids(&ranks), 0);
        let (tasks, _) = begin(reader, from, FIRST_ROWS, Arc::default()).await?;
        Ok((tasks, next))
    }
}

/// The ids of the tasks of these ranks.
fn ids(ranks: &[Rank]) -> Arc<[i64]> {
    ranks.iter().map(|rank| rank.1.abs()).collect()
}

fn selected(part: PartRead) -> Option<Selected> {
    match part {
        PartRead::Selection(selected) => Some(selected),
        _ => None,
    }
}
