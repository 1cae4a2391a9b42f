//! Parts of what may be long, each of one user and on a connection beside those of batches.

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, NaiveDate, NaiveTime, Timelike};

use super::size::size;
use crate::{
    api::{
        rest::json_array::{Chunk, Element},
        tasks::{DeletedTask, Sort, Task, TaskError, TrashedTask},
    },
    store::{
        connection::Batchable,
        cursor::{Rank, Sequence, SortKey},
        engine::Driver,
        entity::rows::{Candidate, Changed, SortValues},
        error::{Access, Failure},
        owned::{Owned, Owner},
        requests::{Aside, ById, Outcome, Page, PageStart, PartOf, Select, completed},
        search::Words,
    },
};

/// A page ends with the first element that makes it so large, in bytes of JSON.
pub const PAGE_BYTES: usize = 128 * 1024;
/// The most rows of a page: more of them would take longer than others should wait.
pub const PAGE_ROWS: usize = 1024;

/// The rows to read for a page, if so many elements have so many bytes. Rows beyond the
/// end of a page are read in vain: so they are at most four times those that were not.
pub fn rows_per_page(elements: usize, bytes: usize) -> u32 {
    let elements = elements.max(1);
    let rows = (elements * PAGE_BYTES / bytes.max(1) + 1).min(4 * elements);
    u32::try_from(rows.min(PAGE_ROWS)).unwrap_or(1)
}

/// A part that was read.
#[derive(Debug)]
pub enum PartRead {
    Page(PageRead),
    Selection(Selected),
    Changes(ChangesRead),
    /// By the subjects of their users.
    Sequences(HashMap<String, Sequence>),
}

/// A page that was read.
#[derive(Debug)]
pub struct PageRead {
    pub chunk: Chunk,
    pub elements: usize,
    /// How many rows it is made of: that many ids, if tasks of some were deleted.
    pub rows: usize,
    /// Where the next one begins; nothing after the last page.
    pub next: Option<PageStart>,
    /// Those of its tasks that were deleted meanwhile.
    pub deleted: Vec<DeletedTask>,
}

/// What a part of a selection found.
#[derive(Debug, Default)]
pub struct Selected {
    /// In no particular order.
    pub ranks: Vec<Rank>,
    /// How many tasks it looked at.
    pub rows: usize,
    /// The bytes of the texts that it read.
    pub bytes: usize,
    /// The lowest and the highest id that it looked at.
    pub ids: Option<(i64, i64)>,
}

/// The changes after a version.
#[derive(Debug, Default)]
pub struct ChangesRead {
    /// Versions and ids of tasks.
    pub tasks: Vec<(i64, i64)>,
    pub deleted: Vec<DeletedTask>,
    /// Nothing, where the user has none.
    pub sequence: Option<Sequence>,
}

impl Batchable for Aside {
    type Response = PartRead;
    const ACCESS: Access = Access::Read;
    /// Nothing is shared: a part is as much as one statement should read.
    const BATCH_SIZE: usize = 1;

