//! `DATABASE_URL`: the forms that people bring, and an error that says what is
//! wrong without ever repeating a password.

use std::{fmt, path::PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

/// Which database a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
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
const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];
/// Parameters that the driver understands.
const KEPT: [&str; 9] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "port",
    "user",
    "password",
    "dbname",
];
/// Parameters of other drivers that change nothing here: the driver negotiates
/// channel binding by itself, and the time-outs are the store's own.
const IGNORED: [&str; 9] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "keepalives",
    "pgbouncer",
    "pool_timeout",
    "sslnegotiation",
    "target_session_attrs",
];

impl DatabaseUrl {
    /// Reads `postgres://`, `postgresql://`, either with a Python driver behind a
    /// plus sign, and `sqlite:` with a relative or an absolute path.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let refuse = |what: &str| DatabaseUrlError(format!("{what}; {WANTS}"));
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(refuse("is not a URL"));
        };
        if scheme == "sqlite" {
            return sqlite(rest).map(Target::Sqlite).map(Self);
        }
        let (dialect, _driver) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(dialect, "postgres" | "postgresql") {
            // What stands there may be a password: it is shown only where it
            // looks like a scheme.
            let known = [
                "mysql", "mariadb", "mssql", "mongodb", "redis", "file", "http", "https",
            ];
            return Err(if known.contains(&dialect) {
                refuse(&format!("{dialect} is not supported"))
            } else {
                refuse("has an unknown scheme")
            });
        }
        postgres(rest).map(Target::Postgres).map(Self)
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

fn sqlite(rest: &str) -> Result<PathBuf, DatabaseUrlError> {
    let refuse = |what: &str| Err(DatabaseUrlError(what.to_owned()));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return refuse("names no file; wants sqlite://path/to/file.db");
    }
    if path.contains(":memory:") || query.contains("mode=memory") {
        return refuse("an in-memory database would forget every task; wants a file");
    }
    if !matches!(query, "" | "mode=rwc" | "mode=rw") {
        return refuse("sqlite takes no parameters");
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(path) if !path.contains('\0') => Ok(PathBuf::from(path.as_ref())),
        _ => refuse("the file's name is not UTF-8 text"),
    }
}

fn postgres(rest: &str) -> Result<Url, DatabaseUrlError> {
    let refuse = |what: String| DatabaseUrlError(what);
    let mut url = Url::parse(&format!("postgres:{rest}"))
        .map_err(|error| refuse(format!("is not a URL ({error}); {WANTS}")))?;
    let mut parameters = Vec::new();
    for (key, value) in url.query_pairs() {
        match &*key {
            "sslmode" | "ssl" => parameters.push(("sslmode".to_owned(), ssl_mode(&value)?)),
            key if KEPT.contains(&key) => parameters.push((key.to_owned(), value.into_owned())),
            key if IGNORED.contains(&key) || key.starts_with("keepalives_") => {}
            "options" => {
                let what = "the parameter options is not supported: poolers refuse it";
                return Err(refuse(what.to_owned()));
            }
            key => return Err(refuse(format!("the parameter {key:?} is not known"))),
        }
    }
    let has = |name| parameters.iter().any(|(key, _)| key == name);
    if url.host_str().is_none_or(str::is_empty) && !has("host") {
        return Err(refuse(format!("names no host; {WANTS}")));
    }
    let slashes = url.path().trim_start_matches('/').contains('/');
    if slashes {
        return Err(refuse("names a database with a slash in it".to_owned()));
    }
    url.set_query(None);
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    Ok(url)
}

