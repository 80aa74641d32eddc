//! One request, from its headers to its answer.
//!
//! ```text
//! route → in flight → headers → body (length, time) → JSON (once each, depth, strings)      nobody has proven anything
//!   → signature → rate and share of the account → operation                                 on threads that may wait
//! ```
//!
//! Limits go before whatever they bound. What is logged here is who asked what and how it ended; never a body.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response, StatusCode};
use keyfold_kms::{Caller, Clock, Service};
use keyfold_protocol::Kms as _;
use keyfold_protocol::operations::{ListKeysRequest, OperationName};
use tokio::sync::Semaphore;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::authenticate::authenticate;
use crate::config::Limits;
use crate::limits::{Accounts, Class};
use crate::metrics::Metrics;
use crate::route::{self, Route};
use crate::wire::{Refusal, json, query};

/// What answers requests.
#[derive(Debug)]
pub(crate) struct Front {
    service: Arc<Service>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    in_flight: Arc<Semaphore>,
    verifiers: Arc<Semaphore>,
    workers: Arc<Semaphore>,
    accounts: Arc<Accounts>,
    metrics: Arc<Metrics>,
}

/// An answer before it is dressed for HTTP.
struct Answer {
    media_type: &'static str,
    body: Bytes,
}

/// What is known of a request so far, for its log line.
struct Told {
    operation: &'static str,
    caller: Option<Caller>,
}

impl Front {
    pub(crate) fn new(
        service: Arc<Service>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            service,
            clock,
            in_flight: Arc::new(Semaphore::new(limits.requests_in_flight_max)),
            verifiers: Arc::new(Semaphore::new(VERIFIERS_MAX)),
            workers: Arc::new(Semaphore::new(limits.workers_max)),
            accounts: Accounts::new(&limits),
            limits,
            metrics,
        }
    }

    /// How many requests are in progress.
    pub(crate) fn in_flight(&self) -> usize {
        self.limits.requests_in_flight_max - self.in_flight.available_permits()
    }

    /// Whether the store answers.
    pub(crate) async fn is_ready(self: Arc<Self>) -> bool {
        let job = move || {
            let mut request = ListKeysRequest::new();
            request.limit = Some(1);
            pollster::block_on(self.service.call(request.into())).is_ok()
        };
        tokio::task::spawn_blocking(job).await.unwrap_or(false)
    }

    /// Answers a request.
    #[expect(clippy::disallowed_methods, reason = "measures how long it takes; tells nobody the time")]
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let start = Instant::now();
        let request_id = Uuid::new_v4().to_string();
        let (parts, body) = request.into_parts();
        let mut told = Told { operation: "none", caller: None };
        let answer = self.perform(&parts, body, &request_id, &mut told).await;

        let outcome = answer.as_ref().map_or_else(|refusal| refusal.name, |_| "OK");
        let took = start.elapsed();
        self.metrics.answered(told.operation, outcome, took);
        let partition = &self.service.scope().partition;
        tracing::info!(
            request_id,
            operation = told.operation,
            principal = told.caller.as_ref().map(|caller| caller.principal.arn(partition)),
            region = told.caller.as_ref().map(|caller| caller.region.as_str()),
            outcome,
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
        dress(answer, route::is_query(&parts.headers), &request_id)
    }

    async fn perform(
        self: &Arc<Self>,
        parts: &Parts,
        body: Incoming,
        request_id: &str,
        told: &mut Told,
    ) -> Result<Answer, Refusal> {
        let _in_flight = Arc::clone(&self.in_flight).try_acquire_owned().map_err(|_| Refusal::OVERLOADED)?;
        check_headers(&parts.headers, &self.limits)?;
        let route = Route::of(parts)?;
        told.operation = route.name();
        let body = Arc::new(read(body, &self.limits).await?);
        match route {
            Route::Kms(_) | Route::NotBuilt(_) => json::check(&body, &self.limits)?,
            Route::CallerIdentity => query::check_get_caller_identity(&body)?,
        }

        let caller = self.authenticated(route, parts, &body).await?;
        told.caller = Some(caller.clone());
        match route {
            Route::NotBuilt(name) => Err(Refusal::not_built(name)),
            Route::CallerIdentity => {
                let _asked = self.admit(&caller, Class::Reading)?;
                let arn = caller.principal.arn(&self.service.scope().partition);
                let account = caller.principal.account().as_str();
                let body = query::caller_identity(&arn, user_id(&caller), account, request_id);
                Ok(Answer { media_type: query::ANSWER_MEDIA_TYPE, body })
            }
            Route::Kms(operation) => self.operate(operation, caller, body).await,
        }
    }

    /// Proves who calls. The store is asked, so this is done on a thread that may wait.
    async fn authenticated(
        self: &Arc<Self>,
        route: Route,
        parts: &Parts,
        body: &Arc<Zeroizing<Vec<u8>>>,
    ) -> Result<Caller, Refusal> {
        let permit = Arc::clone(&self.verifiers).acquire_owned().await.map_err(|_| Refusal::INTERNAL)?;
        let (front, body, parts) = (Arc::clone(self), Arc::clone(body), parts.clone());
        let job = move || {
            let _permit = permit;
            authenticate(&front.service, &route.service(), front.clock.now(), &parts, &body)
        };
        tokio::task::spawn_blocking(job).await.map_err(|_| Refusal::INTERNAL)?
    }

    async fn operate(
        self: &Arc<Self>,
        operation: OperationName,
        caller: Caller,
        body: Arc<Zeroizing<Vec<u8>>>,
    ) -> Result<Answer, Refusal> {
        let asked = self.admit(&caller, Class::of(operation))?;
        // First the account's own turn, then everybody's, so that an account waits behind itself.
        let turn = asked.turn().await.ok_or(Refusal::INTERNAL)?;
        let permit = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| Refusal::INTERNAL)?;
        let front = Arc::clone(self);
        let job = move || {
            let _held = (asked, turn, permit);
            let request = json::parse(operation, &body)?;
            drop(body);
            let response = pollster::block_on(front.service.call_as(&caller, request)).map_err(|error| {
                let refusal = Refusal::from(&error);
                if refusal.status >= 500 {
                    tracing::error!(error = &error as &dyn std::error::Error, %operation, "an operation failed");
                }
                refusal
            })?;
            json::response(&response).map_err(|_| Refusal::INTERNAL)
        };
        let body = tokio::task::spawn_blocking(job).await.map_err(|_| Refusal::INTERNAL)??;
        Ok(Answer { media_type: json::MEDIA_TYPE, body })
    }

    #[expect(clippy::disallowed_methods, reason = "a rate is over time that passes, whatever the clock says")]
    fn admit(&self, caller: &Caller, class: Class) -> Result<crate::limits::Asked, Refusal> {
        let asked = self.accounts.admit(caller.principal.account(), class, Instant::now());
        asked.ok_or(Refusal::THROTTLED)
    }
}

