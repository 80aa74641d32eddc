//! The keys that a message is encrypted under.

use std::sync::Arc;

use keyfold::keyring::{Keyring, KmsKeyring, MultiKeyring};

use super::{distinct, raw};
use crate::args::WrappingKeyArgs;
use crate::console::{Console, shown};
use crate::failure::Failure;
use crate::files::Direction;
use crate::service::{KeyService, OpenService};
use crate::store::KeyStore;

/// Raw keys, read; and KMS keys, by name.
pub(crate) struct EncryptingKeys<'a> {
    kms_keys: &'a [String],
    raw: Vec<Arc<dyn Keyring>>,
}

impl<'a> EncryptingKeys<'a> {
    pub(crate) fn new(args: &'a WrappingKeyArgs, service: &KeyService) -> Result<Self, Failure> {
        let keys = Self { kms_keys: distinct(&args.keys)?, raw: raw::keyrings(args, Direction::Encrypt)? };
        if keys.is_empty() && service.is_remote() {
            return Err(Failure::usage("a key service elsewhere has no default key: which one is it to be?")
                .hint("--key KEY names one; keyfold keys list and keyfold aliases list show what there is"));
        }
        Ok(keys)
    }

    /// One keyring over all of them. Where none was given, it is the default key, and the store is made for it.
    ///
    /// The first makes the data key: KMS keys go before raw keys.
    pub(crate) fn keyring(&self, service: &KeyService, console: Console) -> Result<MultiKeyring, Failure> {
        let mut keyrings: Vec<Arc<dyn Keyring>> = Vec::new();
        match service {
            KeyService::Local(store) if self.is_empty() => keyrings.push(default_key(store, console)?),
            _ if self.kms_keys.is_empty() => {}
            _ => {
                let kms = service.open(console)?.kms();
                for key in self.kms_keys {
                    keyrings.push(Arc::new(KmsKeyring::new(Arc::clone(&kms), key.clone())));
                }
            }
        }
        keyrings.extend(self.raw.iter().cloned());
        let mut keyrings = keyrings.into_iter();
        Ok(MultiKeyring::new(keyrings.next(), keyrings.collect()))
    }

    fn is_empty(&self) -> bool {
        self.kms_keys.is_empty() && self.raw.is_empty()
    }
}

fn default_key(store: &KeyStore, console: Console) -> Result<Arc<dyn Keyring>, Failure> {
    let home = store.home()?.to_owned();
    let was_there = store.exists()?;
    let opened = store.open_or_create(false)?;
    let key = opened.ensure_default_key()?;
    if key.is_new {
        let (home, arn) = (shown(&home), &key.arn);
        if was_there {
            console.note(&format!("created the key {arn} (alias/default) in the key store {home}"));
        } else {
            let key = format!("with the key {arn} (alias/default)");
            console.notice(&format!("created the key store {home} {key}; keep a backup of it"));
        }
    }
    let kms = OpenService::local(opened.kms(), console).kms();
    Ok(Arc::new(KmsKeyring::new(kms, key.arn.to_string())))
}
