//! `principals`: accounts, users, access keys and policies.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use keyfold_kms::Service;
use keyfold_kms::principals::{
    AccessKeyStatus, NewAccessKey, POLICY_LEN_MAX, Principal, PrincipalError, UserName,
};
use keyfold_protocol::AccountId;
use pollster::block_on;
use serde::Serialize;

use super::{moment, table::table};
use crate::args::{AccountArgs, PrincipalsCommand, UserArgs};
use crate::console::{answer, answer_json, shown};
use crate::failure::{Code, Failure};
use crate::store::KeyStore;

/// Performs a command on principals.
pub(crate) fn principals(command: &PrincipalsCommand, store: &KeyStore) -> Result<(), Failure> {
    let opened = store.open()?;
    let service = opened.service();
    match command {
        PrincipalsCommand::CreateAccount { account } => {
            let account = parsed::<AccountId>(account)?;
            block_on(service.create_account(&account))?;
            answer(&format!("{account}: created"))
        }
        PrincipalsCommand::CreateUser(args) => {
            let (account, user) = named(args, service)?;
            block_on(service.create_user(&account, &user))?;
            answer(&format!("{}: created", arn(service, &account, &user)))
        }
        PrincipalsCommand::DeleteUser(args) => {
            let (account, user) = named(args, service)?;
            block_on(service.delete_user(&account, &user))?;
            answer(&format!("{}: removed", arn(service, &account, &user)))
        }
        PrincipalsCommand::List { format } => list(service, format.json),
        PrincipalsCommand::CreateAccessKey { user, format } => {
            let (account, user) = named(user, service)?;
            let key = block_on(service.create_access_key(&Principal::User { account, name: user.clone() }))?;
            if format.json { answer_json(&shape(&user, &key)) } else { answer(&access_key(&key)) }
        }
        PrincipalsCommand::DisableAccessKey { id } => {
            block_on(service.set_access_key_status(&parsed(id)?, AccessKeyStatus::Inactive))?;
            answer(&format!("{id}: disabled"))
        }
        PrincipalsCommand::EnableAccessKey { id } => {
            block_on(service.set_access_key_status(&parsed(id)?, AccessKeyStatus::Active))?;
            answer(&format!("{id}: enabled"))
        }
        PrincipalsCommand::DeleteAccessKey { id } => {
            block_on(service.delete_access_key(&parsed(id)?))?;
            answer(&format!("{id}: removed"))
        }
        PrincipalsCommand::PutPolicy { user, policy, document } => {
            let (account, user) = named(user, service)?;
            let document = read(document)?;
            block_on(service.put_user_policy(&account, &user, &parsed(policy)?, &document))?;
            answer(&format!("{}: has the policy {policy}", arn(service, &account, &user)))
        }
        PrincipalsCommand::GetPolicy { user, policy } => {
            let (account, user) = named(user, service)?;
            answer(&block_on(service.get_user_policy(&account, &user, &parsed(policy)?))?)
        }
        PrincipalsCommand::DeletePolicy { user, policy } => {
            let (account, user) = named(user, service)?;
            block_on(service.delete_user_policy(&account, &user, &parsed(policy)?))?;
            answer(&format!("{}: no longer has the policy {policy}", arn(service, &account, &user)))
        }
    }
}

/// An access key for people.
pub(super) fn access_key(key: &NewAccessKey) -> String {
    format!("AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}", key.id, secret(key))
}

/// The secret of an access key, in the open.
pub(crate) fn secret(key: &NewAccessKey) -> String {
    String::from_utf8_lossy(key.secret.expose()).into_owned()
}

/// A user in a list.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    arn: String,
    create_date: String,
    access_keys: Vec<ListedKey>,
    policies: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedKey {
    access_key_id: String,
    status: &'static str,
}

fn list(service: &Service, json: bool) -> Result<(), Failure> {
    let mut listed = Vec::new();
    for account in block_on(service.list_accounts())? {
        for user in block_on(service.list_users(&account))? {
            let principal = Principal::User { account: account.clone(), name: user.name.clone() };
            let keys = block_on(service.list_access_keys(&principal))?;
            let policies = block_on(service.list_user_policies(&account, &user.name))?;
            listed.push(Listed {
                arn: arn(service, &account, &user.name),
                create_date: moment(user.created),
                access_keys: keys
                    .iter()
                    .map(|key| ListedKey { access_key_id: key.id.to_string(), status: status(key.status) })
                    .collect(),
                policies: policies.iter().map(ToString::to_string).collect(),
            });
        }
    }
    if json {
        return answer_json(&listed);
    }
    let rows: Vec<_> = listed
        .iter()
        .map(|user| {
            let key = |key: &ListedKey| match key.status {
                "Active" => key.access_key_id.clone(),
                status => format!("{} ({status})", key.access_key_id),
            };
            let keys: Vec<_> = user.access_keys.iter().map(key).collect();
            [user.arn.clone(), keys.join(" "), user.policies.join(" "), user.create_date.clone()]
        })
        .collect();
    answer(&table(["USER", "ACCESS KEYS", "POLICIES", "CREATED"], &rows))
}

fn status(status: AccessKeyStatus) -> &'static str {
    match status {
        AccessKeyStatus::Active => "Active",
        AccessKeyStatus::Inactive => "Inactive",
    }
}

/// The answer of AWS IAM.
fn shape(user: &UserName, key: &NewAccessKey) -> serde_json::Value {
    serde_json::json!({
        "AccessKey": {
            "UserName": user.as_str(),
            "AccessKeyId": key.id.as_str(),
            "Status": "Active",
            "SecretAccessKey": secret(key),
        }
    })
}

fn arn(service: &Service, account: &AccountId, user: &UserName) -> String {
    let principal = Principal::User { account: account.clone(), name: user.clone() };
    principal.arn(&service.scope().partition)
}

fn named(args: &UserArgs, service: &Service) -> Result<(AccountId, UserName), Failure> {
    Ok((account(&args.account, service)?, parsed(&args.user)?))
}

fn account(args: &AccountArgs, service: &Service) -> Result<AccountId, Failure> {
    args.account.as_deref().map_or_else(|| Ok(service.scope().account.clone()), parsed)
}

fn parsed<T>(text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr,
    T::Err: std::error::Error,
{
    text.parse().map_err(|error: T::Err| Failure::usage(format!("{text}: {error}")))
}

/// A policy document. One byte more than there may be is enough to know.
fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let len_max = POLICY_LEN_MAX as u64 + 1;
    let read = match path.to_str() {
        Some("-") => io::stdin().take(len_max).read_to_string(&mut text),
        _ => File::open(path).and_then(|file| file.take(len_max).read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::io(&format!("can't read {}", shown(path)), &error))?;
    Ok(text)
}

impl From<PrincipalError> for Failure {
    fn from(error: PrincipalError) -> Self {
        let hint = match &error {
            PrincipalError::NoSuchAccount
            | PrincipalError::NoSuchUser
            | PrincipalError::NoSuchAccessKey
            | PrincipalError::NoSuchPolicy => Some("keyfold principals list shows what there is"),
            PrincipalError::Service(error) => return Self::from(error),
            _ => None,
        };
        let failure = Self::new(Code::KeyService, error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
