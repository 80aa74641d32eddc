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

use std::fmt;
use std::marker::PhantomData;

use keyfold_protocol::{AccountId, ErrorKind, KmsError, Partition};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};

use crate::principals::{Principal, UserName};

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
    /// A user: it has no principals.
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
    /// Reads a document. Whether the principals in it exist is another question: [`Policy::named`].
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
            let (named, account_named) = statement.names(access.principal);
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

    /// Every account and user that it names.
    pub(crate) fn named(&self) -> impl Iterator<Item = &Principal> {
        let patterns = self.statements.iter().flat_map(|statement| statement.principals.iter().flatten());
        patterns.filter_map(|pattern| match pattern {
            PrincipalPattern::Anyone => None,
            PrincipalPattern::One(principal) => Some(principal),
        })
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

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    /// `None` in identity policies: the one that they are attached to.
    principals: Option<Vec<PrincipalPattern>>,
    actions: Vec<String>,
    resources: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PrincipalPattern {
    Anyone,
    /// A user; or the root of an account, which stands for the account.
    One(Principal),
}

impl Statement {
    fn read(raw: RawStatement, attached_to: AttachedTo, partition: &Partition) -> Result<Self, PolicyError> {
        let not_evaluated = [
            (raw.condition.is_some(), "Condition"),
            (raw.not_action.is_some(), "NotAction"),
            (raw.not_principal.is_some(), "NotPrincipal"),
            (raw.not_resource.is_some(), "NotResource"),
        ];
        if let Some((_, element)) = not_evaluated.into_iter().find(|(is_there, _)| *is_there) {
            return Err(PolicyError::Unsupported(element));
        }
        let effect = match raw.effect.as_deref() {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            Some(_) => return Err(PolicyError::Invalid("Effect")),
            None => return Err(PolicyError::Missing("Effect")),
        };
        let principals = match (attached_to, raw.principal) {
            (AttachedTo::Key, Some(principal)) => Some(principal.read(partition)?),
            (AttachedTo::Key, None) => return Err(PolicyError::Missing("Principal")),
            (AttachedTo::Identity, Some(_)) => return Err(PolicyError::Misplaced("Principal")),
            (AttachedTo::Identity, None) => None,
        };
        let actions = patterns(raw.action, "Action", attached_to, is_action)?;
        let resources = patterns(raw.resource, "Resource", attached_to, is_resource)?;
        Ok(Self { effect, principals, actions, resources })
    }

    fn covers(&self, access: Access<'_>) -> bool {
        let action = access.action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| fits(pattern.to_ascii_lowercase().as_bytes(), action.as_bytes()))
            && self.resources.iter().any(|pattern| fits(pattern.as_bytes(), access.resource.as_bytes()))
    }

    /// Whether it names `principal` itself, and whether it names its account.
    fn names(&self, principal: &Principal) -> (bool, bool) {
        let Some(patterns) = &self.principals else {
            return (true, false);
        };
        let named = patterns.iter().any(|pattern| match pattern {
            PrincipalPattern::Anyone => true,
            PrincipalPattern::One(one) => one == principal,
        });
        let account_named = patterns.iter().any(|pattern| {
            matches!(pattern, PrincipalPattern::One(Principal::AccountRoot(account)) if account == principal.account())
        });
        (named, account_named)
    }
}

/// The patterns of an element. AWS takes a statement of a key policy that lacks one, and it has no effect.
fn patterns(
    found: Option<OneOrMany<String>>,
    element: &'static str,
    attached_to: AttachedTo,
    is_valid: fn(&str) -> bool,
) -> Result<Vec<String>, PolicyError> {
    let patterns = match found {
        Some(found) if found.0.is_empty() => return Err(PolicyError::Missing(element)),
        Some(found) => found.0,
        None if attached_to == AttachedTo::Key => Vec::new(),
        None => return Err(PolicyError::Missing(element)),
    };
    if patterns.iter().any(|pattern| pattern.contains("${")) {
        return Err(PolicyError::Unsupported("A policy variable"));
    }
    if patterns.iter().all(|pattern| is_valid(pattern)) {
        Ok(patterns)
    } else {
        Err(PolicyError::Invalid(element))
    }
}

