//! The cache's times, on a paused clock and without a network: the 5 minutes, the
//! 30 seconds and the 24 hours, exact to the second.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{advance, sleep},
};

use super::*;
use crate::auth::jwk;

/// An issuer that publishes one key, whose id is the number of fetches.
#[derive(Default)]
struct Issuer {
    fetches: AtomicUsize,
    down: AtomicBool,
    slow: AtomicBool,
    panics: AtomicBool,
}

impl Issuer {
    async fn respond(&self) -> Result<ParsedSet, FetchError> {
        let count = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(!self.panics.load(Ordering::SeqCst), "the fetch panics");
        if self.slow.load(Ordering::SeqCst) {
            sleep(Duration::from_mins(1)).await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(FetchError::NotAKeySet);
        }
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let set = format!(
            r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "kid": "{count}", "x": "{x}"}}]}}"#
        );
        Ok(jwk::parse_set(set.as_bytes()).unwrap())
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

fn arrange() -> (Arc<Issuer>, Arc<KeySet>) {
    let issuer = Arc::new(Issuer::default());
    let fetch: Fetch = {
        let issuer = Arc::clone(&issuer);
        Box::new(move || {
            let issuer = Arc::clone(&issuer);
            Box::pin(async move { issuer.respond().await })
        })
    };
    (
        issuer,
        Arc::new(KeySet::new("test".into(), KeySetTimes::default(), fetch)),
    )
}

