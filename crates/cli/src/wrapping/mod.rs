//! Wrapping keys: from the options of `encrypt` and `decrypt` to keyrings.

mod decrypting;
mod encrypting;
mod files;
mod raw;

pub(crate) use decrypting::{Attempt, DecryptingKeys};
pub(crate) use encrypting::EncryptingKeys;