/// The driver's word for what libpq calls `sslmode` and asyncpg `ssl`.
fn ssl_mode(value: &str) -> Result<String, DatabaseUrlError> {
    let mode = match value {
        "true" => "require",
        "false" => "disable",
        mode => mode,
    };
    if SSL_MODES.contains(&mode) {
        return Ok(mode.to_owned());
    }
    let modes = SSL_MODES.join(", ");
    Err(DatabaseUrlError(format!("sslmode wants one of {modes}")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_that_people_bring_is_read_and_shown_without_a_password() {
        let table = [
            ("sqlite://data/tasks.db", "sqlite://data/tasks.db"),
            ("sqlite:data/tasks.db", "sqlite://data/tasks.db"),
            ("sqlite:///var/lib/tasks.db", "sqlite:///var/lib/tasks.db"),
            (
                "sqlite:/var/lib/tasks.db?mode=rwc",
                "sqlite:///var/lib/tasks.db",
            ),
            ("sqlite://my%20tasks.db", "sqlite://my tasks.db"),
            ("postgres://ana@db/tasks", "postgres://ana@db/tasks"),
            (
                "postgresql://ana:sesame@db/tasks",
                "postgres://ana:***@db/tasks",
            ),
            (
                "postgresql://ana:sesame@db:6543/tasks",
                "postgres://ana:***@db:6543/tasks",
            ),
            (
                "postgresql+psycopg2://ana:sesame@db/tasks",
                "postgres://ana:***@db/tasks",
            ),
            (
                "postgresql+psycopg://ana:sesame@db/tasks",
                "postgres://ana:***@db/tasks",
            ),
            (
                "postgresql+asyncpg://ana:sesame@db/tasks?ssl=require",
                "postgres://ana:***@db/tasks",
            ),
            (
                "postgres+asyncpg://ana:se%40same@db/tasks",
                "postgres://ana:***@db/tasks",
            ),
            (
                "postgresql://ana:sesame@ep-x-pooler.eu.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
                "postgres://ana:***@ep-x-pooler.eu.aws.neon.tech/neondb",
            ),
            (
                "postgres://ana:sesame@[::1]:5432/tasks",
                "postgres://ana:***@[::1]:5432/tasks",
            ),
            (
                "postgres:///tasks?host=/var/run/postgresql",
                "postgres:///tasks",
            ),
            (
                "postgres://db/tasks?user=ana&password=sesame",
                "postgres://db/tasks",
            ),
        ];

        for (text, shown) in table {
            let url = DatabaseUrl::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(url.to_string(), shown, "{text}");
            assert_eq!(format!("{url:?}"), shown, "{text}");
        }
    }

    #[test]
    fn the_driver_gets_what_it_understands_and_no_more() {
        let url = |text| match DatabaseUrl::parse(text).unwrap().0 {
            Target::Postgres(url) => url.to_string(),
            Target::Sqlite(_) => panic!("a file"),
        };

        assert_eq!(
            url("postgresql+asyncpg://ana:sesame@db/tasks?ssl=require&channel_binding=require"),
            "postgres://ana:sesame@db/tasks?sslmode=require"
        );
        assert_eq!(
            url("postgres://db/tasks?sslmode=verify-full&connect_timeout=10"),
            "postgres://db/tasks?sslmode=verify-full"
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let table = [
            ("", "not a URL"),
            ("tasks", "not a URL"),
            ("ana:sesame@db", "unknown scheme"),
            ("sesame://db", "unknown scheme"),
            ("mysql://ana:sesame@db/tasks", "mysql is not supported"),
            ("postgres://ana:sesame@:5432/tasks", "host"),
            ("postgres://ana:sesame@db:port/tasks", "port"),
            ("postgres://ana:sesame@/tasks", "host"),
            ("postgres:tasks", "host"),
            (
                "postgres://ana:sesame@db/tasks?sslmode=maybe",
                "sslmode wants one of disable",
            ),
            (
                "postgres://ana:sesame@db/tasks?pasword=sesame",
                "\"pasword\" is not known",
            ),
            ("postgres://ana:sesame@db/tasks?options=-c%20x", "options"),
            ("postgres://ana:sesame@db/a/b", "slash"),
            ("sqlite:", "names no file"),
            ("sqlite://", "names no file"),
            ("sqlite::memory:", "in-memory"),
            ("sqlite://a.db?mode=memory", "in-memory"),
            ("sqlite://a.db?cache=shared", "no parameters"),
            ("sqlite://a%00.db", "UTF-8"),
        ];

        for (text, expected) in table {
            let error = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("sesame"), "{text}: {error}");
        }
    }
}
