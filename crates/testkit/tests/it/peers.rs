//! The official SDKs, both directions: what we write they read, what they write we read.
//!
//! The contract between this test and the peer programs is `peers/README.md`.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::Path,
    process::Command,
    sync::Arc,
};

use keyfold::{
    CommitmentPolicy, EncryptionContext, Suite,
    blocking::Client,
    keyring::{KeyName, Keyring, MultiKeyring, RawAesKeyring, RawEcdhKeyring, RawRsaKeyring},
    message::FrameLength,
};
use keyfold_crypto::{
    ecdh::{Curve, PrivateKey, PublicKey},
    rsa::{RsaPadding, RsaPrivateKey, RsaPublicKey},
};
use keyfold_testkit::{available, workspace_root};
use serde::{Deserialize, Serialize};

use crate::kms_peers::KmsSpec;

#[test]
fn python() {
    let python = workspace_root().join("target/peers/python/bin/python");
    if available(python.exists(), "Python peer (run crates/testkit/peers/setup)") {
        let program = workspace_root().join("crates/testkit/peers/python/peer.py");
        exchange("python", &[&python, &program], &[], &cases(), |_| None);
    }
}

#[test]
fn node() {
    let modules = workspace_root().join("target/peers/node/node_modules");
    if available(modules.is_dir(), "Node peer (run crates/testkit/peers/setup)") {
        let program = workspace_root().join("crates/testkit/peers/node/peer.mjs");
        exchange("node", &[Path::new("node"), &program], &[], &cases(), |case| match case.keyring {
            KeyringSpec::RawEcdh { .. } => Some(Unsupported::Both),
            _ if case.frame_length == 0 => Some(Unsupported::Writing),
            _ => None,
        });
    }
}

/// What a peer can't do.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Unsupported {
    Writing,
    Both,
}

/// Runs every case through `program`, both ways, and checks that exactly the unsupported ones are missing.
pub(crate) fn exchange(
    peer: &str,
    program: &[&Path],
    environment: &[(&str, &str)],
    cases: &[Case],
    unsupported: impl Fn(&Case) -> Option<Unsupported>,
) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for len in PLAINTEXT_LENS {
        fs::write(dir.join(plaintext_name(len)), plaintext(len)).unwrap();
    }
    fs::write(dir.join("cases.json"), serde_json::to_vec(cases).unwrap()).unwrap();

    let written = run(peer, program, environment, "write", dir);
    for case in cases {
        let expected = if unsupported(case).is_some() { "unsupported" } else { "ok" };
        assert_eq!(written[&case.id].status, expected, "{peer} writes {}: {:?}", case.id, written[&case.id]);
        if expected == "ok" {
            let message = fs::read(dir.join(format!("{}.{peer}.msg", case.id))).unwrap();
            case.check_read(&message);
        }
        fs::write(dir.join(format!("{}.msg", case.id)), case.write()).unwrap();
    }

    let read = run(peer, program, environment, "read", dir);
    assert_eq!(read.len(), cases.len());
    for case in cases {
        let expected = if unsupported(case) == Some(Unsupported::Both) { "unsupported" } else { "ok" };
        assert_eq!(read[&case.id].status, expected, "{peer} reads {}: {:?}", case.id, read[&case.id]);
    }
}

fn run(
    peer: &str,
    program: &[&Path],
    environment: &[(&str, &str)],
    mode: &str,
    dir: &Path,
) -> BTreeMap<String, Outcome> {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(mode).arg(dir).envs(environment.iter().copied());
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{peer} {mode}: {}: {stderr}", output.status);
    serde_json::from_slice(&fs::read(dir.join(format!("results.{peer}.json"))).unwrap()).unwrap()
}

#[derive(Debug, Deserialize)]
struct Outcome {
    status: String,
    #[allow(dead_code, reason = "shown when an assertion fails")]
    reason: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Case {
    id: String,
    suite: String,
    policy: &'static str,
    frame_length: u32,
    context: BTreeMap<String, String>,
    plaintext: String,
    stream: bool,
    pub(crate) keyring: KeyringSpec,
    #[serde(skip)]
    len: usize,
}

#[derive(Clone, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum KeyringSpec {
    Kms(KmsSpec),
    RawAes {
        namespace: String,
        name: String,
        key: String,
    },
    RawRsa {
        namespace: String,
        name: String,
        padding: &'static str,
        private_pem: &'static str,
        public_pem: &'static str,
    },
    RawEcdh {
        scheme: &'static str,
        curve: &'static str,
        sender_private_pem: &'static str,
        sender_public_pem: &'static str,
        recipient_private_pem: &'static str,
        recipient_public_pem: &'static str,
    },
    Multi {
        generator: Box<KeyringSpec>,
        children: Vec<KeyringSpec>,
    },
}

