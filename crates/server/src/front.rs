//! One request, from its headers to its answer.
//!
//! ```text
//! share of the peer, in flight → headers → route → body (length, time) → JSON (once each, depth, strings)
//!   → signature: somebody has proven something → rate and share of the account → operation, on threads that may wait
//! ```
//!
//! Limits go before whatever they bound. What is logged here is who asked what and how it ended; never a body.

use std::net::IpAddr;
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
use tokio::sync::{Mutex, Semaphore};
use tracing::{Instrument as _, Span};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::authenticate::{authenticate, nobody};
use crate::config::Limits;
use crate::limits::{Accounts, Asked, Class, Peers};
use crate::metrics::Metrics;
use crate::record::Record;
use crate::route::{self, Route};
use crate::shutdown::Guard;
use crate::traces::Traces;
use crate::wire::{Refusal, json, query};

/// What answers requests.
#[derive(Debug)]
pub(crate) struct Front {
    service: Arc<Service>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    in_flight: Arc<Semaphore>,
    unproven: Arc<Peers>,
    verifiers: Arc<Semaphore>,
    workers: Arc<Semaphore>,
    accounts: Arc<Accounts>,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    /// When the store was last tried, and whether it worked.
    store_tried: Arc<Mutex<Option<(Instant, bool)>>>,
}

/// An answer before it is dressed for HTTP.
struct Answer {
    media_type: &'static str,
    body: Bytes,
}

impl Front {
    pub(crate) fn new(
        service: Arc<Service>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        metrics: Arc<Metrics>,
        traces: Option<Traces>,
    ) -> Self {
        Self {
            service,
            clock,
            in_flight: Arc::new(Semaphore::new(limits.requests_in_flight_max)),
            unproven: Peers::new(u32::MAX, limits.requests_unproven_per_peer_max),
            verifiers: Arc::new(Semaphore::new(VERIFIERS_MAX)),
            workers: Arc::new(Semaphore::new(limits.workers_max)),
            accounts: Accounts::new(&limits),
            limits,
            metrics,
            traces,
            store_tried: Arc::default(),
        }
    }

    /// How many requests are in progress.
    pub(crate) fn in_flight(&self) -> usize {
        self.limits.requests_in_flight_max - self.in_flight.available_permits()
    }

    /// Now, in seconds since 1970.
    pub(crate) fn now_s(&self) -> u64 {
        u64::try_from(self.clock.now().epoch_ms() / 1000).unwrap_or(0)
    }

    /// Whether the store answers a read.
    pub(crate) async fn store_reads(&self) -> bool {
        let service = Arc::clone(&self.service);
        let job = move || {
            let mut request = ListKeysRequest::new();
            request.limit = Some(1);
            pollster::block_on(service.call(request.into())).is_ok()
        };
        tokio::task::spawn_blocking(job).await.unwrap_or(false)
    }

    /// Whether the store reads and writes. Since it costs a write it is tried once a second at most, however often
    /// somebody asks, and one at a time: a trial goes on and is remembered though nobody waits for it any more.
    #[expect(clippy::disallowed_methods, reason = "measures time that passes; tells nobody the time")]
    pub(crate) async fn store_works(&self) -> bool {
        let (store_tried, service) = (Arc::clone(&self.store_tried), Arc::clone(&self.service));
        let told = async {
            let mut tried = store_tried.lock_owned().await;
            if let Some((at, works)) = *tried
                && at.elapsed() < STORE_TRIED_EVERY
            {
                return works;
            }
            let trial = move || {
                let checked = pollster::block_on(service.check_store());
                if let Err(error) = &checked {
                    tracing::error!(error = error as &dyn std::error::Error, "the store does not work");
                }
                *tried = Some((Instant::now(), checked.is_ok()));
                checked.is_ok()
            };
            tokio::task::spawn_blocking(trial).await.unwrap_or(false)
        };
        let Ok(works) = tokio::time::timeout(STORE_TRIAL_MAX, told).await else {
            tracing::error!("the store does not answer");
            return false;
        };
        works
    }

