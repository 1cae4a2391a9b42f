//! The accept loop: time-outs, limits and a graceful stop, on hyper.
//!
//! The framework's own server sets no header time-out and spins when file
//! descriptors run out. This file can go once it does better.

use std::{future::Future, io, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use poem::{
    Addr, Endpoint, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

/// How long a client may take to send a request's head, and to send the next
/// one on a connection that is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The most connections at once; more wait in the listener's backlog.
const CONNECTIONS: usize = 10_000;
/// How long requests in flight may take to finish once the server stops.
const DRAIN: Duration = Duration::from_secs(20);
/// How long to wait before accepting again where the system refuses.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves until `stop` resolves, then finishes what is in flight.
pub async fn serve<E>(listener: TcpListener, endpoint: E, stop: impl Future<Output = ()>)
where
    E: Endpoint<Output = Response> + 'static,
{
    let endpoint = Arc::new(endpoint);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (slot, accepted) = tokio::select! {
            () = &mut stop => break,
            next = async { (slots.clone().acquire_owned().await, listener.accept().await) } => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, endpoint.clone(), &graceful);
                let Ok(connection) = connection else { continue };
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
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
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("stopped before every request was answered");
    }
}

/// The work of one connection: it ends with the client, a time-out or the stop.
fn connection<E>(
    stream: TcpStream,
    endpoint: Arc<E>,
    graceful: &GracefulShutdown,
) -> io::Result<impl Future<Output = hyper::Result<()>> + Send + 'static>
where
    E: Endpoint<Output = Response> + 'static,
{
    stream.set_nodelay(true)?;
    let local = LocalAddr(Addr::from(stream.local_addr()?));
    let remote = RemoteAddr(Addr::from(stream.peer_addr()?));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let endpoint = endpoint.clone();
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        async move {
            let response: hyper::Response<_> = endpoint.get_response(request).await.into();
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    Ok(graceful.watch(connection))
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
