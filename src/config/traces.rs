//! The export of traces, by the variables of OpenTelemetry's specifications
//! ("Environment Variable Specification" and "OpenTelemetry Protocol Exporter").

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::{
    reader::{Reader, http_url},
    variables::{
        OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_PROTOCOL,
        OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG,
    },
};

/// Where traces are sent, and which requests are traced.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` with the path `/v1/traces` appended.
    pub endpoint: Url,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: names and values; a value is often an API key.
    pub headers: Vec<(String, SecretString)>,
    /// `OTEL_SERVICE_NAME`.
    pub service_name: String,
    /// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    pub sampling: Sampling,
}

/// Which requests are traced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Whether the `traceparent` header of a request decides, if it has one.
    pub follows_parent: bool,
    /// The fraction of the other requests (or of all requests) that is traced, 0 to 1.
    pub share: f64,
}

const SAMPLERS: &str = "always_on, always_off, traceidratio, parentbased_always_on, \
                        parentbased_always_off or parentbased_traceidratio";

impl TracesConfig {
    /// `None` without an endpoint; the other variables are then ignored.
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let endpoint = endpoint(reader)?;
        let wants = "http/protobuf, which collectors accept on port 4318";
        reader.parse_with(OTEL_EXPORTER_OTLP_PROTOCOL, wants, |text| {
            (text == "http/protobuf").then_some(())
        });
        Some(Self {
            endpoint,
            headers: headers(reader),
            service_name: reader.text(OTEL_SERVICE_NAME),
            sampling: sampling(reader),
        })
    }
}

fn endpoint(reader: &mut Reader) -> Option<Url> {
    let text = reader.value(OTEL_EXPORTER_OTLP_ENDPOINT)?;
    let url = http_url(&text).and_then(|url| {
        if url.query().is_some() || url.fragment().is_some() {
            return Err("got a URL with a query".to_owned());
        }
        let base = url.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/v1/traces")).map_err(|_| format!("got {text:?}"))
    });
    let wants = "wants an http or https URL like http://localhost:4318";
    url.map_err(|got| reader.reject(OTEL_EXPORTER_OTLP_ENDPOINT, format!("{got}, {wants}")))
        .ok()
}

/// Name-value pairs as in W3C Baggage, without properties.
fn headers(reader: &mut Reader) -> Vec<(String, SecretString)> {
    let mut headers = Vec::new();
    for (index, text) in reader.list(OTEL_EXPORTER_OTLP_HEADERS).iter().enumerate() {
        match header(text) {
            Some(header) => headers.push(header),
            // The text is not repeated: it may be an API key.
            None => reader.reject(
                OTEL_EXPORTER_OTLP_HEADERS,
                format!(
                    "entry {} is not of the form name=value with a percent-encoded value",
                    index + 1
                ),
            ),
        }
    }
    headers
}

fn header(text: &str) -> Option<(String, SecretString)> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let is_valid = !name.is_empty()
        && name.bytes().all(is_token)
        && value.bytes().all(|b| (b' '..0x7f).contains(&b));
    is_valid.then(|| (name.to_owned(), value.into_owned().into()))
}

fn sampling(reader: &mut Reader) -> Sampling {
    let sampler = reader.text(OTEL_TRACES_SAMPLER);
    let (follows_parent, rest) = match sampler.strip_prefix("parentbased_") {
        Some(rest) => (true, rest),
        None => (false, sampler.as_str()),
    };
    let share = match rest {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => {
            let fraction = |text: &str| text.parse().ok().filter(|f| (0.0..=1.0).contains(f));
            let share =
                reader.parse_with(OTEL_TRACES_SAMPLER_ARG, "a number from 0 to 1", fraction);
            share.unwrap_or_default()
        }
        _ => {
            let message = format!("got {sampler:?}, wants {SAMPLERS}");
            reader.reject(OTEL_TRACES_SAMPLER, message);
            1.0
        }
    };
    Sampling {
        follows_parent,
        share,
    }
}
