//! Many tokens with unknown key ids. `UNKNOWN_KEYS` sets their number (1,000 by default).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use futures_util::future::join_all;
use reqwest::StatusCode;
use tasks_api_test_support::{
    database::TestDatabase,
    key_server::{KeyServer, Reply},
    process::Service,
    signer::{Kind, Signer},
};

/// The shortest interval between fetches for unknown keys, in seconds.
const REFETCH: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_key_ids_cause_one_download_and_no_failed_request() {
    let flood: usize = std::env::var("UNKNOWN_KEYS").map_or(1000, |n| n.parse().unwrap());
    let signer = Arc::new(Signer::new(Kind::EdDsa, "known"));
    let issuer = KeyServer::start(Reply::of(&[&signer])).await;
    let database = TestDatabase::create().await;
    let service = Service::start(&[
        ("DATABASE_URL", database.url()),
        ("JWKS_URL", issuer.url.as_str()),
    ])
    .await;
    service.wait_until_ready().await;
    let client = service.client(&signer.token());
    assert_eq!(issuer.requests(), 1);
    let began = Instant::now();

    let over = Arc::new(AtomicBool::new(false));
    let good = {
        let (client, over) = (client.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let mut served = 0;
            while !over.load(Relaxed) {
                client.list("").await.expect(StatusCode::OK);
                served += 1;
            }
            served
        })
    };
    let senders = (0..32).map(|sender| {
        let (client, signer) = (client.clone(), Arc::clone(&signer));
        tokio::spawn(async move {
            for number in (sender..flood).step_by(32) {
                let token = signer.with_header("kid", format!("unknown {number}"));
                let list = client.with_token(&token).list("").await;
                list.expect(StatusCode::UNAUTHORIZED);
            }
        })
    });
    for sender in join_all(senders.collect::<Vec<_>>()).await {
        sender.expect("each token is rejected");
    }
    over.store(true, Relaxed);
    let served: usize = good.await.expect("valid tokens are served");

    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    let downloads = issuer.requests() - 1;
    println!(
        "{flood} unknown keys in {seconds} s: {downloads} downloads, {served} requests with a valid token"
    );
    assert!(
        (1..=1 + seconds / REFETCH).contains(&downloads),
        "{downloads}"
    );
    assert!(served > 0);
}
