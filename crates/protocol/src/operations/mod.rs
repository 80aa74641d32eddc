//! One request and one response per operation, with the members and names of the AWS KMS service model.
//!
//! What is listed in `operations!` below is everything that can be asked; enums, names and the typed link
//! between a request and its response come from that list. The JSON of each type is the body that AWS's JSON 1.1
//! protocol has for it: members in PascalCase, absent members absent, byte strings in base64, moments as numbers.
//!
//! A request here has every member of the model, honoured or not: the service refuses the ones it can't honour,
//! and an unknown member is an error. A response may have members that this version does not know; they are
//! skipped. No type here checks a limit: requests are what a caller wrote, and judging them is the service's task.

mod aliases;
mod cryptography;
mod grants;
mod keys;
mod policies;
mod rotation;
mod tags;

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use aliases::*;
pub use cryptography::*;
pub use grants::*;
pub use keys::*;
pub use policies::*;
pub use rotation::*;
pub use tags::*;

/// A request of one operation.
pub trait Operation: Into<Request> + TryFrom<Request, Error = OtherOperation> + Send {
    /// What the service answers to it.
    type Output: Into<Response> + TryFrom<Response, Error = OtherOperation> + Send;
    /// The name of the operation.
    const NAME: OperationName;
}

/// A request or response that is not of the expected operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {found}")]
pub struct OtherOperation {
    /// The operation that was asked for.
    pub expected: OperationName,
    /// The operation that it is.
    pub found: OperationName,
}

/// Text that is no operation's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an operation of the key service")]
pub struct UnknownOperation;

macro_rules! operations {
    ($($name:ident($request:ident) -> $response:ident,)+) => {
        /// The operations, by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum OperationName {
            $(#[doc = concat!("`", stringify!($name), "`: [`", stringify!($request), "`]")] $name,)+
        }

        impl OperationName {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }

        impl FromStr for OperationName {
            type Err = UnknownOperation;

            fn from_str(text: &str) -> Result<Self, UnknownOperation> {
                match text {
                    $(stringify!($name) => Ok(Self::$name),)+
                    _ => Err(UnknownOperation),
                }
            }
        }

        /// A request of any operation.
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum Request {
            $(#[doc = concat!("`", stringify!($name), "`")] $name($request),)+
        }

        impl Request {
            /// The operation that is asked for.
            #[must_use]
            pub fn operation(&self) -> OperationName {
                match self { $(Self::$name(_) => OperationName::$name,)+ }
            }

            /// Reads the request of `operation` from its body.
            ///
            /// # Errors
            /// The deserializer's: a member that is unknown, of another type, or missing.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                operation: OperationName,
                body: D,
            ) -> Result<Self, D::Error> {
                match operation {
                    $(OperationName::$name => <$request as Deserialize>::deserialize(body).map(Self::$name),)+
                }
            }
        }

        /// The body, without the name of the operation.
        impl Serialize for Request {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(request) => Serialize::serialize(request, serializer),)+ }
            }
        }

        /// A response of any operation.
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum Response {
            $(#[doc = concat!("`", stringify!($name), "`")] $name($response),)+
        }

        impl Response {
            /// The operation that is answered.
            #[must_use]
            pub fn operation(&self) -> OperationName {
                match self { $(Self::$name(_) => OperationName::$name,)+ }
            }

            /// Reads the response to `operation` from its body.
            ///
            /// # Errors
            /// The deserializer's: a member of another type, or one that is missing.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                operation: OperationName,
                body: D,
            ) -> Result<Self, D::Error> {
                match operation {
                    $(OperationName::$name => <$response as Deserialize>::deserialize(body).map(Self::$name),)+
                }
            }
        }

        /// The body, without the name of the operation.
        impl Serialize for Response {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(response) => response.serialize(serializer),)+ }
            }
        }

        $(
            impl Operation for $request {
                type Output = $response;
                const NAME: OperationName = OperationName::$name;
            }

            impl From<$request> for Request {
                fn from(request: $request) -> Self {
                    Self::$name(request)
                }
            }

            impl TryFrom<Request> for $request {
                type Error = OtherOperation;

                fn try_from(request: Request) -> Result<Self, OtherOperation> {
                    match request {
                        Request::$name(request) => Ok(request),
                        other => {
                            Err(OtherOperation { expected: OperationName::$name, found: other.operation() })
                        }
                    }
                }
            }

            impl From<$response> for Response {
                fn from(response: $response) -> Self {
                    Self::$name(response)
                }
            }

            impl TryFrom<Response> for $response {
                type Error = OtherOperation;

                fn try_from(response: Response) -> Result<Self, OtherOperation> {
                    match response {
                        Response::$name(response) => Ok(response),
                        other => {
                            Err(OtherOperation { expected: OperationName::$name, found: other.operation() })
                        }
                    }
                }
            }
        )+
    };
}

