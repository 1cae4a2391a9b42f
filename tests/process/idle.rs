//! Connections without a request: how long they are kept, and how many.

use std::{
    io::ErrorKind,
    mem::MaybeUninit,
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    time::Duration,
};

use socket2::SockRef;
use tasks_api_test_support::process::{SECRET, Service, client, command, free_port, token};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

const GET: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
const LIMIT: Duration = Duration::from_secs(30);

async fn service(variables: &[(&str, &str)]) -> (Service, SocketAddr) {
    let mut all = vec![("BETTER_AUTH_SECRET", SECRET)];
    all.extend(variables);
    let service = Service::start(&all).await;
    service.wait_until_ready().await;
    let address = service.url.strip_prefix("http://").unwrap().parse();
    (service, address.unwrap())
}

/// A connection from 127.0.0.`last`.
async fn connect(to: SocketAddr, last: u8) -> TcpStream {
    try_connect(to, last).await.unwrap()
}

/// [`connect`]; the service may reset the connection.
async fn try_connect(to: SocketAddr, last: u8) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    let from = Ipv4Addr::new(127, 0, 0, last);
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await
}

/// One response with a body, without the bytes after it; an error if there is none.
async fn response(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut received = Vec::new();
    loop {
        let mut buffer = [0; 1024];
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&buffer[..length]);
        if received.ends_with(b"}") {
            return Ok(String::from_utf8(received).unwrap());
        }
    }
}

async fn get(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(GET).await?;
    response(stream).await
}

/// Whether a request from 127.0.0.`last` on a new connection is served.
async fn is_served(to: SocketAddr, last: u8) -> bool {
    let served = timeout(LIMIT, async {
        let Ok(mut stream) = try_connect(to, last).await else {
            return false;
        };
        get(&mut stream)
            .await
            .is_ok_and(|r| r.starts_with("HTTP/1.1 200"))
    });
    served.await.unwrap_or(false)
}

/// Whether the service closes the connection; waits for it.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 1024];
    let read = timeout(LIMIT, stream.read(&mut buffer)).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

/// The value of a metric.
async fn metric(port: &str, name: &str) -> usize {
    let metrics = format!("http://127.0.0.1:{port}/metrics");
    let metrics = client().get(metrics).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse().unwrap()
}

/// How a request ended that was sent when the idle time was over, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    Served,
    /// The client saw the close before it sent the request.
    NotSent,
    /// The close and the request passed each other.
    Crossed,
}