/// Lets a background fetch finish.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn id(keys: &Keys) -> &str {
    keys.usable[0].id.as_deref().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_set_is_kept_for_five_minutes_and_renewed_without_delay() {
    let (issuer, set) = arrange();
    assert_eq!(
        issuer.fetches(),
        0,
        "nothing is fetched before it is needed"
    );

    assert_eq!(id(&set.current().await.unwrap()), "1");
    advance(Duration::from_secs(239)).await;
    assert_eq!(id(&set.current().await.unwrap()), "1");
    settle().await;
    assert_eq!(issuer.fetches(), 1);

    advance(Duration::from_secs(1)).await;
    assert_eq!(
        id(&set.current().await.unwrap()),
        "1",
        "a busy server renews early"
    );
    settle().await;
    assert_eq!(id(&set.current().await.unwrap()), "2");

    advance(Duration::from_mins(5)).await;
    assert_eq!(
        id(&set.current().await.unwrap()),
        "3",
        "an idle one never uses an old set"
    );
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_set_is_used_for_a_day_while_fetches_are_retried_every_thirty_seconds() {
    let (issuer, set) = arrange();
    set.current().await.unwrap();
    issuer.down.store(true, Ordering::SeqCst);
    issuer.slow.store(true, Ordering::SeqCst);

    // The request that triggers the failing fetch waits for it; later ones do not.
    advance(Duration::from_mins(5)).await;
    assert_eq!(id(&set.current().await.unwrap()), "1");
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(
        set.status().problem.as_deref(),
        Some("the request timed out")
    );
    let failed_at = Instant::now();
    for _ in 0..100 {
        assert_eq!(id(&set.current().await.unwrap()), "1");
    }
    advance(Duration::from_secs(29)).await;
    set.current().await.unwrap();
    settle().await;
    assert_eq!(issuer.fetches(), 2);
    advance(Duration::from_secs(1)).await;
    set.current().await.unwrap();
    settle().await;
    assert_eq!(issuer.fetches(), 3);
    assert_eq!(
        Instant::now() - failed_at,
        Duration::from_secs(30),
        "no request waited"
    );

    advance(Duration::from_hours(23)).await;
    assert_eq!(id(&set.current().await.unwrap()), "1");
    advance(Duration::from_hours(1)).await;
    assert!(set.current().await.is_err(), "it expires after 24 hours");
    assert_eq!(set.status().keys, 0);

    issuer.down.store(false, Ordering::SeqCst);
    issuer.slow.store(false, Ordering::SeqCst);
    advance(Duration::from_secs(30)).await;
    assert!(set.current().await.is_ok());
    assert_eq!(set.status().problem, None);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_triggers_one_fetch_in_thirty_seconds() {
    let (issuer, set) = arrange();
    let first = set.current().await.unwrap();
    advance(Duration::from_secs(1)).await;

    for round in 1..=3 {
        let mut flood = JoinSet::new();
        for _ in 0..1000 {
            let set = Arc::clone(&set);
            flood.spawn(async move {
                let seen = set.current().await.unwrap();
                set.newer(&seen, Instant::now()).await;
            });
        }
        flood.join_all().await;
        assert_eq!(issuer.fetches(), 1 + round);

        advance(Duration::from_secs(29)).await;
        let seen = set.current().await.unwrap();
        assert!(set.newer(&seen, Instant::now()).await.is_none());
        assert_eq!(issuer.fetches(), 1 + round, "29 seconds are too early");
        advance(Duration::from_secs(1)).await;
    }
    assert!(
        set.newer(&first, Instant::now()).await.is_some(),
        "requests share one fetch"
    );
    assert_eq!(issuer.fetches(), 4);
}

/// A token with an unknown id every 30 seconds cannot keep the refetch for itself: what it
/// triggers serves every other token.
#[tokio::test(start_paused = true)]
async fn a_rotation_is_seen_within_thirty_seconds_while_unknown_keys_use_every_refetch() {
    for seconds_after_refetch in [0, 1, 15, 29] {
        let (issuer, set) = arrange();
        let start = Instant::now();
        set.current().await.unwrap();
        let mut rotated_at = None;
        let mut seen_after = None;
        for second in 1..=100 {
            advance(Duration::from_secs(1)).await;
            let seen = set.current().await.unwrap();
            if second % 30 == 1 {
                set.newer(&seen, Instant::now()).await;
            }
            if second == 31 + seconds_after_refetch {
                rotated_at = Some(Instant::now());
            }
            let Some(rotated_at) = rotated_at else {
                continue;
            };
            // A token of the new key: only a set requested after the rotation has it.
            let seen = set.current().await.unwrap();
            let newer = set.newer(&seen, Instant::now()).await.unwrap_or(seen);
            if newer.requested_at > rotated_at && seen_after.is_none() {
                seen_after = Some(Instant::now() - rotated_at);
            }
        }

        let limit = Duration::from_secs(30);
        assert!(
            seen_after.is_some_and(|after| after <= limit),
            "{seen_after:?}"
        );
        let most = 2 + (Instant::now() - start).as_secs() / 30;
        assert!(issuer.fetches() as u64 <= most, "{}", issuer.fetches());
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_fetched_after_the_token_arrived_is_not_refetched() {
    let (issuer, set) = arrange();
    let received_at = Instant::now();

    let keys = set.current().await.unwrap();

    assert!(set.newer(&keys, received_at).await.is_none());
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_refetch_is_rate_limited_and_keeps_the_set() {
    let (issuer, set) = arrange();
    let seen = set.current().await.unwrap();
    issuer.down.store(true, Ordering::SeqCst);
    advance(Duration::from_secs(1)).await;

    for _ in 0..100 {
        assert!(set.newer(&seen, Instant::now()).await.is_none());
    }

    assert_eq!(issuer.fetches(), 2);
    assert_eq!(id(&set.current().await.unwrap()), "1");
}

#[tokio::test(start_paused = true)]
async fn first_failures_are_retried_soon_but_not_with_every_request() {
    let (issuer, set) = arrange();
    issuer.down.store(true, Ordering::SeqCst);

    for (attempt, wait) in [1, 2, 4, 5, 5, 5].into_iter().enumerate() {
        for _ in 0..100 {
            let retry_after = set.current().await.err();
            assert_eq!(retry_after, Some(Duration::from_secs(wait)));
        }
        assert_eq!(issuer.fetches(), attempt + 1);
        advance(Duration::from_secs(wait)).await;
    }

    issuer.down.store(false, Ordering::SeqCst);
    assert!(set.current().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_times_out_after_five_seconds() {
    let (issuer, set) = arrange();
    issuer.slow.store(true, Ordering::SeqCst);
    let start = Instant::now();

    assert!(set.current().await.is_err());

    assert_eq!(Instant::now() - start, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_retried() {
    let (issuer, set) = arrange();
    issuer.panics.store(true, Ordering::SeqCst);
    assert!(set.current().await.is_err());
    assert!(set.current().await.is_err());
    assert_eq!(issuer.fetches(), 1);

    issuer.panics.store(false, Ordering::SeqCst);
    advance(Duration::from_secs(1)).await;

    assert!(set.current().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_disconnects_does_not_cancel_the_fetch() {
    let gate = Arc::new(Semaphore::new(0));
    let fetches = Arc::new(AtomicUsize::new(0));
    let fetch: Fetch = {
        let (gate, fetches) = (Arc::clone(&gate), Arc::clone(&fetches));
        Box::new(move || {
            let gate = Arc::clone(&gate);
            fetches.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                let _permit = gate.acquire().await.unwrap();
                Issuer::default().respond().await
            })
        })
    };
    let set = Arc::new(KeySet::new("test".into(), KeySetTimes::default(), fetch));
    let request = |set: &Arc<KeySet>| {
        let set = Arc::clone(set);
        tokio::spawn(async move { set.current().await.is_ok() })
    };
    let first = request(&set);
    settle().await;
    let second = request(&set);
    settle().await;

    first.abort();
    assert!(first.await.is_err());
    gate.add_permits(1);

    assert!(second.await.unwrap());
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}
