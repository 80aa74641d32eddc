//! Raw wrapping keys: those that come as files, and need no key service.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyfold::keyring::{KeyName, Keyring, RawAesKeyring, RawEcdhKeyring, RawRsaKeyring};
use keyfold_crypto::ecdh::{Curve, PrivateKey, PublicKey};
use keyfold_crypto::rsa::{RsaPadding, RsaPrivateKey, RsaPublicKey};

use super::files;
use crate::args::WrappingKeyArgs;
use crate::failure::{Code, Failure};
use crate::files::Direction;

/// Keyrings over all raw keys in `args`: AES, then RSA, then ECDH, each in the order given.
pub(super) fn keyrings(
    args: &WrappingKeyArgs,
    direction: Direction,
) -> Result<Vec<Arc<dyn Keyring>>, Failure> {
    let mut keyrings: Vec<Arc<dyn Keyring>> = Vec::new();
    let mut names = BTreeSet::new();
    for option in &args.aes_key {
        let (name, path) = named_file("--aes-key", option)?;
        if !names.insert(name.to_string()) {
            return Err(named_twice(option));
        }
        let key = files::aes_key(&path)?;
        let keyring = RawAesKeyring::new(name, &key);
        keyrings.push(Arc::new(keyring.map_err(|error| Failure::new(Code::Other, error.to_string()))?));
    }
    for keyring in rsa(args, direction)? {
        keyrings.push(Arc::new(keyring));
    }
    if let Some(keyring) = ecdh(args, direction)? {
        keyrings.push(Arc::new(keyring));
    }
    Ok(keyrings)
}

/// The public and the private key of one name are one keyring.
fn rsa(args: &WrappingKeyArgs, direction: Direction) -> Result<Vec<RawRsaKeyring>, Failure> {
    let mut halves = RsaHalves::default();
    for option in &args.rsa_public {
        let (name, path) = named_file("--rsa-public", option)?;
        let text = files::pem(&path)?;
        let key = RsaPublicKey::from_pem(&text)
            .map_err(|_| files::no_key_in_pem(&path, &text, "RSA public key of 2048 to 8192 bits"))?;
        halves.public(name, option, key)?;
    }
    for option in &args.rsa_private {
        let (name, path) = named_file("--rsa-private", option)?;
        let text = files::pem(&path)?;
        let key = RsaPrivateKey::from_pem(&text)
            .map_err(|_| files::no_key_in_pem(&path, &text, "RSA private key of 2048 to 8192 bits"))?;
        halves.private(name, option, key)?;
    }
    halves.keyrings(args.rsa_padding.into(), direction)
}

#[derive(Default)]
struct RsaHalves {
    /// Where in `pairs` a name is.
    places: BTreeMap<String, usize>,
    pairs: Vec<(KeyName, Option<RsaPublicKey>, Option<RsaPrivateKey>)>,
}

impl RsaHalves {
    fn public(&mut self, name: KeyName, option: &str, key: RsaPublicKey) -> Result<(), Failure> {
        let replaced = self.pair(name).1.replace(key);
        if replaced.is_some() { Err(named_twice(option)) } else { Ok(()) }
    }

    fn private(&mut self, name: KeyName, option: &str, key: RsaPrivateKey) -> Result<(), Failure> {
        let replaced = self.pair(name).2.replace(key);
        if replaced.is_some() { Err(named_twice(option)) } else { Ok(()) }
    }

    fn pair(&mut self, name: KeyName) -> &mut (KeyName, Option<RsaPublicKey>, Option<RsaPrivateKey>) {
        let next = self.pairs.len();
        let place = *self.places.entry(name.to_string()).or_insert(next);
        if place == next {
            self.pairs.push((name, None, None));
        }
        &mut self.pairs[place]
    }

