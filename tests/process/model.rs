//! Correctness under load: many clients at once, each of which knows what its own
//! tasks must look like and checks every answer against that. A tenth of the
//! requests is broken off half-way; what became of those may be either way, and
//! nothing else may.
//!
//! `MODEL_SECONDS` sets how long (3 by default; `just model` takes a minute).

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
async fn every_answer_under_load_is_the_one_its_user_expects() {
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
    // For others to aim at, whether or not its owner deletes it meanwhile.
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
        totals.0 += player.answers;
        totals.1 += player.broken_off;
        totals.2 += player.refused;
    }
    let (answers, broken_off, refused) = totals;
    println!("{answers} answers checked, {broken_off} broken off, {refused} refused as too busy");
    assert!(answers > 1000 && broken_off > 10, "{totals:?}");
    assert!(refused <= answers / 100, "{totals:?}");
}