    async fn run(
        batch: &[Self],
        _quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<PartRead>>, Failure> {
        let mut outcomes = Vec::new();
        for member in batch {
            let part = match member {
                Self::Part(part) => part,
                Self::Sequences(users) => {
                    let sequences = read_sequences(users, driver).await?;
                    outcomes.push(Outcome::Done(PartRead::Sequences(sequences)));
                    continue;
                }
            };
            let owner = part.owner();
            let read = match &part.request.what {
                PartOf::Page(page) => match read_page(owner, page, driver).await? {
                    Ok(page) => Outcome::Done(PartRead::Page(page)),
                    Err(error) => Outcome::Refused(TaskError::Internal(error.to_string())),
                },
                PartOf::Selection(select, sort, words) => {
                    let selected = read_selection(owner, select, *sort, words, driver).await?;
                    Outcome::Done(PartRead::Selection(selected))
                }
                PartOf::Changes { after, rows } => {
                    let changes = read_changes(owner, *after, *rows, driver).await?;
                    Outcome::Done(PartRead::Changes(changes))
                }
            };
            outcomes.push(read);
        }
        Ok(outcomes)
    }
}

async fn read_sequences(
    users: &[Owned<()>],
    driver: &mut Driver,
) -> Result<HashMap<String, Sequence>, sqlx::Error> {
    let owners: Vec<_> = users.iter().map(Owned::owner).collect();
    let mut sequences = HashMap::new();
    let take = |(owner, sequence)| {
        sequences.insert(owner, sequence);
    };
    driver.sequences(&owners, take).await?;
    Ok(sequences)
}

async fn read_page(
    owner: Owner<'_>,
    page: &Page,
    driver: &mut Driver,
) -> Result<serde_json::Result<PageRead>, sqlx::Error> {
    let mut filling = Filling::of(page);
    let next = match &page.from {
        PageStart::Newest(status, below) => {
            let of_user = (owner, completed(*status));
            let take = |task: Task| filling.take(task.id, &task);
            driver.page((of_user, *below), page.rows, take).await?;
            let is_last = filling.is_whole(page);
            (!is_last).then_some(PageStart::Newest(*status, filling.last))
        }
        PageStart::Trash(below) => {
            let take = |trashed: TrashedTask| filling.take(trashed.task.version, &trashed);
            driver.trash(owner, *below, page.rows, take).await?;
            let is_last = filling.is_whole(page);
            (!is_last).then_some(PageStart::Trash(filling.last))
        }
        PageStart::Ids(ids, start) => {
            let end = ids.len().min(start + page.rows as usize);
            let members: Vec<_> = ids[*start..end].iter().map(|id| (*id, owner)).collect();
            let mut found = InOrder::of(&members);
            driver.tasks(&members, |task| found.take(task)).await?;
            filling.rows = found.end;
            let (mut tasks, mut missing) = (found.kept, Vec::new());
            for (place, member) in members[..found.end].iter().enumerate() {
                match tasks.remove(&place) {
                    Some(task) => filling.push(task.id, &task),
                    None => missing.push(*member),
                }
            }
            if !missing.is_empty() {
                let take = |task| filling.deleted.push(task);
                driver.deleted(&missing, take).await?;
            }
            let next = start + found.end;
            (next < ids.len()).then(|| PageStart::Ids(ids.clone(), next))
        }
    };
    Ok(filling.finish(next))
}

/// A page that is filled with elements as they arrive.
struct Filling {
    chunk: Chunk,
    encoded: serde_json::Result<()>,
    elements: usize,
    rows: usize,
    /// Where the last element is.
    last: i64,
    deleted: Vec<DeletedTask>,
}

impl Filling {
    fn of(page: &Page) -> Self {
        Self {
            chunk: page.before.map_or_else(Chunk::first, Chunk::after),
            encoded: Ok(()),
            elements: 0,
            rows: 0,
            last: 0,
            deleted: Vec::new(),
        }
    }

    /// Adds the element of a row, until the page is full.
    fn take(&mut self, at: i64, element: &impl Element) {
        self.rows += 1;
        if self.chunk.size() < PAGE_BYTES {
            self.push(at, element);
        }
    }

    fn push(&mut self, at: i64, element: &impl Element) {
        if self.encoded.is_ok() {
            self.encoded = self.chunk.push(element);
            (self.elements, self.last) = (self.elements + 1, at);
        }
    }

    /// Whether it has everything that was left.
    fn is_whole(&self, page: &Page) -> bool {
        self.rows == self.elements && self.rows < page.rows as usize
    }

