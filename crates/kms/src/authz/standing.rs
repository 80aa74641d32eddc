//! What the caller brings along: who it is by its unique id, and what its own policies say.

use super::policy::{Access, AttachedTo, Policy, Says};
use crate::call::Call;
use crate::error::RecordError;
use crate::principals::record::find_identity;
use crate::principals::{Principal, UniqueId, account_exists};

/// The standing of a caller.
#[derive(Debug)]
pub(super) enum Standing {
    /// The account, user or role does not exist.
    Nobody,
    /// The root of an account, for whom there are no identity policies: all of the account is its own.
    Root,
    /// A user, or a session of a role.
    Identity {
        /// The unique id of the user or role.
        id: UniqueId,
        /// Its policies.
        policies: Vec<Policy>,
    },
}

impl Standing {
    /// Looks it up.
    pub(super) async fn load(call: &Call<'_>) -> Result<Self, RecordError> {
        let Some(identity) = call.principal.identity() else {
            let exists = account_exists(call.barrier, call.home, call.principal.account()).await?;
            return Ok(if exists { Self::Root } else { Self::Nobody });
        };
        let Some(found) = find_identity(call.barrier, &identity).await? else { return Ok(Self::Nobody) };
        let id = found.record.id;
        if matches!(&call.principal, Principal::AssumedRole { role_id, .. } if *role_id != id) {
            // Another role got the name of the one that the session is of.
            return Ok(Self::Nobody);
        }
        if call.access_key.as_ref().is_some_and(|key| !found.record.access_keys.contains(key)) {
            // Another user got the name of the one that has signed, or the access key was removed.
            return Ok(Self::Nobody);
        }
        let read = |document: &str| {
            let policy = Policy::parse(document, AttachedTo::Identity, &call.scope.partition);
            // It was read before it was stored. Passing it over could pass over a Deny.
            policy.map_err(|_| RecordError::Damaged)
        };
        let policies = found.record.policies.iter().map(|attached| read(&attached.document));
        Ok(Self::Identity { id, policies: policies.collect::<Result<_, _>>()? })
    }

    /// The unique id, of whoever has one.
    pub(super) fn id(&self) -> Option<&UniqueId> {
        match self {
            Self::Nobody | Self::Root => None,
            Self::Identity { id, .. } => Some(id),
        }
    }

    /// What its policies say of an access.
    pub(super) fn says(&self, access: Access<'_>) -> Says {
        match self {
            Self::Nobody => Says::default(),
            Self::Root => Says { allowed: true, ..Says::default() },
            Self::Identity { policies, .. } => policies.iter().fold(Says::default(), |says, policy| {
                let also = policy.says(access);
                Says { denied: says.denied || also.denied, allowed: says.allowed || also.allowed, ..says }
            }),
        }
    }
}