operations! {
    CancelKeyDeletion(CancelKeyDeletionRequest) -> CancelKeyDeletionResponse,
    CreateAlias(CreateAliasRequest) -> CreateAliasResponse,
    CreateGrant(CreateGrantRequest) -> CreateGrantResponse,
    CreateKey(CreateKeyRequest) -> CreateKeyResponse,
    Decrypt(DecryptRequest) -> DecryptResponse,
    DeleteAlias(DeleteAliasRequest) -> DeleteAliasResponse,
    DescribeKey(DescribeKeyRequest) -> DescribeKeyResponse,
    DisableKey(DisableKeyRequest) -> DisableKeyResponse,
    DisableKeyRotation(DisableKeyRotationRequest) -> DisableKeyRotationResponse,
    EnableKey(EnableKeyRequest) -> EnableKeyResponse,
    EnableKeyRotation(EnableKeyRotationRequest) -> EnableKeyRotationResponse,
    Encrypt(EncryptRequest) -> EncryptResponse,
    GenerateDataKey(GenerateDataKeyRequest) -> GenerateDataKeyResponse,
    GenerateDataKeyWithoutPlaintext(GenerateDataKeyWithoutPlaintextRequest) -> GenerateDataKeyWithoutPlaintextResponse,
    GenerateRandom(GenerateRandomRequest) -> GenerateRandomResponse,
    GetKeyLastUsage(GetKeyLastUsageRequest) -> GetKeyLastUsageResponse,
    GetKeyPolicy(GetKeyPolicyRequest) -> GetKeyPolicyResponse,
    GetKeyRotationStatus(GetKeyRotationStatusRequest) -> GetKeyRotationStatusResponse,
    ListAliases(ListAliasesRequest) -> ListAliasesResponse,
    ListGrants(ListGrantsRequest) -> ListGrantsResponse,
    ListKeyPolicies(ListKeyPoliciesRequest) -> ListKeyPoliciesResponse,
    ListKeyRotations(ListKeyRotationsRequest) -> ListKeyRotationsResponse,
    ListKeys(ListKeysRequest) -> ListKeysResponse,
    ListResourceTags(ListResourceTagsRequest) -> ListResourceTagsResponse,
    ListRetirableGrants(ListRetirableGrantsRequest) -> ListRetirableGrantsResponse,
    PutKeyPolicy(PutKeyPolicyRequest) -> PutKeyPolicyResponse,
    ReEncrypt(ReEncryptRequest) -> ReEncryptResponse,
    RetireGrant(RetireGrantRequest) -> RetireGrantResponse,
    RevokeGrant(RevokeGrantRequest) -> RevokeGrantResponse,
    RotateKeyOnDemand(RotateKeyOnDemandRequest) -> RotateKeyOnDemandResponse,
    ScheduleKeyDeletion(ScheduleKeyDeletionRequest) -> ScheduleKeyDeletionResponse,
    TagResource(TagResourceRequest) -> TagResourceResponse,
    UntagResource(UntagResourceRequest) -> UntagResourceResponse,
    UpdateAlias(UpdateAliasRequest) -> UpdateAliasResponse,
    UpdateKeyDescription(UpdateKeyDescriptionRequest) -> UpdateKeyDescriptionResponse,
}

