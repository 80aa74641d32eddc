//! A request of every operation that succeeds, with a text of its own wherever a caller has the choice.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use keyfold_protocol::operations::{OperationName, Request};
use serde_json::{Value, json};

use super::scan::Needles;
use crate::service::client::{Answer, Client};

/// What was sent and got so far.
pub(super) struct Stage<'c> {
    client: &'c Client,
    pub(super) needles: Needles,
    /// All bodies of errors.
    pub(super) errors: String,
}

impl<'c> Stage<'c> {
    pub(super) fn new(client: &'c Client) -> Self {
        Self { client, needles: Needles::default(), errors: String::new() }
    }

    /// Sends a request, and takes note of what is secret in it and its answer.
    pub(super) fn call(&mut self, operation: OperationName, body: &Value) -> Answer {
        let answer = self.client.call(operation.as_str(), body);
        self.needles.secret(&format!("signature of {operation}"), answer.signature.as_bytes());
        if answer.status != 200 {
            self.errors.push_str(&answer.text);
        }
        let said = answer.json();
        for member in SECRET_BLOBS {
            if let Some(secret) = said[member].as_str() {
                let secret = BASE64_STANDARD.decode(secret).unwrap();
                self.needles.secret(&format!("{member} of {operation}"), &secret);
            }
        }
        if let Some(token) = said["GrantToken"].as_str() {
            self.needles.secret("GrantToken", token.as_bytes());
        }
        answer
    }

    /// A text that is nowhere else.
    pub(super) fn text(&mut self, of: &str) -> String {
        let text = marker();
        let is_secret = SECRET_BLOBS.iter().any(|member| of.ends_with(member));
        let add = if is_secret { Needles::secret } else { Needles::text };
        add(&mut self.needles, of, text.as_bytes());
        // Where it is taken for base64, what counts is what that says.
        add(&mut self.needles, of, &BASE64_STANDARD.decode(&text).unwrap());
        text
    }

    /// A text in base64 that is nowhere else, and secret.
    fn blob(&mut self, of: &str) -> String {
        let text = marker();
        self.needles.secret(of, text.as_bytes());
        BASE64_STANDARD.encode(text)
    }

    fn made(&mut self, operation: OperationName, body: &Value) -> Answer {
        let answer = self.call(operation, body);
        assert_eq!(answer.status, 200, "{operation} {body}: {answer:?}");
        answer
    }

