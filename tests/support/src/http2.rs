//! An HTTP/2 client that speaks in frames (RFC 9113), so that it can do what libraries
//! prevent: grant no window, send any frame at any time.

use std::{collections::HashMap, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, ToSocketAddrs},
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const INITIAL_WINDOW_SIZE: u16 = 4;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What the server sent, other than acknowledgements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The head of the response on a stream.
    Head(u32),
    /// So many bytes of a body.
    Data(u32, usize),
    /// The end of a response.
    End(u32),
    /// Any other frame, by its type and stream.
    Other(u8, u32),
    /// The server closes the connection.
    GoAway,
}

/// A connection.
pub struct Http2 {
    stream: TcpStream,
    next: u32,
    waiting: Vec<Event>,
    /// How many bytes of each body were received.
    pub received: HashMap<u32, usize>,
}

impl Http2 {
    /// Connects, and grants every stream a window of so many bytes.
    pub async fn connect(address: impl ToSocketAddrs, window: u32) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut client = Self {
            stream,
            next: 1,
            waiting: Vec::new(),
            received: HashMap::new(),
        };
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        client.stream.write_all(preface).await.unwrap();
        client.settings(window).await.unwrap();
        client
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(body);
        self.stream.write_all(&frame).await
    }

    /// Sends SETTINGS with this initial window of a stream.
    pub async fn settings(&mut self, window: u32) -> io::Result<()> {
        let mut body = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        body.extend(window.to_be_bytes());
        self.frame(SETTINGS, 0, 0, &body).await
    }

    /// Sends a PING.
    pub async fn ping(&mut self) -> io::Result<()> {
        self.frame(PING, 0, 0, b"12345678").await
    }

    /// Grants a stream, or with 0 the connection, so many bytes more.
    pub async fn window_update(&mut self, stream: u32, bytes: u32) -> io::Result<()> {
        self.frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
            .await
    }

    /// Sends the head of a request, and nothing after it if it `ends`; returns its stream.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        ends: bool,
    ) -> io::Result<u32> {
        let pseudo = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
        ];
        let mut block = Vec::new();
        for (name, value) in pseudo.iter().chain(fields) {
            // A literal field without indexing (RFC 7541, section 6.2.2).
            block.push(0);
            for text in [name, value] {
                string(&mut block, text);
            }
        }
        let stream = self.next;
        self.next += 2;
        let flags = END_HEADERS | if ends { END_STREAM } else { 0 };
        self.frame(HEADERS, flags, stream, &block).await?;
        Ok(stream)
    }

    /// Sends a GET request without a token; returns its stream.
    pub async fn get(&mut self, path: &str) -> io::Result<u32> {
        self.request("GET", path, &[], true).await
    }

    /// Sends the rest of a request's body.
    pub async fn body(&mut self, stream: u32, bytes: &[u8]) -> io::Result<()> {
        self.frame(DATA, END_STREAM, stream, bytes).await
    }

    /// The next event; `None` once the connection is closed.
    pub async fn next(&mut self) -> Option<Event> {
        if !self.waiting.is_empty() {
            return Some(self.waiting.remove(0));
        }
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await.ok()?;
            let event = match kind {
                SETTINGS if flags & ACK == 0 => {
                    let _ = self.frame(SETTINGS, ACK, 0, &[]).await;
                    continue;
                }
                PING if flags & ACK == 0 => {
                    let _ = self.frame(PING, ACK, 0, &body).await;
                    continue;
                }
                SETTINGS | PING => continue,
                DATA => {
                    *self.received.entry(stream).or_default() += length;
                    Event::Data(stream, length)
                }
                HEADERS => Event::Head(stream),
                GOAWAY => Event::GoAway,
                _ => Event::Other(kind, stream),
            };
            if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                self.waiting.push(Event::End(stream));
            }
            return Some(event);
        }
    }

    /// Waits for an event; whether it came before the connection was closed.
    pub async fn wait_for(&mut self, event: &Event) -> bool {
        while let Some(next) = self.next().await {
            if next == *event {
                return true;
            }
        }
        false
    }
}

/// A string literal without Huffman coding (RFC 7541, sections 5.1 and 5.2).
fn string(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128).unwrap() | 128);
            length /= 128;
        }
        block.push(u8::try_from(length).unwrap());
    }
    block.extend(text.as_bytes());
}
