//! Long arrays: pages of one user's tasks, each a statement of its own.
//!
//! No transaction spans the pages, since it would last as long as the slowest client
//! ([decision 7](../../../docs/decisions/0007-long-lists-are-read-in-pages.md)).

use std::{io, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tracing::{Instrument, Span};

use super::{
    admission::Admitted,
    parts::{PageRead, PartRead, rows_per_page},
    short::{MAX_BYTES, MAX_TASKS},
};
use crate::{
    api::{
        rest::json_array::{Chunk, JsonArray},
        tasks::{DeletedTask, TaskError},
    },
    auth::User,
    store::{
        batch::BatchQueue,
        owned::owned_by,
        requests::{Aside, Page, PageStart, Part, PartOf},
    },
};

/// How long a list may wait for its first part while the user's other lists take their
/// turns.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads parts for one admitted request.
pub struct Reader {
    queue: Arc<BatchQueue<Aside>>,
    admitted: Admitted,
    /// Parts are read when the request is no longer in progress.
    span: Span,
}

impl Reader {
    /// Of the admitted user.
    pub fn new(queue: Arc<BatchQueue<Aside>>, admitted: Admitted) -> Self {
        Self {
            queue,
            admitted,
            span: Span::current(),
        }
    }

    /// Whose request it is.
    pub fn user(&self) -> &User {
        self.admitted.user()
    }

    /// Reads a part before the response begins: a failure still has a status of its own.
    pub async fn read<T>(
        &self,
        what: PartOf,
        take: impl FnOnce(PartRead) -> Option<T>,
    ) -> Result<T, TaskError> {
        let turn = timeout(TURN_TIMEOUT, self.admitted.turn()).await;
        let turn = turn.map_err(|_| {
            TaskError::Unavailable("other lists of the user take too long".to_owned())
        })?;
        self.submit(what, turn, take).await
    }

    async fn submit<T>(
        &self,
        what: PartOf,
        turn: Option<OwnedSemaphorePermit>,
        take: impl FnOnce(PartRead) -> Option<T>,
    ) -> Result<T, TaskError> {
        let part = owned_by(self.user(), Part { what, turn });
        let read = take(self.queue.submit(Aside::Part(part)).await?);
        read.ok_or_else(|| TaskError::Internal("a part is of another kind".to_owned()))
    }
}

/// What the first page tells about the next list of its user.
pub struct Found {
    /// The list is whole, and a short one.
    pub is_short: bool,
    pub rows_per_page: u32,
}

/// A long array that is being sent.
struct LongList {
    reader: Reader,
    /// Where the next page begins; nothing after the last one.
    next: Option<PageStart>,
    /// The rows of the next page.
    rows: u32,
    /// The elements of the pages before.
    elements: usize,
    /// Tasks that were deleted before they were read.
    deleted: Arc<Mutex<Vec<DeletedTask>>>,
}

/// Reads the first page of the array that begins there, of so many rows: its failure still
/// has a status of its own. The others are read with the response. Tasks that were deleted
/// before they were read are added to `deleted`.
pub async fn begin<T>(
    reader: Reader,
    from: PageStart,
    rows: u32,
    deleted: Arc<Mutex<Vec<DeletedTask>>>,
) -> Result<(JsonArray<T>, Found), TaskError> {
    let what = PartOf::Page(Page {
        from,
        rows,
        before: None,
    });
    let page = reader.read(what, page_of).await?;
    let mut list = LongList {
        reader,
        next: None,
        rows,
        elements: 0,
        deleted,
    };
    list.advance(&page);
    let is_last = list.next.is_none();
    let found = Found {
        is_short: is_last && page.elements <= MAX_TASKS as usize && page.chunk.size() <= MAX_BYTES,
        rows_per_page: list.rows,
    };
    let array = if is_last {
        JsonArray::one_chunk(page.chunk, list.reader)
    } else {
        let first = stream::once(async { Ok(page.chunk) });
        JsonArray::chunks(first.chain(stream::try_unfold(list, LongList::read_next)))
    };
    Ok((array, found))
}

impl LongList {
    /// Reads the next page, once the client has taken the one before.
    async fn read_next(mut self) -> io::Result<Option<(Chunk, Self)>> {
        let Some(from) = self.next.take() else {
            return Ok(None);
        };
        let what = PartOf::Page(Page {
            from,
            rows: self.rows,
            before: Some(self.elements),
        });
        let turn = self.reader.admitted.turn().await;
        let page = self.reader.submit(what, turn, page_of);
        let page = page.instrument(self.reader.span.clone()).await;
        let page = page.map_err(io::Error::other)?;
        self.advance(&page);
        Ok(Some((page.chunk, self)))
    }

    fn advance(&mut self, page: &PageRead) {
        self.next.clone_from(&page.next);
        self.rows = rows_per_page(page.rows, page.chunk.size());
        self.elements += page.elements;
        self.deleted.lock().extend_from_slice(&page.deleted);
    }
}

fn page_of(part: PartRead) -> Option<PageRead> {
    match part {
        PartRead::Page(page) => Some(page),
        _ => None,
    }
}
