//! Pages, orders and filters of a list.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{post, put};
use crate::support::{App, Response};

async fn list(app: &App, path: &str) -> Response {
    app.user("ana", Method::GET, path).send().await
}

/// The address of the next page.
fn next(response: &Response) -> Option<String> {
    let link = response.headers.get("link")?.to_str().unwrap();
    let next = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(next.to_owned())
}

fn titles(response: &Response) -> Vec<String> {
    let tasks = response.expect(StatusCode::OK);
    let tasks = tasks.as_array().unwrap().iter();
    tasks
        .map(|task| task["title"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_links_of_the_pages_lead_through_the_whole_list() {
    let app = App::start().await;
    for n in 0..10 {
        let tags: &[&str] = if n % 2 == 0 { &["a&b", "ü"] } else { &["ü"] };
        let new = json!({"title": format!("{n} 100%"), "tags": tags, "due_date": "2026-01-05"});
        post(&app, &new).await.expect(StatusCode::CREATED);
    }
    let filters = "sort=oldest&q=%25&tag=a%26b&tag=%C3%BC&due_by=2026-01-05&status=pending";
    for limit in [1, 2, 5, 100] {
        let (mut path, mut walked) = (format!("/api/tasks?{filters}&limit={limit}"), Vec::new());
        loop {
            let page = list(&app, &path).await;
            assert!(page.headers.contains_key("etag"));
            walked.extend(titles(&page));
            match next(&page) {
                Some(next) => path = next,
                None => break,
            }
        }
        let expected: Vec<_> = [0, 2, 4, 6, 8].map(|n| format!("{n} 100%")).into();
        assert_eq!(walked, expected, "{limit}");
    }
    // Without a page it is the whole array, as in version 1.0.
    let whole = list(&app, &format!("/api/tasks?{filters}")).await;
    assert_eq!((titles(&whole).len(), next(&whole)), (5, None));
    let first = list(&app, "/api/tasks?limit=2").await;
    let cursor = next(&first).unwrap();
    let cursor = cursor.split("cursor=").nth(1).unwrap();
    let rest = list(&app, &format!("/api/tasks?cursor={cursor}")).await;
    assert_eq!((titles(&rest).len(), next(&rest)), (8, None));
}

#[tokio::test]
async fn a_cursor_of_another_list_is_400() {
    let app = App::start().await;
    for title in ["a", "b", "c"] {
        app.create("ana", title).await;
        app.create("ben", title).await;
    }
    let first = list(&app, "/api/tasks?limit=1&sort=due").await;
    let path = next(&first).unwrap();
    titles(&list(&app, &path).await);
    let changes = app.user("ana", Method::GET, "/api/changes?limit=1");
    let changes = changes.send().await.expect(StatusCode::OK);
    let since = changes["cursor"].as_str().unwrap();

    let foreign = app.user("ben", Method::GET, &path).send().await;
    foreign.problem(400, "invalid-request");
    for path in [
        path.replace("sort=due", "sort=manual"),
        path.replace("&sort=due", ""),
        format!("{path}&status=pending"),
        format!("{path}&tag=a"),
        format!("{path}&q=a"),
        "/api/tasks?cursor=".to_owned(),
        "/api/tasks?cursor=7".to_owned(),
        format!("/api/tasks?cursor={since}"),
    ] {
        let problem = list(&app, &path).await.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "cursor", "{path}");
    }
}

#[tokio::test]
async fn an_invalid_order_filter_or_limit_is_named() {
    let app = App::start().await;

    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=", "limit"),
        ("sort=title", "sort"),
        ("sort=Due", "sort"),
        ("due_by=2026-02-30", "due_by"),
        ("tag=", "tag"),
        ("q=%00", "q"),
        ("q=1+2+3+4+5+6+7+8+9+10+11", "q"),
    ] {
        let response = list(&app, &format!("/api/tasks?{query}")).await;
        let problem = response.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}

#[tokio::test]
async fn every_order_is_as_documented() {
    let app = App::start().await;
    for (title, date, time, priority, position) in [
        ("a", Some("2026-01-06"), None, "low", "b"),
        ("b", Some("2026-01-06"), Some("23:59"), "high", "B"),
        ("c", None, None, "none", "a0"),
        ("d", Some("2026-01-05"), None, "high", "a"),
        ("e", Some("2026-01-06"), Some("00:00"), "medium", "b"),
    ] {
        let new = json!({
            "title": title, "due_date": date, "due_time": time, "priority": priority,
            "position": position,
        });
        post(&app, &new).await.expect(StatusCode::CREATED);
    }
    put(&app, &json!(2), &json!({"title": "b"}))
        .await
        .expect(StatusCode::OK);

    for (sort, expected) in [
        ("newest", "edcba"),
        ("oldest", "abcde"),
        ("due", "debac"),
        ("priority", "dbeac"),
        ("updated", "bedca"),
        ("manual", "bdcae"),
    ] {
        let found = list(&app, &format!("/api/tasks?sort={sort}")).await;
        assert_eq!(titles(&found).concat(), expected, "{sort}");
    }
}

#[tokio::test]
async fn the_trash_is_listed_until_a_task_is_deleted_for_good() {
    let app = App::start().await;
    for title in ["a", "b", "c"] {
        app.create("ana", title).await;
    }
    for (id, query) in [(2, "?trash=true"), (1, "?trash=true"), (3, "")] {
        let path = format!("/api/tasks/{id}{query}");
        let deleted = app.user("ana", Method::DELETE, &path).send().await;
        deleted.expect(StatusCode::OK);
    }

    let trash = list(&app, "/api/trash").await;
    assert_eq!(titles(&trash), ["a", "b"]);
    let tasks: Vec<Value> = serde_json::from_str(&trash.text).unwrap();
    assert_eq!(
        (&tasks[0]["version"], &tasks[1]["version"]),
        (&json!(5), &json!(4))
    );
    let other = app.user("ben", Method::GET, "/api/trash").send().await;
    assert_eq!(other.expect(StatusCode::OK), json!([]));
    let forever = app.user("ana", Method::DELETE, "/api/tasks/1").send().await;
    forever.expect(StatusCode::OK);
    assert_eq!(titles(&list(&app, "/api/trash").await), ["b"]);
}
