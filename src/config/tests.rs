//! What is read, what is refused, and what never shows.

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Config::read(|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn nothing_set_is_development_with_every_default() {
    let config = read(&[]).unwrap();

    assert_eq!(config.environment, Environment::Development);
    assert_eq!((config.host.as_str(), config.port), ("127.0.0.1", 8000));
    assert_eq!(config.database_url.reveal(), "sqlite://data/tasks.db");
    assert_eq!(config.cors_origins, ["http://localhost:3000"]);
    assert_eq!(config.tasks_per_user, 10_000);
    assert_eq!(config.log_filter, "info");
    assert!(!config.verifies_tokens());
}

#[test]
fn a_blank_value_is_no_value() {
    let config = read(&[("PORT", " "), ("BETTER_AUTH_SECRET", "")]).unwrap();

    assert_eq!(config.port, 8000);
    assert!(config.better_auth_secret.is_none());
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
            "RUST_LOG"
        ]
    );
    let text = errors.to_string();
    assert!(text.contains("PORT: got \"eighty\", wants a port number from 0 to 65535"));
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
    let config = read(&[("CORS_ORIGINS", "https://App.Example.com:443/")]).unwrap();

    assert_eq!(config.cors_origins, ["https://app.example.com"]);
}
