//! Credentials as JSON: what a process prints, and what containers and instances are answered.

use std::fmt;

use keyfold_protocol::Timestamp;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::Credentials;
use crate::error::{CredentialsError, Place};

/// The members, whatever they are called where.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Document {
    /// Of a process.
    pub(super) version: Option<u32>,
    /// Of an instance: `Success` or what failed.
    pub(super) code: Option<String>,
    access_key_id: Option<Text>,
    secret_access_key: Option<Text>,
    #[serde(alias = "Token")]
    session_token: Option<Text>,
    expiration: Option<Text>,
}

/// Text that is wiped.
struct Text(Zeroizing<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Document {
    /// The document in `json`; `None` if it is none.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The credentials in it, which came from `place`.
    pub(super) fn credentials(&self, place: &Place) -> Result<Credentials, CredentialsError> {
        let half = |missing| CredentialsError::Half { place: place.clone(), missing };
        let id = self.access_key_id.as_ref().ok_or_else(|| half("AccessKeyId"))?;
        let secret = self.secret_access_key.as_ref().ok_or_else(|| half("SecretAccessKey"))?;
        let token = self.session_token.as_ref().map(|token| token.0.as_str()).filter(|text| !text.is_empty());
        let mut credentials = Credentials::new(place, &id.0, &secret.0, token)?;
        if let Some(text) = self.expiration.as_ref().filter(|text| !text.0.is_empty()) {
            credentials.expires = Some(moment(&text.0).ok_or_else(|| half("Expiration that is a date"))?);
        }
        Ok(credentials)
    }
}

/// A moment in ISO 8601, with its offset from UTC.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_epoch_ms(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_every_kind_of_document() {
        for json in [
            r#"{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"s","SessionToken":"t","Expiration":"2030-01-01T00:00:00Z"}"#,
            r#"{"Code":"Success","AccessKeyId":"AKID","SecretAccessKey":"s","Token":"t","Expiration":"2030-01-01T01:00:00+01:00","Type":"x"}"#,
        ] {
            let document = Document::parse(json.as_bytes()).unwrap();
            let credentials = document.credentials(&Place::Container).unwrap();
            assert_eq!(credentials.access_key_id.as_str(), "AKID");
            assert_eq!(credentials.session_token.unwrap().expose(), "t");
            assert_eq!(credentials.expires.unwrap().epoch_ms(), 1_893_456_000_000);
        }
        assert!(Document::parse(b"[]").is_none_or(|it| it.credentials(&Place::Container).is_err()));
        for (json, expected) in [
            (r#"{"SecretAccessKey":"s"}"#, "the container's credential service has no AccessKeyId"),
            (r#"{"AccessKeyId":"A"}"#, "the container's credential service has no SecretAccessKey"),
            (
                r#"{"AccessKeyId":"","SecretAccessKey":"s"}"#,
                "the container's credential service: not an access key id",
            ),
            (
                r#"{"AccessKeyId":"A","SecretAccessKey":"hunter2","Expiration":"soon"}"#,
                "the container's credential service has no Expiration that is a date",
            ),
        ] {
            let document = Document::parse(json.as_bytes()).unwrap();
            assert_eq!(document.credentials(&Place::Container).unwrap_err().to_string(), expected);
            assert!(!format!("{document:?}").contains("hunter2"));
        }
    }
}
