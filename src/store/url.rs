//! `DATABASE_URL`: the forms that people bring, and an error that says what is
//! wrong without ever repeating a password. `docs/database-urls.md` is the list of
//! them, which the tests read.

mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf};

use url::Url;

/// Which database a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl DatabaseKind {
    /// Its name in OpenTelemetry's semantic conventions.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }
}

/// Where the tasks are. `Display` and `Debug` leave out the password.
#[derive(Clone)]
pub struct DatabaseUrl(pub(super) Target);

#[derive(Clone)]
pub(super) enum Target {
    Sqlite(PathBuf),
    /// In the driver's own form, with the password.
    Postgres(Url),
}

/// What is wrong with a `DATABASE_URL`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseUrlError(String);

const WANTS: &str = "wants postgres://user:password@host/database or sqlite://path/to/file.db";

/// An error that ends with the forms that are wanted.
fn wants(what: &str) -> DatabaseUrlError {
    DatabaseUrlError(format!("{what}; {WANTS}"))
}

impl DatabaseUrl {
    /// Reads `postgres://`, `postgresql://` and `sqlite:` with a relative or an
    /// absolute path, each also with a Python driver behind a plus sign.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        if text.starts_with(['"', '\'', '`']) {
            return Err(wants("stands in quotation marks"));
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(wants("is not a URL"));
        };
        let scheme = scheme.to_ascii_lowercase();
        let (dialect, driver) = scheme.split_once('+').unwrap_or((&scheme, ""));
        match dialect {
            "sqlite" if driver.is_empty() => sqlite::parse(rest).map(Target::Sqlite).map(Self),
            "sqlite" => sqlite::parse_pythons(rest).map(Target::Sqlite).map(Self),
            "postgres" | "postgresql" => postgres::parse(rest).map(Target::Postgres).map(Self),
            // What stands there may be a password: it is shown only where it
            // looks like a scheme.
            "mysql" | "mariadb" | "mssql" | "mongodb" | "redis" | "file" | "http" | "https"
            | "jdbc" | "libsql" | "cockroachdb" => {
                Err(wants(&format!("{dialect} is not supported")))
            }
            _ => Err(wants("has an unknown scheme")),
        }
    }

    /// Which database it is.
    #[must_use]
    pub fn kind(&self) -> DatabaseKind {
        match self.0 {
            Target::Sqlite(_) => DatabaseKind::Sqlite,
            Target::Postgres(_) => DatabaseKind::Postgres,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Target::Postgres(url) => {
                let mut shown = url.clone();
                shown.set_query(None);
                if shown.password().is_some() {
                    // Cannot fail: there was a password, so there is an authority.
                    let _ = shown.set_password(Some("***"));
                }
                write!(f, "{shown}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
