//! Paths and queries.

use poem::http::Method;
use serde_json::{Value, json};

use super::check;
use crate::support::App;

#[tokio::test]
async fn a_malformed_path_matches_no_resource() {
    let app = App::start().await;
    let task = app.create("ana", "Buy milk").await;
    let long = format!("/api/tasks/{}", "9".repeat(60_000));
    let deep = "/api/tasks".repeat(5_000);

    for path in [
        "/api/tasks/%00",
        "/api/tasks/1%00",
        "/api/tasks/%ff%fe",
        "/api/tasks/%c0%80",
        "/api/tasks/%ed%a0%80",
        "/api/tasks/%",
        "/api/tasks/%zz",
        "/api/tasks/%u0031",
        "/api/tasks/..",
        "/api/tasks/../tasks",
        "/api/tasks/%2e%2e",
        "/api/tasks/%2e%2e%2ftasks",
        "/api/%2e%2e/api/tasks",
        "/api/tasks/%2f",
        "/api/tasks/1%2fcomplete",
        "/api/tasks/%5c..%5c",
        "/api/tasks//1",
        "//api/tasks",
        "/api//tasks",
        "/api/tasks/./1",
        "/API/tasks",
        "/%61pi/tasks",
        "/api/tasks;a=1",
        "/api/tasks/1;a=1",
        "/api/tasks/1.0",
        "/api/tasks/1e0",
        "/api/tasks/0x1",
        "/api/tasks/01",
        "/api/tasks/+1",
        "/api/tasks/%201",
        "/api/tasks/1%20",
        "/api/tasks/-1",
        "/api/tasks/0",
        "/api/tasks/1_000",
        "/api/tasks/1,2",
        "/api/tasks/9223372036854775807",
        "/api/tasks/9223372036854775808",
        "/api/tasks/18446744073709551617",
        "/api/tasks/%EF%BC%91",
        "/api/tasks/%D9%A1",
        "/api/tasks/null",
        "/api/tasks/undefined",
        "/api/tasks/NaN",
        "/api/tasks/%5Bobject%20Object%5D",
        "/api/tasks/1%20OR%201=1",
        "/api/tasks/'%20OR%20''='",
        "/api/tasks/1;DROP%20TABLE%20tasks",
        "/api/tasks/$%7Bjndi:ldap:%2F%2Fx%7D",
        "/api/tasks/%E2%80%AE1",
        "/api/tasks/%0d%0aX-Injected:%201",
        "/docs/..%2fCargo.toml",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs/%00",
        "/problems/..%2f..%2fetc%2fpasswd",
        "/problems/%ff",
        &long,
        &deep,
    ] {
        let response = app.user("ana", Method::GET, path).send().await;
        check(&path[..path.len().min(80)], &response, 404);
        assert!(
            response.text.len() < 500,
            "{path} is not repeated at length"
        );
        assert!(!response.headers.contains_key("x-injected"));
    }
    for path in [
        "/api/tasks/%00",
        "/api/tasks/%ff",
        "/api/tasks/9223372036854775808",
    ] {
        let put = app
            .user("ana", Method::PUT, path)
            .json(&json!({"title": "a"}));
        let delete = app.user("ana", Method::DELETE, path);
        let complete = app.user("ana", Method::PATCH, &format!("{path}/complete"));
        let complete = complete.json(&json!({"completed": true}));
        for call in [put, delete, complete] {
            check(path, &call.send().await, 404);
        }
    }
    assert_eq!(app.list("ana", "").await, [task]);
}

#[tokio::test]
async fn a_malformed_query_names_status_or_is_ignored() {
    let app = App::start().await;
    let long = format!("status={}", "a".repeat(60_000));
    let many = "a=1&".repeat(10_000);

    for (query, expected) in [
        ("status=all&status=pending", 400),
        ("status=all&status=all", 400),
        ("status=all&%73tatus=all", 400),
        ("status", 400),
        ("status=", 400),
        ("status==all", 400),
        ("status=ALL", 400),
        ("status=all%00", 400),
        ("status=%00", 400),
        ("status=%ff", 400),
        ("status=%", 400),
        ("status=%zz", 400),
        ("status=%u0061ll", 400),
        ("status=%20all", 400),
        ("status=+all", 400),
        ("status=all,pending", 400),
        ("status=all;status=pending", 400),
        ("status=true", 400),
        ("status=null", 400),
        ("status='%20OR%201=1", 400),
        (&long, 400),
        ("%73tatus=%61ll", 200),
        ("status[]=all", 200),
        ("status[$ne]=all", 200),
        ("Status=pending", 200),
        ("", 200),
        ("&&&=&", 200),
        ("%ff=%fe&%", 200),
        ("??", 200),
        (&many, 200),
    ] {
        let path = format!("/api/tasks?{query}");
        let response = app.user("ana", Method::GET, &path).send().await;
        check(&query[..query.len().min(80)], &response, expected);
        if expected == 400 {
            let problem: Value = serde_json::from_str(&response.text).unwrap();
            assert_eq!(problem["errors"][0]["field"], "status", "{query}");
            assert!(response.text.len() < 500);
        }
    }
}
