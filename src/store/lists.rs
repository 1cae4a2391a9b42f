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
    batch::BatchQueue,
    engine::Engine,
    owned::{Owned, owned_by},
    requests::{Page, ShortList},
};
use crate::{
    api::{
        rest::json_array::JsonArray,
        tasks::{StatusFilter, Task, TaskError},
    },
    auth::User,
};

/// The connections of each of the two queues.
const CONNECTIONS: usize = 2;
/// The most users that are known to have long lists, some 100 bytes each.
const KNOWN: usize = 16_384;

/// The lists of all users.
pub struct Lists {
    short: BatchQueue<Owned<ShortList>>,
    pages: Arc<BatchQueue<Owned<Page>>>,
    admission: Admission,
    /// Users whose last list was long, and the rows of a page of theirs. Their next list
    /// delays no batch.
    known_long: Cache<User, u32>,
}

impl Lists {
    /// The lists in the database of `engine`, whose queues are open until `closing`
    /// turns true, with their workers.
    pub fn open(engine: &Engine, closing: &watch::Receiver<bool>) -> (Self, [JoinHandle<()>; 2]) {
        // A list reads what there is, whatever the quota.
        let quota = 0;
        let (short, short_worker) =
            BatchQueue::open("list", engine, quota, CONNECTIONS, closing.clone());
        let (pages, page_worker) =
            BatchQueue::open("page", engine, quota, CONNECTIONS, closing.clone());
        let lists = Self {
            short,
            pages: Arc::new(pages),
            admission: Admission::default(),
            known_long: Cache::new(KNOWN),
        };
        (lists, [short_worker, page_worker])
    }

    /// The tasks of `user` with this status, newest first.
    pub async fn list(
        &self,
        user: &User,
        status: StatusFilter,
    ) -> Result<JsonArray<Task>, TaskError> {
        let rows = match self.known_long.get(user) {
            Some(rows) => rows,
            None => match self.short.submit(owned_by(user, ShortList(status))).await? {
                Short::Complete(tasks) => return Ok(JsonArray::in_memory(tasks)),
                Short::TooLong { tasks, bytes } => rows_per_page(tasks, bytes),
            },
        };
        let admitted = self.admission.admit(user).ok_or_else(|| {
            TaskError::Unavailable("too many long lists are being sent".to_owned())
        })?;
        let list = LongList::new(Arc::clone(&self.pages), admitted, status, rows);
        let (list, found) = list.begin().await?;
        if found.is_short {
            self.known_long.remove(user);
        } else {
            self.known_long.insert(user.clone(), found.rows_per_page);
        }
        Ok(list)
    }
}