    fn keyrings(self, padding: RsaPadding, direction: Direction) -> Result<Vec<RawRsaKeyring>, Failure> {
        let keyring = |(name, public, private): (KeyName, Option<_>, Option<_>)| match (public, private) {
            (None, Some(_)) if direction == Direction::Encrypt => {
                Err(Failure::usage(format!("the private key {name} can only decrypt"))
                    .hint("--rsa-public encrypts; openssl pkey -in PRIVATE -pubout makes one"))
            }
            (Some(_), None) if direction == Direction::Decrypt => {
                Err(Failure::usage(format!("the public key {name} can only encrypt"))
                    .hint("--rsa-private decrypts"))
            }
            (Some(public), Some(private)) => Ok(Some(RawRsaKeyring::new(name, padding, public, private))),
            (Some(public), None) => Ok(Some(RawRsaKeyring::encrypting(name, padding, public))),
            (None, Some(private)) => Ok(Some(RawRsaKeyring::decrypting(name, padding, private))),
            (None, None) => Ok(None),
        };
        self.pairs.into_iter().filter_map(|pair| keyring(pair).transpose()).collect()
    }
}

fn ecdh(args: &WrappingKeyArgs, direction: Direction) -> Result<Option<RawEcdhKeyring>, Failure> {
    let curve = args.ecdh_curve.map(Curve::from);
    let private = args.ecdh_private.as_deref().map(|path| ecdh_private(path, curve)).transpose()?;
    let public = args.ecdh_public.as_deref().map(|path| ecdh_public(path, curve)).transpose()?;
    match (private, public) {
        (None, None) => Ok(None),
        (Some(mine), Some(theirs)) => RawEcdhKeyring::with_static_keys(mine, theirs)
            .map(Some)
            .map_err(|_| Failure::usage("the two ECDH keys are on different curves")),
        (Some(mine), None) if direction == Direction::Decrypt => Ok(Some(RawEcdhKeyring::discovery(mine))),
        (None, Some(recipient)) if direction == Direction::Encrypt => {
            Ok(Some(RawEcdhKeyring::ephemeral(recipient)))
        }
        (Some(_), None) => Err(Failure::usage("an ECDH private key alone can only decrypt")
            .hint("name the recipient: --ecdh-public PEM")),
        (None, Some(_)) => {
            Err(Failure::usage("an ECDH public key alone can only encrypt")
                .hint("--ecdh-private PEM decrypts"))
        }
    }
}

fn ecdh_private(path: &Path, curve: Option<Curve>) -> Result<PrivateKey, Failure> {
    let text = files::pem(path)?;
    on_its_curve(curve, |curve| PrivateKey::from_pem(curve, &text).ok())
        .ok_or_else(|| files::no_key_in_pem(path, &text, &format!("ECDH private key on {}", curves(curve))))
}

fn ecdh_public(path: &Path, curve: Option<Curve>) -> Result<PublicKey, Failure> {
    let text = files::pem(path)?;
    on_its_curve(curve, |curve| PublicKey::from_pem(curve, &text).ok())
        .ok_or_else(|| files::no_key_in_pem(path, &text, &format!("ECDH public key on {}", curves(curve))))
}

/// A key says which curve it is on, so that it reads as a key of that one only.
fn on_its_curve<K>(curve: Option<Curve>, read: impl Fn(Curve) -> Option<K>) -> Option<K> {
    let all = [Curve::P256, Curve::P384, Curve::P521];
    all.into_iter().filter(|known| curve.is_none_or(|curve| curve == *known)).find_map(read)
}

fn curves(curve: Option<Curve>) -> &'static str {
    match curve {
        Some(Curve::P256) => "P-256",
        Some(Curve::P384) => "P-384",
        Some(Curve::P521) => "P-521",
        _ => "P-256, P-384 or P-521",
    }
}

/// `NAMESPACE/NAME=FILE`: the namespace ends at the first slash, the name at the first equals sign after it.
fn named_file(option: &str, text: &str) -> Result<(KeyName, PathBuf), Failure> {
    let parts = text.split_once('=').and_then(|(name, file)| Some((name.split_once('/')?, file)));
    let is_whole = |((namespace, name), file): &((&str, &str), &str)| {
        !namespace.is_empty() && !name.is_empty() && !file.is_empty()
    };
    let Some(((namespace, name), file)) = parts.filter(is_whole) else {
        return Err(Failure::usage(format!("{option} {text}: it must look like NAMESPACE/NAME=FILE"))
            .hint("keyfold inspect shows namespace and name of the keys that a message is for"));
    };
    let name = KeyName::new(namespace, name);
    let name = name.map_err(|error| Failure::usage(format!("{option} {text}: {error}")))?;
    Ok((name, PathBuf::from(file)))
}

fn named_twice(option: &str) -> Failure {
    Failure::usage(format!("{option}: another key has this name already"))
}
