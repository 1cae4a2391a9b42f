//! The table of all configuration variables. The reader takes names and defaults
//! from it; a test compares it with `.env.example`, the reference page and `deploy/`.

/// Where the service runs: decides defaults and which configurations are unsafe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Environment {
    /// On a developer's machine: works without any configuration.
    #[default]
    Development,
    /// Like production, for tests before a release.
    Staging,
    /// For real users: an unsafe configuration is an error.
    Production,
}

/// A configuration variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name in the environment and in `.env`.
    pub name: &'static str,
    default: DefaultValue,
    /// One line of Markdown for the reference page.
    pub meaning: &'static str,
}

/// The value of a variable that is unset or blank, parsed like a configured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DefaultValue {
    Unset,
    Fixed(&'static str),
    PerEnvironment {
        development: &'static str,
        /// In staging and production.
        deployed: &'static str,
    },
}

use DefaultValue::{Fixed, PerEnvironment, Unset};

impl Variable {
    /// The default in an environment.
    pub(super) fn default_in(&self, environment: Environment) -> Option<&'static str> {
        match (self.default, environment) {
            (Unset, _) => None,
            (Fixed(text), _) => Some(text),
            (PerEnvironment { development, .. }, Environment::Development) => Some(development),
            (PerEnvironment { deployed, .. }, _) => Some(deployed),
        }
    }
}

macro_rules! variables {
    ($($name:ident: $default:expr, $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub(super) const $name: Variable = Variable {
                name: stringify!($name),
                default: $default,
                meaning: $meaning,
            };
        )*

        /// Every variable, in the order of the reference page.
        pub const VARIABLES: &[Variable] = &[$($name),*];
    };
}

variables! {
    ENVIRONMENT: Fixed("development"),
        "`development`, `staging` or `production`";
    HOST: Fixed("127.0.0.1"),
        "the name or address to listen on; every address of a name, both families for \
         `localhost`";
    PORT: Fixed("8000"),
        "the port to listen on; 0 picks a free one";
    DATABASE_URL: Fixed("sqlite://data/tasks.db"),
        "the database, see [below](#database_url)";
    DATABASE_CONNECTIONS: Fixed("40"),
        "the maximum number of database connections of this instance, 8 to 10000, see \
         [below](#threads-and-database-connections)";
    BETTER_AUTH_URL: Unset,
        "the application that signs the users in; its key set is `{origin}/api/auth/jwks`, its \
         origin the issuer and audience";
    BETTER_AUTH_SECRET: Unset,
        "the secret that verifies HS256 tokens; at least 32 bytes outside development";
    JWKS_URL: Unset,
        "URLs of key sets, separated by commas, in place of the one that `BETTER_AUTH_URL` implies";
    JWT_ISSUER: Unset,
        "accepted issuers, separated by commas, in place of the origin of `BETTER_AUTH_URL`; if \
         set, every token must have one of them";
    JWT_AUDIENCE: Unset,
        "accepted audiences, separated by commas, in place of the origin of `BETTER_AUTH_URL`; if \
         set, every token must have one of them";
    CORS_ORIGINS: Fixed("http://localhost:3000"),
        "the origins of web pages that may call, separated by commas, see [below](#origins)";
    TASKS_PER_USER: Fixed("10000"),
        "the maximum number of tasks of a user";
    TRASH_DAYS: Fixed("30"),
        "days for which deleted tasks are remembered, 1 to 3650, and of each user at most \
         `TASKS_PER_USER`, see [below](#deleted-tasks)";
    RATE_LIMIT_PER_USER: PerEnvironment { development: "off", deployed: "600" },
        "requests per minute of one user; 0 or `off` for no limit, see [below](#rate-limits)";
    RATE_LIMIT_PER_ADDRESS: PerEnvironment { development: "off", deployed: "3000" },
        "requests per minute of one client address, which many users may share";
    RATE_LIMIT_FAILED_AUTH: PerEnvironment { development: "off", deployed: "60" },
        "requests per minute with an invalid token of one client address";
    TRUSTED_PROXIES: Unset,
        "addresses and networks (`10.0.0.0/8`), separated by commas, of the proxies whose \
         `X-Forwarded-…` headers are trusted, see [below](#behind-a-proxy)";
    MAX_CONNECTIONS: Fixed("10000"),
        "the maximum number of client connections, see [below](#connections)";
    MAX_CONNECTIONS_PER_ADDRESS: Fixed("1000"),
        "the maximum number of connections of one client address, other than `TRUSTED_PROXIES`; 0 \
         or `off` for no limit";
    KEEP_ALIVE_SECONDS: Fixed("75"),
        "seconds that a connection without a request is kept, 1 to 86400; above the idle timeout \
         of the balancer, see [below](#connections)";
    WORKERS: Unset,
        "the threads that serve requests, 1 to 1024; by default half of the processor cores, see \
         [below](#threads-and-database-connections)";
    STOP_DELAY: PerEnvironment { development: "0", deployed: "5" },
        "seconds after SIGTERM in which requests are still accepted while `/health/ready` is 503; \
         0 to 300";
    METRICS_PORT: Unset,
        "the port on `HOST` of `/metrics`, in the Prometheus text format; 0 picks a free one";
    OTEL_EXPORTER_OTLP_ENDPOINT: Unset,
        "the collector of traces, as OTLP over HTTP: `http://collector:4318`";
    OTEL_EXPORTER_OTLP_HEADERS: Unset,
        "headers for the collector: `name=value,name=value`, values percent-encoded";
    OTEL_EXPORTER_OTLP_PROTOCOL: Fixed("http/protobuf"),
        "the protocol of the collector; no other is supported";
    OTEL_SDK_DISABLED: Fixed("false"),
        "`true` turns the export of traces off";
    OTEL_TRACES_EXPORTER: Fixed("otlp"),
        "`otlp`; `none` turns the export of traces off";
    OTEL_SERVICE_NAME: Fixed("tasks-api"),
        "the service name in traces";
    OTEL_TRACES_SAMPLER: Fixed("parentbased_always_on"),
        "`always_on`, `always_off` or `traceidratio`, alone or prefixed with `parentbased_`";
    OTEL_TRACES_SAMPLER_ARG: Fixed("1"),
        "the fraction of requests that `traceidratio` samples, 0 to 1";
    RUST_LOG: Fixed("info"),
        "the log filter; `info,tasks_api::access=debug` adds a line for each request";
}

#[cfg(test)]
mod tests;
