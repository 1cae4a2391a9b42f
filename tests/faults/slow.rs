//! Slow clients of every kind, `SLOW_CLIENTS` of each (20 by default).

use std::time::Duration;

use tasks_api_test_support::slow_client::{Kind, check};

#[tokio::test]
async fn slow_clients_time_out_while_others_are_served() {
    let each = std::env::var("SLOW_CLIENTS").map_or(20, |n| n.parse().unwrap());
    check(&Kind::ALL, each, Duration::from_secs(30)).await;
}
