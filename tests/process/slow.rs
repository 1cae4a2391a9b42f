//! Slow clients: the quick form, with the kinds whose timeout is the shortest. `just
//! faults` has the full form.

use std::time::Duration;

use tasks_api_test_support::slow_client::{Kind, check};

#[tokio::test]
async fn slow_request_heads_time_out_while_others_are_served() {
    check(&Kind::HEADS, 20, Duration::from_secs(10)).await;
}
