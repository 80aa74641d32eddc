//! `init`: a key store with all that belongs to it.

use keyfold_kms::Service;
use keyfold_kms::principals::{
    Identity, InvalidName, NewAccessKey, PolicyName, Principal, PrincipalError, UserName,
};
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
    answer(&match administrator(opened.service())? {
        Some(made) => format!(
            "created the user {ADMINISTRATOR} with this access key, which is not shown again:\n{}",
            access_key(&made)
        ),
        // Its access key may never have been shown, if the `init` that made it was cut short.
        None => format!(
            "the user {ADMINISTRATOR} is there already; keyfold principals create-access-key {ADMINISTRATOR} makes it \
             another access key"
        ),
    })
}

/// Makes the user `admin`, who may do everything, with an access key; nothing if there is such a user.
fn administrator(service: &Service) -> Result<Option<NewAccessKey>, Failure> {
    let invalid = |error: InvalidName| Failure::new(Code::Other, error.to_string());
    let account = service.scope().account.clone();
    let name: UserName = ADMINISTRATOR.parse().map_err(invalid)?;
    let identity = Identity::User { account: account.clone(), name: name.clone() };
    let principal = Principal::User { account: account.clone(), name: name.clone() };
    let policy: PolicyName = POLICY_OF_ADMINISTRATOR.parse().map_err(invalid)?;
    match block_on(service.create_user(&account, &name)) {
        Ok(()) => {}
        Err(PrincipalError::UserExists) => {
            // One that has no more than this gives it was left by an `init` that was cut short.
            let is_ours = match block_on(service.list_policies(&identity))?.as_slice() {
                [] => true,
                [only] if *only == policy => {
                    block_on(service.get_policy(&identity, &policy))? == ADMINISTRATOR_POLICY
                }
                _ => false,
            };
            if !is_ours || !block_on(service.list_access_keys(&principal))?.is_empty() {
                return Ok(None);
            }
        }
        Err(error) => return Err(error.into()),
    }
    block_on(service.put_policy(&identity, &policy, ADMINISTRATOR_POLICY))?;
    Ok(Some(block_on(service.create_access_key(&principal))?))
}

const ADMINISTRATOR: &str = "admin";
