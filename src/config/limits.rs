//! How many requests are too many, and whose word on an address is taken.

use std::{net::IpAddr, num::NonZeroU32};

use ipnet::IpNet;

use super::{Environment, Reader};

/// The rate limits, in requests per minute; `None` where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitsConfig {
    /// `RATE_LIMIT_PER_USER`: of one user.
    pub per_user: Option<NonZeroU32>,
    /// `RATE_LIMIT_PER_ADDRESS`: of one address, whoever is behind it.
    pub per_address: Option<NonZeroU32>,
    /// `RATE_LIMIT_FAILED_AUTH`: of one address, with a token that is refused.
    pub failed_auth: Option<NonZeroU32>,
    /// `TRUSTED_PROXIES`: who may say which address a request came from.
    pub trusted_proxies: Vec<IpNet>,
}

impl LimitsConfig {
    pub(super) fn read<L>(reader: &mut Reader<L>, environment: Environment) -> Self
    where
        L: Fn(&str) -> Option<String>,
    {
        let mut rate = |variable, default| {
            let default = match environment {
                Environment::Development => 0,
                Environment::Staging | Environment::Production => default,
            };
            reader.rate(variable, default)
        };
        Self {
            per_user: rate("RATE_LIMIT_PER_USER", 600),
            // Many users may share one address.
            per_address: rate("RATE_LIMIT_PER_ADDRESS", 3_000),
            failed_auth: rate("RATE_LIMIT_FAILED_AUTH", 60),
            trusted_proxies: reader.networks("TRUSTED_PROXIES"),
        }
    }
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn rate(&mut self, variable: &'static str, default: u32) -> Option<NonZeroU32> {
        let text = (self.lookup)(variable);
        let rate = match text.as_deref() {
            None => default,
            Some("off") => 0,
            Some(text) => text.parse().unwrap_or_else(|_| {
                let wants = "wants requests per minute, a whole number; 0 or off for no limit";
                self.refuse(variable, format!("got {text:?}, {wants}"));
                default
            }),
        };
        NonZeroU32::new(rate)
    }

    /// Networks; an address is the network of itself.
    fn networks(&mut self, variable: &'static str) -> Vec<IpNet> {
        let mut networks = Vec::new();
        for text in self.list(variable) {
            let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
            match text.parse::<IpNet>().ok().or_else(address) {
                Some(network) => networks.push(network),
                None => self.refuse(
                    variable,
                    format!(
                        "got {text:?}, wants addresses and networks like 10.0.0.0/8, separated \
                         by commas"
                    ),
                ),
            }
        }
        networks
    }
}
