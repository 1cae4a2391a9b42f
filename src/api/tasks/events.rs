//! The stream of changes. It holds a cursor, and reads a page when something was written and
//! the client has taken what was sent before: a slow client costs nothing more.

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use hyper::body::Bytes;
use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};

use super::{
    changes::ChangesPage,
    examples::example_event,
    list::DEFAULT_LIMIT,
    service::{TaskError, TaskService, Watch},
    types::Changes,
};
use crate::{
    api::rest::event_stream::{COMMENT, Event, MEDIA_TYPE, opening, response},
    auth::{Session, User},
    telemetry::metrics,
};

/// The name of an event.
pub const NAME: &str = "changes";
/// A comment is sent after so long without an event. Proxies close a silent connection after
/// 30 s (Heroku) to 60 s (nginx, AWS).
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How long a read that failed waits: the database is out of reach, or has too much to do.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The most streams that read at once; the others wait. They would otherwise take the places
/// of long lists, which are refused where there are too many.
static READS: Semaphore = Semaphore::const_new(64);

/// The response with status 200: the events.
pub struct EventStream(BoxStream<'static, io::Result<Bytes>>);

/// A stream between two pieces of its text.
struct Open<S> {
    service: Arc<S>,
    user: User,
    /// When the token expires.
    expires: SystemTime,
    watch: Watch,
    /// Where the client will be once it has what was sent.
    cursor: String,
    /// The event that is being sent.
    event: Option<Event>,
    /// There may be changes after the cursor.
    is_behind: bool,
    /// When something was last sent, and when a read last failed.
    sent: Instant,
    failed: Option<Instant>,
    _counted: metrics::EventStream,
}

/// Begins a stream after the cursor `since`, or now: what fails here has a status of its own.
pub async fn begin<S: TaskService>(
    service: Arc<S>,
    session: Session,
    since: Option<String>,
) -> Result<EventStream, TaskError> {
    let Session { user, expires } = session;
    // Before the first look: so no write falls between the two.
    let watch = service.watch(&user).await?;
    let first = match &since {
        Some(since) => {
            let since = Some(since.clone());
            service.changes(&user, since, DEFAULT_LIMIT).await?
        }
        None => ChangesPage::empty(service.cursor(&user).await?),
    };
    let mut open = Open {
        service,
        user,
        expires,
        watch,
        cursor: since.unwrap_or_default(),
        event: None,
        is_behind: false,
        sent: Instant::now(),
        failed: None,
        _counted: metrics::EventStream::open(),
    };
    open.take(first);
    let events = stream::unfold(open, Open::next);
    let opening = stream::once(async { Ok(opening()) });
    Ok(EventStream(opening.chain(events).boxed()))
}

impl<S: TaskService> Open<S> {
    /// The next piece of the text, once there is one; nothing at the end of the stream.
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            if let Some(piece) = self.piece().await {
                self.sent = Instant::now();
                return Some((piece, self));
            }
            // Also between two pages: a client that is far behind must not hold up the stop.
            if let Some(woken) = self.watch.next().now_or_never() {
                woken?;
                self.is_behind = true;
            }
            let left = self.expires.duration_since(SystemTime::now()).ok()?;
            let may_read = self.is_behind && self.failed.is_none();
            let heartbeat = self.sent + HEARTBEAT;
            let silent_until = heartbeat.min(Instant::now() + left);
            let retry = self.failed.map_or(silent_until, |at| at + RETRY_AFTER);
            tokio::select! {
                turn = READS.acquire(), if may_read => {
                    let _turn = turn.ok()?;
                    self.read().await?;
                }
                woken = self.watch.next(), if !may_read => {
                    woken?;
                    self.is_behind = true;
                }
                () = sleep_until(retry.min(silent_until)) => {
                    if self.failed.is_some_and(|at| at.elapsed() >= RETRY_AFTER) {
                        self.failed = None;
                    }
                    if heartbeat <= Instant::now() {
                        self.sent = Instant::now();
                        return Some((Ok(COMMENT), self));
                    }
                }
            }
        }
    }

    /// The next piece of the event that is being sent.
    async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        let event = self.event.as_mut()?;
        let next = event.next().await;
        if !matches!(next, Ok((_, false))) {
            self.event = None;
        }
        Some(match next {
            Ok((piece, is_last)) => {
                if is_last {
                    metrics::event_sent();
                }
                Ok(piece)
            }
            Err(error) => {
                tracing::warn!(%error, "an event broke off");
                Err(error)
            }
        })
    }

    /// Reads a page; nothing if the stream must end.
    async fn read(&mut self) -> Option<()> {
        // In a box of its own: while the stream waits, it takes no room.
        let since = Some(self.cursor.clone());
        let page = Box::pin(self.service.changes(&self.user, since, DEFAULT_LIMIT)).await;
        match page {
            Ok(page) => self.take(page),
            Err(TaskError::Unavailable(cause)) => {
                tracing::debug!(%cause, "a stream waits");
                self.failed = Some(Instant::now());
            }
            // After an erase. Another failure the client gets when it connects again.
            Err(error) => {
                tracing::debug!(%error, "a stream ends");
                return None;
            }
        }
        Some(())
    }

    /// Sends the page next, unless the client is there already.
    fn take(&mut self, page: ChangesPage) {
        self.is_behind = page.more;
        if page.cursor != self.cursor {
            self.cursor.clone_from(&page.cursor);
            self.event = Some(Event::new(NAME, &self.cursor, page.json().into_chunks()));
        }
    }
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        response(self.0)
    }
}

impl ApiResponse for EventStream {
    fn meta() -> MetaResponses {
        let schema = MetaSchema {
            description: Some(
                "Events of the name `changes`: `id` is a cursor, `data` a `Changes` object in \
                 one line.",
            ),
            example: Some(example_event().into()),
            ..MetaSchema::new("string")
        };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The events, until the stream ends.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: MEDIA_TYPE,
                    schema: MetaSchemaRef::Inline(Box::new(schema)),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        <Changes as poem_openapi::types::Type>::register(registry);
    }
}
