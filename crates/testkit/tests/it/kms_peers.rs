//! The KMS keyrings of the official SDKs and ours, over one running service: what one side writes the other reads.
//!
//! Ours reach the service through `keyfold-client`, theirs through their own clients. The keys are in two Regions, which
//! one endpoint serves.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use keyfold::Suite;
use keyfold::keyring::{DiscoveryFilter, Keyring, KmsDiscoveryKeyring, KmsKeyring, MultiKeyring};
use keyfold_client::{Background, Client, Config, Environment, Options, SystemClock};
use keyfold_protocol::KmsExt as _;
use keyfold_protocol::operations::CreateKeyRequest;
use keyfold_testkit::{Serving, available, workspace_root};
use pollster::block_on;
use serde::Serialize;

use crate::peers::{Case, KeyringSpec, Unsupported, exchange};

#[test]
fn python() {
    let python = workspace_root().join("target/peers/python/bin/python");
    if available(python.exists(), "Python peer (run crates/testkit/peers/setup)") {
        let program = workspace_root().join("crates/testkit/peers/python/peer.py");
        over_the_service("python", &[&python, &program], |_| None);
    }
}

#[test]
fn node() {
    let modules = workspace_root().join("target/peers/node/node_modules");
    if available(modules.is_dir(), "Node peer (run crates/testkit/peers/setup)") {
        let program = workspace_root().join("crates/testkit/peers/node/peer.mjs");
        over_the_service("node", &[Path::new("node"), &program], |case| match &case.keyring {
            KeyringSpec::Kms(KmsSpec { interface: "provider", .. }) => Some(Unsupported::Writing),
            _ => None,
        });
    }
}

fn over_the_service(peer: &str, program: &[&Path], unsupported: impl Fn(&Case) -> Option<Unsupported>) {
    let home = tempfile::tempdir().unwrap();
    let server = Serving::dev(home.path());
    let mut environment: Vec<_> = server.exports().collect();
    environment.push(("NODE_EXTRA_CA_CERTS", server.export("AWS_CA_BUNDLE")));
    let cases = cases(&server);
    exchange(peer, program, &environment, &cases, unsupported);
    let _ = server.end();
}

/// Every suite, with one key and with a generator and a child in another Region, by each of the peer's interfaces.
fn cases(server: &Serving) -> Vec<Case> {
    let (west, central) = (client(server, "us-west-2"), client(server, "eu-central-1"));
    let create =
        |kms: &Background| block_on(kms.send(CreateKeyRequest::new())).unwrap().key_metadata.arn.unwrap();
    let (generator, child, stranger) = (create(&west), create(&central), create(&west));
    let kms = Arc::new(west);
    let mut cases = Vec::new();
    for (number, suite) in Suite::ALL.into_iter().enumerate() {
        for (kind, children) in [("kms", vec![]), ("kms-multi", vec![child.clone()])] {
            let spec = KmsSpec {
                interface: ["keyring", "provider", "mrk-keyring"][(number + children.len()) % 3],
                generator: generator.clone(),
                children,
                stranger: stranger.clone(),
                kms: Arc::clone(&kms),
            };
            cases.push(Case::new(cases.len(), kind, suite, 4096, 8192, KeyringSpec::Kms(spec)));
        }
    }
    cases
}

fn client(server: &Serving, region: &str) -> Background {
    let export = |wanted: &str| {
        server.exports().find(|(name, _)| *name == wanted).map(|(_, value)| OsString::from(value))
    };
    let environment = Environment::new(export, None).unwrap();
    let options = Options { region: Some(region.to_owned()), ..Options::default() };
    let config = Config::load(&options, &environment).unwrap();
    Background::new(Client::new(config, Arc::new(SystemClock)).unwrap()).unwrap()
}

/// KMS keys that wrap the data key of a message.
#[derive(Clone, Serialize)]
pub(crate) struct KmsSpec {
    /// What the peer writes with.
    interface: &'static str,
    generator: String,
    children: Vec<String>,
    /// A key that has nothing to do with the message.
    stranger: String,
    #[serde(skip)]
    kms: Arc<Background>,
}

impl KmsSpec {
    pub(crate) fn writer(&self) -> Arc<dyn Keyring> {
        let children = self.children.iter().map(|key| self.strict(key)).collect();
        Arc::new(MultiKeyring::new(Some(self.strict(&self.generator)), children))
    }

    /// All keys together, each alone, and all of the account in each Region.
    pub(crate) fn readers(&self) -> Vec<Arc<dyn Keyring>> {
        let keys = || [&self.generator].into_iter().chain(&self.children);
        let alone = keys().map(|key| self.strict(key));
        let discovery = keys().map(|key| self.discovery(part(key, REGION), part(key, ACCOUNT)));
        [self.writer()].into_iter().chain(alone).chain(discovery).collect()
    }

    /// Those that must not read the message.
    pub(crate) fn strangers(&self) -> [Arc<dyn Keyring>; 3] {
        let (region, account) = (part(&self.generator, REGION), part(&self.generator, ACCOUNT));
        [
            self.strict(&self.stranger),
            self.discovery(region, "111111111111"),
            self.discovery("ap-south-1", account),
        ]
    }

    fn strict(&self, key: &str) -> Arc<dyn Keyring> {
        Arc::new(KmsKeyring::new(Arc::clone(&self.kms), key))
    }

    fn discovery(&self, region: &str, account: &str) -> Arc<dyn Keyring> {
        let filter = DiscoveryFilter {
            partition: "aws".to_owned(),
            region: region.to_owned(),
            accounts: vec![account.to_owned()],
        };
        Arc::new(KmsDiscoveryKeyring::new(Arc::clone(&self.kms), filter))
    }
}

/// A part of a key ARN, `arn:aws:kms:REGION:ACCOUNT:key/ID`.
fn part(arn: &str, position: usize) -> &str {
    arn.split(':').nth(position).unwrap()
}

const REGION: usize = 3;
const ACCOUNT: usize = 4;
