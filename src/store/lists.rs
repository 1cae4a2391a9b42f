//! Lists. A short one is read in a batch, like a single task. A long one is read in
//! pages, on connections of its own, as the client reads the response: whatever its
//! length, it holds one page in memory, no connection and no transaction while the
//! client is slow, and delays others by the time of a page. The trash and the tasks of the
//! changes feed are read in the same way, and so is a list with an order, a filter or a limit,
//! once its ids are selected.

mod admission;
mod changes;
mod long;
mod parts;
mod selection;
mod short;
mod size;

use std::{collections::HashMap, sync::Arc};

use quick_cache::sync::Cache;
use tokio::{sync::watch, task::JoinHandle};

use self::{
    admission::Admission,
    long::{Reader, begin},
    parts::{PartRead, rows_per_page},
    short::Short,
};
use super::{
    batch::{BatchQueue, Writers},
    cursor::Sequence,
    engine::Engine,
    owned::{Owned, owned_by},
    pool::Shares,
    requests::{Aside, PageStart, ShortList},
};
use crate::{
    api::{
        rest::json_array::JsonArray,
        tasks::{StatusFilter, Task, TaskError, TrashedTask},
    },
    auth::User,
};

/// The most users that are known to have long lists, some 100 bytes each.
const KNOWN: usize = 16_384;
/// The rows of a first page, if nothing is known of their size.
const FIRST_ROWS: u32 = 128;

/// The lists of all users, for the requests of one thread.
pub struct Lists {
    short: BatchQueue<Owned<ShortList>>,
    long: Arc<LongLists>,
}

/// What the threads share: the budget of long lists is one of the process.
struct LongLists {
    parts: Arc<BatchQueue<Aside>>,
    admission: Admission,
    /// Users whose last list was long, and the rows of a page of theirs. Their next list
    /// delays no batch.
    known: Cache<User, u32>,
}

impl Lists {
    /// The lists in the database of `engine`, whose queues are open until `closing`
    /// turns true, with their workers. Long lists are read by the queue of `beside`.
    pub fn open(
        engine: &Engine,
        shares: &Shares,
        closing: &watch::Receiver<bool>,
        beside: Option<&Self>,
    ) -> (Self, Vec<JoinHandle<()>>) {
        // A list reads what there is, whatever the quota.
        let quota = 0;
        let (short, short_worker) = BatchQueue::open(
            "list",
            engine,
            quota,
            shares.short_lists,
            closing.clone(),
            Writers::default(),
        );
        let mut workers = vec![short_worker];
        let long = beside.map(|lists| Arc::clone(&lists.long));
        let long = long.unwrap_or_else(|| {
            let (parts, worker) = BatchQueue::open(
                "page",
                engine,
                quota,
                shares.pages,
                closing.clone(),
                Writers::default(),
            );
            workers.push(worker);
            Arc::new(LongLists {
                parts: Arc::new(parts),
                admission: Admission::default(),
                known: Cache::new(KNOWN),
            })
        });
        (Self { short, long }, workers)
    }

    /// The tasks of `user` with this status, newest first, and the user's sequence from before
    /// they were read: that of `sequence`, where the statement cannot return it.
    pub async fn list(
        &self,
        user: &User,
        status: StatusFilter,
        sequence: impl Future<Output = Result<Sequence, TaskError>>,
    ) -> Result<(JsonArray<Task>, Sequence), TaskError> {
        let (rows, sequence) = match self.long.known.get(user) {
            Some(rows) => (rows, sequence.await?),
            None => match self.short.submit(owned_by(user, ShortList(status))).await? {
                (Short::Complete(tasks), sequence) => {
                    return Ok((JsonArray::in_memory(tasks), sequence));
                }
                (Short::TooLong { tasks, bytes }, sequence) => {
                    (rows_per_page(tasks, bytes), sequence)
                }
            },
        };
        let from = PageStart::Newest(status, i64::MAX);
        let (list, found) = begin(self.reader(user)?, from, rows, Arc::default()).await?;
        if found.is_short && status == StatusFilter::All {
            self.long.known.remove(user);
        } else {
            self.long.known.insert(user.clone(), found.rows_per_page);
        }
        Ok((list, sequence))
    }

    /// The tasks in the trash of `user`, the last deleted one first.
    pub async fn trash(&self, user: &User) -> Result<JsonArray<TrashedTask>, TaskError> {
        let (reader, from) = (self.reader(user)?, PageStart::Trash(i64::MAX));
        let (trash, _) = begin(reader, from, FIRST_ROWS, Arc::default()).await?;
        Ok(trash)
    }

    /// The sequences of these users, by their subjects. Takes one statement, beside those of
    /// batches.
    pub async fn sequences(
        &self,
        users: Vec<Owned<()>>,
    ) -> Result<HashMap<String, Sequence>, TaskError> {
        match self.long.parts.submit(Aside::Sequences(users)).await? {
            PartRead::Sequences(sequences) => Ok(sequences),
            _ => Err(TaskError::Internal("a part is of another kind".to_owned())),
        }
    }

    /// What reads parts for a request of `user`, if there is room for one.
    fn reader(&self, user: &User) -> Result<Reader, TaskError> {
        let admitted = self.long.admission.admit(user).ok_or_else(|| {
            TaskError::Unavailable("too many long lists are being sent".to_owned())
        })?;
        Ok(Reader::new(Arc::clone(&self.long.parts), admitted))
    }
}
