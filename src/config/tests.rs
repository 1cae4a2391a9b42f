//! What is read, what is rejected, and what is never shown.

use std::{cell::RefCell, collections::HashMap};

use secrecy::ExposeSecret;

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Config::read(|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn without_variables_the_defaults_of_development_apply() {
    let config = read(&[]).unwrap();

    assert_eq!(config.environment, Environment::Development);
    assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 8000));
    assert_eq!(
        config.database_url.expose_secret(),
        "sqlite://data/tasks.db"
    );
    let origin = AllowedOrigin::Exact("http://localhost:3000".to_owned());
    assert_eq!(config.cors_origins, [origin]);
    assert_eq!((config.tasks_per_user, config.trash_days), (10_000, 30));
    assert_eq!(config.rate_limits, RateLimitConfig::default());
    assert_eq!(config.log_filter, "info");
    assert!(!config.verifies_tokens());
}

#[test]
fn a_blank_value_is_as_if_unset() {
    let blank: Vec<_> = VARIABLES.iter().map(|v| (v.name, " ")).collect();
    let config = read(&blank).unwrap();

    assert_eq!(config.port, 8000);
    assert!(config.better_auth_secret.is_none());
    assert_eq!(format!("{config:?}"), format!("{:?}", read(&[]).unwrap()));
}

#[test]
fn a_secret_is_used_as_it_is() {
    for secret in [
        "secret\n",
        " secret",
        "\"secret\"",
        "'secret'",
        "\tsecret\r\n",
    ] {
        let config = read(&[("BETTER_AUTH_SECRET", secret)]).unwrap();
        let read = config.better_auth_secret.unwrap();
        assert_eq!(read.expose_secret(), secret);
    }
}

#[test]
fn exactly_the_variables_of_the_table_are_read() {
    let looked_up = RefCell::new(Vec::new());
    let config = Config::read(|name| {
        looked_up.borrow_mut().push(name.to_owned());
        let set = [COLLECTOR, ("OTEL_TRACES_SAMPLER", "traceidratio")];
        let value = set.iter().find(|(variable, _)| *variable == name);
        value.map(|(_, value)| (*value).to_owned())
    });
    config.unwrap();

    let mut looked_up = looked_up.into_inner();
    looked_up.sort();
    looked_up.dedup();
    let mut table: Vec<_> = VARIABLES.iter().map(|variable| variable.name).collect();
    table.sort_unstable();
    assert_eq!(looked_up, table);
}

#[test]
fn better_auth_url_implies_its_key_set_and_jwks_url_overrides_it() {
    let implied = read(&[("BETTER_AUTH_URL", "https://app.example.com/some/page")]).unwrap();
    let overridden = read(&[
        ("BETTER_AUTH_URL", "https://app.example.com"),
        (
            "JWKS_URL",
            "https://id.example.com/jwks, https://id2.example.com/jwks",
        ),
    ])
    .unwrap();

    assert_eq!(
        implied.key_set_urls[0].as_str(),
        "https://app.example.com/api/auth/jwks"
    );
    assert_eq!(
        implied.better_auth_origin.as_deref(),
        Some("https://app.example.com")
    );
    assert_eq!(overridden.key_set_urls.len(), 2);
}

