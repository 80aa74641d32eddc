//! The errors of the key service, by the names and with the texts that AWS answers.
//!
//! Clients match on these texts, so they are part of the protocol; where one is known to the letter there is a
//! constructor for it here. Not here: errors of opening a store or of the Encryption SDK format. What really
//! went wrong inside a service travels as the [source](std::error::Error::source), for the log and for the
//! owner of an embedded store, and is never part of the answer to a remote caller.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::arn::{AliasArn, KeyArn};
use crate::operations::OperationName;
use crate::spec::{EncryptionAlgorithmSpec, KeySpec, KeyUsageType};

/// Text that is not what an identifier type can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentifier {
    /// Not an ARN of the key service.
    #[error("not an ARN of a KMS key or alias")]
    Arn,
    /// An ARN, but not of a key.
    #[error("not the ARN of a KMS key")]
    KeyArn,
    /// An ARN, but not of an alias.
    #[error("not the ARN of a KMS alias")]
    AliasArn,
    /// Neither a UUID nor `mrk-` and 32 hexadecimal digits.
    #[error("not a key id")]
    KeyId,
    /// Not `alias/` and a name, or too long.
    #[error("not an alias name")]
    AliasName,
    /// Not 64 lower-case hexadecimal digits.
    #[error("not a key material id")]
    KeyMaterialId,
    /// Not 12 digits.
    #[error("not an account id")]
    AccountId,
    /// Not a Region.
    #[error("not a Region")]
    Region,
    /// Not a partition.
    #[error("not a partition")]
    Partition,
}

macro_rules! error_kinds {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $status:literal;)+) => {
        /// The kind of an error, one per name that AWS has for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$meta])* $variant,)+
        }

        impl ErrorKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name on the wire (`__type`).
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }
        }
    };
}

error_kinds! {
    /// The caller may not do this, or the key behind a ciphertext is not there.
    AccessDenied = "AccessDeniedException", 400;
    /// There is one of this name already.
    AlreadyExists = "AlreadyExistsException", 400;
    /// The key is being changed by something else at this time.
    Conflict = "ConflictException", 400;
    /// The service waited too long for something that it depends on; trying again may help.
    DependencyTimeout = "DependencyTimeoutException", 500;
    /// The key is disabled.
    Disabled = "DisabledException", 400;
    /// The request would have succeeded, had it not asked for a dry run.
    DryRunOperation = "DryRunOperationException", 400;
    /// A ciphertext was not made by the key that the request names.
    IncorrectKey = "IncorrectKeyException", 400;
    /// The alias name can't be used.
    InvalidAliasName = "InvalidAliasNameException", 400;
    /// Text that starts like an ARN and is none.
    InvalidArn = "InvalidArnException", 400;
    /// A ciphertext is damaged, not ours, or bound to another encryption context.
    InvalidCiphertext = "InvalidCiphertextException", 400;
    /// Text that can't be the id of a grant.
    InvalidGrantId = "InvalidGrantIdException", 400;
    /// Text that is no grant token of this service.
    InvalidGrantToken = "InvalidGrantTokenException", 400;
    /// The key is not for this operation or this algorithm.
    InvalidKeyUsage = "InvalidKeyUsageException", 400;
    /// A marker that was not the answer to the previous page.
    InvalidMarker = "InvalidMarkerException", 400;
    /// The service failed; trying again may help.
    KmsInternal = "KMSInternalException", 500;
    /// The state of the key does not allow this.
    KmsInvalidState = "KMSInvalidStateException", 400;
    /// A quota is used up.
    LimitExceeded = "LimitExceededException", 400;
    /// A policy document that is not one, or that would lock its writer out.
    MalformedPolicyDocument = "MalformedPolicyDocumentException", 400;
    /// An alias that belongs to the service.
    NotAuthorized = "NotAuthorizedException", 400;
    /// There is no such key or alias.
    NotFound = "NotFoundException", 400;
    /// Tags that can't be, or too many of them.
    Tag = "TagException", 400;
    /// A valid request for something that this service does not do.
    UnsupportedOperation = "UnsupportedOperationException", 400;
    /// The request breaks a rule of the service model.
    Validation = "ValidationException", 400;
    /// None of the service model's: what AWS answers before it asks the service ([`KmsError::name`] says what), or
    /// what keeps a client from having an answer at all.
    Other = "UnknownError", 500;
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key service answers when it does not do what it was asked.
#[derive(Debug, Clone)]
pub struct KmsError {
    kind: ErrorKind,
    /// The name that the service gave to an error of the kind [`ErrorKind::Other`].
    name: Option<Box<str>>,
    message: Option<String>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl KmsError {
    /// An error with a message for the caller.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, name: None, message: Some(message.into()), source: None }
    }

    /// An error as a service answers it: a name (`__type`), and a message or none.
    #[must_use]
    pub fn answered(name: &str, message: Option<String>) -> Self {
        match ErrorKind::ALL.iter().find(|kind| kind.as_str() == name) {
            Some(kind) => Self { kind: *kind, name: None, message, source: None },
            None => Self { kind: ErrorKind::Other, name: Some(name.into()), message, source: None },
        }
    }

    /// An error that has no message member at all on the wire.
    #[must_use]
    pub fn without_message(kind: ErrorKind) -> Self {
        Self { kind, name: None, message: None, source: None }
    }

    /// The same error with its cause, which stays on this side of the wire.
    #[must_use]
    pub fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// The kind of error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The name that the service gave to the error; `None` if no service answered it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self.kind {
            ErrorKind::Other => self.name.as_deref(),
            kind => Some(kind.as_str()),
        }
    }

    /// The message for the caller; a few kinds have none.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

