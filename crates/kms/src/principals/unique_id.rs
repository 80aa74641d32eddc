//! Unique ids: what tells a user or role from another that had or will have the same name.
//!
//! ```text
//! AIDA and 17 of [A-Z2-7]   a user
//! AROA and 17 of [A-Z2-7]   a role
//! ```
//!
//! 85 random bits, drawn when it is made and never again the same. What is given to a user or role by a policy or
//! grant is given to this id, so who gets a name later gets nothing with it. The forms are those of AWS IAM ("IAM
//! identifiers: Unique identifiers").

use std::fmt;
use std::str::FromStr;

use keyfold_crypto::CryptoError;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::access_key::{BASE32, random_base32};
use super::names::text_name;

/// The unique id of a user or role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId(Box<str>);

text_name!(UniqueId, UniqueId, |text| text.len() == UniqueId::LEN
    && (text.starts_with(USER_PREFIX) || text.starts_with(ROLE_PREFIX))
    && text.bytes().all(|byte| BASE32.contains(&byte)));

impl UniqueId {
    /// Length, in ASCII characters.
    pub const LEN: usize = 21;

    /// A new one, of a user.
    pub(crate) fn of_user() -> Result<Self, CryptoError> {
        Ok(Self(random_base32::<17>(USER_PREFIX)?.into()))
    }

    /// A new one, of a role.
    pub(crate) fn of_role() -> Result<Self, CryptoError> {
        Ok(Self(random_base32::<17>(ROLE_PREFIX)?.into()))
    }
}

const USER_PREFIX: &str = "AIDA";
const ROLE_PREFIX: &str = "AROA";