/// The names of all operations that AWS KMS has (service model of botocore 1.44.5), sorted. [`OperationName`] has those
/// that can be asked here. A front answers a name that is in this list but is no `OperationName` with
/// [`KmsError::unsupported_operation`](crate::KmsError::unsupported_operation), and one that is in neither with
/// `UnknownOperationException`.
pub const KNOWN_OPERATIONS: &[&str] = &[
    "CancelKeyDeletion",
    "ConnectCustomKeyStore",
    "CreateAlias",
    "CreateCustomKeyStore",
    "CreateGrant",
    "CreateKey",
    "Decapsulate",
    "Decrypt",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKey",
    "EnableKeyRotation",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyLastUsage",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncrypt",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "Sign",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
    "Verify",
    "VerifyMac",
];

impl fmt::Display for OperationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A struct of the service model: members that must be there, then members that may be absent, and `new` with
/// the former as arguments. In JSON it is an object and nothing else ([`MembersOnly`]).
macro_rules! shape {
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[$required_meta:meta])* $required:ident: $required_type:ty,)*
        } optional {
            $($(#[$optional_meta:meta])* $optional:ident: $optional_type:ty,)*
        }
    ) => {
        #[derive(Debug, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "PascalCase", remote = "Self")]
        #[non_exhaustive]
        $(#[$meta])*
        pub struct $name {
            $($(#[$required_meta])* pub $required: $required_type,)*
            $(
                $(#[$optional_meta])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$optional_type>,
            )*
        }

        impl $name {
            /// With these members, and all others absent.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "`Default` is derived where nothing is required")]
            pub fn new($($required: impl Into<$required_type>,)*) -> Self {
                Self { $($required: $required.into(),)* $($optional: None,)* }
            }
        }

        $crate::operations::object!($name);
    };
}
use shape;

/// Serde for a type that derives it with `remote = "Self"`: as derived, but read from an object only.
macro_rules! object {
    ($name:ident) => {
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize($crate::operations::MembersOnly(deserializer))
            }
        }
    };
}
use object;

/// A deserializer that gives members by name. What serde derives for a struct takes a sequence too, as its members in
/// the order of their declaration; no AWS service does.
struct MembersOnly<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for MembersOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A tag on a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, remote = "Self")]
pub struct Tag {
    /// Its key, 1 to 128 characters.
    pub tag_key: String,
    /// Its value, up to 256 characters.
    pub tag_value: String,
}

