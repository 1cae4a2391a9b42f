//! The accept loop on hyper: worker threads, connection limits, timeouts and graceful
//! shutdown.
//!
//! poem's own server sets no timeouts, and its accept loop spins when file
//! descriptors run out. This module can go once it does better.
//!
//! The server speaks HTTP/1.1, and HTTP/2 without TLS to clients that begin with it
//! (RFC 9113, section 3.3), as load balancers do.

mod admission;
mod linger;
mod listen;
mod malformed;
mod open_files;
mod response_body;
mod socket;
mod timeouts;
mod workers;

use std::{future::poll_fn, io::ErrorKind, pin::pin, sync::Arc, task::Poll, time::Duration};

use futures_util::FutureExt;
use hyper::{
    body::{Body, Incoming},
    http::{Method, Version, header::CONTENT_LENGTH},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use poem::{
    Addr, Endpoint, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

use self::{
    admission::{Admission, Place},
    linger::Lingering,
    malformed::MalformedHeads,
    response_body::{MAX_SLICE, ResponseBody},
    socket::TimedStream,
    timeouts::Expired,
};
pub use self::{
    admission::{ConnectionLimits, InReserve, client_network},
    listen::Listeners,
    malformed::MalformedHead,
    open_files::raise_limit as raise_open_files,
    workers::Workers,
};

/// How long requests in flight may take to finish once the server shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause after a failed accept, such as one without file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// Maximum size of a request's head, in bytes.
const MAX_HEAD_SIZE: u32 = 64 * 1024;
/// Maximum size of a request's header fields on HTTP/2, in bytes. Beyond it, h2 responds
/// with an empty 431. It is more than the middleware accepts, which responds with a problem.
const MAX_HTTP2_FIELDS: u32 = 96 * 1024;
/// Maximum number of concurrent requests on one HTTP/2 connection. Balancers open another
/// connection beyond it, browsers wait.
const MAX_STREAMS: u32 = 64;
/// Maximum number of bytes that an HTTP/2 stream keeps waiting in hyper, besides the last
/// slice: with [`MAX_STREAMS`], a connection keeps at most 3 MiB.
const MAX_WAITING: usize = 2 * MAX_SLICE;

/// Accepts connections and serves each on one of `workers` until `stop` resolves, then waits
/// for requests in flight: until the future that it resolved to does, and up to
/// `SHUTDOWN_TIMEOUT`.
pub async fn serve<E, S>(
    listeners: Listeners,
    workers: &mut Workers,
    endpoint: E,
    limits: ConnectionLimits,
    stop: impl Future<Output = S>,
) where
    E: Endpoint<Output = Response> + 'static,
    S: Future<Output = ()>,
{
    let endpoint = Arc::new(endpoint);
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().max_buf_size(MAX_HEAD_SIZE as usize);
    http.http2()
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(MAX_WAITING)
        .max_header_list_size(MAX_HTTP2_FIELDS);
    let http = Arc::new(http);
    // Every poll of a connection locks the waiters of its channel. With one channel for all
    // workers, each request would move that lock between their cores.
    let runtimes = workers.runtimes();
    let stopping: Vec<_> = runtimes.iter().map(|_| watch::channel(false).0).collect();
    let most_open = u32::try_from(limits.most_open()).unwrap_or(u32::MAX);
    let slots = Arc::new(Semaphore::new(most_open as usize));
    let admission = Admission::new(limits);
    let mut stop = pin!(stop);
    let cut = loop {
        let (slot, accepted) = tokio::select! {
            cut = &mut stop => break cut,
            next = async { (slots.clone().acquire_owned().await, listeners.accept().await) } => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = admission.admit(peer.ip()) else {
                    // A reset leaves nothing behind in the kernel.
                    let _ = stream.set_zero_linger();
                    continue;
                };
                let (http, endpoint) = (Arc::clone(&http), Arc::clone(&endpoint));
                let (runtime, assigned) = workers.assign();
                let stopping = stopping[assigned.worker].subscribe();
                // Another runtime waits for its bytes from here on.
                let Ok(stream) = stream.into_std() else {
                    continue;
                };
                runtime.spawn(async move {
                    let served = connection(stream, &http, endpoint, &place, stopping).await;
                    if let Err(error) = served {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    drop((place, assigned, slot));
                });
            }
            Err(error) => match error.kind() {
                // One client aborted before the accept: the next may succeed at once.
                ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset => {}
                _ => {
                    tracing::warn!(%error, "cannot accept connections");
                    sleep(ACCEPT_BACKOFF).await;
                }
            },
        }
    };
    drop(listeners);
    for worker in stopping {
        worker.send_replace(true);
    }
    // Every open connection holds a slot.
    let closed = timeout(SHUTDOWN_TIMEOUT, slots.acquire_many(most_open));
    tokio::select! {
        closed = closed => if closed.is_err() {
            tracing::warn!("shutdown timeout reached with requests in flight");
        },
        () = cut => tracing::warn!("a further signal ends the requests in flight"),
    }
}

/// Serves one connection until the client, a timeout or the shutdown ends it.
async fn connection<E>(
    stream: std::net::TcpStream,
    http: &auto::Builder<TokioExecutor>,
    endpoint: Arc<E>,
    place: &Place,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    E: Endpoint<Output = Response> + 'static,
{
    let stream = TcpStream::from_std(stream)?;
    socket::configure(&stream)?;
    let local = LocalAddr(Addr::from(stream.local_addr()?));
    let remote = RemoteAddr(Addr::from(stream.peer_addr()?));
    // Requests clone the connection's own `Arc`: all threads would write to the count of the
    // shared one.
    let endpoint = Arc::new(endpoint);
    let timer = &place.timer;
    let request_timer = timer.clone();
    let for_malformed = Arc::clone(&endpoint);
    let respond_to_malformed = move |status, date| {
        let endpoint = Arc::clone(&for_malformed);
        async move { malformed::respond::<E>(&endpoint, status, date).await }.boxed()
    };
    let in_reserve = place.in_reserve;
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let is_http2 = request.version() == Version::HTTP_2;
        let ends_with_head = is_http2 && request.method() == Method::HEAD;
        if let Some(in_reserve) = in_reserve {
            request.extensions_mut().insert(in_reserve);
        }
        let in_progress = request_timer.begin_request(is_http2);
        let endpoint = Arc::clone(&endpoint);
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        let respond = async move {
            let response: hyper::Response<_> = E::get_response(&endpoint, request).await.into();
            let mut response = response.map(|body| ResponseBody::new(body, in_progress));
            if ends_with_head {
                if let Some(length) = response.body().size_hint().exact() {
                    let headers = response.headers_mut();
                    headers.entry(CONTENT_LENGTH).or_insert(length.into());
                }
                response = response.map(ResponseBody::omitted);
            }
            Ok::<_, std::convert::Infallible>(response)
        };
        // hyper keeps the future of an HTTP/2 request in place until its body is taken: 5 KiB,
        // unless only a pointer is in that place.
        Box::pin(respond)
    });
    let stream = TimedStream::new(stream, timer.clone());
    let io = Lingering::new(stream, timer.clone());
    let io = TokioIo::new(MalformedHeads::new(io, respond_to_malformed));
    let mut connection = pin!(http.serve_connection(io, service));
    let mut is_stopping = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            expired = timer.expired() => match expired {
                Expired::Stuck => return Ok(()),
                Expired::StuckRequest => {
                    timer.drain();
                    connection.as_mut().graceful_shutdown();
                }
                Expired::Idle => {
                    // A request that has just arrived is served first.
                    timer.probe();
                    let polled = poll_fn(|c| Poll::Ready(connection.as_mut().poll(c))).await;
                    if let Poll::Ready(ended) = polled {
                        return ended;
                    }
                    if timer.is_expired_idle() {
                        timer.close();
                        connection.as_mut().graceful_shutdown();
                    }
                }
            },
            // It changes once; an error means that the server is gone.
            _ = stopping.changed(), if !is_stopping => {
                is_stopping = true;
                if timer.idle_since().is_none() {
                    timer.close();
                    connection.as_mut().graceful_shutdown();
                }
                timer.evict();
            }
        }
    }
}
