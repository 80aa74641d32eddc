//! Which operation a key takes in which state: one table, from AWS's "Key states of AWS KMS keys".
//!
//! A row is a constant here, named by what its operations do to a key; the `OPERATIONS` table gives each operation
//! its row. The whole matrix is a snapshot in `tests/snapshots/key-states.txt`. What moves a key from one state to
//! another is the operation's business.

use keyfold_protocol::{KeyArn, KeyState, KmsError};

/// What an operation does in one state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is done.
    Allowed,
    /// Refused because of the state: `DisabledException` in `Disabled`, else `KMSInvalidStateException` with
    /// "is pending deletion" and the like.
    Refused,
    /// Refused because the key is not in the one state that the operation leads out of.
    NotPendingDeletion,
}

/// The row of an operation: a verdict for each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateRow([Verdict; STATES]);

impl StateRow {
    /// What happens in `state`. A state that this version does not know allows nothing.
    #[must_use]
    pub fn verdict(&self, state: &KeyState) -> Verdict {
        let column = KeyState::ALL.iter().position(|known| known == state);
        column.and_then(|column| self.0.get(column)).copied().unwrap_or(Verdict::Refused)
    }

    /// The error in `state` for the key `arn`, if there is one.
    pub(crate) fn check(&self, arn: &KeyArn, state: &KeyState) -> Result<(), KmsError> {
        match self.verdict(state) {
            Verdict::Allowed => Ok(()),
            Verdict::NotPendingDeletion => Err(KmsError::invalid_state(arn, "is not pending deletion")),
            Verdict::Refused => Err(match state {
                KeyState::Disabled => KmsError::disabled(arn),
                KeyState::PendingDeletion => KmsError::invalid_state(arn, "is pending deletion"),
                KeyState::PendingReplicaDeletion => {
                    KmsError::invalid_state(arn, "is pending replica deletion")
                }
                KeyState::PendingImport => KmsError::invalid_state(arn, "is pending import"),
                KeyState::Unavailable => KmsError::invalid_state(arn, "is unavailable"),
                KeyState::Creating => KmsError::invalid_state(arn, "is creating"),
                KeyState::Updating => KmsError::invalid_state(arn, "is updating"),
                _ => KmsError::invalid_state(arn, "is in a state that does not allow this operation"),
            }),
        }
    }
}

use Verdict::{Allowed as Y, NotPendingDeletion as P, Refused as N};

// Columns in the order of `KeyState::ALL`:
//   Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable, Creating, Updating

/// Cryptographic use: Encrypt, Decrypt, data keys, ReEncrypt; and rotation, which makes what they use.
pub(crate) const USE: StateRow = StateRow([Y, N, N, N, N, N, N, Y]);
/// Looking, and taking names away.
pub(crate) const ANY: StateRow = StateRow([Y, Y, Y, Y, Y, Y, Y, Y]);
/// Giving a key a name, tags, a description.
pub(crate) const NAME: StateRow = StateRow([Y, Y, N, N, Y, Y, Y, Y]);
/// Giving a grant: as for use, but a key that is without its store for a time can be given too.
pub(crate) const GRANT: StateRow = StateRow([Y, N, N, N, N, Y, N, Y]);
/// Asking for the schedule of rotation, which a key without material has none of.
pub(crate) const ROTATION_STATUS: StateRow = StateRow([Y, Y, Y, Y, N, N, Y, Y]);
/// Enabling and disabling. A key without its store may be switched; that takes effect with the store.
pub(crate) const SWITCH: StateRow = StateRow([Y, Y, N, N, N, Y, N, N]);
/// Scheduling deletion.
pub(crate) const SCHEDULE_DELETION: StateRow = StateRow([Y, Y, N, N, Y, Y, Y, N]);
/// Taking a scheduled deletion back.
pub(crate) const CANCEL_DELETION: StateRow = StateRow([P, P, Y, Y, P, P, P, P]);

const STATES: usize = KeyState::ALL.len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_in_the_order_of_the_states() {
        let names: Vec<_> = KeyState::ALL.iter().map(KeyState::as_str).collect();
        assert_eq!(
            names.join(", "),
            "Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable, Creating, \
             Updating"
        );
    }

    #[test]
    fn an_unknown_state_allows_nothing() {
        assert_eq!(ANY.verdict(&KeyState::from("Melting")), Verdict::Refused);
    }
}
