//! Lists. A short one is read in a batch, like a single task. A long one is read in
//! pages, on connections of its own, as the client reads the response: whatever its
//! length, it holds one page in memory, no connection and no transaction while the
//! client is slow, and delays others by the time of a page.

mod admission;
mod long;
mod short;

use std::sync::Arc;

use quick_cache::sync::Cache;
use tokio::{sync::watch, task::JoinHandle};

use self::{
    admission::Admission,
    long::{LongList, rows_per_page},
    short::Short,
};
use super::{
    batch::{BatchQueue, Writers},
    engine::Engine,
    owned::{Owned, owned_by},
    pool::Shares,
    requests::{Page, ShortList},
};
use crate::{
    api::{
        rest::json_array::JsonArray,
        tasks::{StatusFilter, Task, TaskError},
    },
    auth::User,
};

/// The most users that are known to have long lists, some 100 bytes each.
const KNOWN: usize = 16_384;

/// The lists of all users, for the requests of one thread.
pub struct Lists {
    short: BatchQueue<Owned<ShortList>>,
    long: Arc<LongLists>,
}

/// What the threads share: the budget of long lists is one of the process.
struct LongLists {
    pages: Arc<BatchQueue<Owned<Page>>>,
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
            let (pages, worker) = BatchQueue::open(
                "page",
                engine,
                quota,
                shares.pages,
                closing.clone(),
                Writers::default(),
            );
            workers.push(worker);
            Arc::new(LongLists {
                pages: Arc::new(pages),
                admission: Admission::default(),
                known: Cache::new(KNOWN),
            })
        });
        (Self { short, long }, workers)
    }

    /// The tasks of `user` with this status, newest first.
    pub async fn list(
        &self,
        user: &User,
        status: StatusFilter,
    ) -> Result<JsonArray<Task>, TaskError> {
        let rows = match self.long.known.get(user) {
            Some(rows) => rows,
            None => match self.short.submit(owned_by(user, ShortList(status))).await? {
                Short::Complete(tasks) => return Ok(JsonArray::in_memory(tasks)),
                Short::TooLong { tasks, bytes } => rows_per_page(tasks, bytes),
            },
        };
        let admitted = self.long.admission.admit(user).ok_or_else(|| {
            TaskError::Unavailable("too many long lists are being sent".to_owned())
        })?;
        let list = LongList::new(Arc::clone(&self.long.pages), admitted, status, rows);
        let (list, found) = list.begin().await?;
        if found.is_short {
            self.long.known.remove(user);
        } else {
            self.long.known.insert(user.clone(), found.rows_per_page);
        }
        Ok(list)
    }
}
