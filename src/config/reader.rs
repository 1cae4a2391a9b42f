//! Reads variables and collects their errors.

use std::str::FromStr;

use url::Url;

use super::{
    environment::Environment,
    error::{ConfigError, ConfigErrors},
    variables::Variable,
};

/// Reads variables. After an error it returns the default, so that all errors are
/// found at once.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Decides the defaults.
    pub(super) environment: Environment,
    errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            environment: Environment::default(),
            errors: Vec::new(),
        }
    }

    /// `value`, or all errors if there are any.
    pub(super) fn finish<T>(self, value: T) -> Result<T, ConfigErrors> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(ConfigErrors(self.errors))
        }
    }

    /// Adds an error.
    pub(super) fn reject(&mut self, variable: Variable, message: impl Into<String>) {
        self.errors.push(ConfigError {
            variable: variable.name,
            message: message.into(),
        });
    }

    /// The configured value, trimmed; `None` if it is unset or blank.
    fn configured(&self, variable: Variable) -> Option<String> {
        let value = (self.lookup)(variable.name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// The configured value or the default.
    pub(super) fn value(&self, variable: Variable) -> Option<String> {
        let default = || variable.default_in(self.environment).map(str::to_owned);
        self.configured(variable).or_else(default)
    }

    /// The configured value or the default; empty without either.
    pub(super) fn text(&self, variable: Variable) -> String {
        self.value(variable).unwrap_or_default()
    }

    /// The items of a comma-separated value.
    pub(super) fn list(&self, variable: Variable) -> Vec<String> {
        let text = self.text(variable);
        let items = text.split(',').map(str::trim);
        items.filter(|i| !i.is_empty()).map(str::to_owned).collect()
    }

    /// A value of a variable that has a default. `wants` completes "got …, wants".
    pub(super) fn parse<T: FromStr + Default>(&mut self, variable: Variable, wants: &str) -> T {
        let parse = |text: &str| text.parse().ok();
        self.parse_with(variable, wants, parse).unwrap_or_default()
    }

    /// The value that `parse` accepts; `None` if there is neither value nor default.
    pub(super) fn parse_with<T>(
        &mut self,
        variable: Variable,
        wants: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if let Some(text) = self.configured(variable) {
            if let Some(value) = parse(&text) {
                return Some(value);
            }
            self.reject(variable, format!("got {text:?}, wants {wants}"));
        }
        parse(variable.default_in(self.environment)?)
    }

    /// The items that `parse` accepts; its errors complete "NAME: ".
    pub(super) fn parse_list<T>(
        &mut self,
        variable: Variable,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut items = Vec::new();
        for text in self.list(variable) {
            match parse(&text) {
                Ok(item) => items.push(item),
                Err(message) => self.reject(variable, message),
            }
        }
        items
    }

    /// Comma-separated http or https URLs.
    pub(super) fn urls(&mut self, variable: Variable) -> Vec<Url> {
        self.parse_list(variable, |text| {
            http_url(text).map_err(|got| format!("{got}, wants an http or https URL"))
        })
    }
}

/// An http or https URL without credentials. The error says what was read, without
/// repeating a password.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("got a URL with a user name or password".to_owned())
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ if text.contains('@') => Err("got something else".to_owned()),
        _ => Err(format!("got {text:?}")),
    }
}
