//! Listening on a host name, which may have several addresses.

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    task::Poll,
};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream, lookup_host};

/// How often a free port is tried that is free on the first address, but not on others.
const PORT_ATTEMPTS: usize = 10;

/// Listeners on one port of all addresses of a host.
pub struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// Listens on `port` of every address of `host`; 0 picks one that is free on all.
    /// `localhost` has the loopback addresses of both families (RFC 6761, section 6.3). An
    /// address that this machine does not have is left out if there is another.
    pub async fn bind(host: &str, port: u16) -> io::Result<Self> {
        let addresses = addresses(host).await?;
        let mut attempt = 1;
        loop {
            match bind_all(&addresses, port).await {
                Err(error)
                    if port == 0
                        && error.kind() == io::ErrorKind::AddrInUse
                        && attempt < PORT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                bound => return bound.map(Self),
            }
        }
    }

    /// The addresses that it listens on; at least one.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.0.iter().map(TcpListener::local_addr).collect()
    }

    /// An address at which a client on this machine reaches it.
    pub fn reachable(&self) -> io::Result<SocketAddr> {
        let Some(first) = self.0.first() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let mut address = first.local_addr()?;
        if address.ip().is_unspecified() {
            // `::` accepts IPv4 as well, unless the system separates the two.
            let only_v6 = address.is_ipv6() && SockRef::from(first).only_v6()?;
            address.set_ip(if only_v6 {
                Ipv6Addr::LOCALHOST.into()
            } else {
                Ipv4Addr::LOCALHOST.into()
            });
        }
        Ok(address)
    }

    /// The next connection on any of them.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| {
            let mut listeners = self.0.iter();
            let accepted = listeners.find_map(|listener| match listener.poll_accept(context) {
                Poll::Ready(accepted) => Some(accepted),
                Poll::Pending => None,
            });
            accepted.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

async fn addresses(host: &str) -> io::Result<Vec<IpAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let mut addresses = Vec::new();
    for address in lookup_host((host, 0)).await? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

async fn bind_all(addresses: &[IpAddr], mut port: u16) -> io::Result<Vec<TcpListener>> {
    let (mut listeners, mut missing) = (Vec::new(), None);
    for &address in addresses {
        match TcpListener::bind((address, port)).await {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) if is_missing(&error) => missing = Some(error),
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if listeners.is_empty() => Err(error),
        _ if listeners.is_empty() => Err(io::Error::other("the name has no address")),
        _ => Ok(listeners),
    }
}

/// Whether this machine lacks the address or its family.
fn is_missing(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no stable kind.
    #[cfg(unix)]
    let no_family = error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    #[cfg(not(unix))]
    let no_family = false;
    error.kind() == io::ErrorKind::AddrNotAvailable || no_family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_one_port_of_both_families() {
        let listeners = Listeners::bind("localhost", 0).await.unwrap();

        let addresses = listeners.addresses().unwrap();
        assert!(addresses.iter().any(SocketAddr::is_ipv4), "{addresses:?}");
        let port = addresses[0].port();
        assert!(port != 0 && addresses.iter().all(|a| a.port() == port));
        for address in addresses {
            let (client, accepted) = tokio::join!(TcpStream::connect(address), listeners.accept());
            assert_eq!(client.unwrap().local_addr().unwrap(), accepted.unwrap().1);
        }
    }

    #[tokio::test]
    async fn a_port_in_use_on_one_address_is_an_error() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();

        for host in ["localhost", "127.0.0.1", "LocalHost"] {
            let bound = Listeners::bind(host, port).await;
            assert_eq!(bound.err().unwrap().kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[tokio::test]
    async fn every_host_is_reachable_at_the_address_it_names() {
        for host in ["0.0.0.0", "::", "127.0.0.1", "::1", "localhost"] {
            let Ok(listeners) = Listeners::bind(host, 0).await else {
                assert!(host.contains("::"), "{host}: no IPv6 on this machine");
                continue;
            };
            let address = listeners.reachable().unwrap();
            assert!(address.ip().is_loopback(), "{host}: {address}");
            let (client, accepted) = tokio::join!(TcpStream::connect(address), listeners.accept());
            assert!(client.is_ok() && accepted.is_ok(), "{host}");
        }
    }
}