#[test]
fn every_error_comes_at_once_and_names_its_variable() {
    let errors = read(&[
        ("ENVIRONMENT", "prod"),
        ("PORT", "eighty"),
        ("BETTER_AUTH_URL", "app.example.com"),
        ("JWKS_URL", "ftp://id.example.com/jwks"),
        ("CORS_ORIGINS", "*, https://app.example.com/path"),
        ("TASKS_PER_USER", "-1"),
        ("TRASH_DAYS", "0"),
        ("RATE_LIMIT_PER_USER", "10/s"),
        ("RATE_LIMIT_PER_ADDRESS", "-1"),
        ("RATE_LIMIT_FAILED_AUTH", "4294967296"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy, 10.0.0.0/33"),
        ("STOP_DELAY", "301"),
        ("RUST_LOG", "tasks_api=loud"),
    ])
    .unwrap_err();

    let variables: Vec<_> = errors.0.iter().map(|error| error.variable).collect();
    assert_eq!(
        variables,
        [
            "ENVIRONMENT",
            "BETTER_AUTH_URL",
            "JWKS_URL",
            "PORT",
            "CORS_ORIGINS",
            "CORS_ORIGINS",
            "TASKS_PER_USER",
            "TRASH_DAYS",
            "RATE_LIMIT_PER_USER",
            "RATE_LIMIT_PER_ADDRESS",
            "RATE_LIMIT_FAILED_AUTH",
            "TRUSTED_PROXIES",
            "TRUSTED_PROXIES",
            "STOP_DELAY",
            "RUST_LOG"
        ]
    );
    let text = errors.to_string();
    assert!(text.contains("PORT: got \"eighty\", wants a port number from 0 to 65535"));
    assert!(text.contains("RATE_LIMIT_PER_USER: got \"10/s\", wants requests per minute"));
    assert!(text.contains("TRUSTED_PROXIES: got \"proxy\", wants addresses and networks"));
}

#[test]
fn outside_development_rate_limits_apply_unless_turned_off() {
    let rates = |variables: &[(&str, &str)]| {
        let secret = ("BETTER_AUTH_SECRET", "a secret of the tests, long enough");
        let limits = read(&[&[secret], variables].concat()).unwrap().rate_limits;
        [limits.per_user, limits.per_address, limits.failed_auth]
            .map(|rate| rate.map_or(0, std::num::NonZeroU32::get))
    };
    let off = [
        ("ENVIRONMENT", "production"),
        ("RATE_LIMIT_PER_USER", "off"),
        ("RATE_LIMIT_PER_ADDRESS", "0"),
        ("RATE_LIMIT_FAILED_AUTH", "7"),
    ];

    assert_eq!(rates(&[]), [0, 0, 0]);
    assert_eq!(rates(&[("RATE_LIMIT_PER_USER", "5")]), [5, 0, 0]);
    assert_eq!(rates(&[("ENVIRONMENT", "staging")]), [600, 3000, 60]);
    assert_eq!(rates(&[("ENVIRONMENT", "production")]), [600, 3000, 60]);
    assert_eq!(rates(&off), [0, 0, 7]);
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let proxies = "127.0.0.1, ::1,10.0.0.0/8 , fd00::/8";
    let config = read(&[("TRUSTED_PROXIES", proxies)]).unwrap();

    let networks = config.rate_limits.trusted_proxies.iter();
    let networks: Vec<_> = networks.map(ToString::to_string).collect();
    assert_eq!(
        networks,
        ["127.0.0.1/32", "::1/128", "10.0.0.0/8", "fd00::/8"]
    );
}

#[test]
fn production_wants_a_token_source_and_a_long_secret() {
    for environment in ["staging", "production"] {
        let none = read(&[("ENVIRONMENT", environment)]).unwrap_err();
        let short = read(&[
            ("ENVIRONMENT", environment),
            ("BETTER_AUTH_SECRET", "too short to be a secret"),
        ])
        .unwrap_err();

        assert_eq!(none.0[0].variable, "BETTER_AUTH_URL");
        assert_eq!(short.0[0].variable, "BETTER_AUTH_SECRET");
        assert!(!short.to_string().contains("too short to be"));
    }
}

#[test]
fn neither_debug_nor_an_error_shows_a_secret() {
    let config = read(&[
        ("BETTER_AUTH_SECRET", "hush-hush-hush"),
        ("DATABASE_URL", "postgres://ana:sesame@db/tasks"),
    ])
    .unwrap();
    let errors = read(&[("JWKS_URL", "https://ana:sesame@id.example.com/jwks")]).unwrap_err();

    for text in [format!("{config:?}"), errors.to_string()] {
        assert!(!text.contains("hush") && !text.contains("sesame"), "{text}");
    }
}

#[test]
fn an_origin_is_normalised_as_a_browser_sends_it() {
    let exact = |origin: &str| AllowedOrigin::Exact(origin.to_owned());
    let origins = "https://App.Example.com:443/, tauri://localhost,";
    let config = read(&[("CORS_ORIGINS", origins)]).unwrap();

    let expected = [exact("https://app.example.com"), exact("tauri://localhost")];
    assert_eq!(config.cors_origins, expected);
}

#[test]
fn the_stop_delay_defaults_to_five_seconds_outside_development() {
    let secret = ("BETTER_AUTH_SECRET", "0123456789abcdef0123456789abcdef");
    let delay = |variables: &[_]| read(variables).unwrap().stop_delay.as_secs();

    assert_eq!(delay(&[]), 0);
    assert_eq!(delay(&[("ENVIRONMENT", "production"), secret]), 5);
    assert_eq!(delay(&[("STOP_DELAY", "300")]), 300);
}

const COLLECTOR: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");

#[test]
fn traces_are_exported_only_if_an_endpoint_is_set() {
    let nowhere = read(&[("OTEL_TRACES_SAMPLER", "now and then")]).unwrap();
    let somewhere = read(&[COLLECTOR]).unwrap().traces.unwrap();

    assert!(nowhere.traces.is_none());
    assert_eq!(
        somewhere.endpoint.as_str(),
        "http://collector:4318/v1/traces"
    );
    assert_eq!(somewhere.service_name, "tasks-api");
    assert!(somewhere.headers.is_empty());
}

#[test]
fn opentelemetry_switches_turn_the_export_off() {
    for (variable, value, expected) in [
        ("OTEL_SDK_DISABLED", "true", false),
        ("OTEL_SDK_DISABLED", " TRUE ", false),
        ("OTEL_SDK_DISABLED", "False", true),
        ("OTEL_SDK_DISABLED", "", true),
        ("OTEL_TRACES_EXPORTER", "none", false),
        ("OTEL_TRACES_EXPORTER", "otlp", true),
        ("OTEL_TRACES_EXPORTER", "", true),
    ] {
        let config = read(&[COLLECTOR, (variable, value)]).unwrap();
        assert_eq!(config.traces.is_some(), expected, "{variable}={value}");
    }
}

#[test]
fn each_sampler_of_opentelemetry_is_supported() {
    let table = [
        ("always_on", false, 1.0),
        ("always_off", false, 0.0),
        ("traceidratio", false, 0.25),
        ("parentbased_always_on", true, 1.0),
        ("parentbased_always_off", true, 0.0),
        ("parentbased_traceidratio", true, 0.25),
    ];

    for (sampler, follows_parent, share) in table {
        let config = read(&[
            COLLECTOR,
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let expected = Sampling {
            follows_parent,
            share,
        };
        assert_eq!(config.unwrap().traces.unwrap().sampling, expected);
    }
}

#[test]
fn the_headers_for_a_collector_are_read_and_never_shown() {
    let config = read(&[
        COLLECTOR,
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "api-key=sesame, authorization=Basic%20b3Blbg==",
        ),
    ])
    .unwrap();
    let wrong = ["sesame", "api key=sesame", "=sesame", "key=sesame%00"];

    let headers = config.traces.as_ref().unwrap().headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    assert_eq!(
        headers,
        [("api-key", "sesame"), ("authorization", "Basic b3Blbg==")]
    );
    assert!(!format!("{config:?}").contains("sesame"));
    for text in wrong {
        let errors = read(&[COLLECTOR, ("OTEL_EXPORTER_OTLP_HEADERS", text)]);
        let errors = errors.unwrap_err().to_string();
        assert!(errors.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{errors}");
        assert!(!errors.contains("sesame"), "{errors}");
    }
}

#[test]
fn errors_about_traces_name_their_variable() {
    let table = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ana:sesame@collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector?key=sesame"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_SDK_DISABLED", "yes"),
        ("OTEL_TRACES_EXPORTER", "console"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
        ("OTEL_TRACES_SAMPLER_ARG", "half"),
    ];

    for (variable, value) in table {
        let errors = read(&[
            COLLECTOR,
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            (variable, value),
        ]);
        let errors = errors.unwrap_err();
        assert_eq!(errors.0[0].variable, variable, "{value}");
        assert!(!errors.to_string().contains("sesame"), "{errors}");
    }
}
