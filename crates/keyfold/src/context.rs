//! The encryption context: pairs of strings that are authenticated, not secret, and stored in the message.
//!
//! ```text
//! count(2) ‖ ( key length(2) ‖ key ‖ value length(2) ‖ value )*     sorted by the UTF-8 bytes of the key
//! ```
//! An empty context serializes to nothing at all, not to a count of zero. Source: specification,
//! `framework/structures.md` and `data-format/message-header.md`.

use std::collections::{BTreeMap, btree_map};

/// Keys that begin so are the format's own.
pub(crate) const RESERVED_PREFIX: &str = "aws-crypto-";
/// Where the header keeps the public key of a signed message.
pub(crate) const PUBLIC_KEY: &str = "aws-crypto-public-key";
/// The most bytes that a serialized context may have (its length is a `u16`).
pub const CONTEXT_LEN_MAX: usize = 65_535;

/// Key-value pairs bound to a message: shown to everyone, changed by no one.
///
/// Each key and value has at most 65,535 bytes of UTF-8, and all of them together fit 65,535 bytes serialized.
/// Keys that begin with `aws-crypto-` are reserved; encryption refuses them.
///
/// ```
/// # use keyfold::EncryptionContext;
/// let context = EncryptionContext::from_iter([("tenant", "acme"), ("purpose", "backup")]);
/// assert_eq!(context.get("tenant"), Some("acme"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// No pairs.
    #[must_use]
    pub const fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a pair and returns the value that the key had before.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.0.insert(key.into(), value.into())
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The pairs, sorted by the UTF-8 bytes of the key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The serialized form, which is also the additional authenticated data of the keyrings. `None` if a
    /// string or the whole is too long for its length field.
    #[must_use]
    pub fn serialize(&self) -> Option<Vec<u8>> {
        serialize(self.iter())
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }
}

/// [`EncryptionContext::serialize`] of some of a context's pairs.
pub(crate) fn serialize<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Vec<u8>> {
    let mut out = vec![0, 0];
    let mut count: u16 = 0;
    for (key, value) in pairs {
        count = count.checked_add(1)?;
        for text in [key, value] {
            out.extend_from_slice(&u16::try_from(text.len()).ok()?.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        if out.len() > CONTEXT_LEN_MAX {
            return None;
        }
    }
    if count == 0 {
        return Some(Vec::new());
    }
    out[..2].copy_from_slice(&count.to_be_bytes());
    Some(out)
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for EncryptionContext {
    /// Of two pairs with one key, the later stays.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl IntoIterator for EncryptionContext {
    type Item = (String, String);
    type IntoIter = btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serializes_sorted_by_utf8_bytes() {
        // U+10000 sorts after U+FFFD in UTF-8 but before it in UTF-16.
        let context = EncryptionContext::from_iter([("\u{10000}", "b"), ("\u{fffd}", "a")]);
        let bytes = context.serialize().unwrap();
        assert_eq!(bytes, b"\x00\x02\x00\x03\xef\xbf\xbd\x00\x01a\x00\x04\xf0\x90\x80\x80\x00\x01b");
        assert_eq!(EncryptionContext::empty().serialize().unwrap(), b"");
    }

    #[test]
    fn refuses_what_its_length_fields_cannot_say() {
        let fits = "v".repeat(CONTEXT_LEN_MAX - 2 - 2 - 1 - 2);
        assert!(EncryptionContext::from_iter([("k", fits.clone())]).serialize().is_some());
        assert!(EncryptionContext::from_iter([("k", fits + "v")]).serialize().is_none());
        assert!(EncryptionContext::from_iter([("k".repeat(70_000), "")]).serialize().is_none());
    }
}
