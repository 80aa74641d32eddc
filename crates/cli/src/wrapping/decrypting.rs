//! The keys that a message may be decrypted with.

use std::cell::OnceCell;
use std::sync::Arc;

use keyfold::keyring::{DiscoveryFilter, Keyring, KmsDiscoveryKeyring, KmsKeyring, MultiKeyring};
use keyfold::materials::EncryptedDataKey;
use keyfold::message::Header;
use keyfold_protocol::{Arn, KeyArn, operations::DescribeKeyRequest};

use super::{distinct, raw};
use crate::args::WrappingKeyArgs;
use crate::failure::{Code, Failure};
use crate::files::Direction;
use crate::store::{KeyStore, OpenStore, local_keys};

/// Raw keys, KMS keys by name, and the key store to look in when a message names one of its keys.
pub(crate) struct DecryptingKeys<'a> {
    kms_keys: &'a [String],
    raw: Vec<Arc<dyn Keyring>>,
    store: &'a KeyStore,
    opened: OnceCell<Result<OpenStore, Failure>>,
    strict: OnceCell<Vec<Arc<dyn Keyring>>>,
}

impl<'a> DecryptingKeys<'a> {
    pub(crate) fn new(args: &'a WrappingKeyArgs, store: &'a KeyStore) -> Result<Self, Failure> {
        Ok(Self {
            kms_keys: distinct(&args.keys)?,
            raw: raw::keyrings(args, Direction::Decrypt)?,
            store,
            opened: OnceCell::new(),
            strict: OnceCell::new(),
        })
    }

    /// Resolves the KMS keys that were named: what aliases and ids mean is asked now, and only these keys are used.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        if self.kms_keys.is_empty() {
            return Ok(());
        }
        let store = self.open()?;
        let mut strict: Vec<Arc<dyn Keyring>> = Vec::new();
        for key in self.kms_keys {
            let arn = resolve(&store, key)?;
            strict.push(Arc::new(KmsKeyring::new(store.kms(), arn)));
        }
        self.strict.get_or_init(|| strict);
        Ok(())
    }

    /// The keyrings to try on a message with this header, in this order. The store is opened only for the last, and
    /// only if the message names a key that can be in it.
    pub(crate) fn attempts(&self, header: &Header) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        let may_be_in_store = self.kms_keys.is_empty() && header.encrypted_data_keys().iter().any(is_local);
        if !self.raw.is_empty() || !may_be_in_store {
            attempts.push(Attempt::Given);
        }
        if may_be_in_store {
            attempts.push(Attempt::GivenAndStore);
        }
        attempts
    }

    pub(crate) fn keyring(&self, attempt: Attempt) -> Result<MultiKeyring, Failure> {
        let mut keyrings = self.raw.clone();
        keyrings.extend(self.strict.get().into_iter().flatten().cloned());
        if attempt == Attempt::GivenAndStore {
            // That there is a store would not help: it has to be the one that has the key.
            let no_other_way = self.raw.is_empty();
            let cannot = |failure: Failure| Failure {
                hint: failure.hint.filter(|_| failure.code != Code::NoUsableKey),
                is_of_all: no_other_way,
                ..failure
            };
            let kms = self.open().map_err(cannot)?.kms();
            keyrings.push(Arc::new(KmsDiscoveryKeyring::new(kms, local_keys())));
        }
        Ok(MultiKeyring::new(None, keyrings))
    }

    /// What to try with a message that none of the keys opened.
    pub(crate) fn hint(&self, header: &Header) -> String {
        let mut options: Vec<String> = Vec::new();
        for edk in header.encrypted_data_keys().iter().take(EDKS_HINTED_MAX) {
            let option = fitting_option(edk);
            if !options.contains(&option) {
                options.push(option);
            }
        }
        format!("one of these keys decrypts it: {}", options.join(", "))
    }

    fn open(&self) -> Result<OpenStore, Failure> {
        self.opened.get_or_init(|| self.store.open()).clone()
    }
}

/// Which keys to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Those of the command line.
    Given,
    /// Those, and what the message names in the key store.
    GivenAndStore,
}

/// The key ARN of what the user calls a key. A message names its keys by ARN.
fn resolve(store: &OpenStore, key: &str) -> Result<String, Failure> {
    if key.parse::<KeyArn>().is_ok() {
        return Ok(key.to_owned());
    }
    let described = store.send(DescribeKeyRequest::new(key))?;
    let arn = described.key_metadata.arn;
    arn.ok_or_else(|| {
        Failure::new(Code::KeyService, format!("the key service did not tell the ARN of {key}"))
    })
}

/// Whether a key store of this machine can have the key.
fn is_local(edk: &EncryptedDataKey) -> bool {
    let DiscoveryFilter { partition, region, accounts } = local_keys();
    let arn = std::str::from_utf8(&edk.provider_info).ok().and_then(|text| text.parse::<Arn>().ok());
    edk.provider_id == KMS_PROVIDER_ID
        && arn.is_some_and(|arn| {
            arn.partition() == partition
                && arn.region() == region
                && accounts.iter().any(|it| it == arn.account())
        })
}

/// The option that fits an encrypted data key.
fn fitting_option(edk: &EncryptedDataKey) -> String {
    match edk.provider_id.as_str() {
        KMS_PROVIDER_ID if is_local(edk) => format!("{edk} (in another key store? --home DIR)"),
        provider if provider.starts_with(KMS_PROVIDER_ID) => format!("{edk} (of another key service)"),
        "raw-ecdh" => "--ecdh-private PEM".to_owned(),
        _ if is_raw_aes(edk) => format!("--aes-key {}", for_shell(&format!("{edk}=FILE"))),
        _ => format!("--rsa-private {}", for_shell(&format!("{edk}=PEM"))),
    }
}

/// Whoever made the message chose its key names, and hints are copied into shells.
fn for_shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/=._-:@".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Whether the provider information ends as raw AES keyrings write it: tag length in bits, IV length, IV.
fn is_raw_aes(edk: &EncryptedDataKey) -> bool {
    let info = &edk.provider_info;
    info.len().checked_sub(20).is_some_and(|start| info[start..].starts_with(&[0, 0, 0, 128, 0, 0, 0, 12]))
}

const KMS_PROVIDER_ID: &str = "aws-kms";
/// Enough to go on.
const EDKS_HINTED_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_option_and_are_safe_to_copy() {
        let aes = |name: &[u8]| [name, &[0, 0, 0, 128, 0, 0, 0, 12], &[1; 12]].concat();
        let local = b"arn:aws:kms:local:000000000000:key/x".to_vec();
        let cases = [
            ("acme", aes(b"2026"), "--aes-key acme/2026=FILE"),
            ("acme", b"r".to_vec(), "--rsa-private acme/r=PEM"),
            ("a", aes(b"$(reboot)'"), r"--aes-key 'a/$(reboot)\'\''=FILE'"),
            ("raw-ecdh", vec![1], "--ecdh-private PEM"),
            (
                "aws-kms",
                local,
                "aws-kms arn:aws:kms:local:000000000000:key/x (in another key store? --home DIR)",
            ),
            ("aws-kms", b"arn:x".to_vec(), "aws-kms arn:x (of another key service)"),
        ];
        for (provider_id, provider_info, expected) in cases {
            let edk = EncryptedDataKey {
                provider_id: provider_id.to_owned(),
                provider_info,
                ciphertext: Vec::new(),
            };
            assert_eq!(fitting_option(&edk), expected);
        }
    }
}
