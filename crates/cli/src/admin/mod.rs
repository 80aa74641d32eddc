//! Administration: `keys`, `aliases` and `principals`. Each command is one request to the key service, or the pages of
//! one, and its answer: a table for people, or AWS's JSON.

mod aliases;
mod keys;
mod principals;
mod table;

pub(crate) use aliases::aliases;
pub(crate) use keys::keys;
pub(crate) use principals::{access_key, principals, secret};

use keyfold_protocol::Timestamp;
use serde::Serialize;

use crate::console::{answer, answer_json};
use crate::failure::Failure;

/// The name of the policy of those who may do everything.
pub(crate) const POLICY_OF_ADMINISTRATOR: &str = "all";
/// That policy.
pub(crate) const ADMINISTRATOR_POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;

/// Prints a response: as JSON, or what `text` makes of it.
fn respond<R: Serialize>(json: bool, response: &R, text: impl FnOnce(&R) -> String) -> Result<(), Failure> {
    if json { answer_json(response) } else { answer(&text(response)) }
}

/// A moment for people, in UTC.
fn moment(timestamp: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(timestamp.epoch_ms()) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => format!("{} ms", timestamp.epoch_ms()),
    }
}
