//! Wrapping keys: from the options of `encrypt` and `decrypt` to keyrings.

mod decrypting;
mod encrypting;
mod files;
mod raw;

pub(crate) use decrypting::{Attempt, DecryptingKeys};
pub(crate) use encrypting::EncryptingKeys;

use std::collections::HashSet;

use crate::failure::Failure;

/// The KMS keys of `--key`: one that is there twice would be in the message twice.
fn distinct(keys: &[String]) -> Result<&[String], Failure> {
    let mut seen = HashSet::new();
    match keys.iter().find(|key| !seen.insert(*key)) {
        Some(key) => Err(Failure::usage(format!("--key {key} is there twice"))),
        None => Ok(keys),
    }
}