    fn key(&mut self) -> String {
        let body = self.key_body();
        self.made(OperationName::CreateKey, &body).json()["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    fn key_body(&mut self) -> Value {
        json!({
            "Description": self.text("Description"),
            "Policy": self.policy(),
            "Tags": [{"TagKey": self.text("TagKey"), "TagValue": self.text("TagValue")}],
        })
    }

    fn policy(&mut self) -> String {
        let statement = json!({
            "Sid": self.text("Sid"),
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
            "Action": "kms:*",
            "Resource": "*",
        });
        json!({"Version": "2012-10-17", "Id": self.text("Id"), "Statement": [statement]}).to_string()
    }

    fn context(&mut self) -> Value {
        json!({self.text("context key"): self.text("context value")})
    }

    fn alias(&mut self, key: &str) -> String {
        let name = format!("alias/{}", self.text("AliasName"));
        self.made(OperationName::CreateAlias, &json!({"AliasName": name, "TargetKeyId": key}));
        name
    }

    fn grant_body(&mut self, key: &str) -> Value {
        let constraint = self.context();
        json!({
            "KeyId": key,
            "GranteePrincipal": ME,
            "RetiringPrincipal": ME,
            "Operations": ["Encrypt", "Decrypt", "RetireGrant", "DescribeKey"],
            "Constraints": {"EncryptionContextSubset": constraint},
            "Name": self.text("grant name"),
        })
    }

    /// Id and token of a new grant.
    fn grant(&mut self, key: &str) -> (String, String) {
        let body = self.grant_body(key);
        let answer = self.made(OperationName::CreateGrant, &body);
        (answer.member("GrantId"), answer.member("GrantToken"))
    }

    fn encrypted(&mut self, key: &str, context: &Value) -> String {
        let plaintext = self.blob("Plaintext");
        let body = json!({"KeyId": key, "Plaintext": plaintext, "EncryptionContext": context});
        self.made(OperationName::Encrypt, &body).member("CiphertextBlob")
    }
}

/// A request of this operation that succeeds; none if nobody has thought of one.
pub(super) fn good(stage: &mut Stage<'_>, operation: OperationName) -> Option<Value> {
    use OperationName as Op;

    let key = stage.key();
    Some(match operation {
        Op::CreateKey => stage.key_body(),
        Op::UpdateKeyDescription => json!({"KeyId": key, "Description": stage.text("Description")}),
        Op::PutKeyPolicy => json!({"KeyId": key, "PolicyName": "default", "Policy": stage.policy()}),
        Op::GetKeyPolicy => json!({"KeyId": key, "PolicyName": "default"}),
        Op::TagResource => {
            let tag = json!({"TagKey": stage.text("TagKey"), "TagValue": stage.text("TagValue")});
            json!({"KeyId": key, "Tags": [tag]})
        }
        Op::UntagResource => json!({"KeyId": key, "TagKeys": [stage.text("TagKeys")]}),
        Op::CreateAlias => {
            json!({"AliasName": format!("alias/{}", stage.text("AliasName")), "TargetKeyId": key})
        }
        Op::UpdateAlias => json!({"AliasName": stage.alias(&key), "TargetKeyId": key}),
        Op::DeleteAlias => json!({"AliasName": stage.alias(&key)}),
        Op::DescribeKey => json!({"KeyId": stage.alias(&key), "GrantTokens": [stage.grant(&key).1]}),
        Op::CreateGrant => {
            let mut body = stage.grant_body(&key);
            body["GrantTokens"] = json!([stage.grant(&key).1]);
            body
        }
        Op::ListGrants => json!({"KeyId": key, "GrantId": stage.grant(&key).0}),
        Op::ListRetirableGrants => json!({"RetiringPrincipal": ME}),
        Op::RetireGrant => json!({"GrantToken": stage.grant(&key).1}),
        Op::RevokeGrant => json!({"KeyId": key, "GrantId": stage.grant(&key).0}),
        Op::Encrypt => {
            let (plaintext, context) = (stage.blob("Plaintext"), stage.context());
            let tokens = [stage.grant(&key).1];
            json!({"KeyId": key, "Plaintext": plaintext, "EncryptionContext": context, "GrantTokens": tokens})
        }
        Op::Decrypt => {
            let context = stage.context();
            let ciphertext = stage.encrypted(&key, &context);
            let tokens = [stage.grant(&key).1];
            json!({"CiphertextBlob": ciphertext, "EncryptionContext": context, "GrantTokens": tokens, "KeyId": key})
        }
        Op::ReEncrypt => {
            let (source, destination) = (stage.context(), stage.context());
            json!({
                "CiphertextBlob": stage.encrypted(&key, &source),
                "SourceEncryptionContext": source,
                "SourceKeyId": key,
                "DestinationKeyId": stage.key(),
                "DestinationEncryptionContext": destination,
                "GrantTokens": [stage.grant(&key).1],
            })
        }
        Op::GenerateDataKey | Op::GenerateDataKeyWithoutPlaintext => {
            let (context, tokens) = (stage.context(), [stage.grant(&key).1]);
            json!({"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context, "GrantTokens": tokens})
        }
        Op::GenerateRandom => json!({"NumberOfBytes": 32}),
        Op::CancelKeyDeletion => {
            stage.made(Op::ScheduleKeyDeletion, &json!({"KeyId": key}));
            json!({"KeyId": key})
        }
        Op::ScheduleKeyDeletion
        | Op::DisableKey
        | Op::DisableKeyRotation
        | Op::EnableKey
        | Op::EnableKeyRotation
        | Op::GetKeyLastUsage
        | Op::GetKeyRotationStatus
        | Op::ListKeyPolicies
        | Op::ListKeyRotations
        | Op::ListResourceTags
        | Op::RotateKeyOnDemand => json!({"KeyId": key}),
        Op::ListAliases => json!({"KeyId": key}),
        Op::ListKeys => json!({"Limit": 1}),
        _ => return None,
    })
}

/// The members of a request. A request's own parser tells them when it meets one that it does not know.
pub(super) fn members(operation: OperationName) -> Vec<String> {
    let unknown = json!({"?": null});
    let error = Request::deserialize(operation, &unknown).unwrap_err().to_string();
    let (_, expected) =
        error.split_once("unknown field `?`, ").unwrap_or_else(|| panic!("{operation}: {error}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// 24 letters and digits, which are a name, a tag, an alias and base64, too.
pub(super) fn marker() -> String {
    std::iter::repeat_with(fastrand::lowercase).take(24).collect()
}

/// Whom `serve --dev` makes.
const ME: &str = "arn:aws:iam::000000000000:user/dev";
/// Members of answers that are secret.
const SECRET_BLOBS: [&str; 4] =
    ["Plaintext", "PrivateKeyPlaintext", "SharedSecret", "CiphertextForRecipient"];