/// The errors whose texts are known to the letter.
impl KmsError {
    /// The text names no key in any of the ways there are.
    #[must_use]
    pub fn invalid_key_id(key_id: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("Invalid keyId '{key_id}'"))
    }

    /// A well-formed ARN of another Region than the one asked.
    #[must_use]
    pub fn arn_of_another_region(region: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("Invalid arn {region}"))
    }

    /// Something that starts like an ARN and is none.
    #[must_use]
    pub fn invalid_arn(text: &str) -> Self {
        Self::new(ErrorKind::InvalidArn, format!("Invalid arn {text}"))
    }

    /// A well-formed key ARN without a key.
    #[must_use]
    pub fn key_not_found(arn: &KeyArn) -> Self {
        Self::new(ErrorKind::NotFound, format!("Key '{arn}' does not exist"))
    }

    /// A well-formed alias ARN without an alias.
    #[must_use]
    pub fn alias_not_found(arn: &AliasArn) -> Self {
        Self::new(ErrorKind::NotFound, format!("Alias {arn} is not found."))
    }

    /// An alias of this name is there already.
    #[must_use]
    pub fn alias_already_exists(arn: &AliasArn) -> Self {
        Self::new(ErrorKind::AlreadyExists, format!("An alias with the name {arn} already exists"))
    }

    /// An alias name that does not start with `alias/`.
    #[must_use]
    pub fn alias_without_prefix() -> Self {
        Self::new(
            ErrorKind::Validation,
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        )
    }

    /// The key is disabled.
    #[must_use]
    pub fn disabled(arn: &KeyArn) -> Self {
        Self::new(ErrorKind::Disabled, format!("{arn} is disabled."))
    }

    /// The key is in a state in which this can't be done: `is pending deletion`, `is not pending deletion`, ….
    #[must_use]
    pub fn invalid_state(arn: &KeyArn, is_what: &str) -> Self {
        Self::new(ErrorKind::KmsInvalidState, format!("{arn} {is_what}."))
    }

    /// The key is for something else.
    #[must_use]
    pub fn invalid_key_usage(arn: &KeyArn, usage: &KeyUsageType, operation: OperationName) -> Self {
        Self::new(
            ErrorKind::InvalidKeyUsage,
            format!("{arn} key usage is {usage} which is not valid for {operation}."),
        )
    }

    /// The key can't run this algorithm.
    #[must_use]
    pub fn incompatible_algorithm(algorithm: &EncryptionAlgorithmSpec, key_spec: &KeySpec) -> Self {
        Self::new(
            ErrorKind::InvalidKeyUsage,
            format!("Algorithm {algorithm} is incompatible with key spec {key_spec}."),
        )
    }

    /// The ciphertext was made by another key than the one named.
    #[must_use]
    pub fn incorrect_key() -> Self {
        Self::new(
            ErrorKind::IncorrectKey,
            "The key ID in the request does not identify a CMK that can perform this operation.",
        )
    }

    /// The key behind a ciphertext is not there, or not for this caller: the two are not told apart.
    #[must_use]
    pub fn key_behind_ciphertext_not_accessible() -> Self {
        Self::new(
            ErrorKind::AccessDenied,
            "The ciphertext refers to a customer master key that does not exist, does not exist in this \
             region, or you are not allowed to access.",
        )
    }

    /// The ciphertext can't be opened, for whatever reason; the reason is never told.
    #[must_use]
    pub fn invalid_ciphertext() -> Self {
        Self::without_message(ErrorKind::InvalidCiphertext)
    }

    /// No more rotations on demand.
    #[must_use]
    pub fn rotations_exhausted(arn: &KeyArn) -> Self {
        Self::new(
            ErrorKind::LimitExceeded,
            format!(
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand \
                 rotations can be performed for this key: {arn}"
            ),
        )
    }

    /// What a dry run answers when nothing stood in the way.
    #[must_use]
    pub fn dry_run() -> Self {
        Self::new(
            ErrorKind::DryRunOperation,
            "The request would have succeeded, but the DryRun option is set.",
        )
    }

    /// The principal has no permission for an action on a resource.
    #[must_use]
    pub fn access_denied(principal_arn: &str, action: &str, resource_arn: &str) -> Self {
        Self::new(
            ErrorKind::AccessDenied,
            format!(
                "User: {principal_arn} is not authorized to perform: {action} on resource: {resource_arn} \
                 because no resource-based policy allows the {action} action"
            ),
        )
    }

    /// It is left to the policies of the principal, and none of them allows the action.
    #[must_use]
    pub fn access_denied_by_identity(principal_arn: &str, action: &str, resource_arn: &str) -> Self {
        Self::new(
            ErrorKind::AccessDenied,
            format!(
                "User: {principal_arn} is not authorized to perform: {action} on resource: {resource_arn} \
                 because no identity-based policy allows the {action} action"
            ),
        )
    }

    /// The caller may not use something of another account, or it is not there: the two are not told apart.
    /// `named` is what the caller called it.
    #[must_use]
    pub fn access_denied_elsewhere(principal_arn: &str, action: &str, named: &str) -> Self {
        Self::new(
            ErrorKind::AccessDenied,
            format!(
                "User: {principal_arn} is not authorized to perform: {action} on resource: {named} because the \
                 resource does not exist in this Region, no resource-based policies allow access, or a \
                 resource-based policy explicitly denies access"
            ),
        )
    }

    /// An ARN that should name a principal and names none.
    #[must_use]
    pub fn no_such_principal(arn: &str) -> Self {
        Self::new(ErrorKind::InvalidArn, format!("ARN does not refer to a valid principal: {arn}"))
    }

    /// A policy denies the action, whatever another allows. `policy_type` is `a resource-based policy` or
    /// `an identity-based policy`.
    #[must_use]
    pub fn explicitly_denied(
        principal_arn: &str,
        action: &str,
        resource_arn: &str,
        policy_type: &str,
    ) -> Self {
        Self::new(
            ErrorKind::AccessDenied,
            format!(
                "User: {principal_arn} is not authorized to perform: {action} on resource: {resource_arn} \
                 with an explicit deny in {policy_type}"
            ),
        )
    }

    /// A member of the request asks for something that this service does not do.
    #[must_use]
    pub fn unsupported_member(member: &str) -> Self {
        Self::new(ErrorKind::UnsupportedOperation, format!("{member} is not supported by this service."))
    }

    /// An operation of AWS KMS ([`KNOWN_OPERATIONS`](crate::operations::KNOWN_OPERATIONS)) that is not built here.
    #[must_use]
    pub fn unsupported_operation(name: &str) -> Self {
        Self::unsupported_member(name)
    }

    /// The service failed; `source` is for its log.
    #[must_use]
    pub fn internal(source: impl Error + Send + Sync + 'static) -> Self {
        Self::new(ErrorKind::KmsInternal, "The request was rejected because an internal error occurred.")
            .caused_by(source)
    }

    /// The service waited too long for something it needs; `source` is for its log.
    #[must_use]
    pub fn dependency_timeout(source: impl Error + Send + Sync + 'static) -> Self {
        Self::new(ErrorKind::DependencyTimeout, "The system timed out while trying to fulfill the request.")
            .caused_by(source)
    }
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), &self.message) {
            (Some(name), Some(message)) => write!(f, "{name}: {message}"),
            (None, Some(message)) => f.write_str(message),
            (Some(name), None) => f.write_str(name),
            (None, None) => self.kind.fmt(f),
        }
    }
}

impl Error for KmsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_texts_and_causes() {
        let error = KmsError::invalid_key_id("fake-key-id");
        assert_eq!(error.to_string(), "NotFoundException: Invalid keyId 'fake-key-id'");
        assert_eq!(KmsError::invalid_ciphertext().to_string(), "InvalidCiphertextException");
        assert!(KmsError::invalid_ciphertext().message().is_none());
        let error = KmsError::answered("DisabledException", Some("x is disabled.".to_owned()));
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Disabled, "DisabledException: x is disabled.")
        );
        let error = KmsError::answered("IncompleteSignature", None);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Other, "IncompleteSignature"));
        let error = KmsError::new(ErrorKind::Other, "there was no answer");
        assert_eq!((error.name(), error.to_string().as_str()), (None, "there was no answer"));
        let error = KmsError::internal(InvalidIdentifier::KeyId);
        assert_eq!(error.kind().http_status(), 500);
        assert_eq!(error.source().unwrap().to_string(), "not a key id");
        assert!(!error.to_string().contains("key id"));
    }
}
