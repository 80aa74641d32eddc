//! `principals`: accounts, users, roles, access keys, sessions and policies.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use keyfold_kms::Service;
use keyfold_kms::principals::{
    AccessKey, AccessKeyStatus, Identity, NewAccessKey, NewSession, POLICY_LEN_MAX, Principal,
    PrincipalError, RoleName, UserName,
};
use keyfold_protocol::{AccountId, Timestamp};
use pollster::block_on;
use serde::Serialize;

use super::{moment, table::table};
use crate::args::{AccountArgs, IdentityArgs, PrincipalsCommand, RoleArgs, UserArgs};
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
        PrincipalsCommand::CreateRole(args) => {
            let (account, role) = role(args, service)?;
            block_on(service.create_role(&account, &role))?;
            answer(&format!("{}: created", arn_of(service, &Identity::Role { account, name: role })))
        }
        PrincipalsCommand::DeleteRole(args) => {
            let (account, role) = role(args, service)?;
            block_on(service.delete_role(&account, &role))?;
            answer(&format!("{}: removed", arn_of(service, &Identity::Role { account, name: role })))
        }
        PrincipalsCommand::CreateSession { role: args, session_name, duration, format } => {
            let ((account, role), name) = (role(args, service)?, parsed(session_name)?);
            let made = block_on(service.create_session(&account, &role, &name, *duration))?;
            if format.json { answer_json(&session_shape(service, &made)?) } else { answer(&session(&made)) }
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
        PrincipalsCommand::PutPolicy { identity, policy, document } => {
            let identity = identified(identity, service)?;
            let document = read(document)?;
            block_on(service.put_policy(&identity, &parsed(policy)?, &document))?;
            answer(&format!("{}: has the policy {policy}", arn_of(service, &identity)))
        }
        PrincipalsCommand::GetPolicy { identity, policy } => {
            let identity = identified(identity, service)?;
            answer(&block_on(service.get_policy(&identity, &parsed(policy)?))?)
        }
        PrincipalsCommand::DeletePolicy { identity, policy } => {
            let identity = identified(identity, service)?;
            block_on(service.delete_policy(&identity, &parsed(policy)?))?;
            answer(&format!("{}: no longer has the policy {policy}", arn_of(service, &identity)))
        }
    }
}

/// An access key for people.
pub(crate) fn access_key(key: &NewAccessKey) -> String {
    format!("AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}", key.id, secret(key))
}

/// The secret of an access key, in the open.
pub(crate) fn secret(key: &NewAccessKey) -> String {
    String::from_utf8_lossy(key.secret.expose()).into_owned()
}

/// The credentials of a session for people, as the environment variables that SDKs read.
fn session(made: &NewSession) -> String {
    format!(
        "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\nAWS_SESSION_TOKEN={}\nAWS_CREDENTIAL_EXPIRATION={}",
        made.id,
        String::from_utf8_lossy(made.secret.expose()),
        made.token.expose(),
        iso(made.expiration),
    )
}

/// The answer of AWS STS to AssumeRole.
fn session_shape(service: &Service, made: &NewSession) -> Result<serde_json::Value, Failure> {
    Ok(serde_json::json!({
        "Credentials": {
            "AccessKeyId": made.id.as_str(),
            "SecretAccessKey": String::from_utf8_lossy(made.secret.expose()),
            "SessionToken": made.token.expose(),
            "Expiration": iso(made.expiration),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": block_on(service.user_id(&made.principal))?,
            "Arn": made.principal.arn(&service.scope().partition),
        }
    }))
}

/// A time in the form of ISO 8601, to the second that has begun.
fn iso(timestamp: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(timestamp.epoch_ms()) {
        Ok(moment) => moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => format!("{} ms", timestamp.epoch_ms()),
    }
}

/// A user or role in a list.
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
            let identity = Identity::User { account: account.clone(), name: user.name.clone() };
            let keys = block_on(
                service.list_access_keys(&Principal::User { account: account.clone(), name: user.name }),
            )?;
            let key =
                |key: &AccessKey| ListedKey { access_key_id: key.id.to_string(), status: status(key.status) };
            listed.push(listed_one(service, &identity, user.created, keys.iter().map(key).collect())?);
        }
        for role in block_on(service.list_roles(&account))? {
            let identity = Identity::Role { account: account.clone(), name: role.name };
            listed.push(listed_one(service, &identity, role.created, Vec::new())?);
        }
    }
    if json {
        return answer_json(&listed);
    }
    let rows: Vec<_> = listed
        .iter()
        .map(|one| {
            let key = |key: &ListedKey| match key.status {
                "Active" => key.access_key_id.clone(),
                status => format!("{} ({status})", key.access_key_id),
            };
            let keys: Vec<_> = one.access_keys.iter().map(key).collect();
            [one.arn.clone(), keys.join(" "), one.policies.join(" "), one.create_date.clone()]
        })
        .collect();
    answer(&table(["USER OR ROLE", "ACCESS KEYS", "POLICIES", "CREATED"], &rows))
}

fn listed_one(
    service: &Service,
    identity: &Identity,
    created: Timestamp,
    access_keys: Vec<ListedKey>,
) -> Result<Listed, Failure> {
    let policies = block_on(service.list_policies(identity))?;
    Ok(Listed {
        arn: arn_of(service, identity),
        create_date: moment(created),
        access_keys,
        policies: policies.iter().map(ToString::to_string).collect(),
    })
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
    arn_of(service, &Identity::User { account: account.clone(), name: user.clone() })
}

fn arn_of(service: &Service, identity: &Identity) -> String {
    identity.arn(&service.scope().partition)
}

fn named(args: &UserArgs, service: &Service) -> Result<(AccountId, UserName), Failure> {
    Ok((account(&args.account, service)?, parsed(&args.user)?))
}

fn role(args: &RoleArgs, service: &Service) -> Result<(AccountId, RoleName), Failure> {
    Ok((account(&args.account, service)?, parsed(&args.role)?))
}

fn identified(args: &IdentityArgs, service: &Service) -> Result<Identity, Failure> {
    let account = account(&args.account, service)?;
    Ok(match args.role {
        true => Identity::Role { account, name: parsed(&args.name)? },
        false => Identity::User { account, name: parsed(&args.name)? },
    })
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
            | PrincipalError::NoSuchRole
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
