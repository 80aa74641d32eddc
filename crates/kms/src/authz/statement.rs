//! One statement of a policy: whom, what and where it is about.

use keyfold_protocol::{AccountId, Partition};

use super::document::{OneOrMany, RawPrincipal, RawStatement};
use super::pattern::{fits, is_action, is_resource};
use super::policy::{Access, AttachedTo, PolicyError};
use crate::principals::UniqueId;
use crate::principals::named::Named;

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    /// `None` in identity policies: the one that they are attached to.
    pub(super) principals: Option<Vec<PrincipalPattern>>,
    actions: Vec<String>,
    resources: Vec<String>,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// Whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PrincipalPattern {
    /// `*`.
    Anyone,
    /// Who is named, an account standing for everybody in it. A user or role is the one with this unique id.
    One { named: Named, id: Option<UniqueId> },
}

impl Statement {
    /// Reads one.
    pub(super) fn read(
        raw: RawStatement,
        attached_to: AttachedTo,
        partition: &Partition,
    ) -> Result<Self, PolicyError> {
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

    /// Whether it is about this action on this resource.
    pub(super) fn covers(&self, access: Access<'_>) -> bool {
        let action = access.action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| fits(pattern.to_ascii_lowercase().as_bytes(), action.as_bytes()))
            && self.resources.iter().any(|pattern| fits(pattern.as_bytes(), access.resource.as_bytes()))
    }

    /// Whether it names the principal itself, and whether it names its account.
    pub(super) fn names(&self, access: Access<'_>) -> (bool, bool) {
        let Some(patterns) = &self.principals else {
            return (true, false);
        };
        let named = patterns.iter().any(|pattern| match pattern {
            PrincipalPattern::Anyone => true,
            PrincipalPattern::One { named, id } => {
                named.is_name_of(access.principal) && id.as_ref() == access.id
            }
        });
        let account_named = patterns.iter().any(|pattern| {
            matches!(pattern, PrincipalPattern::One { named: Named::Account(account), .. }
                if account == access.principal.account())
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
    let named = match text.parse::<AccountId>() {
        Ok(account) => Named::Account(account),
        Err(_) => Named::parse(text, partition).ok_or(PolicyError::NoSuchPrincipal)?,
    };
    Ok(PrincipalPattern::One { named, id: None })
}
