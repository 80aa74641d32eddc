//! AWS Query, as much of it as STS's `GetCallerIdentity` needs: a form as request, XML as answer.
//!
//! SDKs and tools ask who they are before they do anything else, at the endpoint that they were given.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::Refusal;

/// The media type of a request.
pub(crate) const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
/// The media type of an answer.
pub(crate) const ANSWER_MEDIA_TYPE: &str = "text/xml";

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const PARAMETERS_MAX: usize = 16;

/// Whether the form asks for `GetCallerIdentity`, and nothing else.
pub(crate) fn check_get_caller_identity(body: &[u8]) -> Result<(), Refusal> {
    let form = form(body).ok_or_else(|| Refusal::serialization("The request body is not a form."))?;
    let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
    if !is("Action", "GetCallerIdentity") {
        return Err(Refusal::UNKNOWN_OPERATION);
    }
    if !is("Version", "2011-06-15") || form.len() != 2 {
        return Err(Refusal::validation("GetCallerIdentity has no other parameters."));
    }
    Ok(())
}

/// The answer to `GetCallerIdentity`.
pub(crate) fn caller_identity(arn: &str, user_id: &str, account: &str, request_id: &str) -> Bytes {
    let (arn, user_id, account) = (escaped(arn), escaped(user_id), escaped(account));
    format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\"><GetCallerIdentityResult><Arn>{arn}</Arn>\
         <UserId>{user_id}</UserId><Account>{account}</Account></GetCallerIdentityResult><ResponseMetadata>\
         <RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    .into()
}

/// An error.
pub(crate) fn refusal(refusal: &Refusal, request_id: &str) -> Bytes {
    let fault = if refusal.status < 500 { "Sender" } else { "Receiver" };
    let code = code(refusal.name);
    let message = escaped(refusal.message.as_deref().unwrap_or_default());
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    .into()
}

/// The HTTP status of an error, which for signatures is another one than in JSON.
pub(crate) fn status(refusal: &Refusal) -> u16 {
    match code(refusal.name) {
        "SignatureDoesNotMatch" | "MissingAuthenticationToken" | "InvalidClientTokenId" | "ExpiredToken" => {
            403
        }
        _ => refusal.status,
    }
}

/// The name of an error in this protocol.
fn code(name: &'static str) -> &'static str {
    match name {
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "UnknownOperationException" => "InvalidAction",
        name => name.strip_suffix("Exception").unwrap_or(name),
    }
}

/// The parameters; `None` if one is there twice, or the text is no form.
fn form(body: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut form = BTreeMap::new();
    for pair in std::str::from_utf8(body).ok()?.split('&') {
        let (name, value) = pair.split_once('=')?;
        if form.len() == PARAMETERS_MAX || form.insert(decoded(name)?, decoded(value)?).is_some() {
            return None;
        }
    }
    Some(form)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_action() {
        let check = |body: &str| check_get_caller_identity(body.as_bytes());
        assert_eq!(check("Action=GetCallerIdentity&Version=2011-06-15"), Ok(()));
        assert_eq!(check("Version=2011%2d06-15&Action=Get%43allerIdentity"), Ok(()));
        assert_eq!(check("Action=AssumeRole&Version=2011-06-15"), Err(Refusal::UNKNOWN_OPERATION));
        for body in [
            "",
            "Action",
            "Action=GetCallerIdentity",
            "Action=GetCallerIdentity&Action=GetCallerIdentity&Version=2011-06-15",
            "Action=GetCallerIdentity&Version=2011-06-15&X=1",
            "Action=GetCallerIdentity&Version=%",
        ] {
            assert!(check(body).is_err(), "{body}");
        }
    }

    #[test]
    fn xml_is_escaped() {
        let body = refusal(&Refusal::validation("<&>"), "id");
        assert!(std::str::from_utf8(&body).unwrap().contains("<Message>&lt;&amp;&gt;</Message>"));
    }
}
