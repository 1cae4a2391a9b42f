//! The stream of changes.

use std::time::{SystemTime, UNIX_EPOCH};

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use tasks_api_test_support::events::{Item, Replica};

use super::{complete, post};
use crate::support::{App, Call, stream::Stream, token_with};

fn get<'a>(app: &'a App, user: &str, query: &str) -> Call<'a> {
    app.user(user, Method::GET, &format!("/api/events{query}"))
}

async fn open(app: &App, query: &str) -> Stream {
    get(app, "ana", query).open().await
}

async fn cursor(app: &App, user: &str) -> String {
    let list = app.user(user, Method::GET, "/api/tasks").send().await;
    list.header("etag").trim_matches('"').to_owned()
}

fn ids(page: &Value, member: &str) -> Vec<i64> {
    let entries = page[member].as_array().unwrap().iter();
    entries.map(|entry| entry["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_without_a_cursor_says_where_it_starts_and_then_what_is_written() {
    let app = App::start().await;
    app.create("ana", "before").await;
    let mut stream = open(&app, "").await;

    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(stream.headers[name], value);
    }
    assert_eq!(stream.item().await, Some(Item::Comment), "at once");
    assert_eq!(stream.item().await, Some(Item::Retry(1000)));
    let cursor = cursor(&app, "ana").await;
    let start = json!({"tasks": [], "deleted": [], "cursor": cursor, "more": false});
    assert_eq!(stream.item().await, Some(Item::Event(cursor, start)));

    app.create("ben", "of another user").await;
    let task = app.create("ana", "new").await;
    let page = stream.event().await.unwrap();
    assert_eq!(page["tasks"], json!([task]));
    let done = complete(&app, &task["id"], &json!({"completed": true})).await;
    let page = stream.event().await.unwrap();
    assert_eq!(page["tasks"], json!([done.expect(StatusCode::OK)]));
    for (id, query) in [(1, "?trash=true"), (2, "")] {
        let path = format!("/api/tasks/{id}{query}");
        app.user("ana", Method::DELETE, &path).send().await;
        assert_eq!(ids(&stream.event().await.unwrap(), "deleted"), [id]);
    }
    let restore = app.user("ana", Method::POST, "/api/tasks/1/restore");
    restore.send().await.expect(StatusCode::OK);
    assert_eq!(ids(&stream.event().await.unwrap(), "tasks"), [1]);
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_event_whatever_the_url_says() {
    let app = App::start().await;
    let mut cursors = Vec::new();
    for title in ["a", "b", "c"] {
        cursors.push(cursor(&app, "ana").await);
        app.create("ana", title).await;
    }
    let since = |number: usize| format!("?since={}", cursors[number]);

    let mut stream = open(&app, &since(1)).await;
    assert_eq!(ids(&stream.event().await.unwrap(), "tasks"), [2, 3]);
    let call = get(&app, "ana", &since(0));
    let mut stream = call.header("last-event-id", &cursors[2]).open().await;
    assert_eq!(ids(&stream.event().await.unwrap(), "tasks"), [3]);

    // Where nothing is new, the next event is the next write.
    let now = cursor(&app, "ana").await;
    let call = get(&app, "ana", "").header("last-event-id", &now);
    let mut stream = call.open().await;
    app.create("ana", "d").await;
    assert_eq!(ids(&stream.event().await.unwrap(), "tasks"), [4]);
}

#[tokio::test]
async fn many_changes_come_in_pages_and_a_copy_is_complete() {
    let app = App::start().await;
    let start = cursor(&app, "ana").await;
    for number in 0..250 {
        let description = "x".repeat(number * 40);
        let task = json!({"title": number.to_string(), "description": description});
        post(&app, &task).await.expect(StatusCode::CREATED);
    }
    let mut stream = open(&app, &format!("?since={start}")).await;
    let mut replica = Replica::default();
    let mut pages = Vec::new();
    loop {
        let page = stream.event().await.unwrap();
        pages.push(replica.apply(&page));
        if page["more"] == false {
            break;
        }
    }

    assert_eq!(pages, [100, 100, 50]);
    assert_eq!(replica.list(), app.list("ana", "").await);
}

#[tokio::test]
async fn a_cursor_is_refused_before_the_stream_begins() {
    let app = App::start().await;
    app.create("ana", "a").await;
    app.create("ben", "b").await;
    let of_ben = cursor(&app, "ben").await;

    for unreadable in ["", "58", "%00"] {
        let query = format!("?since={unreadable}");
        let problem = get(&app, "ana", &query).send().await;
        let problem = problem.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "since");
    }
    let query = format!("?since={of_ben}");
    for unreadable in [&b"58"[..], b"", b"\xe9"] {
        let call = get(&app, "ana", &query).header("last-event-id", unreadable);
        let problem = call.send().await.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "Last-Event-ID");
    }
    let twice = get(&app, "ben", "").header("last-event-id", &of_ben);
    let twice = twice.header("last-event-id", &of_ben).send().await;
    twice.problem(400, "invalid-request");
    let foreign = get(&app, "ana", &query).send().await;
    foreign.problem(410, "cursor-expired");
    get(&app, "ben", &query).open().await;
}

