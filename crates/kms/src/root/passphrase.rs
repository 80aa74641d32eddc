//! A root of trust that is a passphrase, stretched by Argon2id (RFC 9106).
//!
//! `root.json` beside the store holds what is not secret: the cost, a random salt, and a value by which a wrong
//! passphrase is told from a damaged store.
//!
//! ```text
//! {"version":1,"kdf":"argon2id","memory_kib":262144,"passes":3,"lanes":1,"salt":"…32 hex…","verify":"…64 hex…"}
//! ```
//!
//! The verify value lets an attacker with this file try passphrases, as the store itself would; the cost is what
//! stands against it. This module does not ask for passphrases and does not judge them.

use std::fmt;
use std::path::Path;

use keyfold_crypto::password::{Cost, argon2id};
use keyfold_crypto::{SecretBytes, ct_eq, rand};
use serde::{Deserialize, Serialize};

use super::{Root, RootError, RootKey, atomic, locked_key};

/// A root key from a passphrase.
pub struct PassphraseRoot(RootKey);

impl PassphraseRoot {
    /// Draws a salt and makes the file. There must be no file yet; the caller sees to that under a lock.
    ///
    /// # Errors
    /// [`RootError::Io`], [`RootError::Crypto`].
    pub(crate) fn create(path: &Path, passphrase: &SecretBytes) -> Result<Self, RootError> {
        let salt: [u8; SALT_LEN] = rand::array()?;
        let key = stretch(passphrase, &salt, COST)?;
        let file = Parameters {
            version: VERSION,
            kdf: KDF.to_owned(),
            memory_kib: COST.memory_kib,
            passes: COST.passes,
            lanes: COST.lanes,
            salt: hex::encode(salt),
            verify: hex::encode(key.verify_value()?.expose()),
        };
        let content = serde_json::to_vec(&file).map_err(|_| RootError::Malformed { path: path.into() })?;
        atomic::create_private(path, &content)?;
        Ok(Self(key))
    }

    /// Reads the file and stretches the passphrase, which takes about a second and 256 MiB of memory.
    ///
    /// # Errors
    /// [`RootError::WrongPassphrase`]; [`RootError::Malformed`], also if the cost in the file is below what this
    /// version accepts or above what it would allocate; [`RootError::NotPrivate`], [`RootError::Io`].
    pub fn load(path: &Path, passphrase: &SecretBytes) -> Result<Self, RootError> {
        let content = atomic::read_private(path)?;
        let malformed = || RootError::Malformed { path: path.into() };
        let file: Parameters = serde_json::from_str(&content).map_err(|_| malformed())?;
        let cost = Cost { memory_kib: file.memory_kib, passes: file.passes, lanes: file.lanes };
        let is_known = file.version == VERSION && file.kdf == KDF;
        let is_sane = (COST.memory_kib..=MEMORY_KIB_MAX).contains(&cost.memory_kib)
            && (COST.passes..=PASSES_MAX).contains(&cost.passes)
            && (1..=LANES_MAX).contains(&cost.lanes);
        let mut salt = [0; SALT_LEN];
        let has_salt = hex::decode_to_slice(&file.salt, &mut salt).is_ok();
        if !(is_known && is_sane && has_salt) {
            return Err(malformed());
        }
        let key = stretch(passphrase, &salt, cost)?;
        let verify = hex::decode(&file.verify).map_err(|_| malformed())?;
        if ct_eq(key.verify_value()?.expose(), &verify) {
            Ok(Self(key))
        } else {
            Err(RootError::WrongPassphrase)
        }
    }
}

impl Root for PassphraseRoot {
    fn seal(&self, plaintext: &SecretBytes, aad: &[u8]) -> Result<Vec<u8>, RootError> {
        self.0.seal(plaintext, aad)
    }

    fn unseal(&self, sealed: &[u8], aad: &[u8]) -> Result<SecretBytes, RootError> {
        self.0.unseal(sealed, aad)
    }
}

impl fmt::Debug for PassphraseRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassphraseRoot(..)")
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    version: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    verify: String,
}

fn stretch(passphrase: &SecretBytes, salt: &[u8], cost: Cost) -> Result<RootKey, RootError> {
    let stretched = argon2id(passphrase.expose(), salt, cost)?;
    locked_key(|key| {
        key.copy_from_slice(stretched.expose());
        Ok(())
    })
    .map(RootKey::new)
}

const VERSION: u32 = 1;
const KDF: &str = "argon2id";
const SALT_LEN: usize = 16;
/// What new files get, and the least that is accepted from one: 256 MiB, 3 passes.
const COST: Cost = Cost { memory_kib: 256 * 1024, passes: 3, lanes: 1 };
/// 4 GiB: a file can't make this program ask for more.
const MEMORY_KIB_MAX: u32 = 4 * 1024 * 1024;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "files with other parameters, made on purpose")]
    fn only_the_passphrase_opens_and_cheap_parameters_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("root.json");
        let (right, wrong) =
            (SecretBytes::copied_from(b"correct horse"), SecretBytes::copied_from(b"correct hors"));
        let made = PassphraseRoot::create(&path, &right).unwrap();
        let sealed = made.seal(&SecretBytes::copied_from(b"x"), b"").unwrap();
        let loaded = PassphraseRoot::load(&path, &right).unwrap();
        assert_eq!(loaded.unseal(&sealed, b"").unwrap().expose(), b"x");
        assert!(matches!(PassphraseRoot::load(&path, &wrong), Err(RootError::WrongPassphrase)));

        let good = std::fs::read_to_string(&path).unwrap();
        assert!(!good.contains("horse"));
        for (from, to) in [
            ("\"memory_kib\":262144", "\"memory_kib\":1024"),
            ("\"memory_kib\":262144", "\"memory_kib\":4294967295"),
            ("\"passes\":3", "\"passes\":1"),
            ("\"version\":1", "\"version\":2"),
            ("argon2id", "argon2d"),
            ("\"lanes\":1", "\"lanes\":1,\"extra\":1"),
        ] {
            std::fs::write(&path, good.replace(from, to)).unwrap();
            assert!(matches!(PassphraseRoot::load(&path, &right), Err(RootError::Malformed { .. })), "{to}");
        }
    }
}
