//! The changes feed.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{complete, post};
use crate::support::{App, Response};

async fn changes(app: &App, query: &str) -> Response {
    let path = format!("/api/changes{query}");
    app.user("ana", Method::GET, &path).send().await
}

#[tokio::test]
async fn a_client_reads_everything_and_then_follows_what_changes() {
    let app = App::start().await;
    for title in ["a", "b", "c"] {
        app.create("ana", title).await;
        app.create("ben", title).await;
    }
    let page = async |query: &str| changes(&app, query).await.expect(StatusCode::OK);
    let ids = |page: &Value, member: &str| {
        let entries = page[member].as_array().unwrap().iter();
        entries
            .map(|entry| entry["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };

    let first = page("?limit=2").await;
    assert_eq!(
        (ids(&first, "tasks"), &first["more"]),
        (vec![1, 2], &json!(true))
    );
    assert_eq!(first["tasks"][0]["user_id"], "ana");
    let cursor = first["cursor"].as_str().unwrap().to_owned();
    complete(&app, &json!(1), &json!({"completed": true})).await;
    let second = page(&format!("?limit=2&since={cursor}")).await;
    assert_eq!(
        (ids(&second, "tasks"), &second["more"]),
        (vec![3, 1], &json!(false))
    );
    assert_eq!(second["tasks"][1]["completed"], true);

    let list = app.user("ana", Method::GET, "/api/tasks").send().await;
    let tag = list.header("etag").trim_matches('"').to_owned();
    assert_eq!(second["cursor"], tag, "a list's tag is a cursor");
    for (id, query) in [(2, ""), (3, "?trash=true")] {
        let path = format!("/api/tasks/{id}{query}");
        app.user("ana", Method::DELETE, &path).send().await;
    }
    let third = page(&format!("?since={tag}")).await;
    let deleted = json!([
        {"id": 2, "idempotency_key": null, "version": 5},
        {"id": 3, "idempotency_key": null, "version": 6},
    ]);
    assert_eq!((&third["deleted"], &third["tasks"]), (&deleted, &json!([])));
    let cursor = third["cursor"].as_str().unwrap();
    let nothing = page(&format!("?since={cursor}")).await;
    let expected = json!({"tasks": [], "deleted": [], "cursor": cursor, "more": false});
    assert_eq!(nothing, expected);
}

#[tokio::test]
async fn a_cursor_that_is_unreadable_is_400_and_one_that_is_unknown_410() {
    let app = App::start().await;
    app.create("ana", "a").await;
    post(&app, &json!({"title": "b"})).await;
    let first = changes(&app, "?limit=1").await.expect(StatusCode::OK);
    let list = app
        .user("ana", Method::GET, "/api/tasks?limit=1")
        .send()
        .await;
    let link = list.header("link");
    let of_list = link.split("cursor=").nth(1).unwrap();
    let of_list = of_list.split('>').next().unwrap();

    for since in ["", "58", "%00", of_list] {
        let response = changes(&app, &format!("?since={since}")).await;
        let problem = response.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["field"], "since", "{since}");
    }
    let cursor = first["cursor"].as_str().unwrap();
    let path = format!("/api/changes?since={cursor}");
    app.create("ben", "b").await;
    for user in ["ben", "nobody"] {
        let foreign = app.user(user, Method::GET, &path).send().await;
        foreign.problem(410, "cursor-expired");
    }
    changes(&app, "?limit=1001")
        .await
        .problem(400, "invalid-request");
}
