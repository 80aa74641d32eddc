//! What is told of a request: its log line, its counts and its span. There is one of each, however the request ends.

use std::sync::Arc;
use std::time::Instant;

use hyper::HeaderMap;
use keyfold_kms::{Caller, Service};

use crate::metrics::Metrics;
use crate::traces::{Ended, RequestSpan, Traces};

/// What is known of a request so far. It is told when this is dropped: a request that was given up half-way, as when
/// the server has no more time for it, has the outcome `cut`.
pub(crate) struct Record {
    pub(crate) operation: &'static str,
    pub(crate) caller: Option<Caller>,
    pub(crate) span: RequestSpan,
    request_id: String,
    start: Instant,
    service: Arc<Service>,
    metrics: Arc<Metrics>,
    /// The HTTP status of the answer, and the name of the error if it is one.
    answered: Option<(u16, Option<&'static str>)>,
}

impl Record {
    /// Of a request whose headers have come.
    #[expect(clippy::disallowed_methods, reason = "measures how long it takes; tells nobody the time")]
    pub(crate) fn begin(
        service: &Arc<Service>,
        metrics: &Arc<Metrics>,
        traces: Option<&Traces>,
        headers: &HeaderMap,
        request_id: &str,
    ) -> Self {
        Self {
            operation: "none",
            caller: None,
            span: RequestSpan::begin(traces, headers),
            request_id: request_id.to_owned(),
            start: Instant::now(),
            service: Arc::clone(service),
            metrics: Arc::clone(metrics),
            answered: None,
        }
    }

    /// Tells all of it, with the HTTP status of the answer and the name of the error, if it is one.
    pub(crate) fn end(mut self, status: u16, error: Option<&'static str>) {
        self.answered = Some((status, error));
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (status, error) = match self.answered {
            Some((status, error)) => (Some(status), error),
            None => (None, Some(CUT)),
        };
        let (operation, caller, request_id) =
            (self.operation, self.caller.as_ref(), self.request_id.as_str());
        let outcome = error.unwrap_or("OK");
        let took = self.start.elapsed();
        self.metrics.answered(operation, outcome, took);
        let partition = &self.service.scope().partition;
        tracing::info!(
            request_id,
            operation,
            principal = caller.map(|caller| caller.principal.arn(partition)),
            region = caller.map(|caller| caller.region.as_str()),
            outcome,
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
        self.span.end(&Ended { operation, request_id, caller, status, error });
    }
}

/// The outcome of a request that has none.
const CUT: &str = "cut";
