//! Whether and how traces are sent: what the variables of the OpenTelemetry specification say, judged before the server starts.
//!
//! They go somewhere only if an endpoint is named, or `OTEL_TRACES_EXPORTER=otlp`. What the specification would have ignored or
//! replaced by a default, for being unknown or not built here, is refused. Endpoint, headers, time-outs, batches and
//! resource are read by the library itself.
//!
//! A sampler after `parentbased_` is the same as without: whether a request is seen is not its caller's to say.

use std::path::PathBuf;

use keyfold_server::{CollectorTrust, TracesConfig, TracesEncoding, TracesError};

use crate::env;
use crate::failure::{Code, Failure, with_causes};

/// Whether it is asked for, and how. Reads the certificates, which a sandbox leaves out of reach.
pub(super) fn asked_for() -> Result<Option<TracesConfig>, Failure> {
    let Some(settings) = settings(env::otel)? else { return Ok(None) };
    let trust = CollectorTrust::load(settings.certificates.as_deref())?;
    if settings.is_https && trust.is_empty() {
        tracing::warn!(
            "this system has no CA certificates, so no traces can be sent; OTEL_EXPORTER_OTLP_CERTIFICATE names some"
        );
    }
    Ok(Some(TracesConfig { encoding: settings.encoding, ratio: settings.ratio, trust }))
}

/// What the variables say.
#[derive(Debug)]
struct Settings {
    encoding: TracesEncoding,
    ratio: f64,
    certificates: Option<PathBuf>,
    is_https: bool,
}

fn settings(var: impl Fn(&str) -> Option<String>) -> Result<Option<Settings>, Failure> {
    let of_traces = |name: &str| {
        var(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
            .or_else(|| var(&format!("OTEL_EXPORTER_OTLP_{name}")))
    };
    if var("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    match var("OTEL_TRACES_EXPORTER").as_deref() {
        Some("otlp") => {}
        Some("none") => return Ok(None),
        Some(other) => return Err(refused("OTEL_TRACES_EXPORTER", other, "otlp or none")),
        None if of_traces("ENDPOINT").is_none() => return Ok(None),
        None => {}
    }
    let encoding = match of_traces("PROTOCOL").as_deref() {
        None | Some("http/protobuf") => TracesEncoding::Protobuf,
        Some("http/json") => TracesEncoding::Json,
        Some(other) => {
            return Err(refused("OTEL_EXPORTER_OTLP_PROTOCOL", other, "http/protobuf or http/json")
                .hint("collectors usually take these at port 4318, and gRPC at 4317"));
        }
    };
    if let Some(name) =
        ["CLIENT_KEY", "CLIENT_CERTIFICATE"].into_iter().find(|name| of_traces(name).is_some())
    {
        return Err(Failure::usage(format!(
            "OTEL_EXPORTER_OTLP_{name}: certificates of the client are not built"
        )));
    }
    let ratio = match var("OTEL_TRACES_SAMPLER") {
        Some(sampler) => ratio(&sampler, var("OTEL_TRACES_SAMPLER_ARG").as_deref())?,
        None => 1.0,
    };
    let is_https = of_traces("ENDPOINT").is_some_and(|url| url.to_ascii_lowercase().starts_with("https:"));
    let certificates = of_traces("CERTIFICATE").map(Into::into);
    Ok(Some(Settings { encoding, ratio, certificates, is_https }))
}

/// How many of all traces a sampler sends, from 0 to 1.
fn ratio(sampler: &str, argument: Option<&str>) -> Result<f64, Failure> {
    match sampler.strip_prefix("parentbased_").unwrap_or(sampler) {
        "always_on" => Ok(1.0),
        "always_off" => Ok(0.0),
        "traceidratio" => {
            let ratio = argument.map(str::parse);
            match ratio {
                None => Ok(1.0),
                Some(Ok(ratio @ 0.0..=1.0)) => Ok(ratio),
                _ => Err(refused(
                    "OTEL_TRACES_SAMPLER_ARG",
                    argument.unwrap_or_default(),
                    "a number from 0 to 1",
                )),
            }
        }
        _ => {
            let known = "always_on, always_off or traceidratio, or one of these after parentbased_";
            Err(refused("OTEL_TRACES_SAMPLER", sampler, known))
        }
    }
}

fn refused(name: &str, value: &str, known: &str) -> Failure {
    Failure::usage(format!("{name} is {value:?}, and may be {known}"))
}

impl From<TracesError> for Failure {
    fn from(error: TracesError) -> Self {
        let code = match &error {
            TracesError::Certificates { .. } => Code::Files,
            _ => Code::Usage,
        };
        Self::new(code, with_causes(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(variables: &[(&str, &str)]) -> Result<Option<TracesEncoding>, String> {
        let var = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        settings(var)
            .map(|settings| settings.map(|settings| settings.encoding))
            .map_err(|failure| failure.what)
    }

    #[test]
    fn traces_are_sent_only_where_somebody_says_so() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        assert_eq!(said(&[]), Ok(None));
        assert_eq!(said(&[("OTEL_SERVICE_NAME", "keys"), ("OTEL_TRACES_SAMPLER", "xray")]), Ok(None));
        assert_eq!(said(&[endpoint]), Ok(Some(TracesEncoding::Protobuf)));
        assert_eq!(said(&[("OTEL_TRACES_EXPORTER", "otlp")]), Ok(Some(TracesEncoding::Protobuf)));
        assert_eq!(said(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]), Ok(None));
        assert_eq!(said(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Ok(None));
        let protocols =
            [("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert_eq!(said(&[endpoint, protocols[0], protocols[1]]), Ok(Some(TracesEncoding::Json)));
        assert!(said(&[endpoint, protocols[1]]).unwrap_err().contains("\"grpc\""));
    }

    #[test]
    fn a_sampler_is_a_ratio_whatever_callers_say() {
        for (sampler, argument, sent) in [
            ("always_on", None, 1.0),
            ("always_off", Some("1"), 0.0),
            ("traceidratio", Some("0.25"), 0.25),
            ("traceidratio", None, 1.0),
        ] {
            for sampler in [sampler.to_owned(), format!("parentbased_{sampler}")] {
                assert_eq!(ratio(&sampler, argument).ok(), Some(sent), "{sampler} {argument:?}");
            }
        }
    }

    #[test]
    fn what_is_not_built_is_refused() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        let ratio = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
        assert!(said(&[endpoint, ratio, ("OTEL_TRACES_SAMPLER_ARG", "0.25")]).is_ok());
        for other in [
            [("OTEL_TRACES_SAMPLER", "xray"), endpoint],
            [("OTEL_TRACES_EXPORTER", "zipkin"), endpoint],
            [("OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem"), endpoint],
        ] {
            assert!(said(&other).is_err(), "{other:?}");
        }
        for argument in ["1.5", "-1", "NaN", "half"] {
            assert!(said(&[endpoint, ratio, ("OTEL_TRACES_SAMPLER_ARG", argument)]).is_err(), "{argument}");
        }
    }
}
