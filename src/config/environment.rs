//! Where the service runs.

use std::{fmt, str::FromStr};

/// Where the service runs: decides defaults and which configurations are unsafe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Environment {
    /// On a developer's machine: works without any configuration.
    #[default]
    Development,
    /// Like production, for tests before a release.
    Staging,
    /// For real users: an unsafe configuration is an error.
    Production,
}

impl FromStr for Environment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "development" => Ok(Self::Development),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}
