//! Long lists: pages of one user's tasks, each a statement of its own, by falling ids.
//!
//! No transaction spans the pages, since it would last as long as the slowest client
//! ([decision 7](../../../docs/decisions/0007-long-lists-are-read-in-pages.md)).

use std::{io, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tracing::{Instrument, Span};

use super::{
    admission::Admitted,
    short::{MAX_BYTES, MAX_TASKS},
};
use crate::{
    api::{
        rest::json_array::{Chunk, JsonArray},
        tasks::{StatusFilter, Task, TaskError},
    },
    store::{
        batch::BatchQueue,
        connection::Batchable,
        engine::Driver,
        error::{Access, Failure},
        owned::{Owned, owned_by},
        requests::{Outcome, Page, PageStart, completed},
    },
};

/// A page ends with the first task that makes it so large, in bytes of JSON.
const PAGE_BYTES: usize = 128 * 1024;
/// The most rows of a page: more of them would take longer than others should wait.
const PAGE_ROWS: usize = 1024;

/// How long a list may wait for its first page while the user's other lists take their
/// turns.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// The rows to read for a page, if so many tasks have so many bytes. Rows beyond the
/// end of a page are read in vain: so they are at most four times those that were not.
pub fn rows_per_page(tasks: usize, bytes: usize) -> u32 {
    let tasks = tasks.max(1);
    let rows = (tasks * PAGE_BYTES / bytes.max(1) + 1).min(4 * tasks);
    u32::try_from(rows.min(PAGE_ROWS)).unwrap_or(1)
}

/// A page that was read.
#[derive(Debug)]
pub struct PageRead {
    chunk: Chunk<Task>,
    tasks: usize,
    /// Where the next one begins; nothing after the last page.
    next: Option<PageStart>,
}

impl Batchable for Owned<Page> {
    type Response = PageRead;
    const ACCESS: Access = Access::Read;
    /// Nothing is shared: a page is as much as one statement should read.
    const BATCH_SIZE: usize = 1;

    async fn run(
        batch: &[Self],
        _quota: u32,
        driver: &mut Driver,
    ) -> Result<Vec<Outcome<PageRead>>, Failure> {
        let mut outcomes = Vec::new();
        for member in batch {
            outcomes.push(read(member, driver).await?);
        }
        Ok(outcomes)
    }
}

/// Encodes rows as they arrive, until the page is full.
async fn read(member: &Owned<Page>, driver: &mut Driver) -> Result<Outcome<PageRead>, Failure> {
    let page = &member.request;
    let (mut chunk, below) = match page.from {
        PageStart::Newest => (Chunk::first(), i64::MAX),
        PageStart::After(id) => (Chunk::next(), id),
    };
    let (mut rows, mut tasks, mut last) = (0, 0, below);
    let mut encoded = Ok(());
    let of_user = (member.owner(), completed(page.status));
    let take = |task: Task| {
        rows += 1;
        if chunk.size() < PAGE_BYTES && encoded.is_ok() {
            encoded = chunk.push(&task);
            (tasks, last) = (tasks + 1, task.id);
        }
    };
    driver.page((of_user, below), page.rows, take).await?;
    if let Err(error) = encoded {
        return Ok(Outcome::Refused(TaskError::Internal(error.to_string())));
    }
    let is_last = rows == tasks && rows < page.rows as usize;
    if is_last {
        chunk.finish();
    }
    Ok(Outcome::Done(PageRead {
        chunk,
        tasks,
        next: (!is_last).then_some(PageStart::After(last)),
    }))
}

/// What the first page tells about the next list of its user.
pub struct Found {
    /// The list is a short one, after all.
    pub is_short: bool,
    pub rows_per_page: u32,
}

/// A long list that is being sent.
pub struct LongList {
    pages: Arc<BatchQueue<Owned<Page>>>,
    admitted: Admitted,
    status: StatusFilter,
    /// Where the next page begins; nothing after the last one.
    next: Option<PageStart>,
    /// The rows of the next page.
    rows: u32,
    /// Pages are read when the request is no longer in progress.
    span: Span,
}

impl LongList {
    /// The list of the admitted user, in pages of `rows` at first.
    pub fn new(
        pages: Arc<BatchQueue<Owned<Page>>>,
        admitted: Admitted,
        status: StatusFilter,
        rows: u32,
    ) -> Self {
        Self {
            pages,
            admitted,
            status,
            next: Some(PageStart::Newest),
            rows,
            span: Span::current(),
        }
    }

    /// Reads the first page: its failure still has a status of its own. The others are
    /// read with the response.
    pub async fn begin(mut self) -> Result<(JsonArray<Task>, Found), TaskError> {
        let turn = timeout(TURN_TIMEOUT, self.admitted.turn()).await;
        let turn = turn.map_err(|_| {
            TaskError::Unavailable("other lists of the user take too long".to_owned())
        })?;
        let page = self.read(PageStart::Newest, turn).await?;
        let is_last = page.next.is_none();
        let found = Found {
            is_short: is_last
                && self.status == StatusFilter::All
                && page.tasks <= MAX_TASKS as usize
                && page.chunk.size() <= MAX_BYTES,
            rows_per_page: self.rows,
        };
        let list = if is_last {
            JsonArray::one_chunk(page.chunk, self.admitted)
        } else {
            let first = stream::once(async { Ok(page.chunk) });
            JsonArray::chunks(first.chain(stream::try_unfold(self, Self::read_next)))
        };
        Ok((list, found))
    }

    /// Reads the next page, once the client has taken the one before.
    async fn read_next(mut self) -> io::Result<Option<(Chunk<Task>, Self)>> {
        let Some(start) = self.next else {
            return Ok(None);
        };
        let span = self.span.clone();
        let turn = self.admitted.turn().await;
        let page = self.read(start, turn).instrument(span).await;
        let page = page.map_err(io::Error::other)?;
        Ok(Some((page.chunk, self)))
    }

    async fn read(
        &mut self,
        from: PageStart,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Result<PageRead, TaskError> {
        let page = Page {
            status: self.status,
            from,
            rows: self.rows,
            turn,
        };
        let page = self.pages.submit(owned_by(self.admitted.user(), page));
        let page = page.await?;
        self.next = page.next;
        self.rows = rows_per_page(page.tasks, page.chunk.size());
        Ok(page)
    }
}
