//! Policy documents: read strictly, then asked what they say of one access.
//!
//! ```text
//! { "Version", "Id",
//!   "Statement": one or several of { "Sid", "Effect": "Allow" | "Deny",
//!                                    "Principal": "*" | { "AWS": one or several of "*", account id, ARN },
//!                                    "Action": one or several of "kms:Name" with * and ?,
//!                                    "Resource": one or several of "*" or an ARN with * and ? } }
//! ```
//!
//! A key policy has principals, an identity policy has none, since it is attached to one. A document with anything
//! that can't be evaluated here, conditions above all, is refused when it is put, so that no statement is ever
//! passed over. Who wins among several policies is not decided here ([`super::check`]). The truth is the "IAM JSON
//! policy reference" of AWS and, for keys, "Key policies in AWS KMS".

use keyfold_protocol::{ErrorKind, KmsError, Partition};

use super::document::{Object, RawDocument};
use super::statement::{Effect, PrincipalPattern, Statement};
use crate::principals::named::{Named, UniqueIds};
use crate::principals::{Principal, UniqueId};

/// A policy that can be evaluated in every part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttachedTo {
    /// A KMS key: it says for whom.
    Key,
    /// A user or role: it has no principals.
    Identity,
}

/// Why a policy document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not JSON, an unknown or repeated element, or a value of the wrong type.
    #[error("the policy document is not well-formed")]
    Syntax,
    /// An element that must be there is missing.
    #[error("a policy element is missing: {0}")]
    Missing(&'static str),
    /// An element has a value that it can't have.
    #[error("a policy element has an invalid value: {0}")]
    Invalid(&'static str),
    /// An element is there that does not belong into a policy of this kind.
    #[error("a policy element does not belong here: {0}")]
    Misplaced(&'static str),
    /// A principal does not exist.
    #[error("Policy contains a statement with one or more invalid principals.")]
    NoSuchPrincipal,
    /// A valid document that says something which this service does not evaluate.
    #[error("{0} in a policy is not supported by this service.")]
    Unsupported(&'static str),
}

/// One access to judge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    pub(crate) principal: &'a Principal,
    /// The unique id of the user, or of the role that the session is of; the root of an account has none.
    pub(crate) id: Option<&'a UniqueId>,
    /// `kms:Decrypt`.
    pub(crate) action: &'a str,
    /// An ARN, or `*` for the account as such.
    pub(crate) resource: &'a str,
}

/// What a policy says of an access. All of it can be true at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Says {
    /// A Deny statement fits.
    pub(crate) denied: bool,
    /// An Allow statement fits that names the principal itself.
    pub(crate) allowed: bool,
    /// An Allow statement fits that names the principal's account, which leaves it to identity policies.
    pub(crate) delegated: bool,
}

impl Policy {
    /// Reads a document. Whether the users and roles in it exist is another question ([`Policy::named`]); until it is
    /// answered ([`Policy::bound`]) their names are nobody's.
    pub(crate) fn parse(
        text: &str,
        attached_to: AttachedTo,
        partition: &Partition,
    ) -> Result<Self, PolicyError> {
        let Object(document) =
            serde_json::from_str::<Object<RawDocument>>(text).map_err(|_| PolicyError::Syntax)?;
        if document.version.is_some_and(|version| !VERSIONS.contains(&version.as_str())) {
            return Err(PolicyError::Invalid("Version"));
        }
        let statements = document.statement.ok_or(PolicyError::Missing("Statement"))?.0;
        if statements.is_empty() {
            return Err(PolicyError::Missing("Statement"));
        }
        let read = |Object(raw)| Statement::read(raw, attached_to, partition);
        Ok(Self { statements: statements.into_iter().map(read).collect::<Result<_, _>>()? })
    }

    /// What it says of `access`.
    pub(crate) fn says(&self, access: Access<'_>) -> Says {
        let mut says = Says::default();
        for statement in self.statements.iter().filter(|statement| statement.covers(access)) {
            let (named, account_named) = statement.names(access);
            match statement.effect {
                // A Deny on an account is one on everybody in it.
                Effect::Deny => says.denied |= named || account_named,
                Effect::Allow => {
                    says.allowed |= named;
                    says.delegated |= account_named;
                }
            }
        }
        says
    }

    /// Everyone whom it names.
    pub(crate) fn named(&self) -> impl Iterator<Item = &Named> {
        let patterns = self.statements.iter().flat_map(|statement| statement.principals.iter().flatten());
        patterns.filter_map(|pattern| match pattern {
            PrincipalPattern::Anyone => None,
            PrincipalPattern::One { named, .. } => Some(named),
        })
    }

    /// The policy about the users and roles with these unique ids; `None` if there is none for one that it names.
    pub(crate) fn bound(mut self, ids: &UniqueIds, partition: &Partition) -> Option<Self> {
        let patterns = self.statements.iter_mut().flat_map(|statement| statement.principals.iter_mut());
        for pattern in patterns.flatten() {
            if let PrincipalPattern::One { named, id } = pattern
                && let Some(identity) = named.identity()
            {
                *id = Some(ids.get(&identity.arn(partition))?.clone());
            }
        }
        Some(self)
    }
}

impl From<PolicyError> for KmsError {
    fn from(error: PolicyError) -> Self {
        let kind = match error {
            PolicyError::Unsupported(_) => ErrorKind::UnsupportedOperation,
            _ => ErrorKind::MalformedPolicyDocument,
        };
        Self::new(kind, error.to_string())
    }
}

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

#[cfg(test)]
mod tests {
    use keyfold_protocol::AccountId;

    use super::*;

    fn parse(text: &str, attached_to: AttachedTo) -> Result<Policy, PolicyError> {
        Policy::parse(text, attached_to, &"aws".parse().unwrap())
    }

    /// A key policy with one statement, that allows.
    fn statement(elements: &str) -> Result<Policy, PolicyError> {
        parse(&format!(r#"{{"Statement":{{"Effect":"Allow",{elements}}}}}"#), AttachedTo::Key)
    }

    #[test]
    fn what_a_document_may_not_be() {
        for text in [
            "",
            "not json",
            "[]",
            "null",
            r#"{"Statement":[]} x"#,
            r#"{"Statement":[{"Effect":"Allow","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#,
            r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"},"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"*","AWS":"*"},"Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Effects":1}}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},"version":"2012-10-17"}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":["*"],"Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":[["*"]],"Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":null,"Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":1,"Resource":"*"}}"#,
            r#"{"Statement":"Allow"}"#,
            r#"["2012-10-17","x",[]]"#,
            r#"{"Statement":[["x","Allow","*","*","*"]]}"#,
        ] {
            assert_eq!(parse(text, AttachedTo::Key), Err(PolicyError::Syntax), "{text}");
        }
        let cases = [
            (r#""Action":"*","Resource":"*""#, PolicyError::Missing("Principal")),
            (r#""Principal":{},"Action":"*","Resource":"*""#, PolicyError::Missing("Principal")),
            (r#""Principal":{"AWS":[]},"Action":"*","Resource":"*""#, PolicyError::Missing("Principal")),
            (r#""Principal":"me","Action":"*","Resource":"*""#, PolicyError::Invalid("Principal")),
            (r#""Principal":"*","Action":[],"Resource":"*""#, PolicyError::Missing("Action")),
            (r#""Principal":"*","Action":"Decrypt","Resource":"*""#, PolicyError::Invalid("Action")),
            (r#""Principal":"*","Action":"kms:","Resource":"*""#, PolicyError::Invalid("Action")),
            (r#""Principal":"*","Action":"*","Resource":"mine""#, PolicyError::Invalid("Resource")),
            (r#""Principal":"*","Action":"*","Resource":"arn:aws:kms:*""#, PolicyError::Invalid("Resource")),
        ];
        for (elements, error) in cases {
            assert_eq!(statement(elements), Err(error), "{elements}");
        }
        for (text, error) in [
            ("{}", PolicyError::Missing("Statement")),
            (r#"{"Statement":[]}"#, PolicyError::Missing("Statement")),
            (r#"{"Statement":{"Principal":"*"}}"#, PolicyError::Missing("Effect")),
            (r#"{"Statement":{"Effect":"allow"}}"#, PolicyError::Invalid("Effect")),
            (r#"{"Version":"2012","Statement":{"Effect":"Allow"}}"#, PolicyError::Invalid("Version")),
        ] {
            assert_eq!(parse(text, AttachedTo::Key), Err(error), "{text}");
        }
        for who in [
            "12345678901",
            "arn:aws:iam::1:root",
            "arn:aws-cn:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::111122223333:user/team/a",
            "arn:aws:iam::111122223333:group/a",
            "arn:aws:iam::111122223333",
        ] {
            let elements = format!(r#""Principal":{{"AWS":"{who}"}},"Action":"*","Resource":"*""#);
            assert_eq!(statement(&elements), Err(PolicyError::NoSuchPrincipal), "{who}");
        }
    }

    #[test]
    fn what_is_not_evaluated_is_refused_and_never_passed_over() {
        let all = r#""Principal":"*","Action":"*","Resource":"*""#;
        for (elements, what) in [
            (format!(r#"{all},"Condition":{{}}"#), "Condition"),
            (format!(r#"{all},"Condition":null"#), "Condition"),
            (format!(r#"{all},"NotAction":"kms:*""#), "NotAction"),
            (format!(r#"{all},"NotPrincipal":"*""#), "NotPrincipal"),
            (format!(r#"{all},"NotResource":"*""#), "NotResource"),
            (
                r#""Principal":{"Service":"s3.amazonaws.com"},"Action":"*","Resource":"*""#.to_owned(),
                "A principal that is not of kind AWS",
            ),
            (
                r#""Principal":"*","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:username}""#.to_owned(),
                "A policy variable",
            ),
        ] {
            assert_eq!(statement(&elements), Err(PolicyError::Unsupported(what)), "{elements}");
        }
    }

    #[test]
    fn a_statement_of_a_key_policy_without_action_or_resource_has_no_effect() {
        let principal = Principal::AccountRoot("111122223333".parse().unwrap());
        let access = Access { principal: &principal, id: None, action: "kms:Decrypt", resource: "*" };
        for elements in [r#""Principal":"*","Action":"*""#, r#""Principal":"*","Resource":"*""#] {
            assert_eq!(statement(elements).unwrap().says(access), Says::default());
        }
        let identity = r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#;
        assert_eq!(parse(identity, AttachedTo::Identity), Err(PolicyError::Missing("Resource")));
        let identity = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
        assert_eq!(parse(identity, AttachedTo::Identity), Err(PolicyError::Misplaced("Principal")));
    }

    #[test]
    fn whom_a_statement_names() {
        let account: AccountId = "111122223333".parse().unwrap();
        let user = |account: &str, name: &str| Principal::User {
            account: account.parse().unwrap(),
            name: name.parse().unwrap(),
        };
        let id = |text: &str| text.parse::<UniqueId>().unwrap();
        let (alice_id, other_id) = (id("AIDAAAAAAAAAAAAAAAAAA"), id("AIDABBBBBBBBBBBBBBBBB"));
        let (role_id, other_role_id) = (id("AROAAAAAAAAAAAAAAAAAA"), id("AROABBBBBBBBBBBBBBBBB"));
        let session = |name: &str, role_id: &UniqueId| Principal::AssumedRole {
            account: account.clone(),
            role: "deploy".parse().unwrap(),
            role_id: role_id.clone(),
            session: name.parse().unwrap(),
        };
        let everybody = [
            (Principal::AccountRoot(account.clone()), None),
            (user("111122223333", "alice"), Some(&alice_id)),
            // Who has the name of a user that was removed.
            (user("111122223333", "alice"), Some(&other_id)),
            (user("111122223333", "deploy"), Some(&other_id)),
            (user("444455556666", "alice"), Some(&alice_id)),
            (session("nightly", &role_id), Some(&role_id)),
            (session("weekly", &role_id), Some(&role_id)),
            (session("nightly", &other_role_id), Some(&other_role_id)),
        ];
        let ids = UniqueIds::from([
            ("arn:aws:iam::111122223333:user/alice".to_owned(), alice_id.clone()),
            ("arn:aws:iam::111122223333:role/deploy".to_owned(), role_id.clone()),
        ]);
        let (none, ours) = ([0; 8], [1, 1, 1, 1, 0, 1, 1, 1]);
        for (who, allowed, delegated) in [
            (r#""*""#, [1; 8], none),
            (r#"{"AWS":"*"}"#, [1; 8], none),
            (r#"{"AWS":"111122223333"}"#, [1, 0, 0, 0, 0, 0, 0, 0], ours),
            (r#"{"AWS":["arn:aws:iam::111122223333:root"]}"#, [1, 0, 0, 0, 0, 0, 0, 0], ours),
            (r#"{"AWS":"arn:aws:iam::111122223333:user/alice"}"#, [0, 1, 0, 0, 0, 0, 0, 0], none),
            (r#"{"AWS":"arn:aws:iam::111122223333:role/deploy"}"#, [0, 0, 0, 0, 0, 1, 1, 0], none),
            (
                r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/deploy/nightly"}"#,
                [0, 0, 0, 0, 0, 1, 0, 0],
                none,
            ),
        ] {
            let policy = |effect: &str| {
                let text = format!(
                    r#"{{"Statement":[{{"Effect":"{effect}","Principal":{who},"Action":"KMS:decr*","Resource":"*"}}]}}"#
                );
                let partition = "aws".parse().unwrap();
                parse(&text, AttachedTo::Key).unwrap().bound(&ids, &partition).unwrap()
            };
            for (index, (principal, id)) in everybody.iter().enumerate() {
                let access = Access { principal, id: *id, action: "kms:Decrypt", resource: "arn:x" };
                let (allowed, delegated) = (allowed[index] == 1, delegated[index] == 1);
                let says = Says { denied: false, allowed, delegated };
                assert_eq!(policy("Allow").says(access), says, "{who} {index}");
                let denied = allowed || delegated;
                assert_eq!(policy("Deny").says(access), Says { denied, ..Says::default() });
                let access = Access { action: "kms:Encrypt", ..access };
                assert_eq!(policy("Allow").says(access), Says::default());
            }
        }
    }

    #[test]
    fn a_policy_is_not_bound_without_the_ids_of_all_whom_it_names() {
        let partition = "aws".parse().unwrap();
        let policy = |who: &str| {
            statement(&format!(r#""Principal":{{"AWS":"{who}"}},"Action":"*","Resource":"*""#)).unwrap()
        };
        assert!(
            policy("arn:aws:iam::111122223333:user/alice").bound(&UniqueIds::new(), &partition).is_none()
        );
        assert!(policy("111122223333").bound(&UniqueIds::new(), &partition).is_some());
        assert!(policy("*").bound(&UniqueIds::new(), &partition).is_some());
    }
}
