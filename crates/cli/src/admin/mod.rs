//! Administration: `init`, `keys` and `aliases`. Each command is one request to the key service, or the pages of
//! one, and its answer: a table for people, or AWS's JSON.

mod aliases;
mod keys;
mod table;

pub(crate) use aliases::aliases;
pub(crate) use keys::keys;

use keyfold_protocol::Timestamp;
use serde::Serialize;

use crate::args::InitArgs;
use crate::console::{answer, answer_json, shown};
use crate::failure::Failure;
use crate::store::KeyStore;

/// Makes the key store and its default key, as far as they are not there.
pub(crate) fn init(args: &InitArgs, store: &KeyStore) -> Result<(), Failure> {
    let was_there = store.exists()?;
    let key = store.open_or_create(args.passphrase)?.ensure_default_key()?;
    let (home, arn) = (shown(store.home()?), &key.arn);
    answer(&match (was_there, key.is_new) {
        (true, false) => format!("the key store {home} is there already, its default key is {arn}"),
        (true, true) => format!("created the key {arn} (alias/default) in the key store {home}"),
        (false, _) => format!("created the key store {home} with the key {arn} (alias/default)"),
    })
}

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