fn is_action(pattern: &str) -> bool {
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*?-_".contains(&byte))
    };
    pattern == "*" || pattern.split_once(':').is_some_and(|(service, name)| is_name(service) && is_name(name))
}

fn is_resource(pattern: &str) -> bool {
    // The parts of an ARN must be there, whatever they are: `arn:aws:kms:*` would be a slip of the pen.
    pattern == "*" || (pattern.starts_with("arn:") && pattern.splitn(6, ':').count() == 6)
}

/// Whether `text` fits `pattern`, in which `*` is any text and `?` any one byte. In time that is at most the
/// product of the lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    // Where the last `*` is, and how far it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(byte) if *byte == b'?' || text.get(position) == Some(byte) => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((star_at, reach)) = star else { return false };
                star = Some((star_at, reach + 1));
                (at, position) = (star_at + 1, reach + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

/// A document as JSON has it. An element that is there may not be `null`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawDocument {
    #[serde(default, deserialize_with = "present")]
    version: Option<String>,
    #[serde(default, deserialize_with = "present", rename = "Id")]
    _id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    statement: Option<OneOrMany<Object<RawStatement>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawStatement {
    #[serde(default, deserialize_with = "present", rename = "Sid")]
    _sid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    effect: Option<String>,
    #[serde(default, deserialize_with = "present")]
    principal: Option<RawPrincipal>,
    #[serde(default, deserialize_with = "present")]
    action: Option<OneOrMany<String>>,
    #[serde(default, deserialize_with = "present")]
    resource: Option<OneOrMany<String>>,
    #[serde(default, deserialize_with = "present")]
    condition: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    not_action: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    not_principal: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    not_resource: Option<IgnoredAny>,
}

/// `"*"` or an object of kinds of principals.
enum RawPrincipal {
    Text(String),
    ByKind(PrincipalsByKind),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalsByKind {
    #[serde(default, deserialize_with = "present", rename = "AWS")]
    aws: Option<OneOrMany<String>>,
    #[serde(default, deserialize_with = "present", rename = "Service")]
    service: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", rename = "Federated")]
    federated: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", rename = "CanonicalUser")]
    canonical_user: Option<IgnoredAny>,
}

impl RawPrincipal {
    fn read(self, partition: &Partition) -> Result<Vec<PrincipalPattern>, PolicyError> {
        let by_kind = match self {
            Self::Text(text) if text == "*" => return Ok(vec![PrincipalPattern::Anyone]),
            Self::Text(_) => return Err(PolicyError::Invalid("Principal")),
            Self::ByKind(by_kind) => by_kind,
        };
        if by_kind.service.is_some() || by_kind.federated.is_some() || by_kind.canonical_user.is_some() {
            return Err(PolicyError::Unsupported("A principal that is not of kind AWS"));
        }
        match by_kind.aws {
            Some(texts) if !texts.0.is_empty() => {
                texts.0.iter().map(|text| principal(text, partition)).collect()
            }
            _ => Err(PolicyError::Missing("Principal")),
        }
    }
}

fn principal(text: &str, partition: &Partition) -> Result<PrincipalPattern, PolicyError> {
    if text == "*" {
        return Ok(PrincipalPattern::Anyone);
    }
    if let Ok(account) = text.parse::<AccountId>() {
        return Ok(PrincipalPattern::One(Principal::AccountRoot(account)));
    }
    let rest = text.strip_prefix(&format!("arn:{partition}:iam::")).ok_or(PolicyError::NoSuchPrincipal)?;
    let (account, name) = rest.split_once(':').ok_or(PolicyError::NoSuchPrincipal)?;
    let account: AccountId = account.parse().map_err(|_| PolicyError::NoSuchPrincipal)?;
    if name == "root" {
        return Ok(PrincipalPattern::One(Principal::AccountRoot(account)));
    }
    if name.starts_with("role/") {
        return Err(PolicyError::Unsupported("A role"));
    }
    let name: Option<UserName> = name.strip_prefix("user/").and_then(|name| name.parse().ok());
    let name = name.ok_or(PolicyError::NoSuchPrincipal)?;
    Ok(PrincipalPattern::One(Principal::User { account, name }))
}

/// An element that is there has a value: `null` is of the wrong type.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A struct from an object only: what serde derives takes a list of the values too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// One value, or a list of them.
struct OneOrMany<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = list.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany(many))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for RawPrincipal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PrincipalVisitor;

        impl<'de> Visitor<'de> for PrincipalVisitor {
            type Value = RawPrincipal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"*\" or an object")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawPrincipal, E> {
                Ok(RawPrincipal::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawPrincipal, A::Error> {
                PrincipalsByKind::deserialize(MapAccessDeserializer::new(map)).map(RawPrincipal::ByKind)
            }
        }

        deserializer.deserialize_any(PrincipalVisitor)
    }
}

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, attached_to: AttachedTo) -> Result<Policy, PolicyError> {
        Policy::parse(text, attached_to, &"aws".parse().unwrap())
    }

    /// A key policy with one statement, that allows.
    fn statement(elements: &str) -> Result<Policy, PolicyError> {
        parse(&format!(r#"{{"Statement":{{"Effect":"Allow",{elements}}}}}"#), AttachedTo::Key)
    }

    #[test]
    fn patterns_fit_as_a_whole() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "kms:Decrypt"),
            ("kms:*", "kms:Decrypt"),
            ("kms:?ecrypt", "kms:Decrypt"),
            ("k*:*crypt", "kms:Decrypt"),
            ("*a*b*", "xaxaxbx"),
            ("a**", "a"),
        ] {
            assert!(fits(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("kms:De", "kms:Decrypt"),
            ("kms:*x", "kms:Decrypt"),
            ("*a*b", "xbxa"),
            ("a*a", "a"),
        ] {
            assert!(!fits(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        let (pattern, text) = ("*a".repeat(1000), "a".repeat(999));
        assert!(!fits(pattern.as_bytes(), text.as_bytes()), "and not in exponential time");
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
                r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/a"},"Action":"*","Resource":"*""#
                    .to_owned(),
                "A role",
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
        let access = Access { principal: &principal, action: "kms:Decrypt", resource: "*" };
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
        let root = Principal::AccountRoot(account.clone());
        let alice = Principal::User { account: account.clone(), name: "alice".parse().unwrap() };
        let bob = Principal::User { account, name: "bob".parse().unwrap() };
        let stranger =
            Principal::User { account: "444455556666".parse().unwrap(), name: "alice".parse().unwrap() };
        let everybody = [&root, &alice, &bob, &stranger];
        for (who, allowed, delegated) in [
            (r#""*""#, [true; 4], [false; 4]),
            (r#"{"AWS":"*"}"#, [true; 4], [false; 4]),
            (r#"{"AWS":"111122223333"}"#, [true, false, false, false], [true, true, true, false]),
            (
                r#"{"AWS":["arn:aws:iam::111122223333:root"]}"#,
                [true, false, false, false],
                [true, true, true, false],
            ),
            (
                r#"{"AWS":"arn:aws:iam::111122223333:user/alice"}"#,
                [false, true, false, false],
                [false, false, false, false],
            ),
        ] {
            let policy = |effect: &str| {
                let text = format!(
                    r#"{{"Statement":[{{"Effect":"{effect}","Principal":{who},"Action":"KMS:decr*","Resource":"*"}}]}}"#
                );
                parse(&text, AttachedTo::Key).unwrap()
            };
            for (index, principal) in everybody.iter().enumerate() {
                let access = Access { principal, action: "kms:Decrypt", resource: "arn:x" };
                let (allowed, delegated) = (allowed[index], delegated[index]);
                assert_eq!(policy("Allow").says(access), Says { denied: false, allowed, delegated });
                let denied = allowed || delegated;
                assert_eq!(policy("Deny").says(access), Says { denied, ..Says::default() });
                let access = Access { action: "kms:Encrypt", ..access };
                assert_eq!(policy("Allow").says(access), Says::default());
            }
        }
    }
}