    /// Answers a request of the peer that has this address. It is performed to its end, and told of, though the client
    /// goes away meanwhile; the guard is held until then.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        guard: Guard,
    ) -> Response<Full<Bytes>> {
        let request_id = Uuid::new_v4().to_string();
        let (is_query, id) = (route::is_query(request.headers()), request_id.clone());
        let task = tokio::spawn(async move {
            let _guard = guard;
            let (parts, body) = request.into_parts();
            let traces = self.traces.as_ref();
            let mut record = Record::begin(&self.service, &self.metrics, traces, &parts.headers, &id);
            // Whatever is logged on the way has the id, at every level.
            let logged = tracing::error_span!("request", request_id = id);
            let answer = self.perform(&parts, body, peer, &id, &mut record).instrument(logged).await;
            let error = answer.as_ref().err().map(|refusal| refusal.name);
            let response = dress(answer, is_query, &id);
            record.end(response.status().as_u16(), error);
            response
        });
        task.await.unwrap_or_else(|_| dress(Err(Refusal::INTERNAL), is_query, &request_id))
    }

    async fn perform(
        self: &Arc<Self>,
        parts: &Parts,
        body: Incoming,
        peer: IpAddr,
        request_id: &str,
        record: &mut Record,
    ) -> Result<Answer, Refusal> {
        // Nobody has everything by withholding bodies.
        let unproven = self.unproven.admit(peer).ok_or(Refusal::OVERLOADED)?;
        let _in_flight = Arc::clone(&self.in_flight).try_acquire_owned().map_err(|_| Refusal::OVERLOADED)?;
        check_headers(&parts.headers, &self.limits)?;
        let route = Route::of(parts)?;
        record.operation = route.name();
        let body = Arc::new(read(body, &self.limits).await?);
        match route {
            Route::Kms(_) | Route::NotBuilt(_) => json::check(&body, &self.limits)?,
            Route::CallerIdentity => query::check_get_caller_identity(&body)?,
        }

        let authenticating = record.span.child("authenticate");
        let caller = self.authenticated(route, parts, &body).await;
        drop(authenticating);
        let mut caller = caller?;
        drop(unproven);
        caller.request_id = Some(request_id.to_owned());
        record.caller = Some(caller.clone());
        let _performing = record.span.child("perform");
        match route {
            Route::NotBuilt(name) => Err(Refusal::not_built(name)),
            Route::CallerIdentity => {
                let asked = self.admit(&caller, Class::Reading)?;
                let arn = caller.principal.arn(&self.service.scope().partition);
                let account = caller.principal.account().clone();
                let user_id = self.user_id(asked, caller).await?;
                let body = query::caller_identity(&arn, &user_id, account.as_str(), request_id);
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
        let logged = Span::current();
        let job = move || {
            let _permit = permit;
            logged
                .in_scope(|| authenticate(&front.service, &route.service(), front.clock.now(), &parts, &body))
        };
        tokio::task::spawn_blocking(job).await.map_err(|_| Refusal::INTERNAL)?
    }

    /// What AWS calls the user id of the caller.
    async fn user_id(self: &Arc<Self>, asked: Asked, caller: Caller) -> Result<String, Refusal> {
        let job = move |front: &Self| {
            let found = pollster::block_on(front.service.user_id(&caller.principal));
            // It may have been removed since it was authenticated.
            found.map_err(|error| Refusal::from(&error))?.ok_or_else(nobody)
        };
        self.work(asked, job).await
    }

    async fn operate(
        self: &Arc<Self>,
        operation: OperationName,
        caller: Caller,
        body: Arc<Zeroizing<Vec<u8>>>,
    ) -> Result<Answer, Refusal> {
        let asked = self.admit(&caller, Class::of(operation))?;
        let job = move |front: &Self| {
            let request = json::parse(operation, &body)?;
            drop(body);
            let response = pollster::block_on(front.service.call_as(&caller, request)).map_err(|error| {
                let refusal = Refusal::from(&error);
                if refusal.status >= 500 {
                    tracing::error!(error = &error as &dyn std::error::Error, %operation, "an operation failed");
                } else if let Some(why) = std::error::Error::source(&error) {
                    // More than the caller may know.
                    tracing::debug!(why, %operation, "refused");
                }
                refusal
            })?;
            json::response(&response).map_err(|_| Refusal::INTERNAL)
        };
        let body = self.work(asked, job).await?;
        Ok(Answer { media_type: json::MEDIA_TYPE, body })
    }

    /// Does for an account what may wait for the store, on a thread that may.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        asked: Asked,
        job: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        // First the account's own turn, then everybody's, so that an account waits behind itself.
        let turn = asked.turn().await.ok_or(Refusal::INTERNAL)?;
        let permit = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| Refusal::INTERNAL)?;
        let (front, logged) = (Arc::clone(self), Span::current());
        let held = (asked, turn, permit);
        let job = move || {
            let _held = held;
            logged.in_scope(|| job(&front))
        };
        tokio::task::spawn_blocking(job).await.map_err(|_| Refusal::INTERNAL)?
    }

    #[expect(clippy::disallowed_methods, reason = "a rate is over time that passes, whatever the clock says")]
    fn admit(&self, caller: &Caller, class: Class) -> Result<Asked, Refusal> {
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
const STORE_TRIED_EVERY: Duration = Duration::from_secs(1);
/// A store that takes longer does not work; it may be waited for by another process for 10 s.
const STORE_TRIAL_MAX: Duration = Duration::from_secs(5);
