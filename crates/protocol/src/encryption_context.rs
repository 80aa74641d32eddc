//! The encryption context of a KMS request: name-value pairs that are authenticated with a ciphertext but not
//! stored in it.
//!
//! This is the map of the KMS API. The Encryption SDK puts rules of its own on top (reserved names, a serial
//! form of its own); they are in the library, not here. Pairs are compared exactly and without regard to order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Name-value pairs, sorted by the UTF-8 bytes of the name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// Most bytes that the names and values of a context may have in total. AWS documents no limit of its own;
    /// this one holds every context that an Encryption SDK message can carry (65,535 bytes, `message-header.md`).
    pub const BYTES_MAX: usize = 65_535;

    /// The context without pairs.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all names and values, without any framing.
    #[must_use]
    pub fn bytes_total(&self) -> usize {
        self.0
            .iter()
            .map(|(name, value)| name.len().saturating_add(value.len()))
            .fold(0, usize::saturating_add)
    }

    /// Appends the one serial form of this context, for use as additional authenticated data; lengths are
    /// big-endian, in bytes:
    ///
    /// ```text
    /// number of pairs  u64 │ for each pair, sorted by name:  name length u64 │ name │ value length u64 │ value
    /// ```
    ///
    /// Two contexts give the same bytes only if they are equal.
    pub fn append_canonical(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.0.len() as u64).to_be_bytes());
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            out.extend_from_slice(&(text.len() as u64).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for EncryptionContext {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        pairs.iter().copied().collect::<EncryptionContext>().append_canonical(&mut out);
        out
    }

    #[test]
    fn the_order_of_insertion_does_not_matter_and_everything_else_does() {
        assert_eq!(canonical(&[("b", "2"), ("a", "1")]), canonical(&[("a", "1"), ("b", "2")]));
        let all = [
            canonical(&[]),
            canonical(&[("", "")]),
            canonical(&[("a", "bc")]),
            canonical(&[("ab", "c")]),
            canonical(&[("A", "bc")]),
            canonical(&[("a", ""), ("b", "c")]),
            canonical(&[("a", ""), ("c", "b")]),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one));
        }
    }

    #[test]
    fn the_serial_form() {
        let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
        expected.extend_from_slice("é".as_bytes());
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, b'x']);
        assert_eq!(canonical(&[("é", "x")]), expected);
    }
}
