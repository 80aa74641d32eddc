//! The admin listener: health, readiness and metrics, for those who run the service.
//!
//! Plain HTTP without authentication, so it belongs on a loopback address or a network of its own. Nothing can be
//! changed here.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::front::Front;
use crate::limits::Peers;
use crate::metrics::Metrics;
use crate::shutdown::Stopping;
use crate::tls::Identity;

/// What is told about a server.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) front: Arc<Front>,
    pub(crate) connections: Arc<Peers>,
    pub(crate) metrics: Arc<Metrics>,
    /// `None` if the API is spoken in plain HTTP.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) stopping: Stopping,
}

impl Admin {
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        }
        match request.uri().path() {
            // It runs if it answers.
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => match self.hindrance().await {
                None => text(StatusCode::OK, "ok\n"),
                Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
            },
            "/metrics" => text(StatusCode::OK, self.metrics.text(&self.gauges())),
            _ => text(StatusCode::NOT_FOUND, "/healthz, /readyz, /metrics\n"),
        }
    }

    /// Why requests should go elsewhere for now.
    async fn hindrance(&self) -> Option<&'static str> {
        if !self.stopping.is_running() {
            return Some("stopping");
        }
        let now_s = self.front.now_s();
        match self.identity.as_ref().map(|identity| identity.validity()) {
            Some(validity) if now_s < validity.not_before_s => {
                return Some("the certificate is not valid yet");
            }
            Some(validity) if now_s > validity.not_after_s => return Some("the certificate has expired"),
            _ => {}
        }
        if self.front.store_works().await { None } else { Some("the store does not read and write") }
    }

    fn gauges(&self) -> Vec<(&'static str, &'static str, u64)> {
        let in_flight = u64::try_from(self.front.in_flight()).unwrap_or(u64::MAX);
        let mut gauges = vec![
            ("keyfold_connections", "Open connections to the API", self.connections.count().into()),
            ("keyfold_requests_in_flight", "Requests in progress", in_flight),
        ];
        if let Some(identity) = &self.identity {
            let help = "Last moment of the certificate, in seconds since 1970";
            gauges.push(("keyfold_certificate_not_after_seconds", help, identity.validity().not_after_s));
        }
        gauges
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    response
}
