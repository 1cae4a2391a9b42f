use tokio::time::{advance, timeout};

use super::*;

const KEEP_ALIVE: Duration = Duration::from_secs(75);

fn timer() -> ConnectionTimer {
    ConnectionTimer::new(HEAD_TIMEOUT, KEEP_ALIVE)
}

/// Time from now until the timer expires, and how it expires.
async fn end(timer: &ConnectionTimer) -> (Duration, Expired) {
    let now = Instant::now();
    let expired = timeout(Duration::from_hours(1), timer.expired()).await;
    (now.elapsed(), expired.unwrap())
}

/// The timer has a resolution of about a millisecond.
#[track_caller]
fn assert_end((after, how): (Duration, Expired), limit: Duration, expected: Expired) {
    assert!(
        after >= limit && after < limit + Duration::from_millis(5),
        "{after:?}"
    );
    assert_eq!(how, expected);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_has_the_head_timeout() {
    assert_end(end(&timer()).await, HEAD_TIMEOUT, Expired::Stuck);
}

#[tokio::test(start_paused = true)]
async fn dripped_bytes_do_not_extend_the_head_timeout() {
    let timer = timer();
    advance(Duration::from_secs(9)).await;
    timer.on_read();
    assert_end(end(&timer).await, Duration::from_secs(1), Expired::Stuck);
}

#[tokio::test(start_paused = true)]
async fn between_requests_a_connection_is_idle_until_a_byte_arrives() {
    let idle = timer();
    drop(idle.begin_request(false));
    assert_end(end(&idle).await, KEEP_ALIVE, Expired::Idle);

    let timer = timer();
    drop(timer.begin_request(false));
    timer.on_read();
    assert_end(end(&timer).await, HEAD_TIMEOUT, Expired::Stuck);
}

#[tokio::test(start_paused = true)]
async fn a_byte_that_arrives_while_waiting_brings_the_deadline_forward() {
    let timer = timer();
    drop(timer.begin_request(false));
    let mut expired = Box::pin(timer.expired());
    assert!(timeout(Duration::from_secs(5), &mut expired).await.is_err());
    timer.on_read();
    let now = Instant::now();
    assert_eq!(expired.await, Expired::Stuck);
    assert!(now.elapsed() < HEAD_TIMEOUT + Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn http_2_frames_extend_neither_the_idle_timeout_nor_that_of_a_response() {
    let timer = timer();
    let request = timer.begin_request(true);
    request.ready();
    for _ in 0..19 {
        advance(Duration::from_secs(1)).await;
        timer.on_read();
        timer.on_write();
    }
    assert_end(
        end(&timer).await,
        Duration::from_secs(1),
        Expired::StuckRequest,
    );

    drop(request);
    for _ in 0..70 {
        advance(Duration::from_secs(1)).await;
        timer.on_read();
        timer.on_write();
    }
    assert_end(end(&timer).await, Duration::from_secs(5), Expired::Idle);
}

#[tokio::test(start_paused = true)]
async fn a_request_body_does_not_start_the_head_timeout() {
    let timer = timer();
    let _request = timer.begin_request(false);
    timer.on_read();
    assert_end(end(&timer).await, HANDLER_TIMEOUT, Expired::Stuck);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_in_progress_until_its_last_holder_is_dropped() {
    let timer = timer();
    let (first, second) = (timer.begin_request(true), timer.begin_request(true));
    let slice = first.clone();
    drop(first);
    drop(second);
    assert_eq!(timer.idle_since(), None);
    assert_end(end(&timer).await, HANDLER_TIMEOUT, Expired::StuckRequest);
    drop(slice);
    assert_eq!(timer.idle_since(), Some(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn only_a_client_that_takes_enough_bytes_keeps_its_response() {
    for (per_second, survives) in [(0, false), (1, false), (100, false), (512, true)] {
        let timer = timer();
        let request = timer.begin_request(false);
        request.ready();
        for _ in 0..120 {
            advance(Duration::from_secs(1)).await;
            request.taken(per_second);
        }
        let alive = timeout(Duration::ZERO, timer.expired()).await.is_err();
        assert_eq!(alive, survives, "{per_second} bytes a second");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_the_handler_is_not_the_clients() {
    let timer = timer();
    let request = timer.begin_request(false);
    advance(Duration::from_secs(50)).await;
    request.ready();
    assert_end(end(&timer).await, STALL_TIMEOUT, Expired::Stuck);

    request.waiting();
    request.taken(1_000_000);
    assert_end(end(&timer).await, HANDLER_TIMEOUT, Expired::Stuck);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_write_starts_the_stall_timeout_and_a_write_ends_it() {
    let timer = timer();
    drop(timer.begin_request(false));
    timer.on_blocked_write();
    advance(Duration::from_secs(1)).await;
    timer.on_blocked_write();
    // The stall counts from the first blocked write.
    assert_end(end(&timer).await, Duration::from_secs(19), Expired::Stuck);

    timer.on_write();
    assert!(!timer.is_stalled());
}

#[tokio::test(start_paused = true)]
async fn other_requests_may_finish_once_one_is_stuck() {
    let timer = timer();
    let (stuck, other) = (timer.begin_request(true), timer.begin_request(true));
    stuck.ready();
    assert_end(end(&timer).await, STALL_TIMEOUT, Expired::StuckRequest);

    timer.drain();
    other.ready();
    advance(Duration::from_secs(19)).await;
    other.taken(100_000);
    assert!(timeout(Duration::ZERO, timer.expired()).await.is_err());
    drop(other);
    // Only the stuck one is left.
    assert_end(end(&timer).await, Duration::ZERO, Expired::Stuck);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_in_time() {
    let timer = timer();
    let (stuck, other) = (timer.begin_request(true), timer.begin_request(true));
    stuck.ready();
    end(&timer).await;
    timer.drain();
    other.ready();
    let began = Instant::now();
    while timeout(Duration::from_secs(1), timer.expired())
        .await
        .is_err()
    {
        other.taken(1_000_000);
    }
    assert!(began.elapsed() <= DRAIN_TIMEOUT, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_evicted_connection_ends_once_no_request_is_in_progress() {
    let timer = timer();
    let request = timer.begin_request(false);
    timer.evict();
    assert!(timeout(Duration::ZERO, timer.expired()).await.is_err());
    drop(request);
    assert_end(end(&timer).await, Duration::ZERO, Expired::Idle);
}

#[tokio::test(start_paused = true)]
async fn an_eviction_wakes_a_waiting_connection() {
    let timer = timer();
    drop(timer.begin_request(false));
    let waiting = tokio::spawn({
        let timer = timer.clone();
        async move { timer.expired().await }
    });
    advance(Duration::from_secs(1)).await;
    let before = Instant::now();
    timer.evict();
    assert_eq!(waiting.await.unwrap(), Expired::Idle);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_just_arrived_keeps_an_expired_connection() {
    let timer = timer();
    drop(timer.begin_request(false));
    assert_eq!(timer.expired().await, Expired::Idle);
    timer.probe();
    assert!(timer.take_probe() && !timer.take_probe());
    assert!(timer.is_expired_idle());
    timer.on_late_bytes();
    assert!(!timer.is_expired_idle());
    assert_end(end(&timer).await, HEAD_TIMEOUT, Expired::Stuck);
}

#[tokio::test(start_paused = true)]
async fn a_closing_connection_ends_shortly_after_its_last_request() {
    let timer = timer();
    let request = timer.begin_request(true);
    timer.close();
    assert_end(end(&timer).await, HANDLER_TIMEOUT, Expired::StuckRequest);
    drop(request);
    timer.on_read();
    assert_end(end(&timer).await, CLOSE_TIMEOUT, Expired::Stuck);
}
