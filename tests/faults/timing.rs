//! The response time does not tell whether another user's task exists.

use std::time::Instant;

use reqwest::{Method, StatusCode};
use tasks_api_test_support::{
    database::TestDatabase,
    process::{Service, token},
};

/// The number of requests of each kind.
const ROUNDS: usize = 1000;

/// The quartiles of the times in microseconds.
fn quartiles(mut times: Vec<f64>) -> [f64; 3] {
    times.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| times[times.len() * quarter / 4])
}

#[tokio::test]
async fn another_users_task_takes_as_long_as_a_missing_one() {
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    let bob = service.client(&token("bob").await);
    let ana = bob.with_token(&token("ana").await);
    let task = bob.create("Bob's").await.expect(StatusCode::CREATED);
    let foreign = task["id"].as_i64().unwrap();
    let ids = [foreign, foreign + 1_000_000];

    let mut times = [const { Vec::new() }; 2];
    for round in 0..2 * ROUNDS {
        let which = round % 2;
        let get = ana.request(Method::GET, &format!("/{}", ids[which]));
        let began = Instant::now();
        let response = get.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let text = response.text().await.unwrap();
        times[which].push(began.elapsed().as_secs_f64() * 1e6);
        let like = text.replace(&ids[which].to_string(), "{id}");
        assert!(like.contains("No task has the id {id}."), "{text}");
    }

    let [foreign, none] = times.map(quartiles);
    let (difference, noise) = ((foreign[1] - none[1]).abs(), none[2] - none[0]);
    println!("foreign {foreign:.0?} µs, none {none:.0?} µs");
    assert!(
        difference < noise,
        "{foreign:?} and {none:?} can be distinguished"
    );
}
