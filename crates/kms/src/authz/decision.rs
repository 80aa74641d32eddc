//! Who wins, when key policy and identity policies are asked about one access.
//!
//! ```text
//! a Deny in the key policy or an identity policy        refused, whatever else is said
//!
//! a key of the principal's own account:
//!   the key policy allows the principal, or everybody   allowed
//!   the key policy allows the account,
//!     and an identity policy the principal              allowed
//!   a grant                                             allowed
//!
//! a key of another account:
//!   the key policy allows the principal, its account
//!     or everybody, or there is a grant,
//!     and an identity policy allows the principal       allowed
//!
//! nothing of these                                      refused
//! ```
//!
//! What is no key has no policy of its own: there identity policies decide alone, and never in another account. The
//! root of an account counts as allowed by its identity everything. Who may retire a grant says the grant, so there
//! an identity policy need not allow it. The truth is "Policy evaluation logic" of AWS IAM, "Key policies in AWS
//! KMS" and "Allowing users in other accounts to use a KMS key".

use super::policy::{Access, Policy};
use super::standing::Standing;

/// Whose a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of the principal's account.
    Own,
    /// Of another account.
    Foreign,
}

/// Why an access is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A policy of this type has a Deny.
    #[error("an explicit deny in {0}")]
    Denied(&'static str),
    /// The key policy allows neither the principal nor its account; or there is none, in another account.
    #[error("no key policy allows it")]
    KeyPolicySilent,
    /// It is left to identity policies, and none allows it.
    #[error("no identity policy allows it")]
    IdentitySilent,
    /// The principal does not exist.
    #[error("the principal does not exist")]
    Nobody,
    /// The operation acts in the own account only.
    #[error("the operation is for keys of the own account")]
    OwnAccountOnly,
}

impl Refusal {
    /// Whether the access is allowed if there is a grant for it.
    pub(super) fn yields_to_grant(self, whose: Whose, action: &str) -> bool {
        match self {
            Self::KeyPolicySilent => true,
            Self::IdentitySilent => whose == Whose::Own || action == "kms:RetireGrant",
            Self::Denied(_) | Self::Nobody | Self::OwnAccountOnly => false,
        }
    }
}

