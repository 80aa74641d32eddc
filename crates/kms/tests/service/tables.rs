//! The tables cover everything, and are what they were.

use std::fmt::Write as _;

use keyfold_kms::key::state::Verdict;
use keyfold_kms::operations::OPERATIONS;
use keyfold_protocol::KeyState;
use keyfold_protocol::operations::OperationName;

#[test]
fn every_operation_has_one_row_with_permissions_and_states() {
    let rows: Vec<_> = OPERATIONS.iter().map(|row| row.name).collect();
    assert_eq!(rows, OperationName::ALL);
    for row in OPERATIONS {
        assert!(!row.actions.is_empty() && row.actions.iter().all(|action| action.starts_with("kms:")));
        let acts_on_no_key = matches!(
            row.name,
            OperationName::CreateKey | OperationName::GenerateRandom | OperationName::ListKeys
        );
        assert_eq!(row.states.is_none(), acts_on_no_key, "{}", row.name);
    }
}

#[test]
fn the_state_matrix_is_the_recorded_one() {
    let mut matrix = String::new();
    for row in OPERATIONS {
        let Some(states) = &row.states else {
            writeln!(matrix, "{}: acts on no key", row.name).unwrap();
            continue;
        };
        for state in KeyState::ALL {
            let verdict = match states.verdict(state) {
                Verdict::Allowed => "allowed",
                Verdict::Refused if *state == KeyState::Disabled => "DisabledException",
                Verdict::Refused => "KMSInvalidStateException",
                Verdict::NotPendingDeletion => "KMSInvalidStateException (is not pending deletion)",
                _ => "?",
            };
            writeln!(matrix, "{} in {state}: {verdict}", row.name).unwrap();
        }
    }
    let recorded = include_str!("../snapshots/key-states.txt");
    assert!(
        matrix == recorded,
        "the matrix has changed; if that is meant, this is the new snapshot:\n{matrix}"
    );
}
