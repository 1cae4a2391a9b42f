//! Which connections are kept: limits on all of them and on those of one client address.
//!
//! At a limit, a new connection takes the place of those that have been without a request
//! for the longest time. So a client with thousands of idle connections costs others
//! nothing, health checks included. Only where all have a request in progress is the new
//! one refused, or (below the limit of its address) served by one of [`RESERVE`] places.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ipnet::IpNet;
use parking_lot::Mutex;

use super::timeouts::{ConnectionTimer, HEAD_TIMEOUT};
use crate::telemetry::metrics;

/// Places beyond the limit, for connections that are closed after their first requests.
pub const RESERVE: usize = 100;
/// How long a connection in a place of the reserve may take to send a head.
const RESERVE_HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// At a limit, one of so many connections is closed at once: finding the oldest ones
/// takes time, and this many new connections then need no search.
const EVICTED_SHARE: usize = 100;
/// The shortest interval between two warnings.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// Limits on client connections.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// How long a connection is kept without a request.
    pub keep_alive: Duration,
    /// The maximum number of connections.
    pub total: usize,
    /// The maximum number of one client address; `None` for no limit.
    pub per_address: Option<usize>,
    /// Proxies, which have the connections of many clients: no limit per address.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether the connections count in the metric `connections`.
    pub counted: bool,
}

impl ConnectionLimits {
    /// The most connections that are open at once, with those that are being closed.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.total + RESERVE + self.total / 10
    }

    /// Lowers the limit on all connections so that at most `open` are open at once, or, where
    /// the reserve would take most of them, half as many and the reserve.
    pub fn reduce_to(&mut self, open: usize) {
        self.total = (open.saturating_sub(RESERVE) * 10 / 11)
            .max(open / 2)
            .max(1);
    }

    fn trusts(&self, address: IpAddr) -> bool {
        // A network may be written in the IPv4-mapped form (RFC 4291, section 2.5.5.2).
        let mapped = match address {
            IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
            IpAddr::V6(_) => address,
        };
        let mut networks = self.trusted_proxies.iter();
        networks.any(|network| network.contains(&address) || network.contains(&mapped))
    }
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 one, the least that
/// one customer gets (RFC 6177).
#[must_use]
pub fn client_network(address: IpAddr) -> IpAddr {
    let address = address.to_canonical();
    let prefix = if address.is_ipv4() { 32 } else { 64 };
    IpNet::new(address, prefix).map_or(address, |network| network.network())
}

/// The open connections of one listener.
pub struct Admission {
    limits: ConnectionLimits,
    open: Mutex<Open>,
    warned: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Open {
    clients: HashMap<IpAddr, HashMap<u64, ConnectionTimer>>,
    total: usize,
    next_id: u64,
}

/// In the extensions of a request on a connection of the reserve, which must not go on for long.
#[derive(Debug, Clone, Copy)]
pub struct InReserve;

/// The place of an open connection, until it is dropped.
pub struct Place {
    admission: Arc<Admission>,
    client: IpAddr,
    id: u64,
    /// Timeout state of the connection.
    pub timer: ConnectionTimer,
    /// It is one of the [`RESERVE`].
    pub in_reserve: Option<InReserve>,
    _counted: Option<metrics::ClientConnection>,
}

impl Admission {
    /// Nothing is open yet.
    #[must_use]
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            open: Mutex::default(),
            warned: Mutex::default(),
        })
    }

    /// A place for a connection from `peer`; `None` if it must be refused.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let (peer, client) = (peer.to_canonical(), client_network(peer));
        let mut open = self.open.lock();
        if let Some(limit) = self.limits.per_address
            && open.clients.get(&client).map_or(0, HashMap::len) >= limit
            && !self.limits.trusts(peer)
        {
            let evicted = open.evict(Some(client), limit.div_ceil(EVICTED_SHARE));
            self.report("connections-per-address", Some(client), open.total);
            if evicted == 0 {
                return None;
            }
        }
        let mut reserve = false;
        if open.total >= self.limits.total {
            open.evict(None, self.limits.total.div_ceil(EVICTED_SHARE));
            self.report("connections", None, open.total);
            // What was evicted may have been in the reserve itself.
            reserve = open.total >= self.limits.total;
            if open.total >= self.limits.total + RESERVE {
                return None;
            }
        }
        let timer = if reserve {
            ConnectionTimer::new(RESERVE_HEAD_TIMEOUT, Duration::ZERO)
        } else {
            ConnectionTimer::new(HEAD_TIMEOUT, self.limits.keep_alive)
        };
        let id = open.insert(client, timer.clone());
        drop(open);
        Some(Place {
            admission: Arc::clone(self),
            client,
            id,
            timer,
            in_reserve: reserve.then_some(InReserve),
            _counted: (self.limits.counted).then(metrics::ClientConnection::open),
        })
    }

    /// Counts that a limit was reached, and warns of it from time to time.
    fn report(&self, limit: &'static str, client: Option<IpAddr>, open: usize) {
        metrics::limit_hit(limit);
        let mut warned = self.warned.lock();
        if warned.is_some_and(|at| at.elapsed() < WARNING_INTERVAL) {
            return;
        }
        *warned = Some(Instant::now());
        if let Some(client) = client {
            tracing::warn!(
                open,
                %client,
                "too many connections from one address: the oldest idle ones are closed; if it \
                 is a proxy, TRUSTED_PROXIES should list it"
            );
        } else {
            tracing::warn!(
                open,
                "too many connections: the oldest idle ones are closed"
            );
        }
    }
}

impl Open {
    fn insert(&mut self, client: IpAddr, timer: ConnectionTimer) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.total += 1;
        self.clients.entry(client).or_default().insert(id, timer);
        id
    }

    fn remove(&mut self, client: IpAddr, id: u64) -> Option<ConnectionTimer> {
        let connections = self.clients.get_mut(&client)?;
        let timer = connections.remove(&id)?;
        if connections.is_empty() {
            self.clients.remove(&client);
        }
        self.total -= 1;
        Some(timer)
    }

    /// Closes up to `count` connections, of `client` or of all, that have been without a
    /// request for the longest time; returns how many.
    fn evict(&mut self, client: Option<IpAddr>, count: usize) -> usize {
        let mut idle = Vec::new();
        let mut add = |client: IpAddr, connections: &HashMap<u64, ConnectionTimer>| {
            let since = connections.iter();
            let since = since.filter_map(|(id, timer)| Some((timer.idle_since()?, *id, client)));
            idle.extend(since);
        };
        match client {
            Some(client) => add(client, self.clients.get(&client).unwrap_or(&HashMap::new())),
            None => self.clients.iter().for_each(|(c, of)| add(*c, of)),
        }
        if count < idle.len() {
            idle.select_nth_unstable(count);
            idle.truncate(count);
        }
        for (_, id, client) in &idle {
            if let Some(timer) = self.remove(*client, *id) {
                timer.evict();
            }
        }
        idle.len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It is not there if it was evicted.
        self.admission.open.lock().remove(self.client, self.id);
    }
}

#[cfg(test)]
mod tests;
