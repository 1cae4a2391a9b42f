//! Where traces go, in the variables of OpenTelemetry's specification ("OpenTelemetry
//! Environment Variable Specification" and "OpenTelemetry Protocol Exporter").

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::{Reader, http_url};

/// Where traces go, and which.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, and `/v1/traces` behind it.
    pub endpoint: Url,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: names and values, which are often keys.
    pub headers: Vec<(String, SecretString)>,
    /// `OTEL_SERVICE_NAME`.
    pub service_name: String,
    /// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    pub sampling: Sampling,
}

/// Which requests are traced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Whether a request that brings a `traceparent` is traced as that says.
    pub follows_parent: bool,
    /// The share of the other requests, or of all, from 0 to 1.
    pub share: f64,
}

const SAMPLERS: &str = "always_on, always_off, traceidratio, parentbased_always_on, \
                        parentbased_always_off or parentbased_traceidratio";

impl TracesConfig {
    /// `None` where no endpoint is set; the other variables then say nothing.
    pub(super) fn read<L>(reader: &mut Reader<L>) -> Option<Self>
    where
        L: Fn(&str) -> Option<String>,
    {
        let endpoint = reader.collector("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let protocol = reader.text("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        if protocol != "http/protobuf" {
            reader.refuse(
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                format!(
                    "got {protocol:?}, wants http/protobuf, which collectors take on port 4318"
                ),
            );
        }
        Some(Self {
            endpoint,
            headers: reader.headers("OTEL_EXPORTER_OTLP_HEADERS"),
            service_name: reader.text("OTEL_SERVICE_NAME", env!("CARGO_PKG_NAME")),
            sampling: reader.sampling(),
        })
    }
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn collector(&mut self, variable: &'static str) -> Option<Url> {
        let text = self.value(variable)?;
        let wants = "wants an http or https URL like http://localhost:4318";
        let url = http_url(&text).and_then(|url| {
            if url.query().is_some() || url.fragment().is_some() {
                return Err("got a URL with a query".to_owned());
            }
            let base = url.as_str().trim_end_matches('/');
            Url::parse(&format!("{base}/v1/traces")).map_err(|_| format!("got {text:?}"))
        });
        url.map_err(|got| self.refuse(variable, format!("{got}, {wants}")))
            .ok()
    }

    /// Pairs as in the header of W3C Baggage, without properties.
    fn headers(&mut self, variable: &'static str) -> Vec<(String, SecretString)> {
        let pair = |text: &str| {
            let (name, value) = text.split_once('=')?;
            let name = name.trim();
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let fits = !name.is_empty()
                && name.bytes().all(is_token)
                && value.bytes().all(|b| (b' '..0x7f).contains(&b));
            fits.then(|| (name.to_owned(), value.into_owned().into()))
        };
        let mut headers = Vec::new();
        for (index, text) in self.list(variable).into_iter().enumerate() {
            match pair(&text) {
                Some(header) => headers.push(header),
                // Its text may be a key.
                None => self.refuse(
                    variable,
                    format!(
                        "entry {} is not of the form name=value, with percent signs before what \
                         is not plain",
                        index + 1
                    ),
                ),
            }
        }
        headers
    }

    fn sampling(&mut self) -> Sampling {
        let variable = "OTEL_TRACES_SAMPLER";
        let sampler = self.text(variable, "parentbased_always_on");
        let (follows_parent, rest) = match sampler.strip_prefix("parentbased_") {
            Some(rest) => (true, rest),
            None => (false, sampler.as_str()),
        };
        let share = match rest {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => self.share("OTEL_TRACES_SAMPLER_ARG"),
            _ => {
                self.refuse(variable, format!("got {sampler:?}, wants {SAMPLERS}"));
                1.0
            }
        };
        Sampling {
            follows_parent,
            share,
        }
    }

    fn share(&mut self, variable: &'static str) -> f64 {
        let wants = "a number from 0 to 1";
        let share: f64 = self.parse(variable, 1.0, wants);
        if !(0.0..=1.0).contains(&share) {
            self.refuse(variable, format!("got \"{share}\", wants {wants}"));
        }
        share
    }
}
