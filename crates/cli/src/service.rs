//! The key service that a command talks to: the key store on this machine, or one elsewhere.
//!
//! Which one it is follows from options and environment alone; it is opened when something needs it and no earlier, so
//! a command on the local store sets up neither a runtime nor TLS.

use std::sync::Arc;

use keyfold_client::{Background, Client, Config, Environment, Options, SystemClock};
use keyfold_protocol::operations::{Operation, Request, Response};
use keyfold_protocol::{BoxFuture, Kms, KmsError, KmsExt as _, Region};
use pollster::block_on;

use crate::args::{GlobalArgs, RemoteArgs};
use crate::console::Console;
use crate::env;
use crate::failure::{Code, Failure};
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
        let kms = Arc::new(Watched { kms: client, console });
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
        Self { kms: Arc::new(Watched { kms, console }), region: None }
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

/// A key service whose use of keys is told with `-v`.
struct Watched<K> {
    kms: K,
    console: Console,
}

impl<K: Kms> Kms for Watched<K> {
    fn call(&self, request: Request) -> BoxFuture<'_, Result<Response, KmsError>> {
        Box::pin(async move {
            let response = self.kms.call(request).await?;
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
