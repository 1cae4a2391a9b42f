//! Random requests, tokens, configurations and database URLs, for `FUZZ_SECONDS` each (2
//! by default). A failing input is shrunk.

use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use poem::http::{HeaderValue, Method};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    prop_assert,
    sample::select,
    test_runner::{Config as Cases, TestCaseError, TestRunner},
};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use tasks_api::{
    auth::{TokenSources, Verifier},
    config::{Config, VARIABLES},
    store::DatabaseUrl,
};
use tokio::runtime::Runtime;

use crate::support::{App, SECRET, token};

/// Tests values of `strategy` until the time is over.
fn fuzz<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let seconds = std::env::var("FUZZ_SECONDS").map_or(2, |text| text.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let cases = Cases {
        cases: 64,
        failure_persistence: None,
        ..Cases::default()
    };
    let mut tried = 0;
    while Instant::now() < end {
        let mut runner = TestRunner::new(cases.clone());
        if let Err(failure) = runner.run(&strategy, &test) {
            panic!("{failure}");
        }
        tried += cases.cases;
    }
    println!("{tried} cases");
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Any JSON value of limited depth and width.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A body: an object with the right fields and any values, any JSON, or any bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let title = prop_oneof![any::<String>().prop_map(Value::from), json_value()];
    let fields = (title, json_value(), json_value());
    let shaped = fields.prop_map(|(title, description, completed)| {
        json!({"title": title, "description": description, "completed": completed})
    });
    prop_oneof![
        shaped.prop_map(|value| value.to_string().into_bytes()),
        json_value().prop_map(|value| value.to_string().into_bytes()),
        vec(any::<u8>(), 0..300),
    ]
}

#[test]
fn every_response_to_random_requests_is_documented() {
    let runtime = runtime();
    let app = runtime.block_on(App::start());
    let bearer = token("ana");
    let known = runtime.block_on(app.create("ana", "Milk"))["id"].to_string();
    let methods = select(vec![
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW",
    ]);
    let paths = prop_oneof![
        Just("/api/tasks".to_owned()),
        Just(format!("/api/tasks/{known}")),
        Just(format!("/api/tasks/{known}/complete")),
        vec(any::<u8>(), 0..40)
            .prop_map(|id| { format!("/api/tasks/{}", percent_encode(&id, NON_ALPHANUMERIC)) }),
        vec(any::<u8>(), 0..40)
            .prop_map(|path| format!("/{}", percent_encode(&path, NON_ALPHANUMERIC))),
    ];
    let queries = prop_oneof![
        Just(String::new()),
        vec(any::<u8>(), 0..40)
            .prop_map(|text| { format!("?status={}", percent_encode(&text, NON_ALPHANUMERIC)) }),
    ];
    let names = select(vec![
        "content-type",
        "authorization",
        "origin",
        "x-request-id",
        "accept",
        "content-encoding",
        "x-forwarded-for",
        "if-match",
    ]);
    let headers = vec((names, vec(any::<u8>(), 0..60)), 0..3);
    let all = (methods, paths, queries, headers, body(), any::<bool>());

    fuzz(all, |(method, path, query, headers, body, signed_in)| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut call = app
            .request(method.clone(), &format!("{path}{query}"))
            .body(body);
        if signed_in {
            call = call
                .bearer(&bearer)
                .header("content-type", "application/json");
        }
        for (name, value) in headers {
            if HeaderValue::from_bytes(&value).is_ok() {
                call = call.header(name, value);
            }
        }
        let response = runtime.block_on(call.send());
        prop_assert!(
            response.status.as_u16() < 500,
            "{method} {path}: {response:?}"
        );
        prop_assert!(response.status.as_u16() != 200 || signed_in || !path.starts_with("/api"));
        Ok(())
    });
}

