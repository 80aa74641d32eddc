//! The client: requests of the key service, signed and sent.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use jiff::fmt::rfc2822;
use keyfold_protocol::operations::{OperationName, Request, Response};
use keyfold_protocol::sigv4::Service;
use keyfold_protocol::{Arn, BoxFuture, ErrorKind, Kms, KmsError, Region, Timestamp};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::answer;
use crate::clock::Clock;
use crate::config::{Addresses, Config};
use crate::credentials::{Asking, Cache};
use crate::endpoint::Endpoint;
use crate::error::{Cause, ConfigError, RequestError};
use crate::http::{Answer, Http};
use crate::outgoing::{self, CONTENT_TYPE, Signer};
use crate::retry::{self, Retry, Verdict};
use crate::tls;

/// A key service over HTTPS: Keyfold's, or AWS.
///
/// It runs on tokio. Connections are kept, requests may run side by side, and a clone shares all of it. Who has no
/// runtime takes a [`Background`](crate::Background).
///
/// A request whose key is named by ARN goes to the Region of the ARN, every other one to the configured Region.
///
/// Errors that a service answered have an [`Answered`](crate::Answered) as their source, those without an answer are
/// [`ErrorKind::Other`] and have a [`RequestError`]. What is tried again is said in the crate's documentation.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: Http,
    region: Region,
    addresses: Addresses,
    credentials: Cache,
    retry: Retry,
    clock: Arc<dyn Clock>,
    /// How far the service's clock is ahead of ours, in milliseconds; learnt from a refusal.
    clock_skew_ms: AtomicI64,
    attempt_timeout: std::time::Duration,
}

impl Client {
    /// A client for `config`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConfigError`] if the certificates to trust can't be read.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Inner {
            http: Http::new(tls::config(config.ca_bundle.as_deref())?),
            region: config.region,
            addresses: config.addresses,
            credentials: Cache::new(config.source),
            retry: Retry::new(config.retry_base),
            clock,
            clock_skew_ms: AtomicI64::new(0),
            attempt_timeout: config.attempt_timeout,
        })))
    }
}

impl Kms for Client {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        Box::pin(async move { self.0.perform(&request).await })
    }
}

/// A request that is ready to be signed, as often as it takes.
struct Prepared {
    operation: OperationName,
    target: String,
    body: Bytes,
    region: Region,
    endpoint: Endpoint,
}

impl Inner {
    async fn perform(&self, request: &Request) -> Result<Response, KmsError> {
        let prepared = self.prepare(request).map_err(unanswered)?;
        self.retry.run(|| self.attempt(&prepared)).await
    }

    fn prepare(&self, request: &Request) -> Result<Prepared, RequestError> {
        // Room for the longest plaintext, so that growing leaves no copies of a secret behind.
        let mut body = Zeroizing::new(Vec::with_capacity(BODY_LEN_USUAL));
        serde_json::to_writer(&mut *body, request)
            .map_err(|error| RequestError::Request(Cause::new(error)))?;
        let region = region_of(&body).unwrap_or_else(|| self.region.clone());
        let endpoint = self.addresses.of(&Service::KMS, &region);
        let endpoint = endpoint.ok_or_else(|| RequestError::NoAddress { region: region.as_str().into() })?;
        let operation = request.operation();
        let target = format!("TrentService.{operation}");
        Ok(Prepared { operation, target, body: Bytes::from_owner(Wiped(body)), region, endpoint })
    }

    async fn attempt(&self, prepared: &Prepared) -> Result<Response, (Verdict, KmsError)> {
        let answer =
            self.exchange(prepared).await.map_err(|error| (Verdict::from(&error), unanswered(error)))?;
        match answer::read(prepared.operation, &prepared.endpoint, &answer) {
            Ok(response) => Ok(response),
            Err(error) => {
                let verdict = match self.learn_clock_skew(&answer, &error) {
                    true => Verdict::Again,
                    false => retry::of_answer(answer.status, error.name()),
                };
                Err((verdict, error))
            }
        }
    }

