//! The bytes, and what happens to their connections.

use self::Ending::{Closed, Goes};

/// What happens to a connection.
#[derive(Clone, Copy)]
pub enum Ending {
    /// It is closed after a response with this status. Nothing further is read.
    Closed(u16),
    /// It stays open after a response with this status. The request was complete, and the
    /// next one is executed.
    Goes(u16),
}

pub struct Case {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub ending: Ending,
}

fn case(name: &'static str, bytes: impl Into<Vec<u8>>, ending: Ending) -> Case {
    let bytes = bytes.into();
    Case {
        name,
        bytes,
        ending,
    }
}

/// A GET request with these header lines.
fn get(lines: &str) -> String {
    format!("GET /health/live HTTP/1.1\r\n{lines}\r\n")
}

pub fn starts() -> Vec<Case> {
    let host = |line: &str| format!("{line}\r\nHost: x\r\n\r\n");
    let long_method = "A".repeat(1_000);
    let long_path = "a".repeat(80_000);
    vec![
        case("HTTP/0.9", "GET /health/live\r\n\r\n", Closed(400)),
        case("no host", "GET /health/live HTTP/1.1\r\n\r\n", Closed(400)),
        case("HTTP/1.2", host("GET / HTTP/1.2"), Closed(400)),
        case("HTTP/2.0", host("GET / HTTP/2.0"), Closed(400)),
        case("HTTP/3.0", host("GET / HTTP/3.0"), Closed(400)),
        case("HTTP/11", host("GET / HTTP/11"), Closed(400)),
        case("no version", host("GET / HTTP/"), Closed(400)),
        case("another protocol", host("GET / RTSP/1.0"), Closed(400)),
        case(
            "a TLS hello",
            [b"\x16\x03\x01\x02\x00\x01".to_vec(), vec![0; 99]].concat(),
            Closed(400),
        ),
        case("a space first", host(" GET / HTTP/1.1"), Closed(400)),
        case(
            "a space in the path",
            host("GET /a b HTTP/1.1"),
            Closed(400),
        ),
        case("NUL in the path", host("GET /\0 HTTP/1.1"), Closed(400)),
        case(
            "no UTF-8 in the path",
            [&b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"[..]].concat(),
            Closed(400),
        ),
        case(
            "80,000 letters of path",
            host(&format!("GET /{long_path} HTTP/1.1")),
            Closed(431),
        ),
        case(
            "1,000 letters of method",
            host(&format!("{long_method} /api/tasks HTTP/1.1")),
            Goes(405),
        ),
        case(
            "a method in small letters",
            host("get /api/tasks HTTP/1.1"),
            Goes(405),
        ),
        case("TRACE", host("TRACE /api/tasks HTTP/1.1"), Goes(405)),
        case(
            "CONNECT to a host",
            host("CONNECT x:80 HTTP/1.1"),
            Closed(400),
        ),
        case(
            "CONNECT to a path",
            host("CONNECT /api/tasks HTTP/1.1"),
            Goes(405),
        ),
        case("OPTIONS *", host("OPTIONS * HTTP/1.1"), Goes(404)),
        case("GET *", host("GET * HTTP/1.1"), Goes(404)),
        case("no slash", host("GET health/live HTTP/1.1"), Closed(400)),
        case(
            "an absolute address",
            host("GET http://x/health/live HTTP/1.1"),
            Goes(200),
        ),
        case(
            "another host's address",
            host("GET http://y/health/live HTTP/1.1"),
            Closed(400),
        ),
        case(
            "another port's address",
            host("GET http://x:81/health/live HTTP/1.1"),
            Closed(400),
        ),
    ]
}

pub fn headers() -> Vec<Case> {
    let many = |count: usize| get(&("Host: x\r\n".to_owned() + &"X-More: a\r\n".repeat(count - 1)));
    let cookies = "Host: x\r\n".to_owned() + &"Cookie: a=0123456789\r\n".repeat(10);
    let cookies = cookies + &format!("Cookie: b={}\r\n", "0".repeat(70_000));
    let bad_host = b"GET /health/live HTTP/1.1\r\nHost: \xff\r\n\r\n";
    let long = format!("Host: x\r\nX-Long: {}\r\n", "a".repeat(1_000_000));
    vec![
        case("two hosts", get("Host: x\r\nHost: y\r\n"), Closed(400)),
        case(
            "the same host twice",
            get("Host: x\r\nHost: x\r\n"),
            Closed(400),
        ),
        case("an empty host", get("Host:\r\n"), Closed(400)),
        case("a host with a path", get("Host: x/y\r\n"), Closed(400)),
        case("a host with a user", get("Host: u@x\r\n"), Closed(400)),
        case("a list of hosts", get("Host: x, y\r\n"), Closed(400)),
        case("a port of letters", get("Host: x:eighty\r\n"), Closed(400)),
        case("no UTF-8 in the host", bad_host, Closed(400)),
        case("a host by address", get("Host: [::1]:8000\r\n"), Goes(200)),
        case("100 headers", many(100), Goes(200)),
        case("101 headers", many(101), Closed(431)),
        case("10,000 headers", many(10_000), Closed(431)),
        case("a header of 1 MB", get(&long), Closed(431)),
        case("70 KB of cookies", get(&cookies), Closed(431)),
        case(
            "a folded line",
            get("Host: x\r\nX-A: b\r\n c\r\n"),
            Closed(400),
        ),
        case("a folded first line", get(" Host: x\r\n"), Closed(400)),
        case(
            "a space before the colon",
            get("Host: x\r\nX-A : b\r\n"),
            Closed(400),
        ),
        case("no colon", get("Host: x\r\nnonsense\r\n"), Closed(400)),
        case("no name", get("Host: x\r\n: b\r\n"), Closed(400)),
        case(
            "a name that is no token",
            get("Host: x\r\n\u{e9}: b\r\n"),
            Closed(400),
        ),
        case("NUL in a value", get("Host: x\r\nX-A: \0\r\n"), Closed(400)),
        case("a bare CR", get("Host: x\rX-A: b\r\n"), Closed(400)),
        // RFC 9112, section 2.2, allows a server to accept it as a line terminator.
        case(
            "a bare LF",
            "GET /health/live HTTP/1.1\nHost: x\n\n",
            Goes(200),
        ),
    ]
}

/// A POST request with these header lines and this body.
fn post(token: &str, lines: &str, body: &str) -> String {
    format!(
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{lines}\r\n{body}"
    )
}

pub fn framing(token: &str) -> Vec<Case> {
    let post = |lines: &str, body: &str| post(token, lines, body);
    let empty = "0\r\n\r\n";
    let length = |value: &str| post(&format!("Content-Length: {value}\r\n"), "");
    let coding = |value: &str| post(&format!("Transfer-Encoding: {value}\r\n"), empty);
    vec![
        // Framed by its transfer coding, and the last request of its connection (RFC 9112,
        // section 6.1).
        case(
            "length and coding",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", empty),
            Closed(400),
        ),
        case(
            "coding and length",
            post(
                "Transfer-Encoding: chunked\r\nContent-Length: 50\r\n",
                empty,
            ),
            Closed(400),
        ),
        case("two lengths", length("0\r\nContent-Length: 5"), Closed(400)),
        case("two lengths in one", length("0, 5"), Closed(400)),
        case("a negative length", length("-1"), Closed(400)),
        case("a length with a plus", length("+0"), Closed(400)),
        case("a hexadecimal length", length("0x0"), Closed(400)),
        case(
            "a length past u64",
            length("99999999999999999999999"),
            Closed(400),
        ),
        case("an empty length", length(""), Closed(400)),
        case("a length with a NUL", length("0\0"), Closed(400)),
        case(
            "a space before the length's colon",
            post("Content-Length : 0\r\n", ""),
            Closed(400),
        ),
        case(
            "a tab before the coding's colon",
            post("Transfer-Encoding\t: chunked\r\n", empty),
            Closed(400),
        ),
        case(
            "chunked twice",
            coding("chunked\r\nTransfer-Encoding: chunked"),
            Closed(400),
        ),
        case(
            "chunked twice in one",
            coding("chunked, chunked"),
            Closed(400),
        ),
        case("gzip, chunked", coding("gzip, chunked"), Closed(400)),
        case(
            "chunked, identity",
            coding("chunked, identity"),
            Closed(400),
        ),
        case("identity", coding("identity"), Closed(400)),
        case("an unknown coding", coding("xchunked"), Closed(400)),
        case("a vertical tab", coding("\u{b}chunked"), Closed(400)),
        case("a folded coding", coding("\r\n chunked"), Closed(400)),
        case(
            "chunked in HTTP/1.0",
            coding("chunked").replace("HTTP/1.1", "HTTP/1.0"),
            Closed(400),
        ),
        case("no body", length("0"), Goes(400)),
    ]
}

pub fn chunks(token: &str) -> Vec<Case> {
    let chunked = |body: &str| post(token, "Transfer-Encoding: chunked\r\n", body);
    vec![
        case(
            "a chunk's size past u64",
            chunked("fffffffffffffffff\r\na"),
            Closed(400),
        ),
        case("a negative chunk", chunked("-1\r\na"), Closed(400)),
        case(
            "a chunk of 0x1",
            chunked("0x1\r\na\r\n0\r\n\r\n"),
            Closed(400),
        ),
        case(
            "a chunk longer than it says",
            chunked("1\r\naXX0\r\n\r\n"),
            Closed(400),
        ),
        case(
            "a chunk's line with a bare LF",
            chunked("1\na\n0\n\n"),
            Closed(400),
        ),
        case(
            "an extension with a bare LF",
            chunked("0;a=\nb\r\n\r\n"),
            Closed(400),
        ),
        case(
            "20,000 letters of extension",
            chunked(&format!("0;{}\r\n\r\n", "a".repeat(20_000))),
            Closed(400),
        ),
        case("a whole chunked body", chunked("0\r\n\r\n"), Goes(400)),
    ]
}