/// Who wins. Pure: the whole matrix is a test.
pub(super) fn decide(
    access: Access<'_>,
    whose: Whose,
    key_policy: Option<&Policy>,
    standing: &Standing,
) -> Result<(), Refusal> {
    if matches!(standing, Standing::Nobody) {
        return Err(Refusal::Nobody);
    }
    let (key_says, own) = (key_policy.map(|policy| policy.says(access)), standing.says(access));
    if key_says.is_some_and(|says| says.denied) {
        return Err(Refusal::Denied("a resource-based policy"));
    }
    if own.denied {
        return Err(Refusal::Denied("an identity-based policy"));
    }
    match (whose, key_says) {
        (Whose::Own, Some(says)) if says.allowed => Ok(()),
        (Whose::Own, Some(says)) if !says.delegated => Err(Refusal::KeyPolicySilent),
        (Whose::Own | Whose::Foreign, _) if !own.allowed => Err(Refusal::IdentitySilent),
        (Whose::Foreign, Some(says)) if !says.allowed && !says.delegated => Err(Refusal::KeyPolicySilent),
        (Whose::Foreign, None) => Err(Refusal::KeyPolicySilent),
        (Whose::Own | Whose::Foreign, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use keyfold_protocol::AccountId;

    use super::super::policy::AttachedTo;
    use super::*;
    use crate::principals::named::UniqueIds;
    use crate::principals::{Principal, UniqueId};

    /// The ids of those that policies name.
    fn ids() -> UniqueIds {
        let id = |text: &str| text.parse::<UniqueId>().unwrap();
        UniqueIds::from([
            (ME.to_owned(), id("AIDAAAAAAAAAAAAAAAAAA")),
            (YOU.to_owned(), id("AIDABBBBBBBBBBBBBBBBB")),
            (ROLE.to_owned(), id("AROAAAAAAAAAAAAAAAAAA")),
        ])
    }

    /// A policy of one statement for each of `statements`: effect and principal.
    fn key_policy(statements: &[(&str, &str)]) -> Policy {
        let statement = |(effect, principal): &(&str, &str)| {
            format!(
                r#"{{"Effect":"{effect}","Principal":{{"AWS":"{principal}"}},"Action":"kms:Decrypt","Resource":"*"}}"#
            )
        };
        let statements: Vec<_> = statements.iter().map(statement).collect();
        let text = format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
        let partition = "aws".parse().unwrap();
        Policy::parse(&text, AttachedTo::Key, &partition).unwrap().bound(&ids(), &partition).unwrap()
    }

    /// Whoever `arn` names, with a policy for each of `effects`.
    fn with_policies(arn: &str, effects: &[&str]) -> Standing {
        let policy = |effect: &&str| {
            let text =
                format!(r#"{{"Statement":{{"Effect":"{effect}","Action":"kms:Decrypt","Resource":"*"}}}}"#);
            Policy::parse(&text, AttachedTo::Identity, &"aws".parse().unwrap()).unwrap()
        };
        let policies = effects.iter().map(policy).collect();
        Standing::Identity { id: ids()[arn].clone(), policies }
    }

    const ME: &str = "arn:aws:iam::000000000001:user/me";
    const YOU: &str = "arn:aws:iam::000000000001:user/you";
    const ROLE: &str = "arn:aws:iam::000000000001:role/job";
    const SESSION: &str = "arn:aws:sts::000000000001:assumed-role/job/one";
    const OTHER_SESSION: &str = "arn:aws:sts::000000000001:assumed-role/job/two";
    const US: &str = "000000000001";
    const OTHERS: &str = "000000000002";
    const DENIED: Result<(), Refusal> = Err(Refusal::Denied("a resource-based policy"));
    const DENIED_SELF: Result<(), Refusal> = Err(Refusal::Denied("an identity-based policy"));
    const SILENT: Result<(), Refusal> = Err(Refusal::KeyPolicySilent);
    const SILENT_SELF: Result<(), Refusal> = Err(Refusal::IdentitySilent);
    const NOBODY: Result<(), Refusal> = Err(Refusal::Nobody);
    const OK: Result<(), Refusal> = Ok(());

    /// Who asks, by the number of its column.
    fn callers() -> [(Principal, Standing); 10] {
        let account = AccountId::from_number(1).unwrap();
        let root = Principal::AccountRoot(account.clone());
        let me = Principal::User { account: account.clone(), name: "me".parse().unwrap() };
        let session = Principal::AssumedRole {
            account,
            role: "job".parse().unwrap(),
            role_id: ids()[ROLE].clone(),
            session: "one".parse().unwrap(),
        };
        [
            (me.clone(), Standing::Nobody),
            (root, Standing::Root),
            (me.clone(), with_policies(ME, &[])),
            (me.clone(), with_policies(ME, &["Allow"])),
            (me.clone(), with_policies(ME, &["Deny"])),
            (me.clone(), with_policies(ME, &["Allow", "Deny"])),
            (me, with_policies(ME, &["Deny", "Allow"])),
            (session.clone(), with_policies(ROLE, &[])),
            (session.clone(), with_policies(ROLE, &["Allow"])),
            (session, with_policies(ROLE, &["Allow", "Deny"])),
        ]
    }

    /// The statements of a key policy, if there is one, and the verdict for each of the standings.
    type Case<'c> = (Option<&'c [(&'c str, &'c str)]>, [Result<(), Refusal>; 10]);

    fn check(whose: Whose, cases: &[Case<'_>]) {
        for (statements, outcomes) in cases {
            let policy = statements.map(key_policy);
            for ((principal, standing), expected) in callers().iter().zip(outcomes) {
                let access = Access { principal, id: standing.id(), action: "kms:Decrypt", resource: "*" };
                let outcome = decide(access, whose, policy.as_ref(), standing);
                assert_eq!(outcome, *expected, "{whose:?} {statements:?} {principal:?} {standing:?}");
                let other = Access { action: "kms:Encrypt", ..access };
                let is_root_at_home =
                    whose == Whose::Own && matches!(standing, Standing::Root) && policy.is_none();
                assert_eq!(
                    decide(other, whose, policy.as_ref(), standing).is_ok(),
                    is_root_at_home,
                    "nothing is said of it"
                );
            }
        }
    }

    #[test]
    fn who_wins_in_the_own_account() {
        const D: Result<(), Refusal> = DENIED_SELF;
        // nobody, root, me: {}, allow, deny, allow and deny, deny and allow; session: {}, allow, allow and deny
        let no_key = [NOBODY, OK, SILENT_SELF, OK, D, D, D, SILENT_SELF, OK, D];
        let delegated = no_key;
        let to_me = [NOBODY, SILENT, OK, OK, D, D, D, SILENT, SILENT, D];
        let to_me_and_us = [NOBODY, OK, OK, OK, D, D, D, SILENT_SELF, OK, D];
        let to_all = [NOBODY, OK, OK, OK, D, D, D, OK, OK, D];
        let to_session = [NOBODY, SILENT, SILENT, SILENT, D, D, D, OK, OK, D];
        let silent = [NOBODY, SILENT, SILENT, SILENT, D, D, D, SILENT, SILENT, D];
        let all_denied = [NOBODY, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED];
        let me_denied = [NOBODY, OK, DENIED, DENIED, DENIED, DENIED, DENIED, SILENT_SELF, OK, D];
        let job_denied = [NOBODY, OK, SILENT_SELF, OK, D, D, D, DENIED, DENIED, DENIED];
        check(
            Whose::Own,
            &[
                (None, no_key),
                (Some(&[("Allow", US)]), delegated),
                (Some(&[("Allow", ME)]), to_me),
                (Some(&[("Allow", "*")]), to_all),
                (Some(&[("Allow", ME), ("Allow", US)]), to_me_and_us),
                (Some(&[("Allow", ROLE)]), to_session),
                (Some(&[("Allow", SESSION)]), to_session),
                (Some(&[("Allow", OTHER_SESSION)]), silent),
                (Some(&[("Allow", YOU)]), silent),
                (Some(&[("Allow", OTHERS)]), silent),
                (Some(&[("Deny", YOU), ("Allow", US)]), delegated),
                (Some(&[("Deny", OTHER_SESSION), ("Allow", US)]), delegated),
                (Some(&[("Deny", "*"), ("Allow", "*")]), all_denied),
                (Some(&[("Allow", "*"), ("Deny", US)]), all_denied),
                (Some(&[("Allow", US), ("Deny", ME)]), me_denied),
                (Some(&[("Allow", US), ("Deny", ROLE)]), job_denied),
                (Some(&[("Allow", US), ("Deny", SESSION)]), job_denied),
            ],
        );
    }

    #[test]
    fn who_wins_in_another_account() {
        const D: Result<(), Refusal> = DENIED_SELF;
        let none = [NOBODY, SILENT, SILENT_SELF, SILENT, D, D, D, SILENT_SELF, SILENT, D];
        let to_us = [NOBODY, OK, SILENT_SELF, OK, D, D, D, SILENT_SELF, OK, D];
        let to_me = [NOBODY, SILENT, SILENT_SELF, OK, D, D, D, SILENT_SELF, SILENT, D];
        let to_session = [NOBODY, SILENT, SILENT_SELF, SILENT, D, D, D, SILENT_SELF, OK, D];
        let all_denied = [NOBODY, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED];
        let me_denied = [NOBODY, OK, DENIED, DENIED, DENIED, DENIED, DENIED, SILENT_SELF, OK, D];
        check(
            Whose::Foreign,
            &[
                (None, none),
                (Some(&[("Allow", OTHERS)]), none),
                (Some(&[("Allow", YOU)]), none),
                (Some(&[("Allow", US)]), to_us),
                (Some(&[("Allow", "*")]), to_us),
                (Some(&[("Allow", ME)]), to_me),
                (Some(&[("Allow", ROLE)]), to_session),
                (Some(&[("Allow", SESSION)]), to_session),
                (Some(&[("Allow", OTHER_SESSION)]), none),
                (Some(&[("Allow", US), ("Deny", OTHERS)]), to_us),
                (Some(&[("Allow", US), ("Deny", "*")]), all_denied),
                (Some(&[("Allow", "*"), ("Deny", US)]), all_denied),
                (Some(&[("Allow", US), ("Deny", ME)]), me_denied),
            ],
        );
    }

    #[test]
    fn what_a_grant_makes_good() {
        for (refusal, whose, action, expected) in [
            (Refusal::KeyPolicySilent, Whose::Own, "kms:Decrypt", true),
            (Refusal::KeyPolicySilent, Whose::Foreign, "kms:Decrypt", true),
            (Refusal::IdentitySilent, Whose::Own, "kms:Decrypt", true),
            (Refusal::IdentitySilent, Whose::Foreign, "kms:Decrypt", false),
            (Refusal::IdentitySilent, Whose::Foreign, "kms:RetireGrant", true),
            (Refusal::Denied("a resource-based policy"), Whose::Own, "kms:RetireGrant", false),
            (Refusal::Nobody, Whose::Own, "kms:RetireGrant", false),
            (Refusal::OwnAccountOnly, Whose::Foreign, "kms:Decrypt", false),
        ] {
            assert_eq!(refusal.yields_to_grant(whose, action), expected, "{refusal:?} {whose:?} {action}");
        }
    }
}
