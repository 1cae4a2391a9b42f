//! Correctness under load: many concurrent clients, each with a model of its own tasks
//! against which it checks every response. One request in ten is cancelled; its effect may
//! or may not happen.
//!
//! `MODEL_SECONDS` sets the duration (3 by default; a minute in `just model`), which is longer
//! where a loaded machine needs longer for enough responses.
//!
//! On `PostgreSQL` also while sessions of the service are terminated at random moments: then
//! more writes have an unknown outcome, and each response must still be true.

mod player;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tasks_api_test_support::{
    database::TestDatabase,
    process::{SECRET, Service, token},
};

use self::player::{Player, state};
use crate::dice::Dice;

const USERS: usize = 8;
const CLIENTS: usize = 64;

/// The least number of games: a request each, or a few.
const ENOUGH: usize = 1500;

/// Ends some of the service's sessions, again and again until all is `played`; returns how
/// many.
#[expect(clippy::disallowed_methods, reason = "an administrator's statement")]
async fn terminate_sessions(database: &str, playing: impl Fn() -> bool) -> i64 {
    let admin = Database::connect(database).await.unwrap();
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name = 'tasks-api' \
                     AND random() < 0.5";
    let mut dice = Dice(0);
    let mut terminated = 0;
    while playing() {
        let pause = 20 + dice.below(180) as u64;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let terminate = Statement::from_string(DbBackend::Postgres, terminate);
        let row = admin.query_one_raw(terminate).await.unwrap().unwrap();
        terminated += row.try_get_by_index::<i64>(0).unwrap();
    }
    terminated
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_under_load_matches_the_model() {
    let (responses, refused) = play(TestDatabase::create().await, false).await;
    assert!(refused <= responses / 100, "{refused} of {responses}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn every_response_matches_the_model_while_sessions_are_terminated() {
    let (responses, refused) = play(TestDatabase::postgres().await, true).await;
    assert!(refused <= responses / 2, "{refused} of {responses}");
}

/// Plays on `database`; returns how many responses there were, and how many of them said
/// that the service was too busy or does not know.
async fn play(database: TestDatabase, terminates: bool) -> (usize, usize) {
    let seconds = std::env::var("MODEL_SECONDS").map_or(3, |text| text.parse().unwrap());
    let service = Service::start(&[
        ("DATABASE_URL", database.url()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("TASKS_PER_USER", "1000000"),
    ])
    .await;
    service.wait_until_ready().await;
    let tokens =
        join_all((0..USERS).map(|n| async move { token(&format!("user{n}")).await })).await;
    let mut players = Vec::new();
    for number in 0..CLIENTS {
        let user = number % USERS;
        let client = service.client(&tokens[user]);
        let player = Player::start(client, number as u64, format!("user{user}")).await;
        players.push(player);
    }
    // Targets with ids that no other user ever has; all lower ids are everybody's.
    let bait = service.client(&token("bait").await);
    let create = async || bait.create("bait").await.expect(StatusCode::CREATED);
    let mut baits = vec![create().await];
    database.set_sequence("bait", 1_000_000_000_000).await;
    for _ in 0..8 {
        baits.push(create().await);
    }
    for player in &mut players {
        let ids = baits[1..].iter().map(|task| task["id"].as_i64().unwrap());
        player.foreign = ids.collect();
    }

    let end = Instant::now() + Duration::from_secs(seconds);
    let games = Arc::new(AtomicUsize::new(0));
    let goes_on = move |games: &AtomicUsize| Instant::now() < end || games.load(Relaxed) < ENOUGH;
    let playing = players.into_iter().map(|mut player| {
        let games = games.clone();
        tokio::spawn(async move {
            while goes_on(&games) {
                player.play().await;
                games.fetch_add(1, Relaxed);
            }
            player
        })
    });
    let playing: Vec<_> = playing.collect();
    let url = database.url().to_owned();
    let terminating = terminates
        .then(|| tokio::spawn(async move { terminate_sessions(&url, || goes_on(&games)).await }));
    #[cfg(target_os = "linux")]
    crate::watch::watch(&service, seconds).await;
    let players = join_all(playing).await;
    if let Some(terminating) = terminating {
        let sessions = terminating.await.unwrap();
        println!("{sessions} sessions terminated");
        assert!(sessions > 0);
    }

    let mut totals = (0, 0, 0);
    for player in players {
        let mut player = player.unwrap();
        player.dice = Dice(1);
        for (id, expected) in player.sure.clone() {
            let (status, task) = player
                .send(Method::GET, &format!("/{id}"), None, false)
                .await
                .unwrap();
            let seen = (status == StatusCode::OK).then(|| state(&task)).flatten();
            assert_eq!(seen, expected, "task {id} in the end");
        }
        totals.0 += player.responses;
        totals.1 += player.cancelled;
        totals.2 += player.refused;
    }
    let mut left = bait.list("").await.tasks();
    left.reverse();
    assert_eq!(left, baits);
    let (responses, cancelled, refused) = totals;
    println!(
        "{responses} responses checked, {cancelled} cancelled, {refused} rejected as too busy"
    );
    assert!(responses > 1000 && cancelled > 10, "{totals:?}");
    (responses, refused)
}
