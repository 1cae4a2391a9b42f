//! The export of traces, by the variables of OpenTelemetry's specifications
//! ("Environment Variable Specification" and "OpenTelemetry Protocol Exporter").

use percent_encoding::percent_decode_str;
use reqwest::header::HeaderName;
use secrecy::SecretString;
use url::Url;

use super::{
    reader::{Reader, http_url},
    variables,
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
    /// `None` without an endpoint and where the export is turned off; the other variables
    /// are then ignored.
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let text = reader.value(variables::OTEL_EXPORTER_OTLP_ENDPOINT)?;
        if is_off(reader) {
            return None;
        }
        let endpoint = endpoint(reader, &text)?;
        let wants = "http/protobuf, which collectors accept on port 4318";
        reader.parse_with(variables::OTEL_EXPORTER_OTLP_PROTOCOL, wants, |text| {
            (text == "http/protobuf").then_some(())
        });
        Some(Self {
            endpoint,
            headers: headers(reader),
            service_name: reader.text(variables::OTEL_SERVICE_NAME),
            sampling: sampling(reader),
        })
    }
}

/// Whether the specification's switches turn the export off.
fn is_off(reader: &mut Reader) -> bool {
    let is_disabled = reader.parse_with(variables::OTEL_SDK_DISABLED, "true or false", |text| {
        text.to_ascii_lowercase().parse().ok()
    });
    let wants = "otlp or none";
    let has_none = reader.parse_with(variables::OTEL_TRACES_EXPORTER, wants, |text| match text {
        "otlp" => Some(false),
        "none" => Some(true),
        _ => None,
    });
    is_disabled || has_none
}

fn endpoint(reader: &mut Reader, text: &str) -> Option<Url> {
    let variable = variables::OTEL_EXPORTER_OTLP_ENDPOINT;
    let wants = "an http or https URL like http://localhost:4318";
    let mut url = reader.accept(variable, http_url(text, wants))?;
    if url.query().is_some() || url.fragment().is_some() {
        reader.reject(variable, format!("got a URL with a query, wants {wants}"));
    }
    let base = url.path().trim_end_matches('/');
    url.set_path(&format!("{base}/v1/traces"));
    Some(url)
}

/// Name-value pairs as in W3C Baggage, without properties.
fn headers(reader: &mut Reader) -> Vec<(String, SecretString)> {
    let variable = variables::OTEL_EXPORTER_OTLP_HEADERS;
    let wants = "is not of the form name=value with a percent-encoded value";
    let entries = (1..).zip(reader.list(variable));
    entries
        .filter_map(|(n, text)| {
            // The text is not repeated: it may be an API key.
            let header = header(&text).ok_or_else(|| format!("entry {n} {wants}"));
            reader.accept(variable, header)
        })
        .collect()
}

fn header(text: &str) -> Option<(String, SecretString)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let is_valid =
        HeaderName::try_from(name).is_ok() && value.bytes().all(|b| (b' '..0x7f).contains(&b));
    is_valid.then(|| (name.to_owned(), value.into_owned().into()))
}

fn sampling(reader: &mut Reader) -> Sampling {
    let sampler = reader.text(variables::OTEL_TRACES_SAMPLER);
    let parent_based = sampler.strip_prefix("parentbased_");
    let share = match parent_based.unwrap_or(&sampler) {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => {
            let variable = variables::OTEL_TRACES_SAMPLER_ARG;
            reader.parse_with(variable, "a number from 0 to 1", |text| {
                text.parse().ok().filter(|f| (0.0..=1.0).contains(f))
            })
        }
        _ => {
            let message = format!("got {sampler:?}, wants {SAMPLERS}");
            reader.reject(variables::OTEL_TRACES_SAMPLER, message);
            1.0
        }
    };
    Sampling {
        follows_parent: parent_based.is_some(),
        share,
    }
}
