//! The identifiers of the key service, each a type that can only hold a well-formed value.
//!
//! These are what a service mints and stores. They are not what a request carries: there a key may be named
//! in four ways, rightly or wrongly, so requests hold plain text until the service resolves it. The shapes are
//! those of the AWS KMS service model; a UUID is version 4 (RFC 9562).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::InvalidIdentifier;

/// An AWS account: 12 decimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Box<str>);

impl AccountId {
    /// The account as a number, below 10^12.
    #[must_use]
    pub fn to_number(&self) -> u64 {
        self.0.bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// The account of a number.
    ///
    /// # Errors
    /// [`InvalidIdentifier::AccountId`] from 10^12 upwards.
    pub fn from_number(number: u64) -> Result<Self, InvalidIdentifier> {
        if number < 1_000_000_000_000 {
            Ok(Self(format!("{number:012}").into()))
        } else {
            Err(InvalidIdentifier::AccountId)
        }
    }
}

/// A Region, such as `eu-central-1` or `local`: lower-case letters, digits and `-`, 1 to 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Box<str>);

/// A partition of Regions, such as `aws`: lower-case letters, digits and `-`, 1 to 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(Box<str>);

/// The name of an alias with its prefix: `alias/` and 1 to 250 of `[a-zA-Z0-9/_-]`, 256 bytes in total.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasName(Box<str>);

impl AliasName {
    /// What every alias name starts with.
    pub const PREFIX: &'static str = "alias/";
    /// Length limit in bytes, prefix included (service model: `AliasNameType`).
    pub const LEN_MAX: usize = 256;

    /// Whether the name is in `alias/aws/`, which belongs to the service and which no user may create.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("alias/aws/")
    }
}

/// The identifier of key material: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyMaterialId([u8; 32]);

impl KeyMaterialId {
    /// The identifier with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes that the digits stand for.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The identifier of a KMS key within its account and Region: a UUID, or `mrk-` and 32 hexadecimal digits for
/// a multi-Region key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyId {
    /// A single-Region key: `1234abcd-12ab-34cd-56ef-1234567890ab`.
    Uuid([u8; 16]),
    /// A multi-Region key: `mrk-1234abcd12ab34cd56ef1234567890ab`.
    MultiRegion([u8; 16]),
}

impl KeyId {
    /// The UUID version 4 made of 16 random bytes, of which six bits are replaced by version and variant.
    #[must_use]
    pub fn from_random_bytes(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self::Uuid(bytes)
    }

    /// The 16 bytes behind the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        match self {
            Self::Uuid(bytes) | Self::MultiRegion(bytes) => bytes,
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    if UUID_HYPHENS_BEFORE.contains(&index) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
            Self::MultiRegion(bytes) => {
                f.write_str(MULTI_REGION_PREFIX)?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl FromStr for KeyId {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        let parsed = match text.strip_prefix(MULTI_REGION_PREFIX) {
            Some(digits) => hex_bytes(digits).map(Self::MultiRegion),
            None => hex_bytes(&text.replace('-', "")).map(Self::Uuid),
        };
        // Printing it again must give the same text: hyphens elsewhere or upper case are no key id.
        parsed.filter(|id| id.to_string() == text).ok_or(InvalidIdentifier::KeyId)
    }
}

impl fmt::Display for KeyMaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for KeyMaterialId {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        hex_bytes(text).map(Self).ok_or(InvalidIdentifier::KeyMaterialId)
    }
}

/// A newtype around text: parsing, printing, borrowing.
macro_rules! text_identifier {
    ($name:ident, $error:ident, $is_valid:expr) => {
        impl $name {
            /// The text of it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidIdentifier;

            fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) { Ok(Self(text.into())) } else { Err(InvalidIdentifier::$error) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_identifier!(AccountId, AccountId, |text| text.len() == 12
    && text.bytes().all(|byte| byte.is_ascii_digit()));
text_identifier!(Region, Region, is_label);
text_identifier!(Partition, Partition, is_label);
text_identifier!(AliasName, AliasName, |text| {
    text.len() <= AliasName::LEN_MAX
        && text.strip_prefix(AliasName::PREFIX).is_some_and(|rest| {
            !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'))
        })
});

/// An identifier in JSON is its text.
macro_rules! serde_as_text {
    ($($name:ident)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

serde_as_text!(AccountId Region Partition AliasName KeyId KeyMaterialId);

/// What Regions and partitions are made of.
fn is_label(text: &str) -> bool {
    (1..=LABEL_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Exactly `N` bytes of lower-case hexadecimal.
fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (hex_digit(pair[0])? << 4) | hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

const MULTI_REGION_PREFIX: &str = "mrk-";
const UUID_HYPHENS_BEFORE: [usize; 4] = [4, 6, 8, 10];
/// Far above the longest Region of AWS, so that a Region never makes a row key or an ARN long.
const LABEL_LEN_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_ids_round_trip_and_have_one_spelling() {
        for text in ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"] {
            assert_eq!(text.parse::<KeyId>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "fake-key-id",
            "mrk-fake-key-id",
            "1234abcd12ab34cd56ef1234567890ab",
            "1234ABCD-12ab-34cd-56ef-1234567890ab",
            "1234abcd12-ab34-cd56-ef12-34567890ab",
            "mrk-1234abcd-12ab-34cd-56ef-1234567890ab",
            "1234abcd-12ab-34cd-56ef-1234567890abé",
        ] {
            assert!(text.parse::<KeyId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_random_key_id_is_a_version_4_uuid() {
        let id = KeyId::from_random_bytes([0xff; 16]).to_string();
        assert_eq!(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn alias_names() {
        for text in ["alias/a", "alias/team/app_1-x", "alias/aws/s3"] {
            assert!(text.parse::<AliasName>().is_ok(), "{text}");
        }
        assert!("alias/aws/s3".parse::<AliasName>().unwrap().is_reserved());
        let long = format!("alias/{}", "x".repeat(251));
        for text in ["alias/", "a", "Alias/a", "alias/a!", "alias/a:b", "alias/é", long.as_str()] {
            assert!(text.parse::<AliasName>().is_err(), "{text}");
        }
    }

    #[test]
    fn accounts_are_numbers_of_twelve_digits() {
        let account: AccountId = "000000000123".parse().unwrap();
        assert_eq!(account.to_number(), 123);
        assert_eq!(AccountId::from_number(123).unwrap(), account);
        assert!(AccountId::from_number(1_000_000_000_000).is_err());
        assert!("12345678901".parse::<AccountId>().is_err());
        assert!("12345678901a".parse::<AccountId>().is_err());
    }
}
