//! The tables cover everything, and are what they were.

use std::fmt::Write as _;

use keyfold_kms::key::SERVICES;
use keyfold_kms::key::state::Verdict;
use keyfold_kms::operations::{BUILT_IN_PART, NOT_BUILT, OPERATIONS};
use keyfold_protocol::KeyState;
use keyfold_protocol::operations::{KNOWN_OPERATIONS, OperationName};

#[test]
fn every_operation_has_one_row_with_permissions_and_states() {
    let rows: Vec<_> = OPERATIONS.iter().map(|row| row.name).collect();
    assert_eq!(rows, OperationName::ALL);
    for row in OPERATIONS {
        assert!(!row.actions.is_empty() && row.actions.iter().all(|action| action.starts_with("kms:")));
        let acts_on_no_key = matches!(
            row.name,
            OperationName::CreateKey
                | OperationName::GenerateRandom
                | OperationName::ListKeys
                | OperationName::ListRetirableGrants
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

/// What differs from AWS in all operations, or in none that has a row.
const DIFFERENCES: &str = "\
## What is not as in AWS

- A member that an operation does not have is refused, with a `SerializationException` that names it. AWS passes it over; but
  a member that this version does not know may restrict what the request asks for.
- What is committed is known everywhere at once: a grant needs no token.
- A key has at most 500 grants to one grantee, of at most 50,000 in all: every use of the key looks through those of its caller.
- The aliases `alias/aws/<service>` belong to keys that the service manages, the counterpart of AWS managed keys. Such a key is made
  when its alias is first used or described, is rotated every year, and can't be changed, disabled, shared or deleted: its policy
  allows nobody to. Who may use it is left to the identity policies of the account; in AWS it can be used through its service
  only. Before its first use an alias is not listed, and a dry run does not find it; whoever may not use the key does not make
  it. In a Region where an account has no key, none is made once it has keys in 64 others: the alias is not found.
  These services have one:
";

/// What `docs/api.md` is.
fn api_page() -> String {
    let mut page = format!(
        "# The KMS API: what is built\n\n\
         Generated from `OPERATIONS` in `crates/kms/src/operations/mod.rs`; a test fails when this page differs from it.\n\n\
         Of {} operations {} are built for symmetric encryption keys, {} of them in part, and {} not yet. An operation that is \
         not built answers `UnsupportedOperationException`, so does a built one that is asked for what it does not do.\n\n\
         | operation | built | permissions | changes something | across accounts | refuses |\n|---|---|---|---|---|---|\n",
        KNOWN_OPERATIONS.len(),
        OPERATIONS.len(),
        BUILT_IN_PART.len(),
        NOT_BUILT.len(),
    );
    for name in KNOWN_OPERATIONS {
        let Some(row) = OPERATIONS.iter().find(|row| row.name.as_str() == *name) else {
            writeln!(page, "| {name} | not yet | | | | |").unwrap();
            continue;
        };
        let part = BUILT_IN_PART.iter().find(|(part, _)| *part == row.name);
        let (built, refuses) = part.map_or(("yes", ""), |(_, what)| ("partly", what));
        let actions: Vec<_> = row.actions.iter().map(|action| format!("`{action}`")).collect();
        let [changes, across] =
            [row.mutates, row.cross_account].map(|is_so| if is_so { "yes" } else { "no" });
        let actions = actions.join(", ");
        writeln!(page, "| {name} | {built} | {actions} | {changes} | {across} | {refuses} |").unwrap();
    }
    let services: Vec<_> = SERVICES.iter().map(|(service, _)| format!("`{service}`")).collect();
    format!("{}\n{DIFFERENCES}  {}.\n", page.replace("|  |", "| |"), services.join(", "))
}

#[test]
fn every_operation_of_aws_is_built_or_known_not_to_be() {
    let mut names: Vec<_> = OPERATIONS.iter().map(|row| row.name.as_str()).collect();
    names.extend(NOT_BUILT);
    names.sort_unstable();
    assert_eq!(names, KNOWN_OPERATIONS);
}

#[test]
fn the_page_about_the_api_is_the_generated_one() {
    let recorded = include_str!("../../../../docs/api.md");
    let page = api_page();
    assert!(page == recorded, "docs/api.md is not what the table says; it should be:\n{page}");
}
