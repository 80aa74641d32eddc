//! The keys that a message may be decrypted with.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use keyfold::keyring::{DiscoveryFilter, Keyring, KmsDiscoveryKeyring, KmsKeyring, MultiKeyring};
use keyfold::materials::EncryptedDataKey;
use keyfold::message::Header;
use keyfold_protocol::{AccountId, Arn, KeyArn, Partition, operations::DescribeKeyRequest};

use super::{distinct, raw};
use crate::args::DecryptArgs;
use crate::console::Console;
use crate::failure::{Code, Failure};
use crate::files::Direction;
use crate::service::{KeyService, OpenService};
use crate::store::local_keys;

/// Raw keys, KMS keys by name, and whose keys are looked for when a message names them.
pub(crate) struct DecryptingKeys<'a> {
    kms_keys: &'a [String],
    raw: Vec<Arc<dyn Keyring>>,
    service: &'a KeyService,
    console: Console,
    /// The accounts whose keys may be discovered in a service elsewhere.
    accounts: Vec<AccountId>,
    partition: Partition,
    opened: OnceCell<Result<OpenService, Failure>>,
    strict: OnceCell<Vec<Arc<dyn Keyring>>>,
    /// Whether the keys that were named are of several Regions, which may have services of their own.
    has_regions: Cell<bool>,
    discovered: OnceCell<Option<DiscoveryFilter>>,
}

impl<'a> DecryptingKeys<'a> {
    pub(crate) fn new(
        args: &'a DecryptArgs,
        service: &'a KeyService,
        console: Console,
    ) -> Result<Self, Failure> {
        let accounts = args.discovery_account.clone();
        let keys = Self {
            kms_keys: distinct(&args.keys.keys)?,
            raw: raw::keyrings(&args.keys, Direction::Decrypt)?,
            service,
            console,
            accounts,
            partition: args.discovery_partition.clone(),
            opened: OnceCell::new(),
            strict: OnceCell::new(),
            has_regions: Cell::new(false),
            discovered: OnceCell::new(),
        };
        if !service.is_remote() && !keys.accounts.is_empty() {
            return Err(Failure::usage("--discovery-account is for a key service elsewhere").hint(
                "without --key, the key store on this machine is asked for the keys that a message names",
            ));
        }
        if service.is_remote() && keys.kms_keys.is_empty() && keys.accounts.is_empty() && keys.raw.is_empty()
        {
            return Err(Failure::usage(
                "a key service elsewhere is not asked for whatever key a message names",
            )
            .hint("--key KEY names the key, --discovery-account ACCOUNT allows all keys of an account"));
        }
        Ok(keys)
    }

    /// Resolves the KMS keys that were named: what aliases and ids mean is asked now, and only these keys are used.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        let mut strict: Vec<Arc<dyn Keyring>> = Vec::new();
        let mut regions = BTreeSet::new();
        for key in self.kms_keys {
            let service = self.open()?;
            let arn = resolve(&service, key)?;
            regions.insert(arn.parse::<Arn>().ok().map(|arn| arn.region().to_owned()));
            strict.push(Arc::new(KmsKeyring::new(service.kms(), arn)));
        }
        self.has_regions.set(regions.len() > 1);
        self.strict.get_or_init(|| strict);
        let discovered = match self.service {
            _ if !self.kms_keys.is_empty() => None,
            KeyService::Local(_) => Some(local_keys()),
            KeyService::Remote(_) if self.accounts.is_empty() => None,
            KeyService::Remote(_) => self.open()?.region().map(|region| DiscoveryFilter {
                partition: self.partition.to_string(),
                region: region.to_string(),
                accounts: self.accounts.iter().map(ToString::to_string).collect(),
            }),
        };
        self.discovered.get_or_init(|| discovered);
        Ok(())
    }

    /// The keyrings to try on a message with this header, in this order. The service is opened only for the last, and
    /// only if the message names a key that may be looked for.
    pub(crate) fn attempts(&self, header: &Header) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        let may_be_found = self
            .filter()
            .is_some_and(|filter| header.encrypted_data_keys().iter().any(|edk| is_of(edk, filter)));
        if !self.raw.is_empty() || !may_be_found {
            attempts.push(Attempt::Given);
        }
        if may_be_found {
            attempts.push(Attempt::GivenAndFound);
        }
        attempts
    }

    fn filter(&self) -> Option<&DiscoveryFilter> {
        self.discovered.get().and_then(Option::as_ref)
    }

    pub(crate) fn keyring(&self, attempt: Attempt) -> Result<MultiKeyring, Failure> {
        let mut keyrings = self.raw.clone();
        keyrings.extend(self.strict.get().into_iter().flatten().cloned());
        if let (Attempt::GivenAndFound, Some(filter)) = (attempt, self.filter()) {
            // That there is a store would not help: it has to be the one that has the key.
            let cannot = |failure: Failure| Failure {
                hint: failure.hint.filter(|_| failure.code != Code::NoUsableKey),
                is_of_all: true,
                ..failure
            };
            let kms = self.open().map_err(cannot)?.kms();
            keyrings.push(Arc::new(KmsDiscoveryKeyring::new(kms, filter.clone())));
        }
        Ok(MultiKeyring::new(None, keyrings))
    }

    /// `failure`, which ends the run only if nothing else may open the next message: no raw key, and no key of another
    /// Region.
    pub(crate) fn with_other_ways(&self, failure: Failure) -> Failure {
        let is_of_all = failure.is_of_all && self.raw.is_empty() && !self.has_regions.get();
        Failure { is_of_all, ..failure }
    }

    /// What to try with a message that none of the keys opened.
    pub(crate) fn hint(&self, header: &Header) -> String {
        let mut options: Vec<String> = Vec::new();
        for edk in header.encrypted_data_keys().iter().take(EDKS_HINTED_MAX) {
            let option = fitting_option(edk, self.service.is_remote());
            if !options.contains(&option) {
                options.push(option);
            }
        }
        format!("one of these keys decrypts it: {}", options.join(", "))
    }

    fn open(&self) -> Result<OpenService, Failure> {
        self.opened.get_or_init(|| self.service.open(self.console)).clone()
    }
}

