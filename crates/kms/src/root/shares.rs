//! Recovery shares: the domain key split among papers, of which [`THRESHOLD`] of [`COUNT`] open the store again when its
//! root of trust is lost. Text that a person writes down and types back.
//!
//! A share is 41 bytes; the split is [`keyfold_crypto::shamir`]:
//!
//! ```text
//!  offset  size
//!       0     1   format version = 1
//!       1     1   threshold: how many shares are needed, 2 or more
//!       2     1   index of this share, 1 to 255
//!       3     6   set id, random: shares of one split have the same
//!       9    32   the share's value
//! ```
//!
//! and its text is Bech32m (BIP 350) of them with the prefix `kfs`: 76 characters, shown as 19 groups of four. White
//! space, hyphens and capitals make no difference when it is read. The checksum finds every error in up to four
//! characters, and others but for one in 2^30; it is no protection against a forger, and neither is the set id. That
//! the shares are the right ones is proven by the store.
//!
//! `docs/format/recovery-share.md` has the same drawing.

use std::fmt;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use keyfold_crypto::{CryptoError, Secret, rand, shamir};
use keyfold_locked::Locked;
use zeroize::Zeroizing;

use super::locked_key;
use crate::sealing::KEY_LEN;

/// How many shares open the store.
pub const THRESHOLD: u8 = 3;
/// How many shares are made.
pub const COUNT: u8 = 5;
/// Characters of a share's text, without the white space.
pub const TEXT_LEN: usize = 76;

/// One recovery share. It is a secret: it does not print, but for its set and index.
pub struct Share {
    threshold: u8,
    set: [u8; SET_LEN],
    share: shamir::Share<KEY_LEN>,
}

/// Why shares are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// Something else, or too much or too little of it.
    #[error("not a recovery share: it has {len} characters, and should have {TEXT_LEN} and begin with kfs1")]
    NotAShare {
        /// Its characters without white space.
        len: usize,
    },
    /// A typing error.
    #[error("there is a mistake in the recovery share: its checksum does not hold")]
    Checksum,
    /// A share of a newer version.
    #[error("the recovery share is of a newer version of Keyfold")]
    Version,
    /// Fewer than are needed.
    #[error("{needed} recovery shares are needed, these are {given}")]
    TooFew {
        /// How many there are.
        given: usize,
        /// How many it takes.
        needed: u8,
    },
    /// The same one again.
    #[error("recovery share {index} is given twice")]
    Twice {
        /// Its index.
        index: u8,
    },
    /// Shares that do not belong together.
    #[error("the recovery shares are of different sets, {one} and {other}")]
    MixedSets {
        /// The set of the first share.
        one: String,
        /// Another set.
        other: String,
    },
    /// Shares of another store, or not the shares that they say they are.
    #[error("these recovery shares do not open this key store")]
    WrongStore,
    /// The cryptography failed, which it does without memory or randomness.
    #[error("the cryptography library failed")]
    Crypto,
}

