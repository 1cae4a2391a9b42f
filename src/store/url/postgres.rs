//! The part behind `postgres:`, in the form that the driver reads. What the driver does
//! not understand, or would find out only with each connection, is refused here.

use percent_encoding::percent_decode_str;
use url::Url;

use super::error::DatabaseUrlError;

const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];
/// Parameters that the driver understands.
const KEPT: [&str; 7] = [
    "sslcert", "sslkey", "host", "port", "user", "password", "dbname",
];
/// Parameters of other drivers that change nothing here: the driver negotiates
/// channel binding by itself and speaks UTF-8, and time-outs and prepared statements
/// are the store's own.
const IGNORED: [&str; 13] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "gssencmode",
    "keepalives",
    "pgbouncer",
    "pool_timeout",
    "prepared_statement_cache_size",
    "sslnegotiation",
    "statement_cache_size",
    "sslsni",
    "target_session_attrs",
];

/// Parses it, and keeps the parameters that the driver understands.
pub fn parse(rest: &str) -> Result<Url, DatabaseUrlError> {
    if !rest.starts_with("//") {
        return Err(DatabaseUrlError::with_forms(
            "has no // behind its scheme, and so names no host",
        ));
    }
    let url = Url::parse(&format!("postgres:{rest}")).map_err(|error| {
        if is_cut_short(rest) {
            return cut_short();
        }
        DatabaseUrlError::with_forms(&format!("is not a URL ({error})"))
    })?;
    if is_cut_short(rest) || url.fragment().is_some() {
        return Err(cut_short());
    }
    let parameters = parameters(&url)?;
    let value = |name| {
        let named = parameters.iter().rfind(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    };
    let host = value("host").or(url.host_str()).unwrap_or_default();
    if host.is_empty() {
        return Err(DatabaseUrlError::with_forms("names no host"));
    }
    if host.contains(',') {
        return Err(DatabaseUrlError::new("names several hosts; wants one"));
    }
    if url.port() == Some(0) || value("port").is_some_and(|p| !p.parse().is_ok_and(|p: u16| p > 0))
    {
        return Err(DatabaseUrlError::new(
            "the port wants a number from 1 to 65535",
        ));
    }
    if url.path().trim_start_matches('/').contains('/') {
        return Err(DatabaseUrlError::new("names a database with a slash in it"));
    }
    let parts = [
        ("user", url.username()),
        ("password", url.password().unwrap_or_default()),
        ("database", url.path()),
    ];
    for (name, part) in parts {
        if !percent_decode_str(part)
            .decode_utf8()
            .is_ok_and(|part| !part.contains('\0'))
        {
            return Err(DatabaseUrlError::new(format!(
                "the {name} is not UTF-8 text"
            )));
        }
    }
    let mut url = url;
    url.set_query(None);
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    Ok(url)
}

/// Whether a character of the password that has another meaning in a URL ended the
/// part before the host. What follows is then neither a host nor a parameter.
fn is_cut_short(rest: &str) -> bool {
    let rest = rest.trim_start_matches('/');
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let before_parameters = behind.split('=').next().unwrap_or_default();
    !authority.contains('@') && before_parameters.contains('@')
}

fn cut_short() -> DatabaseUrlError {
    DatabaseUrlError::new(
        "a character of the password must be percent-encoded: / is %2F, ? is %3F, # is %23, \
         @ is %40, : is %3A, % is %25",
    )
}

fn parameters(url: &Url) -> Result<Vec<(String, String)>, DatabaseUrlError> {
    let mut parameters = Vec::new();
    let mut system_roots = false;
    for (key, value) in url.query_pairs() {
        if value.contains('\0') {
            return Err(DatabaseUrlError::new("a parameter holds U+0000"));
        }
        match &*key {
            "sslmode" | "ssl" => parameters.push(("sslmode".to_owned(), ssl_mode(&value)?)),
            "sslrootcert" if value == "system" => system_roots = true,
            key if KEPT.contains(&key) || key == "sslrootcert" => {
                parameters.push((key.to_owned(), value.into_owned()));
            }
            key if IGNORED.contains(&key) || key.starts_with("keepalives_") => {}
            "options" => options(&value, url.host_str().unwrap_or_default())?,
            key if is_name(key) => {
                return Err(DatabaseUrlError::new(format!(
                    "the parameter {key:?} is not known"
                )));
            }
            _ => return Err(DatabaseUrlError::new("a parameter is not known")),
        }
    }
    let strict = |(key, value): &(String, String)| key == "sslmode" && value == "verify-full";
    if system_roots && !parameters.iter().any(strict) {
        let what = "sslrootcert=system wants sslmode=verify-full beside it";
        return Err(DatabaseUrlError::new(what));
    }
    Ok(parameters)
}

/// Whether it can be shown: a part of a password seldom looks like this.
fn is_name(key: &str) -> bool {
    let in_names = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | '.' | '[' | ']');
    !key.is_empty() && key.chars().all(in_names)
}

/// Neon's endpoint may stand here, for clients without SNI. The driver sends it.
fn options(value: &str, host: &str) -> Result<(), DatabaseUrlError> {
    let endpoint = value
        .strip_prefix("endpoint=")
        .or(value.strip_prefix("project="));
    let label = host.split('.').next().unwrap_or_default();
    match endpoint {
        Some(endpoint) if label.trim_end_matches("-pooler") == endpoint => Ok(()),
        Some(_) => Err(DatabaseUrlError::new(
            "the endpoint in the parameter options is not that of the host",
        )),
        None => Err(DatabaseUrlError::new(
            "the parameter options is not supported: poolers refuse it",
        )),
    }
}

/// The driver's name for the value of libpq's `sslmode` and asyncpg's `ssl`.
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
    Err(DatabaseUrlError::new(format!(
        "sslmode wants one of {modes}"
    )))
}
