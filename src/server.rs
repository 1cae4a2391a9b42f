//! The accept loop on hyper: connection limit, timeouts and graceful shutdown.
//!
//! poem's own server sets no timeouts, and its accept loop spins when file
//! descriptors run out. This module can go once it does better.
//!
//! The server speaks HTTP/1.1, and HTTP/2 without TLS to clients that begin with it
//! (RFC 9113, section 3.3), as load balancers do.

mod timeouts;

use std::{io::ErrorKind, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, http::Version, service::service_fn};
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
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

use self::timeouts::{ConnectionTimer, Expired, TimedStream};

/// Maximum number of open connections; more wait in the listener's backlog.
const MAX_CONNECTIONS: u32 = 10_000;
/// How long requests in flight may take to finish once the server shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause after a failed accept, such as one without file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// How long a graceful close of an idle connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum size of a request's head, in bytes.
const MAX_HEAD_SIZE: u32 = 64 * 1024;
/// Maximum number of concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// Serves until `stop` resolves, then waits up to `SHUTDOWN_TIMEOUT` for requests in
/// flight.
pub async fn serve<E>(listener: TcpListener, endpoint: E, stop: impl Future<Output = ()>)
where
    E: Endpoint<Output = Response> + 'static,
{
    let endpoint = Arc::new(endpoint);
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().max_buf_size(MAX_HEAD_SIZE as usize);
    http.http2()
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD_SIZE);
    let http = Arc::new(http);
    let (stopping, _) = watch::channel(false);
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let mut stop = pin!(stop);
    loop {
        let (slot, accepted) = tokio::select! {
            () = &mut stop => break,
            next = async { (slots.clone().acquire_owned().await, listener.accept().await) } => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let (http, endpoint) = (Arc::clone(&http), Arc::clone(&endpoint));
                let stopping = stopping.subscribe();
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, &http, endpoint, stopping).await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    drop(slot);
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
    }
    drop(listener);
    stopping.send_replace(true);
    // Every open connection holds a slot.
    let closed = timeout(SHUTDOWN_TIMEOUT, slots.acquire_many(MAX_CONNECTIONS));
    if closed.await.is_err() {
        tracing::warn!("shutdown timeout reached with requests in flight");
    }
}

/// Serves one connection until the client, a timeout or the shutdown ends it.
async fn connection<E>(
    stream: TcpStream,
    http: &auto::Builder<TokioExecutor>,
    endpoint: Arc<E>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    E: Endpoint<Output = Response> + 'static,
{
    stream.set_nodelay(true)?;
    let local = LocalAddr(Addr::from(stream.local_addr()?));
    let remote = RemoteAddr(Addr::from(stream.peer_addr()?));
    let timer = ConnectionTimer::new();
    let request_timer = timer.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let in_flight = request_timer.begin_request(request.version() == Version::HTTP_2);
        let endpoint = Arc::clone(&endpoint);
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        async move {
            let response: hyper::Response<_> = endpoint.get_response(request).await.into();
            drop(in_flight);
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let io = TokioIo::new(TimedStream {
        stream,
        timer: timer.clone(),
    });
    let mut connection = pin!(http.serve_connection(io, service));
    let mut is_stopping = false;
    let expired = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            expired = timer.expired() => break expired,
            // It changes once; an error means that the server is gone.
            _ = stopping.changed(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if expired == Expired::Idle {
        connection.as_mut().graceful_shutdown();
        // An error is of no consequence: every response was sent.
        let _ = timeout(CLOSE_TIMEOUT, connection).await;
    }
    Ok(())
}