const PLAINTEXT_LENS: [usize; 11] = [0, 1, 15, 16, 17, 100, 4095, 4096, 8192, 65_536, 200_000];
const PADDINGS: [&str; 5] = ["pkcs1", "oaep-sha1", "oaep-sha256", "oaep-sha384", "oaep-sha512"];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |kind: &str, suite: Suite, frame_length: u32, len: usize, keyring: KeyringSpec| {
        cases.push(Case::new(cases.len(), kind, suite, frame_length, len, keyring));
    };
    for suite in Suite::ALL {
        for key_len in [16, 24, 32] {
            add("aes", suite, 4096, 8192, raw_aes("one", key_len));
            add("aes", suite, 4096, 100, raw_aes("two \u{1F511}", key_len));
        }
        for padding in PADDINGS {
            add(padding, suite, 4096, 4095, raw_rsa(padding));
        }
        let children = vec![raw_rsa("oaep-sha512"), raw_aes("child", 16)];
        let multi = KeyringSpec::Multi { generator: Box::new(raw_aes("generator", 24)), children };
        add("multi", suite, 4096, 200_000, multi);
        for len in [0, 17, 65_536] {
            add("non-framed", suite, 0, len, raw_aes("one", 32));
        }
        for (frame_length, lens) in [
            (1, &[0, 1, 17, 100][..]),
            (16, &[0, 15, 16, 17, 4096]),
            (4096, &[0, 4096]),
            (65_536, &[0, 65_536, 200_000]),
        ] {
            for &len in lens {
                add("frames", suite, frame_length, len, raw_aes("one", 32));
            }
        }
        for curve in ["p256", "p384", "p521"] {
            for scheme in ["static", "ephemeral-discovery"] {
                add("ecdh", suite, 4096, 100, raw_ecdh(scheme, curve));
            }
        }
    }
    cases
}

