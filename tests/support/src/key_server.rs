//! A key server on a free port. It writes to the socket directly, so that it can break
//! HTTP. It counts its requests, and a test can change the reply at any time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::{certificates::Certificate, signer::Signer};

/// How long a test waits before it fails.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// What the server sends in response to a request.
#[derive(Clone)]
pub enum Reply {
    /// A complete response.
    Response(String),
    /// A complete response, once the semaphore has a permit.
    Held(Arc<Semaphore>, String),
    /// The connection is closed without a response.
    HangUp,
    /// The connection stays open, and no byte is sent.
    Silence,
    /// White space without end and without `Content-Length`, as fast as it is read.
    Flood,
    /// White space, one byte every 10 ms, within a declared `Content-Length`.
    Drip,
}

impl Reply {
    /// A key set of these JWKs (RFC 7517, section 5).
    pub fn keys(jwks: &[Value]) -> Self {
        Self::json(&json!({"keys": jwks}).to_string())
    }

    /// The key set that publishes the public keys of `signers`.
    pub fn of(signers: &[&Signer]) -> Self {
        Self::keys(
            &signers
                .iter()
                .map(|signer| signer.jwk())
                .collect::<Vec<_>>(),
        )
    }

    /// Status 200 with this body.
    pub fn json(body: &str) -> Self {
        Self::status("200 OK", body)
    }

    /// A status line such as `404 Not Found`, and a body.
    pub fn status(status: &str, body: &str) -> Self {
        Self::Response(response(status, "", body))
    }

    /// Status 302 with this `Location`.
    pub fn redirect(to: &Url) -> Self {
        Self::Response(response("302 Found", &format!("Location: {to}\r\n"), ""))
    }

    /// The same response, held back until `gate` has a permit.
    #[must_use]
    pub fn held(self, gate: &Arc<Semaphore>) -> Self {
        match self {
            Self::Response(text) => Self::Held(Arc::clone(gate), text),
            other => other,
        }
    }
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

/// A running key server. It stops when the value is dropped.
pub struct KeyServer {
    /// The address of the key set.
    pub url: Url,
    reply: Arc<Mutex<Reply>>,
    requests: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl KeyServer {
    /// Starts it on a free port of the loopback interface.
    pub async fn start(reply: Reply) -> Self {
        Self::start_with(reply, None).await
    }

    /// Starts it with HTTPS, as `localhost`.
    pub async fn start_tls(reply: Reply, certificate: &Certificate) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(certificate.server_config()));
        Self::start_with(reply, Some(acceptor)).await
    }

    async fn start_with(reply: Reply, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let origin = match tls {
            None => format!("http://127.0.0.1:{port}"),
            Some(_) => format!("https://localhost:{port}"),
        };
        let url = format!("{origin}/api/auth/jwks");
        let reply = Arc::new(Mutex::new(reply));
        let requests = Arc::new(AtomicUsize::new(0));
        let accepting = {
            let (reply, requests) = (Arc::clone(&reply), Arc::clone(&requests));
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (reply, requests) = (Arc::clone(&reply), Arc::clone(&requests));
                    match &tls {
                        None => drop(tokio::spawn(serve(stream, reply, requests))),
                        Some(tls) => {
                            let handshake = tls.accept(stream);
                            tokio::spawn(async move {
                                // The client may refuse the certificate.
                                if let Ok(stream) = handshake.await {
                                    serve(stream, reply, requests).await;
                                }
                            });
                        }
                    }
                }
            })
        };
        Self {
            url: url.parse().unwrap(),
            reply,
            requests,
            accepting,
        }
    }

    /// Changes the reply to all requests that follow.
    pub fn set(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// How many requests have arrived.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until `count` requests have arrived; panics after [`TIMEOUT`].
    pub async fn has_requests(&self, count: usize) {
        let arrived = async {
            while self.requests() < count {
                sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(
            timeout(TIMEOUT, arrived).await.is_ok(),
            "{count} requests did not arrive in time"
        );
    }

    /// Closes the port, so that connections are refused.
    pub async fn disappear(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn serve(mut stream: impl Stream, reply: Arc<Mutex<Reply>>, requests: Arc<AtomicUsize>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&bytes[..count]),
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let reply = reply.lock().unwrap().clone();
    // The client may disconnect at any point, so a failed write is no error.
    let _ = send(&mut stream, reply).await;
}

async fn send(stream: &mut impl Stream, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Response(text) => stream.write_all(text.as_bytes()).await?,
        Reply::Held(gate, text) => {
            let _permit = gate.acquire().await;
            stream.write_all(text.as_bytes()).await?;
        }
        Reply::HangUp => {}
        Reply::Silence => sleep(Duration::from_hours(1)).await,
        Reply::Flood => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                .await?;
            loop {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
        Reply::Drip => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                .await?;
            loop {
                stream.write_all(b" ").await?;
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
    stream.shutdown().await
}