    fn finish(mut self, next: Option<PageStart>) -> serde_json::Result<PageRead> {
        self.encoded?;
        if next.is_none() {
            self.chunk.finish();
        }
        Ok(PageRead {
            chunk: self.chunk,
            elements: self.elements,
            rows: self.rows,
            next,
            deleted: self.deleted,
        })
    }
}

/// The first ones of some tasks, by their places, which arrive in any order. What is kept is
/// as much as a page has.
struct InOrder {
    places: HashMap<i64, usize>,
    kept: BTreeMap<usize, Task>,
    bytes: usize,
    /// The place behind what a page has.
    end: usize,
}

impl InOrder {
    fn of(members: &[ById<'_>]) -> Self {
        let places = members.iter().enumerate();
        Self {
            places: places.map(|(place, (id, _))| (*id, place)).collect(),
            kept: BTreeMap::new(),
            bytes: 0,
            end: members.len(),
        }
    }

    fn take(&mut self, task: Task) {
        let place = self.places.get(&task.id).copied();
        let Some(place) = place.filter(|place| *place < self.end) else {
            return;
        };
        self.bytes += size(&task);
        self.kept.insert(place, task);
        while let Some(last) = self.kept.last_entry() {
            let without = self.bytes - size(last.get());
            if without < PAGE_BYTES {
                break;
            }
            (self.bytes, self.end) = (without, *last.key());
            last.remove();
        }
    }
}

async fn read_selection(
    owner: Owner<'_>,
    select: &Select,
    sort: Sort,
    words: &Words,
    driver: &mut Driver,
) -> Result<Selected, sqlx::Error> {
    let mut selected = Selected::default();
    let take = |candidate: Candidate| {
        let id = candidate.id;
        let (lowest, highest) = selected.ids.unwrap_or((id, id));
        selected.ids = Some((lowest.min(id), highest.max(id)));
        selected.rows += 1;
        let Some(values) = candidate.values else {
            return;
        };
        let texts = [&values.title, &values.description];
        let texts = texts.map(|text| text.as_deref().unwrap_or_default());
        selected.bytes += texts[0].len() + texts[1].len();
        if words.are_in(texts) {
            selected.ranks.push(rank(id, sort, values));
        }
    };
    driver.select(owner, select, take).await?;
    Ok(selected)
}

/// The rank of a task in a list of this order.
fn rank(id: i64, sort: Sort, values: SortValues) -> Rank {
    let number = match sort {
        Sort::Newest | Sort::Oldest => 0,
        Sort::Due => due(values.due_date, values.due_time),
        Sort::Priority => -i64::from(values.priority),
        Sort::Updated => -values.updated_at.timestamp_micros(),
        Sort::Manual => return Rank(SortKey::Text(values.position), id),
    };
    let is_descending = matches!(sort, Sort::Newest | Sort::Priority | Sort::Updated);
    Rank(
        SortKey::Number(number),
        if is_descending { -id } else { id },
    )
}

/// In minutes. A day has one more, for tasks without a time.
fn due(date: Option<NaiveDate>, time: Option<NaiveTime>) -> i64 {
    const DAY: i64 = 24 * 60;
    let day = |date: NaiveDate| i64::from(date.num_days_from_ce()) * (DAY + 1);
    let minute = |time: NaiveTime| i64::from(time.num_seconds_from_midnight() / 60);
    date.map_or(i64::MAX, |date| day(date) + time.map_or(DAY, minute))
}

async fn read_changes(
    owner: Owner<'_>,
    after: i64,
    rows: u32,
    driver: &mut Driver,
) -> Result<ChangesRead, sqlx::Error> {
    let mut read = ChangesRead::default();
    let take = |changed| match changed {
        Changed::Task(version, id) => read.tasks.push((version, id)),
        Changed::Deleted(task) => read.deleted.push(task),
        Changed::Sequence(sequence) => read.sequence = Some(sequence),
    };
    driver.changes(owner, after, rows, take).await?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{owned::owned_by, tests::user};

    /// A database may return the rows in any order.
    #[tokio::test]
    async fn the_first_tasks_of_a_page_are_kept_in_whatever_order_they_arrive() {
        let ana = owned_by(&user("ana").await, ());
        let members: Vec<_> = (0..40).map(|n| (1000 - n, ana.owner())).collect();
        let task = |id: i64| Task {
            id,
            description: Some("x".repeat(10_000)),
            ..crate::store::tests::task()
        };
        let page = |order: Vec<i64>| {
            let mut found = InOrder::of(&members);
            for id in order {
                found.take(task(id));
                assert!(found.bytes < PAGE_BYTES + 11_000, "what is kept is bounded");
            }
            let ids: Vec<_> = found.kept.values().map(|task| task.id).collect();
            (ids, found.end)
        };
        let expected: Vec<_> = (988..=1000).rev().collect();

        let in_order = page((961..=1000).rev().collect());
        assert_eq!(in_order, (expected, 13));
        let backwards = page((961..=1000).collect());
        let mixed = page((961..=1000).map(|id| 961 + (id * 7) % 40).collect());
        assert_eq!([&backwards, &mixed], [&in_order; 2]);
        // One that is gone makes room for another one.
        let (ids, end) = page((961..=1000).filter(|id| *id != 999).collect());
        assert_eq!((ids.len(), end), (13, 14));
    }
}