/// Empty, plain, and with characters that sort differently in UTF-8 and UTF-16.
fn context(number: usize) -> BTreeMap<String, String> {
    let pairs: &[(&str, &str)] = match number % 3 {
        0 => &[],
        1 => &[("tenant", "acme"), ("purpose", "backup")],
        _ => &[("\u{fffd}", "a"), ("\u{10000}", "b"), ("clé", "\u{1F511}"), ("空", "")],
    };
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn plaintext_name(len: usize) -> String {
    format!("p{len}.bin")
}

fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

fn raw_aes(name: &str, len: usize) -> KeyringSpec {
    KeyringSpec::RawAes {
        namespace: "peers".to_owned(),
        name: name.to_owned(),
        key: hex::encode(vec![7; len]),
    }
}

fn raw_rsa(padding: &'static str) -> KeyringSpec {
    KeyringSpec::RawRsa {
        namespace: "peers".to_owned(),
        name: "rsa".to_owned(),
        padding,
        private_pem: include_str!("../../keys/rsa-private.pem"),
        public_pem: include_str!("../../keys/rsa-public.pem"),
    }
}

fn raw_ecdh(scheme: &'static str, curve: &'static str) -> KeyringSpec {
    macro_rules! pems {
        ($curve:literal) => {
            KeyringSpec::RawEcdh {
                scheme,
                curve,
                sender_private_pem: include_str!(concat!("../../keys/", $curve, "-sender-private.pem")),
                sender_public_pem: include_str!(concat!("../../keys/", $curve, "-sender-public.pem")),
                recipient_private_pem: include_str!(concat!("../../keys/", $curve, "-recipient-private.pem")),
                recipient_public_pem: include_str!(concat!("../../keys/", $curve, "-recipient-public.pem")),
            }
        };
    }
    match curve {
        "p256" => pems!("p256"),
        "p384" => pems!("p384"),
        _ => pems!("p521"),
    }
}

impl KeyringSpec {
    /// Every keyring that must read what the other side wrote.
    fn readers(&self) -> Vec<Arc<dyn Keyring>> {
        match self {
            Self::Kms(spec) => spec.readers(),
            _ => vec![self.build(false)],
        }
    }

    /// The keyring that writes, from public keys, or the one that reads, from private keys.
    fn build(&self, writing: bool) -> Arc<dyn Keyring> {
        match self {
            Self::Kms(spec) => spec.writer(),
            Self::RawAes { namespace, name, key } => {
                let name = KeyName::new(namespace, name).unwrap();
                Arc::new(RawAesKeyring::new(name, &hex::decode(key).unwrap()).unwrap())
            }
            Self::RawRsa { namespace, name, padding, private_pem, public_pem } => {
                let name = KeyName::new(namespace, name).unwrap();
                let padding = match *padding {
                    "pkcs1" => RsaPadding::Pkcs1,
                    "oaep-sha1" => RsaPadding::OaepSha1,
                    "oaep-sha256" => RsaPadding::OaepSha256,
                    "oaep-sha384" => RsaPadding::OaepSha384,
                    _ => RsaPadding::OaepSha512,
                };
                if writing {
                    let public = RsaPublicKey::from_pem(public_pem).unwrap();
                    return Arc::new(RawRsaKeyring::encrypting(name, padding, public));
                }
                let private = RsaPrivateKey::from_pem(private_pem).unwrap();
                Arc::new(RawRsaKeyring::decrypting(name, padding, private))
            }
            Self::RawEcdh { scheme, curve, .. } if *scheme == "static" => {
                let (private, public) = if writing { (0, 3) } else { (2, 1) };
                let (curve, pems) = (curve_of(curve), self.ecdh_pems());
                let private = PrivateKey::from_pem(curve, pems[private]).unwrap();
                let public = PublicKey::from_pem(curve, pems[public]).unwrap();
                Arc::new(RawEcdhKeyring::with_static_keys(private, public).unwrap())
            }
            Self::RawEcdh { curve, recipient_public_pem, .. } if writing => {
                Arc::new(RawEcdhKeyring::ephemeral(
                    PublicKey::from_pem(curve_of(curve), recipient_public_pem).unwrap(),
                ))
            }
            Self::RawEcdh { curve, recipient_private_pem, .. } => Arc::new(RawEcdhKeyring::discovery(
                PrivateKey::from_pem(curve_of(curve), recipient_private_pem).unwrap(),
            )),
            Self::Multi { generator, children } => Arc::new(MultiKeyring::new(
                Some(generator.build(writing)),
                children.iter().map(|child| child.build(writing)).collect(),
            )),
        }
    }

    /// Sender's private and public, recipient's private and public key.
    fn ecdh_pems(&self) -> [&'static str; 4] {
        match self {
            Self::RawEcdh {
                sender_private_pem,
                sender_public_pem,
                recipient_private_pem,
                recipient_public_pem,
                ..
            } => [sender_private_pem, sender_public_pem, recipient_private_pem, recipient_public_pem],
            _ => panic!("not an ECDH keyring"),
        }
    }
}

fn curve_of(name: &str) -> Curve {
    match name {
        "p256" => Curve::P256,
        "p384" => Curve::P384,
        _ => Curve::P521,
    }
}

impl Case {
    pub(crate) fn new(
        number: usize,
        kind: &str,
        suite: Suite,
        frame_length: u32,
        len: usize,
        keyring: KeyringSpec,
    ) -> Self {
        let policy = if suite.is_committing() {
            CommitmentPolicy::RequireEncryptRequireDecrypt
        } else {
            CommitmentPolicy::ForbidEncryptAllowDecrypt
        };
        Self {
            id: format!("{number:03}-{kind}-{:04x}-f{frame_length}-p{len}", suite.id()),
            suite: format!("{:04x}", suite.id()),
            policy: policy.name(),
            frame_length,
            context: context(number),
            plaintext: plaintext_name(len),
            stream: number % 2 == 1,
            keyring,
            len,
        }
    }

    fn client(&self, keyring: Arc<dyn Keyring>) -> Client {
        let policy = CommitmentPolicy::ALL.into_iter().find(|policy| policy.name() == self.policy).unwrap();
        let keyring = MultiKeyring::new(Some(keyring), vec![]);
        let client = keyfold::Client::new(keyring)
            .commitment_policy(policy)
            .suite(Suite::from_name(&self.suite).unwrap());
        match FrameLength::new(self.frame_length) {
            Some(frame_length) => client.frame_length(frame_length).into(),
            None => client.non_framed().into(),
        }
    }

    fn context(&self) -> EncryptionContext {
        self.context.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    fn write(&self) -> Vec<u8> {
        let (client, plaintext) = (self.client(self.keyring.build(true)), plaintext(self.len));
        if !self.stream {
            return client.encrypt(&plaintext, &self.context()).unwrap();
        }
        let mut message = Vec::new();
        client.encrypt_stream(Trickle(&plaintext), &mut message, &self.context()).unwrap();
        message
    }

    fn check_read(&self, message: &[u8]) {
        for keyring in self.keyring.readers() {
            self.check_read_with(keyring, message);
        }
        if let KeyringSpec::Kms(spec) = &self.keyring {
            for keyring in spec.strangers() {
                let name = keyring.name();
                let read = self.client(keyring).decrypt(message, &self.context());
                assert!(read.is_err(), "{name} read {}", self.id);
            }
        }
    }

    fn check_read_with(&self, keyring: Arc<dyn Keyring>, message: &[u8]) {
        let name = keyring.name();
        let (client, context) = (self.client(keyring), self.context());
        let failed = |error| panic!("{name} reads {}: {error}", self.id);
        let (plain, header) = if self.stream {
            let mut plain = Vec::new();
            let header = client.decrypt_stream(Trickle(message), &mut plain, &context).unwrap_or_else(failed);
            (plain, header)
        } else {
            let decrypted = client
                .decrypt(message, &context)
                .unwrap_or_else(|error| panic!("{name} reads {}: {error}", self.id));
            (decrypted.plaintext, decrypted.header)
        };
        assert!(plain == plaintext(self.len), "{name} reads {}", self.id);
        assert_eq!(format!("{:04x}", header.suite().id()), self.suite);
        for (key, value) in context.iter() {
            assert_eq!(header.context().get(key), Some(value), "{}", self.id);
        }
    }
}

/// A reader that gives an odd number of bytes at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.0.len()).min(997);
        buffer[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}
