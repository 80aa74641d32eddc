//! Administration: `init`, `keys`, `aliases` and `principals`. Each command is one request to the key service, or the pages of
//! one, and its answer: a table for people, or AWS's JSON.

mod aliases;
mod keys;
mod principals;
mod table;

pub(crate) use aliases::aliases;
pub(crate) use keys::keys;
pub(crate) use principals::{principals, secret};

use keyfold_kms::Service;
use keyfold_kms::principals::{InvalidName, NewAccessKey, Principal, PrincipalError, UserName};
use keyfold_protocol::Timestamp;
use pollster::block_on;
use serde::Serialize;

use crate::args::InitArgs;
use crate::console::{Console, answer, answer_json, shown};
use crate::failure::{Code, Failure};
use crate::serve::make_identity;
use crate::store::KeyStore;

/// Makes the key store, its default key, the service's certificate and its administrator, as far as they are not
/// there.
pub(crate) fn init(args: &InitArgs, store: &KeyStore, console: Console) -> Result<(), Failure> {
    let was_there = store.exists()?;
    let opened = store.open_or_create(args.passphrase)?;
    let key = opened.ensure_default_key()?;
    let (home, arn) = (shown(store.home()?), &key.arn);
    answer(&match (was_there, key.is_new) {
        (true, false) => format!("the key store {home} is there already, its default key is {arn}"),
        (true, true) => format!("created the key {arn} (alias/default) in the key store {home}"),
        (false, _) => format!("created the key store {home} with the key {arn} (alias/default)"),
    })?;
    let (ca, is_new) = make_identity(store.home()?, &args.host_name)?;
    if is_new {
        answer(&format!(
            "created a CA and a certificate for keyfold serve; clients trust it with\n  AWS_CA_BUNDLE={}",
            shown(&ca)
        ))?;
    }
    if let Some(access_key) = administrator(opened.service())? {
        answer(&format!(
            "created the user {ADMINISTRATOR} with this access key, which is not shown again:\n{}",
            principals::access_key(&access_key)
        ))?;
    }
    if !was_there {
        console.note(
            "NO RECOVERY COPY of the root of trust was made: this version can't make one yet. Whoever loses the root \
             of trust loses every key. Keep a copy of it",
        );
    }
    Ok(())
}

/// Makes the user `admin`, who may do everything, with an access key; nothing if there is such a user.
fn administrator(service: &Service) -> Result<Option<NewAccessKey>, Failure> {
    let invalid = |error: InvalidName| Failure::new(Code::Other, error.to_string());
    let account = service.scope().account.clone();
    let name: UserName = ADMINISTRATOR.parse().map_err(invalid)?;
    match block_on(service.create_user(&account, &name)) {
        Ok(()) => {}
        Err(PrincipalError::UserExists) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let policy = POLICY_OF_ADMINISTRATOR.parse().map_err(invalid)?;
    block_on(service.put_user_policy(&account, &name, &policy, ADMINISTRATOR_POLICY))?;
    Ok(Some(block_on(service.create_access_key(&Principal::User { account, name }))?))
}

const ADMINISTRATOR: &str = "admin";
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
