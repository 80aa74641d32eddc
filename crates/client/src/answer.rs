//! What an answer of the key service means: a response, or an error with AWS's name and text.

use keyfold_protocol::operations::{OperationName, Response};
use keyfold_protocol::{ErrorKind, KmsError};
use serde::Deserialize;

use crate::endpoint::Endpoint;
use crate::error::{Answered, RequestError};
use crate::http::{Answer, shown};

/// Reads the answer to a request of `operation`.
pub(crate) fn read(
    operation: OperationName,
    endpoint: &Endpoint,
    answer: &Answer,
) -> Result<Response, KmsError> {
    if answer.status == 200 {
        // Where an operation has nothing to answer, AWS says nothing, and others say `null`.
        let body: &[u8] = match answer.body.trim_ascii() {
            b"" | b"null" => b"{}",
            body => body,
        };
        let mut body = serde_json::Deserializer::from_slice(body);
        // The parser's own words are not passed on: they may have a secret in them.
        return Response::deserialize(operation, &mut body).map_err(|_| unusable(endpoint, answer.status));
    }
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let request_id = header("x-amzn-requestid").map(Box::from);
    let answered = Answered { status: answer.status, request_id };
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    let name = body.name.as_deref().or_else(|| header("x-amzn-errortype")).and_then(bare);
    match name {
        Some(name) => Err(KmsError::answered(name, body.message).caused_by(answered)),
        None => Err(unusable(endpoint, answer.status)),
    }
}

/// The body of an error.
#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(rename = "__type", alias = "code")]
    name: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// The name alone, without a namespace before it and an address after it.
fn bare(name: &str) -> Option<&str> {
    let name = name.rsplit_once('#').map_or(name, |(_, name)| name);
    let name = name.split_once(':').map_or(name, |(name, _)| name).trim();
    let is_name = (1..=NAME_LEN_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    is_name.then_some(name)
}

fn unusable(endpoint: &Endpoint, status: u16) -> KmsError {
    let error = RequestError::Answer { endpoint: shown(endpoint), status };
    KmsError::new(ErrorKind::Other, error.to_string()).caused_by(error)
}

const NAME_LEN_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_is_around_them() {
        for (text, name) in [
            ("NotFoundException", Some("NotFoundException")),
            ("com.amazonaws.kms#NotFoundException", Some("NotFoundException")),
            ("NotFoundException:http://internal.amazon.com/coral/", Some("NotFoundException")),
            ("", None),
            ("Not Found", None),
            ("a\u{1b}[31m", None),
        ] {
            assert_eq!(bare(text), name, "{text:?}");
        }
    }
}