async fn late(stream: &mut TcpStream) -> Late {
    let mut byte = [MaybeUninit::uninit()];
    if matches!(SockRef::from(&*stream).peek(&mut byte), Ok(0)) {
        return Late::NotSent;
    }
    let sent = stream.write_all(GET).await;
    match sent.and(response(stream).await) {
        Ok(_) => Late::Served,
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Late::Crossed,
        Err(error) => panic!("a reset: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_at_the_end_of_the_idle_time_is_served_or_not_sent_and_never_reset() {
    let (_service, address) = service(&[("KEEP_ALIVE_SECONDS", "1")]).await;
    let mut clients = JoinSet::new();
    for n in 0..400_u64 {
        clients.spawn(async move {
            let mut stream = connect(address, 1).await;
            get(&mut stream).await.unwrap();
            let idle = Instant::now();
            // Within 4 ms around the end of the idle time.
            sleep_until(idle + Duration::from_micros(998_000 + n * 10)).await;
            late(&mut stream).await
        });
        if n % 20 == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let ends = clients.join_all().await;
    let count = |end| ends.iter().filter(|e| **e == end).count();
    let [served, not_sent, crossed] = [Late::Served, Late::NotSent, Late::Crossed].map(count);
    println!("{served} served, {not_sent} not sent, {crossed} crossed the close");
    assert!(served > 0);
    // The last microseconds remain: a server cannot know what is on its way.
    assert!(crossed <= 40, "{crossed} of 400");
}

#[tokio::test]
async fn idle_connections_are_kept_as_long_as_configured() {
    let (_service, address) = service(&[("KEEP_ALIVE_SECONDS", "2")]).await;
    let (mut used, mut late) = (connect(address, 1).await, connect(address, 1).await);
    get(&mut used).await.unwrap();
    get(&mut late).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    get(&mut used).await.unwrap();

    // It waits for the close, and fails after 30 seconds.
    let end = timeout(LIMIT, late.read(&mut [0; 1])).await;
    assert_eq!(end.unwrap().unwrap(), 0, "a close, no reset");
    let end = timeout(LIMIT, used.read(&mut [0; 1])).await;
    assert_eq!(end.unwrap().unwrap(), 0, "a close, no reset");

    let (_default, address) = service(&[]).await;
    let mut kept = connect(address, 1).await;
    get(&mut kept).await.unwrap();
    sleep(Duration::from_secs(4)).await;
    get(&mut kept).await.unwrap();
}

#[tokio::test]
async fn a_crowd_of_one_address_locks_out_nobody_and_is_seen() {
    let port = free_port().to_string();
    let (service, address) = service(&[
        ("MAX_CONNECTIONS", "100"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "50"),
        ("METRICS_PORT", &port),
    ])
    .await;
    let mut crowd = Vec::new();
    for _ in 0..150 {
        crowd.push(connect(address, 1).await);
    }

    for last in [1, 2, 3] {
        assert!(is_served(address, last).await, "127.0.0.{last}");
    }
    assert!(is_closed(&mut crowd[0]).await, "the oldest one");
    assert!(get(&mut crowd[149]).await.is_ok(), "the latest one");
    let mut kept = 0;
    for stream in &mut crowd[99..] {
        kept += usize::from(get(stream).await.is_ok());
    }
    assert!((45..=50).contains(&kept), "{kept}");
    assert_eq!(metric(&port, "tasks_api_connections_max").await, 100);
    assert!(metric(&port, "tasks_api_connections").await >= kept);
    let hit = "tasks_api_limits_hit_total{limit=\"connections-per-address\"}";
    assert!(metric(&port, hit).await >= 100);
    drop(crowd);
    service.signal("-TERM");
    let (code, log) = service.end().await;
    assert_eq!(code, Some(0));
    let warnings = log.matches("too many connections from one address").count();
    assert_eq!(warnings, 1, "{log}");
}

#[tokio::test]
async fn a_crowd_of_many_addresses_locks_out_nobody() {
    let (_service, address) = service(&[("MAX_CONNECTIONS", "100")]).await;
    let mut crowd = Vec::new();
    for n in 0..200_u8 {
        let mut stream = connect(address, 10 + n).await;
        match n % 3 {
            0 => drop(get(&mut stream).await.unwrap()),
            1 => stream.write_all(&GET[..20]).await.unwrap(),
            _ => {}
        }
        crowd.push(stream);
    }
    for last in [1, 2, 3, 10] {
        assert!(is_served(address, last).await, "127.0.0.{last}");
    }
    assert!(is_closed(&mut crowd[0]).await, "the oldest one");
}

#[tokio::test]
async fn where_all_connections_are_busy_a_health_check_is_served() {
    let port = free_port().to_string();
    let (_service, address) = service(&[
        ("MAX_CONNECTIONS", "40"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "20"),
        ("METRICS_PORT", &port),
    ])
    .await;
    let head = format!(
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        token("ana").await
    );
    let mut crowd = Vec::new();
    for n in 0..40 {
        let mut stream = connect(address, 10 + n % 2).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        crowd.push(stream);
    }
    // Not one after the other: on a loaded machine the first would time out meanwhile.
    let busy = async {
        while metric(&port, "tasks_api_requests_in_flight").await < crowd.len() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, busy).await.unwrap();

    assert!(is_served(address, 1).await);
    assert!(
        !is_served(address, 10).await,
        "its connections are all busy"
    );
    let mut stream = connect(address, 1).await;
    get(&mut stream).await.unwrap();
    assert!(is_closed(&mut stream).await, "it makes room for others");
}

#[tokio::test]
async fn a_trusted_proxy_may_have_all_connections() {
    let (_service, address) = service(&[
        ("MAX_CONNECTIONS_PER_ADDRESS", "10"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await;
    let mut crowd = Vec::new();
    for _ in 0..30 {
        crowd.push(connect(address, 1).await);
    }
    for stream in &mut crowd {
        assert!(get(stream).await.unwrap().starts_with("HTTP/1.1 200"));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn too_few_open_files_are_fewer_connections_and_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let program = command(folder.path(), &[])
        .as_std()
        .get_program()
        .to_owned();
    // It may open 100 files, and raise that to 300.
    let mut limited = tokio::process::Command::new("prlimit");
    limited.arg("--nofile=100:300").arg(program).env_clear();
    limited.env("PORT", "0").current_dir(folder.path());
    limited
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut service = limited.spawn().expect("prlimit of util-linux");
    let mut log = BufReader::new(service.stderr.take().unwrap()).lines();

    let warning = timeout(LIMIT, async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("RLIMIT_NOFILE") {
                return line;
            }
        }
        panic!("no warning");
    });
    let warning = warning.await.unwrap();
    for part in [
        "open_files=300",
        "wanted=11356",
        "max_connections=75",
        "10000",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
}