#[tokio::test]
async fn a_stream_ends_after_an_erase_and_the_client_starts_again() {
    let app = App::start().await;
    app.create("ana", "a").await;
    let (mut first, mut of_ben) = (open(&app, "").await, get(&app, "ben", "").open().await);
    let cursor = first.event().await.unwrap()["cursor"].clone();

    let erase = app.user("ana", Method::DELETE, "/api/data").send().await;
    erase.expect(StatusCode::OK);

    assert_eq!(first.event().await, None);
    let resume = get(&app, "ana", "").header("last-event-id", cursor.as_str().unwrap());
    resume.send().await.problem(410, "cursor-expired");
    let mut again = open(&app, "").await;
    again.event().await.unwrap();
    app.create("ana", "b").await;
    assert_eq!(ids(&again.event().await.unwrap(), "tasks"), [1]);
    app.create("ben", "b").await;
    of_ben.event().await.unwrap();
    assert_eq!(ids(&of_ben.event().await.unwrap(), "tasks"), [1]);
}

#[tokio::test]
async fn a_stream_ends_when_the_token_expires() {
    let app = App::start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // A token is accepted for 30 s after its `exp`.
    let expires = now.as_secs() - 27;
    let token = token_with(&json!({"sub": "ana", "exp": expires}));
    let call = app.request(Method::GET, "/api/events").bearer(&token);
    let mut stream = call.open().await;

    stream.event().await.unwrap();
    assert_eq!(stream.event().await, None);

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(now.as_secs() >= expires + 30, "not before");
    let call = app.request(Method::GET, "/api/events").bearer(&token);
    call.send().await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_user_has_eight_streams_and_a_closed_one_makes_room() {
    let app = App::start().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(open(&app, "").await);
    }

    for _ in 0..2 {
        let refused = get(&app, "ana", "").send().await;
        let problem = refused.problem(429, "rate-limited");
        assert!(problem["detail"].as_str().unwrap().contains("8 streams"));
        assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    get(&app, "ben", "").open().await;
    streams.pop();
    streams.push(open(&app, "").await);
    get(&app, "ana", "")
        .send()
        .await
        .problem(429, "rate-limited");
    app.create("ana", "a").await;
    for stream in &mut streams {
        stream.event().await.unwrap();
        assert_eq!(ids(&stream.event().await.unwrap(), "tasks"), [1]);
    }
}

#[tokio::test]
async fn a_silent_stream_has_a_comment_every_twenty_seconds() {
    let app = App::start().await;
    let mut stream = open(&app, "").await;
    stream.event().await.unwrap();

    assert_eq!(stream.item().await, Some(Item::Comment));
    assert_eq!(stream.item().await, Some(Item::Comment));
    app.create("ana", "a").await;
    assert_eq!(ids(&stream.event().await.unwrap(), "tasks"), [1]);
}

#[tokio::test]
async fn a_head_request_opens_no_stream() {
    let app = App::start().await;
    for _ in 0..20 {
        let head = app.user("ana", Method::HEAD, "/api/events");
        let stream = head.open().await;
        assert_eq!(stream.headers["content-type"], "text/event-stream");
    }
}
