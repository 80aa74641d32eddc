//! A root of trust that is a key in a file, for a machine whose disk is trusted or encrypted.
//!
//! ```text
//! keyfold root key v1
//! 64 lower-case hexadecimal digits
//! ```
//!
//! Mode 0600; a file that others may read is refused. Whoever has this file and the store has every key: keep
//! backups of the two apart.

use std::fmt;
use std::path::Path;

use keyfold_crypto::{SecretBytes, rand};
use zeroize::Zeroizing;

use super::{Root, RootError, RootKey, atomic, locked_key};
use crate::sealing::KEY_LEN;

/// A root key from a file.
pub struct FileRoot(RootKey);

impl FileRoot {
    /// Makes a new key and its file. There must be no file yet; the caller sees to that under a lock.
    ///
    /// # Errors
    /// [`RootError::Io`], [`RootError::Crypto`].
    pub(crate) fn create(path: &Path) -> Result<Self, RootError> {
        let key = locked_key(|key| rand::fill(key).map_err(RootError::from))?;
        let digits = Zeroizing::new(hex::encode(key.expose()));
        let content = Zeroizing::new(format!("{FIRST_LINE}\n{}\n", *digits));
        atomic::create_private(path, content.as_bytes())?;
        Ok(Self(RootKey::new(key)))
    }

    /// Reads the key from its file.
    ///
    /// # Errors
    /// [`RootError::NotPrivate`] if others may read the file, [`RootError::Malformed`], [`RootError::Io`].
    pub fn load(path: &Path) -> Result<Self, RootError> {
        let content = atomic::read_private(path)?;
        let malformed = || RootError::Malformed { path: path.into() };
        let digits = content.strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_prefix('\n'));
        let digits = digits.and_then(|rest| rest.strip_suffix('\n')).ok_or_else(malformed)?;
        let is_canonical =
            digits.len() == 2 * KEY_LEN && !digits.bytes().any(|digit| digit.is_ascii_uppercase());
        if !is_canonical {
            return Err(malformed());
        }
        let key = locked_key(|key| hex::decode_to_slice(digits, key).map_err(|_| malformed()))?;
        Ok(Self(RootKey::new(key)))
    }
}

impl Root for FileRoot {
    fn seal(&self, plaintext: &SecretBytes, aad: &[u8]) -> Result<Vec<u8>, RootError> {
        self.0.seal(plaintext, aad)
    }

    fn unseal(&self, sealed: &[u8], aad: &[u8]) -> Result<SecretBytes, RootError> {
        self.0.unseal(sealed, aad)
    }
}

impl fmt::Debug for FileRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileRoot(..)")
    }
}

const FIRST_LINE: &str = "keyfold root key v1";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_file_is_private_and_gives_the_key_back() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("root.key");
        // Left behind by a process that was killed.
        fs::File::create(home.path().join("root.tmp")).unwrap();
        let made = FileRoot::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        let sealed = made.seal(&SecretBytes::copied_from(b"x"), b"").unwrap();
        assert_eq!(FileRoot::load(&path).unwrap().unseal(&sealed, b"").unwrap().expose(), b"x");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("root.key");
        FileRoot::create(&path).unwrap();
        for mode in [0o640, 0o604, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = FileRoot::load(&path).unwrap_err();
            assert!(matches!(error, RootError::NotPrivate { mode: found, .. } if found == mode), "{error}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a damaged file, made on purpose")]
    fn anything_but_the_one_form_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("root.key");
        FileRoot::create(&path).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let upper = good.replace(|c: char| c.is_ascii_hexdigit(), "A");
        for bad in
            ["", "keyfold root key v2\n", &good[..good.len() - 1], &good[1..], &upper, &"x".repeat(5000)]
        {
            fs::write(&path, bad).unwrap();
            assert!(matches!(FileRoot::load(&path), Err(RootError::Malformed { .. })), "{bad:?}");
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(FileRoot::load(&path), Err(RootError::Io { .. })));
    }
}
