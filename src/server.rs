//! The accept loop: time-outs, limits and a graceful stop, on hyper.
//!
//! The framework's own server sets no time-outs and spins when file descriptors
//! run out. This file and those below it can go once it does better.
//!
//! It speaks HTTP/1.1, and HTTP/2 without TLS to clients that begin with it
//! (RFC 9113, section 3.3), as balancers do.

mod timeouts;

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

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

use self::timeouts::{Expired, Patience, Watched};

/// The most connections at once; more wait in the listener's backlog.
const CONNECTIONS: u32 = 10_000;
/// How long requests in flight may take to finish once the server stops.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait before accepting again where the system refuses.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How long a client has that was told that its connection ends.
const FAREWELL: Duration = Duration::from_secs(1);
/// The longest head of a request, in bytes: a token may have 8 KiB of them.
const HEAD_LIMIT: u32 = 64 * 1024;
/// The most requests under way on one connection of HTTP/2.
const STREAMS: u32 = 100;

type Http = auto::Builder<TokioExecutor>;

fn http() -> Http {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().max_buf_size(HEAD_LIMIT as usize);
    http.http2()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_LIMIT);
    http
}

/// Serves until `stop` resolves, then finishes what is in flight.
pub async fn serve<E>(listener: TcpListener, endpoint: E, stop: impl Future<Output = ()>)
where
    E: Endpoint<Output = Response> + 'static,
{
    let endpoint = Arc::new(endpoint);
    let http = Arc::new(http());
    let (stopping, _) = watch::channel(false);
    let slots = Arc::new(Semaphore::new(CONNECTIONS as usize));
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
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(BACK_OFF).await;
            }
        }
    }
    drop(listener);
    stopping.send_replace(true);
    // Every connection holds a slot until it ends.
    if timeout(DRAIN, slots.acquire_many(CONNECTIONS))
        .await
        .is_err()
    {
        tracing::warn!("stopped before every request was answered");
    }
}

/// One connection, until its client, a time-out or the stop ends it.
async fn connection<E>(
    stream: TcpStream,
    http: &Http,
    endpoint: Arc<E>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    E: Endpoint<Output = Response> + 'static,
{
    stream.set_nodelay(true)?;
    let local = LocalAddr(Addr::from(stream.local_addr()?));
    let remote = RemoteAddr(Addr::from(stream.peer_addr()?));
    let patience = Patience::new();
    let of_requests = patience.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let in_flight = of_requests.request(request.version() == Version::HTTP_2);
        let endpoint = Arc::clone(&endpoint);
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        async move {
            let response: hyper::Response<_> = endpoint.get_response(request).await.into();
            drop(in_flight);
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let io = TokioIo::new(Watched::new(stream, patience.clone()));
    let stopped = async move {
        // Without a sender there is no server that the connection could outlive.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let mut connection = pin!(http.serve_connection(io, service));
    let expired = tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        expired = patience.expired() => expired,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended,
                expired = patience.expired() => expired,
            }
        }
    };
    if expired == Expired::Idle {
        connection.as_mut().graceful_shutdown();
        // Of no consequence: all requests were answered.
        let _ = timeout(FAREWELL, connection).await;
    }
    Ok(())
}

/// Whether the client gave up before it was accepted: the next may do better.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
