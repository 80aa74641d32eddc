//! OpenTelemetry traces: a span for each request, and in it one for its authentication and one for the operation.
//!
//! What a span tells is written in [`RequestSpan`] and nothing else: no body, no name that a caller has chosen, no
//! text of an error. Of a caller's `traceparent` (W3C Trace Context) the trace and the span become the parent. Its flag
//! and `tracestate` do not count: who has proven nothing neither hides a request nor writes into its span. Spans wait
//! in a queue of limited length for a thread of their own, so a collector that is slow or away costs spans and never a
//! request.
//!
//! Names of attributes are those of OpenTelemetry's semantic conventions for HTTP servers and the AWS SDK.

mod export;

use std::time::Duration;

use hyper::HeaderMap;
use keyfold_kms::Caller;
use opentelemetry::trace::{
    SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, propagation::TextMapPropagator as _};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

pub use export::CollectorTrust;

use crate::error::TracesError;

/// How traces are sent.
///
/// Endpoint, headers, time-outs, resource and batches are what the environment says in the variables of the
/// OpenTelemetry specification, which its library reads itself.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// The encoding of OTLP over HTTP.
    pub encoding: TracesEncoding,
    /// How many of all traces are sent, from 0 to 1. Which they are depends on the trace id alone.
    pub ratio: f64,
    /// What an `https` collector is trusted by.
    pub trust: CollectorTrust,
}

/// An encoding of OTLP over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TracesEncoding {
    /// `http/protobuf`.
    #[default]
    Protobuf,
    /// `http/json`.
    Json,
}

/// Where spans go. Clones share it.
#[derive(Debug, Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Sets up tracing. Must be called in a Tokio runtime with time and I/O, which sends the spans.
    ///
    /// # Errors
    /// [`TracesError`] if the environment is not usable. A collector that does not answer is no error.
    pub fn start(config: &TracesConfig) -> Result<Self, TracesError> {
        let client = export::Client::new(Handle::current(), &config.trust)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(match config.encoding {
                TracesEncoding::Protobuf => Protocol::HttpBinary,
                TracesEncoding::Json => Protocol::HttpJson,
            })
            .with_http_client(client)
            .build()
            .map_err(|error| TracesError::Settings(Box::new(error)))?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_sampler(Sampler::TraceIdRatioBased(config.ratio))
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer(SERVICE_NAME);
        Ok(Self { provider, tracer })
    }

    /// Sends what is waiting, for a few seconds at most, and ends. Blocks its thread; the runtime must still run.
    pub fn stop(self) {
        if self.provider.shutdown_with_timeout(STOP_TIME_MAX).is_err() {
            tracing::warn!("not all traces could be sent");
        }
    }
}

/// The span of a request, until [`RequestSpan::end`]. Without traces it is nothing.
pub(crate) struct RequestSpan(Option<(SdkTracer, Context)>);

impl RequestSpan {
    /// Begins it, as a child of the span that the caller names in its headers.
    pub(crate) fn begin(traces: Option<&Traces>, headers: &HeaderMap) -> Self {
        let Some(traces) = traces else { return Self(None) };
        let parent = parent(headers);
        let builder = traces.tracer.span_builder("KMS").with_kind(SpanKind::Server);
        let span = builder.start_with_context(&traces.tracer, &parent);
        Self(Some((traces.tracer.clone(), parent.with_span(span))))
    }

    /// Begins a span within it, which ends when it is dropped.
    pub(crate) fn child(&self, name: &'static str) -> impl Drop + Send + 'static {
        Child(self.0.as_ref().map(|(tracer, context)| tracer.start_with_context(name, context)))
    }

    /// Ends it with what became of the request.
    pub(crate) fn end(&self, ended: &Ended<'_>) {
        let Some((_, context)) = &self.0 else { return };
        let span = context.span();
        span.update_name(format!("KMS/{}", ended.operation));
        let mut attributes = vec![
            KeyValue::new("rpc.system", "aws-api"),
            KeyValue::new("rpc.service", "KMS"),
            KeyValue::new("rpc.method", ended.operation),
            KeyValue::new("aws.request_id", ended.request_id.to_owned()),
        ];
        if let Some(status) = ended.status {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
        }
        if let Some(caller) = ended.caller {
            let account = caller.principal.account().as_str().to_owned();
            attributes.push(KeyValue::new("cloud.account.id", account));
            attributes.push(KeyValue::new("cloud.region", caller.region.as_str().to_owned()));
        }
        if let Some(error) = ended.error {
            attributes.push(KeyValue::new("error.type", error));
        }
        span.set_attributes(attributes);
        // By the conventions a caller's fault is no error of the server.
        if ended.status.is_none_or(|status| status >= 500) {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// What became of a request.
pub(crate) struct Ended<'r> {
    pub(crate) operation: &'static str,
    pub(crate) request_id: &'r str,
    pub(crate) caller: Option<&'r Caller>,
    /// The HTTP status; none if there was no answer.
    pub(crate) status: Option<u16>,
    /// The name of the error, if it was one.
    pub(crate) error: Option<&'static str>,
}

struct Child<S: opentelemetry::trace::Span>(Option<S>);

impl<S: opentelemetry::trace::Span> Drop for Child<S> {
    fn drop(&mut self) {
        if let Some(span) = &mut self.0 {
            span.end();
        }
    }
}

/// The span that the caller names, and nothing else that it says of it.
fn parent(headers: &HeaderMap) -> Context {
    let said = TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let (trace_id, span_id) = {
        let span = said.span();
        let named = span.span_context();
        if !named.is_valid() {
            return Context::new();
        }
        (named.trace_id(), named.span_id())
    };
    let parent = SpanContext::new(trace_id, span_id, TraceFlags::default(), true, TraceState::NONE);
    Context::new().with_remote_span_context(parent)
}

/// What the environment says of this process, and our name where it says none.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let is_named = said
        .iter()
        .any(|(key, value)| key.as_str() == "service.name" && !value.as_str().starts_with("unknown_service"));
    let builder =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if is_named { builder.build() } else { builder.with_service_name(SERVICE_NAME).build() }
}

const SERVICE_NAME: &str = "keyfold";
const STOP_TIME_MAX: Duration = Duration::from_secs(3);