impl Share {
    /// Reads a share as a person has typed it.
    ///
    /// # Errors
    /// [`ShareError::NotAShare`], [`ShareError::Checksum`], [`ShareError::Version`].
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let mut canonical = Zeroizing::new(String::with_capacity(text.len()));
        let is_meant = |c: &char| !c.is_whitespace() && *c != '-';
        canonical.extend(text.chars().filter(is_meant).map(|c| c.to_ascii_lowercase()));
        if canonical.chars().count() != TEXT_LEN || !canonical.starts_with("kfs1") {
            return Err(ShareError::NotAShare { len: canonical.chars().count() });
        }
        let decoded = CheckedHrpstring::new::<Bech32m>(&canonical).map_err(|_| ShareError::Checksum)?;
        let mut bytes = Zeroizing::new([0; LEN]);
        for (byte, decoded) in bytes.iter_mut().zip(decoded.byte_iter()) {
            *byte = decoded;
        }
        let [version, threshold, index, s0, s1, s2, s3, s4, s5, ref value @ ..] = *bytes;
        if version != VERSION || threshold < 2 || index == 0 {
            return Err(ShareError::Version);
        }
        let value = Secret::copied_from(value).map_err(|_| ShareError::Crypto)?;
        let share = Self { threshold, set: [s0, s1, s2, s3, s4, s5], share: shamir::Share { index, value } };
        // What is left over when bytes are cut into groups of five bits is 0, and was not looked at.
        let text = share.text()?;
        let is_same = text.chars().filter(|c| *c != ' ').eq(canonical.chars());
        if is_same { Ok(share) } else { Err(ShareError::Checksum) }
    }

    /// Its text, in groups of four characters.
    ///
    /// # Errors
    /// [`ShareError::Crypto`].
    pub fn text(&self) -> Result<Zeroizing<String>, ShareError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LEN));
        bytes.extend_from_slice(&[VERSION, self.threshold, self.share.index]);
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(self.share.value.expose());
        let prefix = Hrp::parse(PREFIX).map_err(|_| ShareError::Crypto)?;
        // Room for all of it, so that growing leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * TEXT_LEN));
        bech32::encode_lower_to_fmt::<Bech32m, String>(&mut text, prefix, &bytes)
            .map_err(|_| ShareError::Crypto)?;
        let mut grouped = Zeroizing::new(String::with_capacity(2 * TEXT_LEN));
        for (i, c) in text.chars().enumerate() {
            if i > 0 && i % 4 == 0 {
                grouped.push(' ');
            }
            grouped.push(c);
        }
        Ok(grouped)
    }

    /// Which one of its set it is, 1 to 255.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.share.index
    }

    /// How many of its set are needed.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// What tells sets apart: 12 hexadecimal digits. Not secret.
    #[must_use]
    pub fn set(&self) -> String {
        hex::encode(self.set)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of set {})", self.share.index, self.set())
    }
}

impl From<CryptoError> for ShareError {
    fn from(_: CryptoError) -> Self {
        Self::Crypto
    }
}

/// A new set of shares of `key`.
pub(super) fn split(key: &[u8; KEY_LEN]) -> Result<Vec<Share>, ShareError> {
    let set = rand::array()?;
    let shares = shamir::split(key, THRESHOLD, COUNT)?;
    Ok(shares.into_iter().map(|share| Share { threshold: THRESHOLD, set, share }).collect())
}

/// The key that `shares` give. They belong together, as far as that can be seen; whether the key is the right one
/// can't.
pub(super) fn combine(shares: &[Share]) -> Result<Locked<KEY_LEN>, ShareError> {
    let Some(first) = shares.first() else {
        return Err(ShareError::TooFew { given: 0, needed: THRESHOLD });
    };
    for (i, share) in shares.iter().enumerate() {
        if (share.set, share.threshold) != (first.set, first.threshold) {
            return Err(ShareError::MixedSets { one: first.set(), other: share.set() });
        }
        if shares.iter().take(i).any(|earlier| earlier.index() == share.index()) {
            return Err(ShareError::Twice { index: share.index() });
        }
    }
    if shares.len() < usize::from(first.threshold) {
        return Err(ShareError::TooFew { given: shares.len(), needed: first.threshold });
    }
    let shares: Vec<_> = shares.iter().map(|share| &share.share).collect();
    locked_key(|key| shamir::combine(&shares, key).map_err(ShareError::from))
}

