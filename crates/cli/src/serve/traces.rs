//! Whether and how traces are sent: what the variables of the OpenTelemetry specification say, judged before the server starts.
//!
//! They go somewhere only if an endpoint is named, or `OTEL_TRACES_EXPORTER=otlp`. What the specification would have ignored or
//! replaced by a default, for being unknown or not built here, is refused. Endpoint, headers, time-outs, batches and
//! resource are read by the library itself.

use keyfold_server::{Traces, TracesConfig, TracesEncoding, TracesError};

use crate::env;
use crate::failure::{Code, Failure, with_causes};

/// Starts sending, if it is asked for. Within the runtime.
pub(super) fn start() -> Result<Option<Traces>, Failure> {
    asked_for()?.map(|config| Ok(Traces::start(&config)?)).transpose()
}

/// Whether it is asked for, and how.
pub(super) fn asked_for() -> Result<Option<TracesConfig>, Failure> {
    settings(env::otel)
}

fn settings(var: impl Fn(&str) -> Option<String>) -> Result<Option<TracesConfig>, Failure> {
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
    if let Some(sampler) = var("OTEL_TRACES_SAMPLER") {
        judge_sampler(&sampler, var("OTEL_TRACES_SAMPLER_ARG").as_deref())?;
    }
    Ok(Some(TracesConfig { encoding, certificates: of_traces("CERTIFICATE").map(Into::into) }))
}

fn judge_sampler(sampler: &str, argument: Option<&str>) -> Result<(), Failure> {
    match sampler.strip_prefix("parentbased_").unwrap_or(sampler) {
        "always_on" | "always_off" => Ok(()),
        "traceidratio" => {
            let ratio = argument.map(str::parse);
            match ratio {
                None | Some(Ok(0.0..=1.0)) => Ok(()),
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
        settings(var).map(|config| config.map(|config| config.encoding)).map_err(|failure| failure.what)
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
