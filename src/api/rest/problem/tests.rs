use poem::http::header::WWW_AUTHENTICATE;

use super::{
    ProblemType::{RateLimited, Unauthorized, Unavailable},
    *,
};

#[test]
fn every_type_is_written_with_its_status_and_headers() {
    for kind in ProblemType::ALL {
        let response = finish(Problem::new(*kind).into_response(), "id", || None);

        let row = kind.row();
        assert_eq!(response.status().as_u16(), row.status);
        assert_eq!(response.header("content-type"), Some(PROBLEM_JSON));
        for expected in row.headers {
            assert_eq!(response.header(expected.name), Some(expected.default));
        }
    }
}

#[test]
fn a_header_of_the_problem_replaces_the_default() {
    let problem = Problem::new;
    let wait = Duration::from_millis(6_001);
    let challenge = "Bearer error=\"invalid_token\"";
    let table = [
        (problem(Unauthorized), WWW_AUTHENTICATE, "Bearer"),
        (
            problem(Unauthorized).with_header(WWW_AUTHENTICATE, challenge),
            WWW_AUTHENTICATE,
            challenge,
        ),
        (
            problem(Unavailable).with_retry_after(wait),
            RETRY_AFTER,
            "7",
        ),
        (
            problem(RateLimited).with_retry_after(wait),
            RETRY_AFTER,
            "7",
        ),
        (problem(Unavailable), RETRY_AFTER, "2"),
    ];
    for (problem, name, value) in table {
        let response = finish(problem.into_response(), "id", || None);
        let values: Vec<_> = response.headers().get_all(name).iter().collect();
        assert_eq!(values, [value]);
    }
}

#[test]
fn a_failure_of_the_framework_becomes_the_problem_of_its_status() {
    let failure = |status: StatusCode| {
        let response = Response::builder().status(status).body("text");
        finish(response, "id", || Some("GET, OPTIONS".to_owned()))
    };

    let method = failure(StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(method.header("allow"), Some("GET, OPTIONS"));
    let unknown = failure(StatusCode::BAD_GATEWAY);
    assert_eq!(unknown.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let moved = failure(StatusCode::FOUND);
    assert_eq!(moved.header("content-type"), None);
}

#[test]
fn only_a_fault_of_the_service_repeats_the_request_id() {
    let id = |kind| Problem::new(kind).body("id").request_id;

    assert_eq!(id(ProblemType::NotFound), None);
    assert_eq!(id(ProblemType::Internal).as_deref(), Some("id"));
}
