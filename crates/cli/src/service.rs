//! The key service that a command talks to: the key store on this machine, or one elsewhere.
//!
//! Which one it is follows from options and environment alone; it is opened when something needs it and no earlier, so
//! a command on the local store sets up neither a runtime nor TLS.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyfold_client::{Background, Client, Config, Environment, Options, RequestError, SystemClock};
use keyfold_protocol::operations::{Operation, Request, Response};
use keyfold_protocol::{Arn, BoxFuture, Kms, KmsError, KmsExt as _, Region};
use pollster::block_on;

use crate::args::{GlobalArgs, RemoteArgs};
use crate::console::Console;
use crate::env;
use crate::failure::{Code, Failure, unanswered};
use crate::store::KeyStore;

/// Where the keys are. Nothing has been looked at yet.
#[derive(Debug)]
pub(crate) enum KeyService {
    /// In the key store on this machine.
    Local(KeyStore),
    /// In a service that is reached over a network.
    Remote(Remote),
}

/// How a service elsewhere is reached.
#[derive(Debug)]
pub(crate) struct Remote {
    options: Options,
    environment: Environment,
    is_aws: bool,
}

impl KeyService {
    /// What options and environment say. Options of one place exclude those of the other, and go before the
    /// environment.
    pub(crate) fn new(global: &GlobalArgs) -> Result<Self, Failure> {
        let RemoteArgs { endpoint_url, aws, region, profile, ca_bundle } = &global.remote;
        let local =
            [("--home", global.home.is_some()), ("--passphrase-file", global.passphrase_file.is_some())];
        let local = local.iter().find(|(_, is_given)| *is_given).map(|(name, _)| *name);
        let remote = global.remote.first_given();
        if let (Some(local), Some(remote)) = (local, remote) {
            return Err(Failure::usage(format!(
                "{local} is for a key store on this machine, {remote} for a key service elsewhere"
            )));
        }
        if endpoint_url.is_some() && *aws {
            return Err(Failure::usage("--endpoint-url names a key service, and --aws is another one"));
        }
        if local.is_some() {
            return Ok(Self::Local(KeyStore::new(global)));
        }
        let environment = env::aws()?;
        if remote.is_none() && !environment.has_endpoint()? {
            return Ok(Self::Local(KeyStore::new(global)));
        }
        let options = Options {
            endpoint_url: endpoint_url.clone(),
            region: region.clone(),
            profile: profile.clone(),
            ca_bundle: ca_bundle.clone(),
        };
        Ok(Self::Remote(Remote { options, environment, is_aws: *aws }))
    }

    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }

    /// Opens it. A key store has to be there.
    pub(crate) fn open(&self, console: Console) -> Result<OpenService, Failure> {
        match self {
            Self::Local(store) => Ok(OpenService::local(store.open()?.kms(), console)),
            Self::Remote(remote) => remote.open(console),
        }
    }
}

/// Refuses options of a service elsewhere where only the key store on this machine will do.
pub(crate) fn refuse_remote(command: &str, global: &GlobalArgs) -> Result<(), Failure> {
    match global.remote.first_given() {
        None => Ok(()),
        Some(option) => Err(Failure::usage(format!(
            "{option}: keyfold {command} is about the key store on this machine, not about a key service elsewhere"
        ))),
    }
}

impl Remote {
    fn open(&self, console: Console) -> Result<OpenService, Failure> {
        let config = Config::load(&self.options, &self.environment)?;
        let place = match (config.endpoint(), self.is_aws) {
            (Some(endpoint), _) => endpoint.to_string(),
            (None, true) => "AWS KMS".to_owned(),
            (None, false) => {
                return Err(Failure::usage("no key service is named").hint(
                    "--endpoint-url URL names one, or endpoint_url in the profile; --aws is AWS itself",
                ));
            }
        };
        let region = config.region().clone();
        console.detail(&format!("key service: {place}, Region {region}"));
        let client = Client::new(config, Arc::new(SystemClock))?;
        let client = Background::new(client)
            .map_err(|error| Failure::new(Code::Other, format!("can't start a thread: {error}")))?;
        let kms = Arc::new(Watched::new(client, console));
        Ok(OpenService { kms, region: Some(region) })
    }
}