#[test]
fn only_the_signed_token_is_accepted() {
    let runtime = runtime();
    let sources = TokenSources {
        secret: Some(SecretString::from(SECRET)),
        ..TokenSources::default()
    };
    let verifier = Verifier::new(sources).unwrap();
    let good = token("ana");
    assert!(runtime.block_on(verifier.verify(&good)).is_ok());
    let length = good.len();
    let changes = vec((0..length, any::<char>(), 0..3_u8), 1..4);
    let mutated = changes.prop_map({
        let good = good.clone();
        move |changes| {
            let mut text: Vec<_> = good.chars().collect();
            for (at, letter, kind) in changes {
                let at = at.min(text.len().saturating_sub(1));
                match kind {
                    0 => text[at] = letter,
                    1 => text.insert(at, letter),
                    _ => text.truncate(at.max(1)),
                }
            }
            text.into_iter().collect::<String>()
        }
    });
    // Characters of the alphabet of tokens, so that the result can be decoded.
    let alphabet: Vec<_> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['-', '_', '.'])
        .collect();
    let replaced = vec((0..length, select(alphabet)), 1..3).prop_map({
        let good = good.clone();
        move |changes| {
            let mut text: Vec<_> = good.chars().collect();
            for (at, letter) in changes {
                text[at] = letter;
            }
            text.into_iter().collect::<String>()
        }
    });

    fuzz(prop_oneof![any::<String>(), mutated, replaced], |text| {
        let result = runtime.block_on(verifier.verify(&text));
        prop_assert!(result.is_err() || text == good, "{text:?}");
        Ok(())
    });
}

const MARK: &str = "s3cr3t-m4rk";

#[test]
fn any_configuration_is_read_or_rejected_without_showing_a_secret() {
    let names: Vec<_> = VARIABLES.iter().map(|variable| variable.name).collect();
    let values = prop_oneof![
        any::<String>(),
        Just("production".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| format!("https://a.example.com/{text}")),
        any::<String>().prop_map(|text| format!("http://user:{MARK}@{text}")),
        any::<String>().prop_map(|text| format!("key={MARK}{text}")),
        any::<[u8; 4]>().prop_map(|a| format!("{}.{}.{}.{}/{}", a[0], a[1], a[2], a[3], a[0])),
    ];

    fuzz(vec((select(names), values), 0..6), |variables| {
        let read = Config::read(|name| {
            if name == "BETTER_AUTH_SECRET" && variables.len() % 2 == 0 {
                return Some(MARK.to_owned());
            }
            let mut all = variables.iter();
            let found = all.find(|(known, _)| *known == name);
            found.map(|(_, value)| {
                // URLs and header lists may hold a secret, which must stay hidden.
                let suffixes: &[&str] = if value.starts_with("key=") {
                    &["_HEADERS"]
                } else {
                    &["_URL", "_ENDPOINT", "_ORIGINS", "_HEADERS"]
                };
                let may_hold_it = suffixes.iter().any(|suffix| name.ends_with(suffix));
                value.replace(MARK, if may_hold_it { MARK } else { "x" })
            })
        });
        let shown = match read {
            Ok(config) => format!("{config:?}"),
            Err(errors) => errors.to_string(),
        };
        prop_assert!(!shown.contains(MARK), "{shown}");
        Ok(())
    });
}

#[test]
fn any_database_url_is_read_or_rejected_without_showing_a_password() {
    let schemes = select(vec![
        "postgres://",
        "postgresql://",
        "postgresql+psycopg2://",
        "postgresql+asyncpg://",
        "sqlite://",
        "sqlite:",
        "mysql://",
        "",
    ]);
    let hosts = prop_oneof![
        Just("localhost".to_owned()),
        Just("[::1]:5432".to_owned()),
        any::<String>(),
    ];
    let rests = prop_oneof![
        Just("/tasks".to_owned()),
        Just("/tasks?sslmode=require&channel_binding=require".to_owned()),
        any::<String>().prop_map(|text| format!("/tasks?{text}")),
        any::<String>(),
    ];

    fuzz((schemes, hosts, rests), |(scheme, host, rest)| {
        let text = format!("{scheme}user:{MARK}@{host}{rest}");
        let shown = match DatabaseUrl::parse(&text) {
            // A file name is not secret.
            Ok(_) if text.starts_with("sqlite") => return Ok(()),
            Ok(url) => format!("{url} {url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains(MARK), "{shown}");
        Ok(())
    });
}
