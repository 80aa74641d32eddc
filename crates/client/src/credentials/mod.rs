//! Who asks: an access key, and the sources that it can come from.
//!
//! Which source it is follows from the configuration alone, before anything is asked: the first one that is set up
//! in this order, and if it fails no other is tried. Only the metadata service of an instance can't be told from the
//! configuration, so it is the last.
//!
//! | | set up by |
//! |---|---|
//! | environment | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` |
//! | web identity | `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` |
//! | profile | keys, `role_arn` with `source_profile` or `credential_source`, `web_identity_token_file`, `credential_process` |
//! | container | `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, `AWS_CONTAINER_CREDENTIALS_FULL_URI` |
//! | instance | unless `AWS_EC2_METADATA_DISABLED` is `true` |
//!
//! A profile that the caller names goes before the first two, as in the AWS CLI.

mod chain;
mod container;
mod document;
mod instance;
mod process;
mod sts;

use std::sync::Arc;
use std::time::Duration;

use keyfold_protocol::sigv4::{AccessKeyId, SecretAccessKey, SessionToken};
use keyfold_protocol::{BoxFuture, Region, Timestamp};
use tokio::sync::Mutex;

pub(crate) use chain::find;
use container::Container;
use instance::Instance;
use process::Process;
use sts::{AssumeRole, WebIdentity};

use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::error::{CredentialsError, Place};
use crate::http::Http;
use crate::retry::Retry;

/// An access key with its secret.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) secret: SecretAccessKey,
    pub(crate) session_token: Option<SessionToken>,
    /// When it stops being good; never if that is not known.
    pub(crate) expires: Option<Timestamp>,
}

impl Credentials {
    /// Credentials from text that was found at `place`.
    fn new(
        place: &Place,
        access_key_id: &str,
        secret: &str,
        session_token: Option<&str>,
    ) -> Result<Self, CredentialsError> {
        let invalid = |what| CredentialsError::Invalid { place: place.clone(), what };
        Ok(Self {
            access_key_id: access_key_id.parse().map_err(invalid)?,
            secret: SecretAccessKey::copied_from(secret.as_bytes()).map_err(invalid)?,
            session_token: session_token.map(SessionToken::copied_from).transpose().map_err(invalid)?,
            expires: None,
        })
    }
}

/// Where credentials come from.
#[derive(Debug)]
pub(crate) enum Source {
    Static(Arc<Credentials>),
    AssumeRole(Box<AssumeRole>),
    WebIdentity(WebIdentity),
    Process(Process),
    Container(Container),
    Instance(Instance),
}

/// What it takes to ask a source.
pub(crate) struct Asking<'a> {
    pub(crate) http: &'a Http,
    pub(crate) retry: &'a Retry,
    pub(crate) clock: &'a dyn Clock,
    /// The token service; `None` if there is none in the Region.
    pub(crate) sts: Option<&'a Endpoint>,
    pub(crate) region: &'a Region,
    /// How long an attempt may take.
    pub(crate) timeout: Duration,
}

impl Source {
    fn fetch<'a>(
        &'a self,
        asking: &'a Asking<'a>,
    ) -> BoxFuture<'a, Result<Arc<Credentials>, CredentialsError>> {
        Box::pin(async move {
            match self {
                Self::Static(credentials) => Ok(Arc::clone(credentials)),
                Self::AssumeRole(role) => role.fetch(asking).await.map(Arc::new),
                Self::WebIdentity(identity) => identity.fetch(asking).await.map(Arc::new),
                Self::Process(process) => process.fetch(asking).await.map(Arc::new),
                Self::Container(container) => container.fetch(asking).await.map(Arc::new),
                Self::Instance(instance) => instance.fetch(asking).await.map(Arc::new),
            }
        })
    }
}

/// A source, and what it gave last.
#[derive(Debug)]
pub(crate) struct Cache {
    source: Source,
    latest: Mutex<Option<Arc<Credentials>>>,
}

impl Cache {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, latest: Mutex::new(None) }
    }

    /// Credentials that are good for some minutes more: the source is asked again before they expire, once for all
    /// who wait. If it fails, they are used up to their end.
    pub(crate) async fn get(&self, asking: &Asking<'_>) -> Result<Arc<Credentials>, CredentialsError> {
        let mut latest = self.latest.lock().await;
        let now = asking.clock.now();
        let is_good_for = |credentials: &Credentials, ms: i64| {
            credentials.expires.is_none_or(|end| end.epoch_ms() > now.epoch_ms().saturating_add(ms))
        };
        if let Some(credentials) = latest.as_ref().filter(|it| is_good_for(it, REFRESHED_BEFORE_MS)) {
            return Ok(Arc::clone(credentials));
        }
        match self.source.fetch(asking).await {
            Ok(credentials) => {
                *latest = Some(Arc::clone(&credentials));
                Ok(credentials)
            }
            Err(error) => latest.clone().filter(|it| is_good_for(it, 0)).ok_or(error),
        }
    }
}

/// How long before their end credentials are fetched anew: five minutes.
const REFRESHED_BEFORE_MS: i64 = 5 * 60 * 1000;
