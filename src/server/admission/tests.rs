use super::*;

fn admission(total: usize, per_address: Option<usize>, proxies: &[&str]) -> Arc<Admission> {
    Admission::new(ConnectionLimits {
        keep_alive: Duration::from_secs(75),
        total,
        per_address,
        trusted_proxies: proxies.iter().map(|p| p.parse().unwrap()).collect(),
        counted: false,
    })
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `count` connections of addresses that count separately.
fn strangers(admission: &Arc<Admission>, count: u32) -> Vec<Place> {
    let address = |n| IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n));
    let places = (0..count).map(|n| admission.admit(address(n)));
    places.map(|place| place.expect("a place")).collect()
}

/// Whether the connection still has its place.
fn is_kept(place: &Place) -> bool {
    let open = place.admission.open.lock();
    let clients = open.clients.get(&place.client);
    clients.is_some_and(|of| of.contains_key(&place.id))
}

#[test]
fn a_client_is_an_address_or_a_network_of_ipv6() {
    for (of, client) in [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::1", "::"),
    ] {
        assert_eq!(client_network(address(of)), address(client), "{of}");
    }
}

#[tokio::test]
async fn at_its_limit_an_address_loses_its_oldest_idle_connection() {
    let admission = admission(100, Some(3), &[]);
    let other = admission.admit(address("198.51.100.1")).unwrap();
    let admit = || admission.admit(address("2001:db8::1"));
    let places = [(); 3].map(|()| admit().unwrap());
    let busy = places[0].timer.begin_request(false);

    let fourth = admission.admit(address("2001:db8::2")).unwrap();

    let kept = places.each_ref().map(is_kept);
    assert_eq!(
        kept,
        [true, false, true],
        "the oldest one without a request"
    );
    assert!(places[1].timer.is_expired_idle());
    assert!(is_kept(&fourth) && is_kept(&other));
    drop(busy);
    assert!(admission.admit(address("2001:db8:0:1::1")).is_some());
    assert_eq!(admission.open.lock().total, 4);
    drop((places, fourth));
    assert_eq!(admission.open.lock().clients.len(), 1);
}

#[tokio::test]
async fn an_address_whose_connections_are_all_busy_gets_no_more() {
    let admission = admission(100, Some(2), &[]);
    let places = [(); 2].map(|()| admission.admit(address("203.0.113.7")).unwrap());
    let busy = places.each_ref().map(|p| p.timer.begin_request(false));

    assert!(admission.admit(address("::ffff:203.0.113.7")).is_none());
    assert!(admission.admit(address("203.0.113.8")).is_some());
    drop(busy);
    assert!(admission.admit(address("203.0.113.7")).is_some());
}

#[tokio::test]
async fn a_trusted_proxy_has_the_connections_of_many_clients() {
    let proxies = ["10.0.0.0/8", "::ffff:192.0.2.0/120", "fd00::/8"];
    let admission = admission(100, Some(1), &proxies);
    for (peer, trusted) in [
        ("10.1.2.3", true),
        ("::ffff:10.1.2.3", true),
        ("192.0.2.9", true),
        ("fd00::9", true),
        ("203.0.113.7", false),
        ("2001:db8::7", false),
    ] {
        let admit = || admission.admit(address(peer)).unwrap();
        let (first, _second) = (admit(), admit());
        assert_eq!(is_kept(&first), trusted, "{peer}");
    }
}

#[tokio::test]
async fn at_the_limit_of_all_the_oldest_idle_connection_makes_room() {
    let admission = admission(50, None, &[]);
    let places = strangers(&admission, 50);
    drop(places[0].timer.begin_request(false));

    let newcomer = admission.admit(address("203.0.113.7")).unwrap();

    assert!(
        is_kept(&newcomer) && is_kept(&places[0]),
        "the last used one"
    );
    assert_eq!(places.iter().filter(|p| !is_kept(p)).count(), 1);
    assert!(!is_kept(&places[1]));
    assert_eq!(admission.open.lock().total, 50);
}

#[tokio::test]
async fn where_all_are_busy_a_few_are_served_briefly() {
    let admission = admission(10, None, &[]);
    let places = strangers(&admission, 10);
    let _busy: Vec<_> = (places.iter())
        .map(|p| p.timer.begin_request(false))
        .collect();

    let peer = address("203.0.113.7");
    let reserve: Vec<_> = (0..RESERVE)
        .map(|_| admission.admit(peer).unwrap())
        .collect();
    drop(reserve[0].timer.begin_request(false));
    assert!(
        reserve[0].timer.is_expired_idle(),
        "closed after its request"
    );
    // Idle ones of the reserve make room as any other, in the reserve.
    let next = admission.admit(peer).unwrap();
    drop(next.timer.begin_request(false));
    assert!(next.timer.is_expired_idle(), "closed after its request");
    let busy: Vec<_> = (reserve.iter())
        .map(|p| p.timer.begin_request(false))
        .collect();
    assert!(admission.admit(peer).is_some());
    assert!(places.iter().all(is_kept));
    drop(busy);
}

#[test]
fn fewer_open_files_are_fewer_connections() {
    for (open, total) in [(11_100, 10_000), (1_000, 818), (300, 181), (64, 32), (1, 1)] {
        let mut limits = admission(10_000, None, &[]).limits.clone();
        limits.reduce_to(open);
        assert_eq!(limits.total, total, "{open}");
    }
}
