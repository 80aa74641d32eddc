//! Whom a policy or a grant names.
//!
//! ```text
//! 111122223333, arn:aws:iam::111122223333:root           the account
//! arn:aws:iam::111122223333:user/alice                   a user
//! arn:aws:iam::111122223333:role/deploy                  a role: all of its sessions
//! arn:aws:sts::111122223333:assumed-role/deploy/nightly  one session of a role
//! ```
//!
//! What names a user or role means the one that there is when it is written: it is kept with the [`UniqueId`], and
//! nobody who has the name later is meant (AWS IAM, "Principal element: Role principals").

use std::collections::BTreeMap;

use keyfold_protocol::{AccountId, Partition};

use super::record::find_identity;
use super::{Identity, Principal, RoleName, SessionName, UniqueId, UserName, account_exists};
use crate::call::Call;
use crate::error::RecordError;

/// The unique ids of users and roles, by their ARNs.
pub(crate) type UniqueIds = BTreeMap<String, UniqueId>;

/// Whom a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// An account: its root, who stands for everybody in it.
    Account(AccountId),
    /// A user, or all sessions of a role.
    Identity(Identity),
    /// One session of a role.
    Session {
        /// The role.
        role: Identity,
        /// The session's name.
        session: SessionName,
    },
}

impl Named {
    /// Whom the ARN `text` names, if it is one of a principal.
    pub(crate) fn parse(text: &str, partition: &Partition) -> Option<Self> {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let &["arn", found, service, "", account, resource] = parts.as_slice() else { return None };
        let account: AccountId = account.parse().ok()?;
        if found != partition.as_str() {
            return None;
        }
        match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => Some(Self::Account(account)),
            ("iam", Some(("user", name))) => {
                Some(Self::Identity(Identity::User { account, name: name.parse::<UserName>().ok()? }))
            }
            ("iam", Some(("role", name))) => {
                Some(Self::Identity(Identity::Role { account, name: name.parse::<RoleName>().ok()? }))
            }
            ("sts", Some(("assumed-role", names))) => {
                let (role, session) = names.split_once('/')?;
                let role = Identity::Role { account, name: role.parse().ok()? };
                Some(Self::Session { role, session: session.parse().ok()? })
            }
            _ => None,
        }
    }

    /// The account, or the one that who is named belongs to.
    pub(crate) fn account(&self) -> &AccountId {
        match self {
            Self::Account(account) => account,
            Self::Identity(identity) | Self::Session { role: identity, .. } => identity.account(),
        }
    }

    /// Whose unique id counts.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Account(_) => None,
            Self::Identity(identity) | Self::Session { role: identity, .. } => Some(identity),
        }
    }

    /// Whether it is the name of `principal`.
    pub(crate) fn is_name_of(&self, principal: &Principal) -> bool {
        let is_session = match (self, principal) {
            (Self::Session { session, .. }, Principal::AssumedRole { session: own, .. }) => session == own,
            (Self::Session { .. }, _) => false,
            _ => true,
        };
        match self.identity() {
            Some(identity) => is_session && principal.identity().as_ref() == Some(identity),
            None => matches!(principal, Principal::AccountRoot(own) if own == self.account()),
        }
    }

    /// Notes in `ids` the unique id of who is named. `false` if there is nobody of this name.
    pub(crate) async fn note_unique_id(
        &self,
        call: &Call<'_>,
        ids: &mut UniqueIds,
    ) -> Result<bool, RecordError> {
        let Some(identity) = self.identity() else {
            return account_exists(call.barrier, call.home, self.account()).await;
        };
        let Some(found) = find_identity(call.barrier, identity).await? else { return Ok(false) };
        ids.insert(identity.arn(&call.scope.partition), found.record.id);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_principals_and_what_is_none() {
        let partition: Partition = "aws".parse().unwrap();
        let parse = |text: &str| Named::parse(text, &partition);
        let account: AccountId = "111122223333".parse().unwrap();
        assert_eq!(parse("arn:aws:iam::111122223333:root"), Some(Named::Account(account.clone())));
        let role = Identity::Role { account: account.clone(), name: "deploy".parse().unwrap() };
        for (text, named) in [
            ("arn:aws:iam::111122223333:role/deploy", Named::Identity(role.clone())),
            (
                "arn:aws:sts::111122223333:assumed-role/deploy/nightly",
                Named::Session { role, session: "nightly".parse().unwrap() },
            ),
            (
                "arn:aws:iam::111122223333:user/deploy",
                Named::Identity(Identity::User { account, name: "deploy".parse().unwrap() }),
            ),
        ] {
            assert_eq!(parse(text), Some(named), "{text}");
        }
        for text in [
            "",
            "111122223333",
            "arn:aws:iam::111122223333",
            "arn:aws:iam::111122223333:",
            "arn:aws:iam::1:root",
            "arn:aws-cn:iam::111122223333:root",
            "arn:aws:iam:us-east-1:111122223333:root",
            "arn:aws:iam::111122223333:root/x",
            "arn:aws:iam::111122223333:Role/x",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::111122223333:role/team/deploy",
            "arn:aws:iam::111122223333:group/x",
            "arn:aws:iam::111122223333:assumed-role/deploy/nightly",
            "arn:aws:sts::111122223333:assumed-role/deploy",
            "arn:aws:sts::111122223333:assumed-role/deploy/x",
            "arn:aws:sts::111122223333:assumed-role/deploy/nightly/x",
            "arn:aws:sts::111122223333:federated-user/x",
            "arn:aws:sts::111122223333:role/deploy",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
