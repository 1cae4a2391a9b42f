//! A key server on a free port, by hand on a socket, so that it can misbehave in
//! every way. It counts its requests and changes its answer at any moment.
#![allow(dead_code, reason = "shared by test binaries, none of which uses all")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};
use url::Url;

use crate::signer::Signer;

/// How long a test waits for what never comes if it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub enum Answer {
    /// A whole response.
    Response(String),
    /// A whole response, once the gate opens.
    Held(Arc<Semaphore>, String),
    /// The connection is closed without a word.
    HangUp,
    /// Never a byte.
    Silence,
    /// White space without end or length, as fast as it is read.
    Flood,
    /// White space, a byte at a time, within a promised length.
    Drip,
}

impl Answer {
    pub fn keys(jwks: &[Value]) -> Self {
        Self::json(&json!({"keys": jwks}).to_string())
    }

    pub fn of(signers: &[&Signer]) -> Self {
        Self::keys(
            &signers
                .iter()
                .map(|signer| signer.jwk())
                .collect::<Vec<_>>(),
        )
    }

    pub fn json(body: &str) -> Self {
        Self::status("200 OK", body)
    }

    pub fn status(status: &str, body: &str) -> Self {
        Self::Response(response(status, "", body))
    }

    pub fn redirect(to: &Url) -> Self {
        Self::Response(response("302 Found", &format!("Location: {to}\r\n"), ""))
    }

    /// The same answer, but not before the gate opens.
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

pub struct KeyServer {
    pub url: Url,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl KeyServer {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/auth/jwks", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(answer));
        let requests = Arc::new(AtomicUsize::new(0));
        let accepting = {
            let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&requests)));
                }
            })
        };
        Self {
            url: url.parse().unwrap(),
            answer,
            requests,
            accepting,
        }
    }

    pub fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have come.
    pub async fn has_requests(&self, count: usize) {
        let all_came = async {
            while self.requests() < count {
                sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(
            timeout(PATIENCE, all_came).await.is_ok(),
            "{count} requests never came"
        );
    }

    /// Closes the port: connections are refused.
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

async fn serve(mut stream: TcpStream, answer: Arc<Mutex<Answer>>, requests: Arc<AtomicUsize>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&bytes[..count]),
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let answer = answer.lock().unwrap().clone();
    // The client may be gone at any point; that is its right.
    let _ = reply(&mut stream, answer).await;
}

async fn reply(stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::Response(text) => stream.write_all(text.as_bytes()).await?,
        Answer::Held(gate, text) => {
            let _permit = gate.acquire().await;
            stream.write_all(text.as_bytes()).await?;
        }
        Answer::HangUp => {}
        Answer::Silence => sleep(Duration::from_hours(1)).await,
        Answer::Flood => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                .await?;
            loop {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
        Answer::Drip => {
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
