//! The rate limits and the trusted proxies.

use std::{net::IpAddr, num::NonZeroU32};

use ipnet::IpNet;

use super::{
    reader::Reader,
    variables::{
        RATE_LIMIT_FAILED_AUTH, RATE_LIMIT_PER_ADDRESS, RATE_LIMIT_PER_USER, TRUSTED_PROXIES,
        Variable,
    },
};

/// The rate limits, in requests per minute; `None` for no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// `RATE_LIMIT_PER_USER`: requests of one user.
    pub per_user: Option<NonZeroU32>,
    /// `RATE_LIMIT_PER_ADDRESS`: requests of one client address.
    pub per_address: Option<NonZeroU32>,
    /// `RATE_LIMIT_FAILED_AUTH`: requests of one client address with an invalid token.
    pub failed_auth: Option<NonZeroU32>,
    /// `TRUSTED_PROXIES`: proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
}

impl RateLimitConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            per_user: rate(reader, RATE_LIMIT_PER_USER),
            per_address: rate(reader, RATE_LIMIT_PER_ADDRESS),
            failed_auth: rate(reader, RATE_LIMIT_FAILED_AUTH),
            trusted_proxies: reader.parse_list(TRUSTED_PROXIES, network),
        }
    }
}

fn rate(reader: &mut Reader, variable: Variable) -> Option<NonZeroU32> {
    let wants = "requests per minute, a whole number; 0 or off for no limit";
    let rate = reader.parse_with(variable, wants, |text| match text {
        "off" => Some(0),
        _ => text.parse().ok(),
    });
    rate.and_then(NonZeroU32::new)
}

/// A network; a single address is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse::<IpNet>().ok().or_else(address);
    network.ok_or_else(|| {
        format!("got {text:?}, wants addresses and networks like 10.0.0.0/8, separated by commas")
    })
}
