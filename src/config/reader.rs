//! Reads variables and collects their errors.

use std::{fmt, str::FromStr};

use url::Url;

use super::variables::{Environment, Variable};

/// One error in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {message}")]
pub struct ConfigError {
    /// The variable to change.
    pub variable: &'static str,
    /// The value that was read, unless it is secret, and the value that is expected.
    pub message: String,
}

/// All errors in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is invalid:")?;
        self.0.iter().try_for_each(|e| write!(f, "\n  {e}"))
    }
}

/// Looks a variable up; the error completes "NAME: ".
type Lookup<'a> = &'a dyn Fn(&str) -> Result<Option<String>, String>;

/// Reads variables. An error does not end the reading, so that all are found at once.
pub(super) struct Reader<'a> {
    lookup: Lookup<'a>,
    /// Decides the defaults.
    pub(super) environment: Environment,
    errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    /// What `read` returns, or all errors that it added.
    pub(super) fn run<T>(
        lookup: Lookup<'a>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, ConfigErrors> {
        let mut reader = Self {
            lookup,
            environment: Environment::default(),
            errors: Vec::new(),
        };
        let value = read(&mut reader);
        if reader.errors.is_empty() {
            Ok(value)
        } else {
            Err(ConfigErrors(reader.errors))
        }
    }

    /// Adds an error.
    pub(super) fn reject(&mut self, variable: Variable, message: impl Into<String>) {
        self.errors.push(ConfigError {
            variable: variable.name,
            message: message.into(),
        });
    }

    /// The value of a result, or its error added.
    pub(super) fn accept<T>(&mut self, variable: Variable, result: Result<T, String>) -> Option<T> {
        result
            .map_err(|message| self.reject(variable, message))
            .ok()
    }

    /// The configured value as it is; `None` if it is unset or blank.
    pub(super) fn untrimmed(&mut self, variable: Variable) -> Option<String> {
        let configured = (self.lookup)(variable.name);
        let configured = self.accept(variable, configured).flatten();
        configured.filter(|text| !text.trim().is_empty())
    }

    /// The configured value, trimmed, or the default if it is unset or blank.
    pub(super) fn value(&mut self, variable: Variable) -> Option<String> {
        let default = variable.default_in(self.environment);
        let configured = self.untrimmed(variable);
        configured
            .as_deref()
            .map(str::trim)
            .or(default)
            .map(str::to_owned)
    }

    /// The configured value or the default; empty without either.
    pub(super) fn text(&mut self, variable: Variable) -> String {
        self.value(variable).unwrap_or_default()
    }

    /// The items of a comma-separated value.
    pub(super) fn list(&mut self, variable: Variable) -> Vec<String> {
        let text = self.text(variable);
        let items = text.split(',').map(str::trim);
        items.filter(|i| !i.is_empty()).map(str::to_owned).collect()
    }

    /// The parsed value. `wants` completes "got …, wants".
    pub(super) fn parse<T: FromStr + Default>(&mut self, variable: Variable, wants: &str) -> T {
        self.parse_with(variable, wants, |text| text.parse().ok())
    }

    /// The value that `parse` accepts; `T`'s default without a value and after an error.
    pub(super) fn parse_with<T: Default>(
        &mut self,
        variable: Variable,
        wants: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let Some(text) = self.value(variable) else {
            return T::default();
        };
        let parsed = parse(&text).ok_or_else(|| format!("got {text:?}, wants {wants}"));
        self.accept(variable, parsed).unwrap_or_default()
    }

    /// The items that `parse` accepts; its errors complete "NAME: ".
    pub(super) fn parse_list<T>(
        &mut self,
        variable: Variable,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let items = self.list(variable).into_iter();
        items
            .filter_map(|text| self.accept(variable, parse(&text)))
            .collect()
    }
}

/// An http or https URL without credentials. The error does not repeat a password.
pub(super) fn http_url(text: &str, wants: &str) -> Result<Url, String> {
    let got = match Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "a URL with a user name or password".to_owned()
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => return Ok(url),
        _ => shown(text),
    };
    Err(format!("got {got}, wants {wants}"))
}

/// A value as an error shows it: what stands before an @ may be a password.
pub(super) fn shown(text: &str) -> String {
    if text.contains('@') {
        "something else".to_owned()
    } else {
        format!("{text:?}")
    }
}
