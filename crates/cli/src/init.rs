//! `init`: a key store with all that belongs to it.

use keyfold_kms::Service;
use keyfold_kms::principals::{Identity, InvalidName, NewAccessKey, Principal, PrincipalError, UserName};
use pollster::block_on;

use crate::admin::{ADMINISTRATOR_POLICY, POLICY_OF_ADMINISTRATOR, access_key};
use crate::args::InitArgs;
use crate::console::{Console, answer, shown};
use crate::failure::{Code, Failure};
use crate::recovery;
use crate::serve::make_identity;
use crate::store::KeyStore;

/// Makes the key store, its recovery copy, its default key, the service's certificate and its administrator, as far as
/// they are not there.
pub(crate) fn init(args: &InitArgs, store: &KeyStore, console: Console) -> Result<(), Failure> {
    let was_there = store.exists()?;
    let opened = store.open_or_create(args.passphrase)?;
    // Before anything is encrypted that a lost root would lose.
    recovery::at_init(&opened, args.recovery_out.as_deref(), args.no_recovery, console)?;
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
    if let Some(made) = administrator(opened.service())? {
        answer(&format!(
            "created the user {ADMINISTRATOR} with this access key, which is not shown again:\n{}",
            access_key(&made)
        ))?;
    }
    Ok(())
}

/// Makes the user `admin`, who may do everything, with an access key; nothing if there is such a user.
fn administrator(service: &Service) -> Result<Option<NewAccessKey>, Failure> {
    let invalid = |error: InvalidName| Failure::new(Code::Other, error.to_string());
    let account = service.scope().account.clone();
    let name: UserName = ADMINISTRATOR.parse().map_err(invalid)?;
    let identity = Identity::User { account: account.clone(), name: name.clone() };
    let principal = Principal::User { account: account.clone(), name: name.clone() };
    match block_on(service.create_user(&account, &name)) {
        Ok(()) => {}
        Err(PrincipalError::UserExists) => {
            // One with nothing was left by an `init` that was cut short.
            let is_bare = block_on(service.list_policies(&identity))?.is_empty()
                && block_on(service.list_access_keys(&principal))?.is_empty();
            if !is_bare {
                return Ok(None);
            }
        }
        Err(error) => return Err(error.into()),
    }
    let policy = POLICY_OF_ADMINISTRATOR.parse().map_err(invalid)?;
    block_on(service.put_policy(&identity, &policy, ADMINISTRATOR_POLICY))?;
    Ok(Some(block_on(service.create_access_key(&principal))?))
}

const ADMINISTRATOR: &str = "admin";
