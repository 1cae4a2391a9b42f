//! The parameters of a `postgres:` URL, behind its question mark: those of the driver, and
//! those of other programs that read the same variable.

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
/// Parameters that change nothing here. The driver negotiates channel binding by itself and
/// speaks UTF-8; timeouts, connections and prepared statements are the store's own.
const IGNORED: [&str; 66] = [
    // libpq
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "sslcompression",
    "sslnegotiation",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    // Prisma
    "connection_limit",
    "pgbouncer",
    "pool_timeout",
    "socket_timeout",
    "statement_cache_size",
    // Supabase, Vercel
    "supa",
    "workaround",
    // Python
    "command_timeout",
    "conn_max_age",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "timeout",
    // node-postgres, postgres.js
    "idle_timeout",
    "max",
    "max_lifetime",
    "prepare",
    "uselibpqcompat",
    // pgx, lib/pq
    "binary_parameters",
    "default_query_exec_mode",
    "description_cache_capacity",
    "pool_health_check_period",
    "pool_max_conn_idle_time",
    "pool_max_conn_lifetime",
    "pool_max_conns",
    "pool_min_conns",
    "statement_cache_capacity",
    // Rails, Ecto
    "advisory_locks",
    "checkout_timeout",
    "encoding",
    "pool",
    "pool_size",
    "prepared_statements",
    "reaping_frequency",
    // JDBC
    "ApplicationName",
    "assumeMinServerVersion",
    "binaryTransfer",
    "cancelSignalTimeout",
    "connectTimeout",
    "loginTimeout",
    "preferQueryMode",
    "prepareThreshold",
    "reWriteBatchedInserts",
    "socketTimeout",
    "sslfactory",
    "stringtype",
    "targetServerType",
    "tcpKeepAlive",
];
/// Names of the schema. The tables are where the role's own search path leads, which is
/// `public` unless it was changed.
const SCHEMA: [&str; 3] = ["schema", "currentSchema", "search_path"];
/// Prisma's: whether the certificate is verified.
const SSL_ACCEPT: &str = "sslaccept";

/// What the parameters say.
#[derive(Default)]
pub struct Parameters {
    pub place: Place,
    /// TLS, as the driver reads it.
    pub tls: Vec<(String, String)>,
    pub ignored: Vec<&'static str>,
}

/// What has a part of its own in the URL, too.
#[derive(Default)]
pub struct Place {
    pub host: Option<String>,
    pub port: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: Option<String>,
}

impl Parameters {
    /// Of two with one name the later one counts.
    pub fn read(url: &Url) -> Result<Self, DatabaseUrlError> {
        let mut found = Self::default();
        let (mut system_roots, mut strict) = (false, false);
        for (key, value) in url.query_pairs() {
            if value.contains('\0') {
                return Err(DatabaseUrlError::new("a parameter holds U+0000"));
            }
            if let Some(ignored) = IGNORED.iter().find(|ignored| **ignored == key) {
                found.ignore(ignored);
                continue;
            }
            if let Some(name) = SCHEMA.iter().find(|name| **name == key) {
                check_schema(name, &value)?;
                found.ignore(name);
                continue;
            }
            match &*key {
                "host" => found.place.host = Some(value.into_owned()),
                "port" => found.place.port = Some(value.into_owned()),
                "user" => found.place.user = Some(value.into_owned()),
                "password" => found.place.password = Some(value.into_owned()),
                "dbname" => found.place.database = Some(value.into_owned()),
                "sslmode" | "ssl" => found.set_tls("sslmode", ssl_mode(&value)?),
                "sslrootcert" if value == "system" => system_roots = true,
                "sslrootcert" | "sslcert" | "sslkey" => found.set_tls(&key, value.into_owned()),
                SSL_ACCEPT => match &*value {
                    "strict" => strict = true,
                    "accept_invalid_certs" => found.ignore(SSL_ACCEPT),
                    _ => {
                        let what = "sslaccept wants strict or accept_invalid_certs";
                        return Err(DatabaseUrlError::new(what));
                    }
                },
                "options" => options(&value, url.host_str().unwrap_or_default())?,
                key if is_name(key) => {
                    let what = format!("the parameter {key:?} is not known");
                    return Err(DatabaseUrlError::new(what));
                }
                _ => return Err(DatabaseUrlError::new("a parameter is not known")),
            }
        }
        found.check_tls(system_roots, strict)?;
        Ok(found)
    }

    fn check_tls(&mut self, system_roots: bool, strict: bool) -> Result<(), DatabaseUrlError> {
        let mode = self.tls("sslmode").unwrap_or("prefer").to_owned();
        // As in libpq: who names an authority wants it to be checked.
        if mode == "require" && self.tls("sslrootcert").is_some() {
            self.set_tls("sslmode", "verify-ca".to_owned());
        }
        if strict && matches!(&*mode, "prefer" | "require") {
            self.set_tls("sslmode", "verify-full".to_owned());
        }
        if system_roots && self.tls("sslmode") != Some("verify-full") {
            let what = "sslrootcert=system wants sslmode=verify-full beside it";
            return Err(DatabaseUrlError::new(what));
        }
        // Prisma's name for what is sslrootcert elsewhere.
        if self.tls("sslcert").is_some() && self.tls("sslkey").is_none() {
            return Err(DatabaseUrlError::new(
                "sslcert, the certificate of this client, wants its sslkey beside it; the server's \
                 authority is sslrootcert",
            ));
        }
        Ok(())
    }

    fn tls(&self, name: &str) -> Option<&str> {
        let found = self.tls.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn set_tls(&mut self, name: &str, value: String) {
        self.tls.retain(|(key, _)| key != name);
        self.tls.push((name.to_owned(), value));
    }

    fn ignore(&mut self, name: &'static str) {
        if !self.ignored.contains(&name) {
            self.ignored.push(name);
        }
    }
}

/// Another schema is refused, since the tasks would be in `public` all the same.
fn check_schema(name: &str, value: &str) -> Result<(), DatabaseUrlError> {
    if value == "public" {
        return Ok(());
    }
    Err(DatabaseUrlError::new(format!(
        "the parameter {name} wants public; another schema is that of the role: \
         ALTER ROLE … SET search_path = …"
    )))
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
        // Of node-postgres.
        "true" | "no-verify" => "require",
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
