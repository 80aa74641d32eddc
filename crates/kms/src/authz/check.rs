//! The only place that mints [`Authorized`].
//!
//! It judges principal, action and resource; it does not look at the state of a key, which is judged after it, so
//! that who may not use a key does not learn its state.

use keyfold_protocol::KmsError;

use crate::call::{Call, Principal};
use crate::operations::{Handle, OperationRow};

/// One thing that a request wants to do to one resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// The permission it needs: `kms:…`.
    pub(crate) action: &'static str,
    /// The account that the resource belongs to.
    pub(crate) account: String,
    /// The ARN of the resource, or `*` for the account as such.
    pub(crate) resource: String,
}

/// A request that may be performed on its target. There is no other way to get one than [`authorize`].
#[derive(Debug)]
pub(crate) struct Authorized<'r, O: Handle> {
    request: &'r O,
    target: O::Target,
}

impl<O: Handle> Authorized<'_, O> {
    /// The request.
    pub(crate) fn request(&self) -> &O {
        self.request
    }

    /// What it acts on.
    pub(crate) fn target(&self) -> &O::Target {
        &self.target
    }
}

/// Judges every access that `request` needs to act on `target`.
pub(crate) fn authorize<'r, O: Handle>(
    call: &Call<'_>,
    row: &OperationRow,
    request: &'r O,
    target: O::Target,
) -> Result<Authorized<'r, O>, KmsError> {
    for Access { action, account, resource } in O::accesses(call, row.actions, &target) {
        let is_allowed = match &call.principal {
            Principal::AccountRoot(own) => account == own.as_str(),
        };
        if !is_allowed {
            return Err(KmsError::access_denied(&call.principal.arn(&call.scope.partition), action, &resource));
        }
    }
    Ok(Authorized { request, target })
}
