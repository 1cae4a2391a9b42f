//! The operations for clients that keep a copy.

use std::sync::Arc;

use poem_openapi::OpenApi;

use super::{
    changes::ChangesPage,
    events::{EventStream, begin},
    groups::Group,
    list::DEFAULT_LIMIT,
    problems::invalid_cursor,
    service::{TaskError, TaskService},
};
use crate::api::{
    rest::{
        header::Header,
        problem::Problem,
        query::{Limit, Opaque, Query},
    },
    security::{InSession, SignedIn},
};

/// The operations, over any [`TaskService`].
#[derive(Debug)]
pub struct SyncApi<S>(pub Arc<S>);

/// The problem of a request whose cursor is in `parameter`.
fn problem(error: TaskError, parameter: &str) -> Problem {
    match error {
        TaskError::InvalidCursor => invalid_cursor(parameter),
        error => error.into(),
    }
}

#[OpenApi(prefix_path = "/api", tag = "Group::Sync")]
impl<S: TaskService> SyncApi<S> {
    /// List changes
    ///
    /// What was written since a cursor: the state of each task, not a log, so two writes to
    /// one task are one entry. Without `since`: all tasks, in pages, and then what changed
    /// meanwhile. Apply the entries by id, ignore an entry with a lower version than the one
    /// you have, keep `cursor`, and ask again with it, at once if `more` is true. Entries may
    /// come more than once, and those of the client's own writes come back. `streamChanges`
    /// says when there is something to ask for.
    ///
    /// If the cursor is from before an erase or a restored backup, or older than deletions
    /// are remembered, the status is 410: start without it.
    #[oai(path = "/changes", method = "get", operation_id = "listChanges")]
    async fn changes(
        &self,
        SignedIn(user): SignedIn,
        /// The `cursor` of the last page, or the `ETag` of a list without its quotes. Absent:
        /// from the beginning.
        since: Query<Option<Opaque>>,
        /// The most entries of a page; 100 if absent. A page has fewer only if `more` is false.
        limit: Query<Option<Limit<1000>>>,
    ) -> Result<ChangesPage, Problem> {
        let since = since.0.map(|since| since.0);
        let limit = limit.0.map_or(DEFAULT_LIMIT, |limit| limit.0);
        let changes = self.0.changes(&user, since, limit).await;
        changes.map_err(|error| problem(error, "since"))
    }

    /// Stream changes
    ///
    /// Server-sent events: a page of `listChanges` as soon as something was written, on
    /// whichever instance, within two seconds. Each event has the name `changes`, its `data`
    /// is a `Changes` object in one line, and its `id` is the `cursor` of that page. Treat the
    /// entries like those of `listChanges`. A comment is sent every 20 seconds without an
    /// event, and right at the start.
    ///
    /// The stream ends when the token expires, when the service stops and after an erase.
    /// Connect again, with a fresh token and with the `id` of the last event in
    /// `Last-Event-ID`: nothing is missed, for as long as deletions are remembered. If the
    /// status is then 410, start again with `listChanges` without a cursor.
    ///
    /// A user may have 8 streams on each instance; with one more the status is 429. The
    /// `EventSource` of browsers cannot send the token: use `fetch`, or a library that does.
    /// Try it with `curl -N`; Swagger UI shows nothing before the stream ends.
    #[oai(path = "/events", method = "get", operation_id = "streamChanges")]
    async fn events(
        &self,
        InSession(session): InSession,
        /// Where to begin: a `cursor` of `listChanges`, the `id` of an event, or the `ETag` of
        /// a list without its quotes. Absent: now, and the first event says at once where that
        /// is.
        since: Query<Option<Opaque>>,
        /// The `id` of the last event that the client has. It takes precedence over `since`,
        /// so that the same URL can be used again.
        #[oai(name = "Last-Event-ID")]
        last: Header<Option<Opaque>>,
    ) -> Result<EventStream, Problem> {
        let (parameter, since) = match last.0 {
            Some(last) => ("Last-Event-ID", Some(last)),
            None => ("since", since.0),
        };
        let since = since.map(|since| since.0);
        let stream = begin(Arc::clone(&self.0), session, since).await;
        stream.map_err(|error| problem(error, parameter))
    }
}