/// A key service that is open.
#[derive(Debug, Clone)]
pub(crate) struct OpenService {
    kms: Arc<dyn Kms>,
    region: Option<Region>,
}

impl OpenService {
    /// The one in a key store.
    pub(crate) fn local(kms: Arc<dyn Kms>, console: Console) -> Self {
        Self { kms: Arc::new(Watched::new(kms, console)), region: None }
    }

    pub(crate) fn kms(&self) -> Arc<dyn Kms> {
        Arc::clone(&self.kms)
    }

    /// The configured Region, if it is one elsewhere.
    pub(crate) fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// Performs a request.
    pub(crate) fn send<O: Operation>(&self, request: O) -> Result<O::Output, KmsError> {
        block_on(self.kms.send(request))
    }
}

/// A key service whose use of keys is told with `-v`, and which is not asked to decrypt again where it gave no answer: a
/// message may name many keys, and a tree has many messages.
struct Watched<K> {
    kms: K,
    console: Console,
    /// The Regions without an answer, and why.
    unanswered: Mutex<Vec<(String, KmsError)>>,
}

impl<K> Watched<K> {
    fn new(kms: K, console: Console) -> Self {
        Self { kms, console, unanswered: Mutex::new(Vec::new()) }
    }

    fn unanswered(&self) -> MutexGuard<'_, Vec<(String, KmsError)>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why there would be no answer from `region`, if that is known.
    fn known(&self, region: &str) -> Option<KmsError> {
        let is_of_all = |error: &KmsError| {
            matches!(unanswered(error), Some(RequestError::Credentials(_) | RequestError::Stopped))
        };
        let unanswered = self.unanswered();
        let known = unanswered.iter().find(|(failed, error)| failed == region || is_of_all(error));
        known.map(|(_, error)| error.clone())
    }
}

impl<K: Kms> Kms for Watched<K> {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        Box::pin(async move {
            let region = match &request {
                Request::Decrypt(decrypt) => Some(region_of(decrypt.key_id.as_deref())),
                _ => None,
            };
            if let Some(error) = region.as_ref().and_then(|region| self.known(region)) {
                return Err(error);
            }
            let response = self.kms.call(request).await.inspect_err(|error| {
                if let (Some(region), Some(_)) = (region, unanswered(error)) {
                    self.unanswered().push((region, error.clone()));
                }
            })?;
            match &response {
                Response::Decrypt(response) => {
                    self.console.detail(&format!("the data key was unwrapped by {}", response.key_id));
                }
                Response::GenerateDataKey(response) => {
                    self.console.detail(&format!("the data key was made and wrapped by {}", response.key_id));
                }
                Response::Encrypt(response) => {
                    self.console.detail(&format!("the data key was wrapped by {}", response.key_id));
                }
                _ => {}
            }
            Ok(response)
        })
    }
}

/// The Region of a key that is named by ARN, and of all others nothing.
fn region_of(key_id: Option<&str>) -> String {
    let arn = key_id.and_then(|key| key.parse::<Arn>().ok());
    arn.map(|arn| arn.region().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use keyfold_protocol::ErrorKind;
    use keyfold_protocol::operations::DecryptRequest;

    use super::*;

    /// Counts calls. Nobody answers.
    #[derive(Default)]
    struct Silent(AtomicUsize);

    impl Kms for Silent {
        fn call(&self, _: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let error = RequestError::Timeout { endpoint: "https://a".into(), timeout_ms: 1 };
            Box::pin(std::future::ready(Err(KmsError::new(ErrorKind::Other, "").caused_by(error))))
        }
    }

    #[test]
    fn a_region_that_did_not_answer_is_not_asked_again_and_another_is() {
        let kms = Watched::new(Silent::default(), Console { quiet: true, verbose: false });
        let asked_after = |region: &str, key: &str| {
            let mut request = DecryptRequest::new(vec![1]);
            request.key_id = Some(format!("arn:aws:kms:{region}:111122223333:key/{key}"));
            assert!(block_on(kms.send(request)).is_err());
            kms.kms.0.load(Ordering::Relaxed)
        };
        assert_eq!(asked_after("eu-west-1", "a"), 1);
        assert_eq!(asked_after("eu-west-1", "b"), 1);
        assert_eq!(asked_after("eu-west-2", "a"), 2);
    }
}