/// Which keys to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Those of the command line.
    Given,
    /// Those, and what the message names and may be looked for.
    GivenAndFound,
}

/// The key ARN of what the user calls a key. A message names its keys by ARN.
fn resolve(service: &OpenService, key: &str) -> Result<String, Failure> {
    if key.parse::<KeyArn>().is_ok() {
        return Ok(key.to_owned());
    }
    let described = service.send(DescribeKeyRequest::new(key))?;
    let arn = described.key_metadata.arn;
    arn.ok_or_else(|| {
        Failure::new(Code::KeyService, format!("the key service did not tell the ARN of {key}"))
    })
}

/// Whether the key is one of those that the filter lets through.
fn is_of(edk: &EncryptedDataKey, filter: &DiscoveryFilter) -> bool {
    let DiscoveryFilter { partition, region, accounts } = filter;
    let arn = std::str::from_utf8(&edk.provider_info).ok().and_then(|text| text.parse::<Arn>().ok());
    edk.provider_id == KMS_PROVIDER_ID
        && arn.is_some_and(|arn| {
            arn.partition() == partition
                && arn.region() == region
                && accounts.iter().any(|it| it == arn.account())
        })
}

/// The option that fits an encrypted data key, where the key service is elsewhere or the key store on this machine.
fn fitting_option(edk: &EncryptedDataKey, is_remote: bool) -> String {
    let arn = std::str::from_utf8(&edk.provider_info).unwrap_or_default();
    match edk.provider_id.as_str() {
        KMS_PROVIDER_ID if is_of(edk, &local_keys()) && !is_remote => {
            format!("{edk} (in another key store? --home DIR)")
        }
        KMS_PROVIDER_ID if is_remote && arn.parse::<KeyArn>().is_ok() => format!("--key {}", for_shell(arn)),
        provider if provider.starts_with(KMS_PROVIDER_ID) => {
            format!("{edk} (of another key service? --endpoint-url URL, or --aws)")
        }
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
        let aws = b"arn:aws:kms:eu-west-1:111122223333:key/x;y".to_vec();
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
            (
                "aws-kms",
                b"arn:x".to_vec(),
                "aws-kms arn:x (of another key service? --endpoint-url URL, or --aws)",
            ),
        ];
        let remote = ("aws-kms", aws, "--key 'arn:aws:kms:eu-west-1:111122223333:key/x;y'");
        let cases = cases.map(|case| (case, false)).into_iter().chain([(remote, true)]);
        for ((provider_id, provider_info, expected), is_remote) in cases {
            let edk = EncryptedDataKey {
                provider_id: provider_id.to_owned(),
                provider_info,
                ciphertext: Vec::new(),
            };
            assert_eq!(fitting_option(&edk, is_remote), expected);
        }
    }
}
