//! Correctness under load: many concurrent clients, each with a model of its own tasks
//! against which it checks every response. One request in ten is cancelled; its effect may
//! or may not happen.
//!
//! `MODEL_SECONDS` sets the duration (3 by default; a minute in `just model`).

mod player;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use tasks_api_test_support::{
    database::TestDatabase,
    process::{SECRET, Service, token},
};

use self::player::{Player, state};
use crate::dice::Dice;

const USERS: usize = 8;
const CLIENTS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn every_response_under_load_matches_the_model() {
    let seconds = std::env::var("MODEL_SECONDS").map_or(3, |text| text.parse().unwrap());
    let database = TestDatabase::create().await;
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
    // Targets for other users, even if the owner deletes them meanwhile.
    let baits: Vec<_> = players
        .iter()
        .step_by(4)
        .map(|player| (player.user.clone(), *player.sure.keys().next().unwrap()))
        .collect();
    for player in &mut players {
        let foreign = baits.iter().filter(|(user, _)| *user != player.user);
        player.foreign = foreign.map(|(_, id)| *id).collect();
    }

    let end = Instant::now() + Duration::from_secs(seconds);
    let playing = players.into_iter().map(|mut player| {
        tokio::spawn(async move {
            while Instant::now() < end {
                player.play().await;
            }
            player
        })
    });
    let playing: Vec<_> = playing.collect();
    #[cfg(target_os = "linux")]
    crate::watch::watch(service.child.id().unwrap(), seconds).await;
    let players = join_all(playing).await;

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
    let (responses, cancelled, refused) = totals;
    println!(
        "{responses} responses checked, {cancelled} cancelled, {refused} rejected as too busy"
    );
    assert!(responses > 1000 && cancelled > 10, "{totals:?}");
    assert!(refused <= responses / 100, "{totals:?}");
}