/// The HTTP library has bounded what it reads; these bounds are ours, and the same for both versions of HTTP.
fn check_headers(headers: &HeaderMap, limits: &Limits) -> Result<(), Refusal> {
    let len: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > limits.headers_max || len > limits.headers_len_max {
        return Err(Refusal::HEADERS);
    }
    Ok(())
}

/// Reads a body of limited length in limited time.
async fn read(body: Incoming, limits: &Limits) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > limits.body_len_max {
        return Err(Refusal::TOO_LARGE);
    }
    let collect = async {
        let mut body = Limited::new(body, limits.body_len_max);
        // What is announced need not come, so little is set aside for it.
        let mut bytes = Zeroizing::new(Vec::with_capacity(expected.min(BODY_LEN_USUAL)));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => Refusal::TOO_LARGE,
                None => Refusal::CUT,
            })?;
            if let Some(data) = frame.data_ref() {
                bytes.extend_from_slice(data);
            }
        }
        Ok(bytes)
    };
    let in_time = tokio::time::timeout(Duration::from_millis(limits.body_ms_max), collect).await;
    in_time.map_err(|_| Refusal::TIMEOUT)?
}

/// The unique id of a principal; AWS has opaque ones, we have names that stay.
fn user_id(caller: &Caller) -> &str {
    match &caller.principal {
        keyfold_kms::Principal::User { name, .. } => name.as_str(),
        principal => principal.account().as_str(),
    }
}

fn dress(answer: Result<Answer, Refusal>, is_query: bool, request_id: &str) -> Response<Full<Bytes>> {
    let (status, answer) = match answer {
        Ok(answer) => (200, answer),
        Err(refusal) if is_query => {
            let body = query::refusal(&refusal, request_id);
            (query::status(&refusal), Answer { media_type: query::ANSWER_MEDIA_TYPE, body })
        }
        Err(refusal) => {
            (refusal.status, Answer { media_type: json::MEDIA_TYPE, body: json::refusal(&refusal) })
        }
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.media_type));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    response
}

/// Signatures that are being verified at the same time. Before it is verified a request costs a look-up and some
/// hashes, and more at once would not be faster.
const VERIFIERS_MAX: usize = 16;
const BODY_LEN_USUAL: usize = 16 * 1024;