object!(Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for name in OperationName::ALL {
            assert_eq!(name.as_str().parse::<OperationName>(), Ok(*name));
        }
        assert_eq!("Fly".parse::<OperationName>(), Err(UnknownOperation));
    }

    #[test]
    fn every_operation_is_one_of_aws() {
        assert!(KNOWN_OPERATIONS.is_sorted() && KNOWN_OPERATIONS.len() == 56);
        assert!(OperationName::ALL.iter().all(|name| KNOWN_OPERATIONS.contains(&name.as_str())));
    }

    #[test]
    fn members_are_spelled_as_aws_spells_them_and_absent_ones_are_absent() {
        let mut request = EncryptRequest::new("alias/a", keyfold_crypto::SecretBytes::copied_from(b"\xffhi"));
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"KeyId":"alias/a","Plaintext":"/2hp"}"#);
        request.encryption_context = Some([("a", "b")].into_iter().collect());
        request.dry_run = Some(false);
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"KeyId":"alias/a","Plaintext":"/2hp","EncryptionContext":{"a":"b"},"DryRun":false}"#
        );
        let back: EncryptRequest = serde_json::from_str(&serde_json::to_string(&request).unwrap()).unwrap();
        assert_eq!(back.plaintext.expose(), b"\xffhi");
        assert_eq!(serde_json::to_string(&EnableKeyResponse::new()).unwrap(), "{}");
    }

    #[test]
    fn a_request_refuses_unknown_members_and_a_response_skips_them() {
        assert!(serde_json::from_str::<EnableKeyRequest>(r#"{"KeyId":"x","Force":true}"#).is_err());
        assert!(serde_json::from_str::<EnableKeyRequest>("{}").is_err());
        let response: ListKeysResponse =
            serde_json::from_str(r#"{"Keys":[{"KeyId":"k","KeyArn":"a","New":1}],"Truncated":false}"#)
                .unwrap();
        assert_eq!(response.keys[0].key_id, "k");
        assert!(response.next_marker.is_none());
    }

    /// Every structure within a request, and an object that is one.
    const NESTED: &[(OperationName, &str, &str)] = &[
        (OperationName::CreateKey, r#"{"Tags":[@]}"#, r#"{"TagKey":"k","TagValue":"v"}"#),
        (OperationName::TagResource, r#"{"KeyId":"k","Tags":[@]}"#, r#"{"TagKey":"k","TagValue":"v"}"#),
        (
            OperationName::CreateGrant,
            r#"{"KeyId":"k","Operations":[],"Constraints":@}"#,
            r#"{"EncryptionContextSubset":{"a":"b"}}"#,
        ),
        (
            OperationName::Encrypt,
            r#"{"KeyId":"k","Plaintext":"aGk=","EncryptionContext":@}"#,
            r#"{"a":"b","c":"d"}"#,
        ),
        (
            OperationName::Decrypt,
            r#"{"CiphertextBlob":"aGk=","Recipient":@}"#,
            r#"{"KeyEncryptionAlgorithm":"x","AttestationDocument":"aGk="}"#,
        ),
        (
            OperationName::GenerateDataKey,
            r#"{"KeyId":"k","Recipient":@}"#,
            r#"{"KeyEncryptionAlgorithm":"x","AttestationDocument":"aGk="}"#,
        ),
        (
            OperationName::GenerateRandom,
            r#"{"Recipient":@}"#,
            r#"{"KeyEncryptionAlgorithm":"x","AttestationDocument":"aGk="}"#,
        ),
    ];

    #[test]
    fn a_structure_is_an_object_and_never_an_array() {
        let parse = |name, text: &str| {
            Request::deserialize(name, &mut serde_json::Deserializer::from_str(text)).map(|_| ())
        };
        for (name, request, nested) in NESTED {
            assert!(parse(*name, &request.replace('@', nested)).is_ok(), "{name}: {nested}");
            for other in [
                r#"[]"#,
                r#"["k"]"#,
                r#"["k","v"]"#,
                r#"["x","aGk="]"#,
                r#"[null,null]"#,
                r#"[{"a":"b"},{"a":"b"},null]"#,
                r#""k""#,
                "1",
                r#"{"Unknown":1}"#,
            ] {
                assert!(parse(*name, &request.replace('@', other)).is_err(), "{name}: {other}");
            }
        }
        for name in OperationName::ALL {
            for len in 0..14 {
                for item in [r#""aGk=""#, "null"] {
                    let array = format!("[{}]", vec![item; len].join(","));
                    assert!(parse(*name, &array).is_err(), "{name}: {array}");
                }
            }
        }
        assert!(serde_json::from_str::<ListKeysResponse>(r#"[[["k","a"]],false,null]"#).is_err());
    }

    #[test]
    fn a_request_writes_and_a_response_reads_its_body_alone() {
        let request = Request::from(DescribeKeyRequest::new("k"));
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"KeyId":"k"}"#);
        let read = |text| {
            let mut body = serde_json::Deserializer::from_str(text);
            Response::deserialize(OperationName::CancelKeyDeletion, &mut body)
        };
        let response = read(r#"{"KeyId":"k","New":1}"#).unwrap();
        assert!(matches!(response, Response::CancelKeyDeletion(response) if response.key_id == "k"));
        assert!(read("{}").is_err());
    }

    #[test]
    fn an_answer_to_another_operation_is_not_taken() {
        let response = Response::from(EnableKeyResponse::new());
        let error = DisableKeyResponse::try_from(response).unwrap_err();
        assert_eq!(error.to_string(), "expected DisableKey, got EnableKey");
    }
}
