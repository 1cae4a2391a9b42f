//! `DATABASE_URL`: the forms that people use, and an error that says what is wrong
//! without repeating a password. The tests read the list of forms in
//! `docs/database-urls.md`.

mod error;
mod parameters;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use url::Url;

pub use self::error::DatabaseUrlError;

/// Where the tasks are, and the parameters that are ignored. `Display` and `Debug` leave out
/// the password.
#[derive(Clone)]
pub struct DatabaseUrl(pub(super) Target, Vec<&'static str>);

#[derive(Clone)]
pub(super) enum Target {
    Sqlite(PathBuf),
    /// In the driver's own form, with the password.
    Postgres(Url),
}

impl DatabaseUrl {
    /// Parses `postgres://`, `postgresql://` and `sqlite:` with a relative or an
    /// absolute path, each also with a Python driver behind a plus sign.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        if text.starts_with(['"', '\'', '`']) {
            return Err(DatabaseUrlError::with_forms("stands in quotation marks"));
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(DatabaseUrlError::with_forms("is not a URL"));
        };
        let scheme = scheme.to_ascii_lowercase();
        let (dialect, driver) = scheme.split_once('+').unwrap_or((&scheme, ""));
        match dialect {
            "sqlite" if driver.is_empty() => Ok(Self::of_file(sqlite::parse(rest)?)),
            "sqlite" => Ok(Self::of_file(sqlite::parse_pythons(rest)?)),
            "postgres" | "postgresql" => {
                let (url, ignored) = postgres::parse(rest)?;
                Ok(Self(Target::Postgres(url), ignored))
            }
            // It may be a password: it is shown only where it is a known scheme.
            "mysql" | "mariadb" | "mssql" | "mongodb" | "redis" | "file" | "http" | "https"
            | "jdbc" | "libsql" | "cockroachdb" => Err(DatabaseUrlError::with_forms(&format!(
                "{dialect} is not supported"
            ))),
            _ => Err(DatabaseUrlError::with_forms("has an unknown scheme")),
        }
    }

    /// The SQLite file; `None` for a database server.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Target::Sqlite(path) => Some(path),
            Target::Postgres(_) => None,
        }
    }

    /// The names of the parameters that change nothing here, in their order.
    #[must_use]
    pub fn ignored(&self) -> &[&'static str] {
        &self.1
    }

    fn of_file(path: PathBuf) -> Self {
        Self(Target::Sqlite(path), Vec::new())
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