const PREFIX: &str = "kfs";
const VERSION: u8 = 1;
const SET_LEN: usize = 6;
const LEN: usize = 3 + SET_LEN + KEY_LEN;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; KEY_LEN] = [0x42; KEY_LEN];

    fn set() -> Vec<Share> {
        split(&KEY).unwrap()
    }

    fn copy(share: &Share) -> Share {
        Share::parse(&share.text().unwrap()).unwrap()
    }

    /// The text of a share with these bytes, whatever they say.
    fn text_of(bytes: [u8; LEN]) -> String {
        bech32::encode::<Bech32m>(Hrp::parse(PREFIX).unwrap(), &bytes).unwrap()
    }

    #[test]
    fn a_share_survives_paper() {
        for share in set() {
            let text = share.text().unwrap();
            assert_eq!(text.split(' ').count(), 19);
            assert!(text.split(' ').all(|group| group.len() == 4));
            assert_eq!(text.replace(' ', "").len(), TEXT_LEN);
            for typed in [
                text.to_string(),
                text.to_uppercase(),
                text.replace(' ', ""),
                text.replace(' ', "-"),
                format!("  {}\n", text.replacen(' ', "\n", 9)),
            ] {
                let read = Share::parse(&typed).unwrap();
                assert_eq!((read.index(), read.threshold(), read.set()), (share.index(), 3, share.set()));
                assert_eq!(read.share.value.expose(), share.share.value.expose());
            }
            assert_eq!(format!("{share:?}"), format!("Share({} of set {})", share.index(), share.set()));
        }
    }

    /// Frozen: papers outlive programs.
    #[test]
    fn the_text_of_a_share_does_not_change() {
        let value = Secret::filled(|value| {
            value.iter_mut().zip(0..).for_each(|(byte, i)| *byte = i);
            Ok::<_, CryptoError>(())
        });
        let share = shamir::Share { index: 2, value: value.unwrap() };
        let share = Share { threshold: 3, set: [1, 2, 3, 4, 5, 6], share };
        assert_eq!(*share.text().unwrap(), FROZEN);
    }

    /// Made with another implementation of BIP 350.
    const FROZEN: &str =
        "kfs1 qyps yqgz qvzq 2psq qypq xpq9 qcrs szg2 pvxq 6rs0 zqg3 yyc5 z5tp wxqe rgd3 c8g7 ru4f vxln";

    #[test]
    fn every_wrong_swapped_missing_and_extra_character_is_found() {
        let text = set().remove(0).text().unwrap().replace(' ', "");
        for i in 0..TEXT_LEN {
            for c in ('0'..='9').chain('a'..='z').filter(|c| !text[i..].starts_with(*c)) {
                let wrong = format!("{}{c}{}", &text[..i], &text[i + 1..]);
                assert!(Share::parse(&wrong).is_err(), "{c} at {i}");
                let extra = format!("{}{c}{}", &text[..i], &text[i..]);
                assert_eq!(Share::parse(&extra).unwrap_err(), ShareError::NotAShare { len: 77 });
            }
            let missing = format!("{}{}", &text[..i], &text[i + 1..]);
            assert_eq!(Share::parse(&missing).unwrap_err(), ShareError::NotAShare { len: 75 });
            let mut swapped = text.clone().into_bytes();
            swapped.swap(i, (i + 1) % TEXT_LEN);
            if swapped != text.as_bytes() {
                assert!(Share::parse(std::str::from_utf8(&swapped).unwrap()).is_err(), "swapped at {i}");
            }
        }
        for other in
            ["", "kfs1", "\u{130}", &"é".repeat(38), &"1".repeat(76), &format!("kfs1{}", "b".repeat(72))]
        {
            assert!(Share::parse(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_share_of_another_version_or_form_is_refused() {
        let good = [&[1, 3, 1][..], &[9; SET_LEN], &[7; KEY_LEN]].concat();
        let good: [u8; LEN] = good.try_into().unwrap();
        assert!(Share::parse(&text_of(good)).is_ok());
        for (i, byte) in [(0, 0), (0, 2), (1, 1), (2, 0)] {
            let mut other = good;
            other[i] = byte;
            assert_eq!(Share::parse(&text_of(other)).unwrap_err(), ShareError::Version);
        }
        let prefix = Hrp::parse(PREFIX).unwrap();
        let bech32 = bech32::encode::<bech32::Bech32>(prefix, &good).unwrap();
        assert_eq!(Share::parse(&bech32).unwrap_err(), ShareError::Checksum);
    }

    #[test]
    fn every_three_shares_give_the_key() {
        let shares = set();
        for a in 0..5 {
            for b in a + 1..5 {
                for c in b + 1..5 {
                    let chosen = [c, a, b].map(|i| copy(&shares[i]));
                    assert_eq!(combine(&chosen).unwrap().expose(), &KEY);
                }
            }
        }
        assert_eq!(combine(&shares).unwrap().expose(), &KEY);
    }

    #[test]
    fn shares_that_do_not_belong_together_are_named() {
        let (one, other) = (set(), set());
        let chosen = |shares: &[&Share]| combine(&shares.iter().map(|share| copy(share)).collect::<Vec<_>>());
        assert_eq!(combine(&[]).unwrap_err(), ShareError::TooFew { given: 0, needed: 3 });
        let too_few = ShareError::TooFew { given: 2, needed: 3 };
        assert_eq!(chosen(&[&one[0], &one[4]]).unwrap_err(), too_few);
        assert_eq!(chosen(&[&one[0], &one[1], &one[0]]).unwrap_err(), ShareError::Twice { index: 1 });
        let mixed = ShareError::MixedSets { one: one[0].set(), other: other[2].set() };
        assert_eq!(chosen(&[&one[0], &one[1], &other[2]]).unwrap_err(), mixed);
    }
}