    async fn exchange(&self, prepared: &Prepared) -> Result<Answer, RequestError> {
        let Prepared { target, body, region, endpoint, .. } = prepared;
        let sts = self.addresses.of(&Service::STS, &self.region);
        let asking = Asking {
            http: &self.http,
            retry: &self.retry,
            clock: &*self.clock,
            sts: sts.as_ref(),
            region: &self.region,
            timeout: self.attempt_timeout,
        };
        let credentials = self.credentials.get(&asking).await?;
        let now = self.clock.now().epoch_ms().saturating_add(self.clock_skew_ms.load(Ordering::Relaxed));
        let signer = Signer {
            credentials: &credentials,
            region,
            service: Service::KMS,
            now: Timestamp::from_epoch_ms(now),
        };
        let headers = [(CONTENT_TYPE, MEDIA_TYPE), ("x-amz-target", target.as_str())];
        let request = outgoing::post(endpoint, &headers, body, Some(&signer))?;
        self.http.send(endpoint, request, self.attempt_timeout).await
    }

    /// Whether the request was refused for its time, and the service's clock is now known. A skew that is known
    /// already explains nothing.
    fn learn_clock_skew(&self, answer: &Answer, error: &KmsError) -> bool {
        if !error.name().is_some_and(|name| OF_TIME.contains(&name)) {
            return false;
        }
        let date = answer.headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
        let Some(theirs) = date.and_then(|text| rfc2822::parse(text).ok()) else { return false };
        let skew_ms = theirs.timestamp().as_millisecond().saturating_sub(self.clock.now().epoch_ms());
        let known_ms = self.clock_skew_ms.load(Ordering::Relaxed);
        let is_news = skew_ms.abs_diff(known_ms) >= CLOCK_SKEW_MIN_MS;
        if is_news {
            self.clock_skew_ms.store(skew_ms, Ordering::Relaxed);
        }
        is_news
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("region", &self.region)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// The Region of the key that a request is about, if it names one by ARN.
fn region_of(body: &[u8]) -> Option<Region> {
    /// The members that name the key that decides where a request goes.
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, rename = "KeyId", alias = "TargetKeyId", alias = "DestinationKeyId")]
        key: Option<std::borrow::Cow<'a, str>>,
    }
    let named: Named<'_> = serde_json::from_slice(body).ok()?;
    named.key?.parse::<Arn>().ok()?.region().parse().ok()
}

/// An error for what has no answer.
fn unanswered(error: RequestError) -> KmsError {
    KmsError::new(ErrorKind::Other, error.to_string()).caused_by(error)
}

/// A request's body, which is wiped when it has been sent.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
const BODY_LEN_USUAL: usize = 16 * 1024;
/// Errors that a wrong clock explains.
const OF_TIME: [&str; 5] = [
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];
/// Less than this, either way, services accept.
const CLOCK_SKEW_MIN_MS: u64 = 4 * 60 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_named_by_arn_decides_the_region() {
        for (body, region) in [
            (r#"{"KeyId":"arn:aws:kms:eu-west-1:111122223333:key/x","Plaintext":"aGk="}"#, Some("eu-west-1")),
            (r#"{"KeyId":"arn:aws:kms:eu-west-1:111122223333:alias/x"}"#, Some("eu-west-1")),
            (r#"{"AliasName":"alias/a","TargetKeyId":"arn:aws:kms:eu-west-1:1:key/x"}"#, Some("eu-west-1")),
            (
                r#"{"SourceKeyId":"arn:aws:kms:a:1:key/x","DestinationKeyId":"arn:aws:kms:b:1:key/x"}"#,
                Some("b"),
            ),
            (r#"{"KeyId":"alias/x"}"#, None),
            (r#"{"KeyId":"arn:aws:kms:evil.example.org:1:key/x"}"#, None),
            ("{}", None),
        ] {
            let found = region_of(body.as_bytes());
            assert_eq!(found.as_ref().map(Region::as_str), region, "{body}");
        }
    }
}
