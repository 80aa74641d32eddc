//! The only place that mints [`Authorized`].
//!
//! It judges principal, action and resource; it does not look at the state of a key, which is judged after it, so
//! that who may not use a key does not learn its state.

use keyfold_protocol::KmsError;

use crate::call::{Call, Principal};
use crate::operations::{Handle, OperationRow, Target as _};

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
    // One permission for each resource; if there are fewer, the last is for all that follow.
    let last = row.actions.last().copied().into_iter().cycle();
    for (resource, action) in target.resources(call).iter().zip(row.actions.iter().copied().chain(last)) {
        let is_allowed = match &call.principal {
            Principal::AccountRoot(own) => resource.account == own.as_str(),
        };
        if !is_allowed {
            let principal = call.principal.arn(&call.scope.partition);
            return Err(KmsError::access_denied(&principal, action, &resource.arn));
        }
    }
    Ok(Authorized { request, target })
}
