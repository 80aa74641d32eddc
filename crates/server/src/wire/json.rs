//! AWS JSON 1.1: the operation in `X-Amz-Target`, its members in a JSON object, errors as `{"__type", "message"}`.
//!
//! A body is judged twice: [`check`] reads all of it and keeps nothing, before anybody has proven who they are;
//! [`parse`] makes the request of it afterwards. Both read with the same parser, so they can't disagree on what the
//! bytes mean.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use keyfold_protocol::operations::{OperationName, Request, Response};
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use zeroize::Zeroizing;

use super::Refusal;
use crate::config::Limits;

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "application/x-amz-json-1.1";

/// Judges a body as JSON: one object, no member twice, not too deep, not too many strings.
pub(crate) fn check(body: &[u8], limits: &Limits) -> Result<(), Refusal> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Refusal::serialization("The request body is not a JSON object."));
    }
    let mut budget = Budget { strings: limits.json_strings_max, broken: None };
    let mut json = Deserializer::from_slice(body);
    let checked = Value { budget: &mut budget, depth: limits.json_depth_max }.deserialize(&mut json);
    match checked.and_then(|()| json.end()) {
        Ok(()) => Ok(()),
        Err(_) => Err(Refusal::serialization(budget.broken.unwrap_or("The request body is not valid JSON."))),
    }
}

/// Reads the request of an operation. The parser's own words are not passed on: they may have the caller's secrets
/// in them.
pub(crate) fn parse(operation: OperationName, body: &[u8]) -> Result<Request, Refusal> {
    Request::deserialize(operation, &mut Deserializer::from_slice(body)).map_err(|error| {
        let text = error.to_string();
        match (quoted_name(&text, "missing field `"), quoted_name(&text, "unknown field `")) {
            (Some(member), _) => Refusal::validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be \
                 null",
                lower_camel(member)
            )),
            (_, Some(member)) => Refusal::serialization(format!(
                "{operation} has no member {member}. A member that is not known is refused, not passed over."
            )),
            _ if text.starts_with("unknown field `") => {
                Refusal::serialization(format!("{operation} has a member that is not known, nor a name of one."))
            }
            _ => Refusal::serialization(format!("A member of {operation} is of another type than it must be.")),
        }
    })
}

/// The body of an answer. It is wiped when it has been sent.
pub(crate) fn response(response: &Response) -> Result<Bytes, serde_json::Error> {
    // Room for the longest ciphertext and plaintext, so that growing leaves no copies of a secret behind.
    let mut body = Zeroizing::new(Vec::with_capacity(RESPONSE_LEN_USUAL));
    serde_json::to_writer(&mut *body, response)?;
    Ok(Bytes::from_owner(Wiped(body)))
}

/// The body of an error.
pub(crate) fn refusal(refusal: &Refusal) -> Bytes {
    let mut body = serde_json::Map::new();
    body.insert("__type".to_owned(), refusal.name.into());
    if let Some(message) = &refusal.message {
        body.insert("message".to_owned(), message.as_ref().into());
    }
    serde_json::Value::Object(body).to_string().into()
}

/// Bytes that are wiped.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What may still come, and why not, if it did.
struct Budget {
    strings: usize,
    broken: Option<&'static str>,
}

impl Budget {
    fn string<E: serde::de::Error>(&mut self) -> Result<(), E> {
        match self.strings.checked_sub(1) {
            Some(left) => {
                self.strings = left;
                Ok(())
            }
            None => Err(self.refuse("The request body has too many strings.")),
        }
    }

    fn refuse<E: serde::de::Error>(&mut self, why: &'static str) -> E {
        self.broken = Some(why);
        E::custom(why)
    }
}

/// Reads any value, and keeps nothing of it.
struct Value<'b> {
    budget: &'b mut Budget,
    /// How many more levels there may be.
    depth: usize,
}

impl Value<'_> {
    fn inner<E: serde::de::Error>(&mut self) -> Result<Value<'_>, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Value { budget: &mut *self.budget, depth }),
            None => Err(self.budget.refuse("The request body is nested too deeply.")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.budget.string()
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        // Not before there is an inner level: an empty one at the bottom is one too many as well.
        loop {
            if items.next_element_seed(self.inner()?)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.budget.string()?;
            if !seen.insert(name) {
                return Err(self.budget.refuse("A member of the request body is there twice."));
            }
            members.next_value_seed(self.inner()?)?;
        }
        Ok(())
    }
}

/// The name after `start`, up to the next backquote, if it is one that can be repeated to the caller.
fn quoted_name<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let (name, _) = text.strip_prefix(start)?.split_once('`')?;
    let is_plain = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then_some(name)
}

/// `KeyId` as AWS's texts have it: `keyId`.
fn lower_camel(member: &str) -> String {
    let mut text = member.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

const RESPONSE_LEN_USUAL: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(body: &str) -> Result<(), String> {
        check(body.as_bytes(), &Limits::default()).map_err(|refusal| refusal.message.unwrap().into_owned())
    }

    #[test]
    fn members_are_there_once() {
        assert_eq!(checked(r#" {"a":{"b":1},"c":[{"b":1},{"b":null}]} "#), Ok(()));
        for twice in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"c":[{"x":"","x":""}]}"#] {
            assert!(checked(twice).unwrap_err().contains("twice"), "{twice}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(checked(&nested(31)), Ok(()));
        assert!(checked(&nested(32)).unwrap_err().contains("deeply"));
        assert!(checked(&nested(100_000)).is_err());
        let strings = |count: usize| format!(r#"{{"a":[{}""]}}"#, r#""","#.repeat(count - 2));
        assert_eq!(checked(&strings(4096)), Ok(()));
        assert!(checked(&strings(4097)).unwrap_err().contains("strings"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in
            ["", "[]", "1", "\"x\"", "null", "{", "{}x", "{}{}", "{\"a\":1,}", "\u{feff}{}", "{'a':1}"]
        {
            assert!(checked(body).is_err(), "{body}");
        }
        assert!(check(b"{\"a\":\"\xff\"}", &Limits::default()).is_err());
    }

    #[test]
    fn texts_name_members_and_repeat_no_values() {
        let text = |body: &str| parse(OperationName::Encrypt, body.as_bytes()).unwrap_err();
        let missing = text(r#"{"Plaintext":"aGk="}"#);
        assert_eq!(missing.name, "ValidationException");
        assert!(missing.message.unwrap().contains("Value null at 'keyId' failed"));
        for body in [r#"{"KeyId":["SECRET"]}"#, r#"{"KeyId":"k","Plaintext":"SECRET!"}"#, r#"{"SECRET!":1}"#]
        {
            assert!(!text(body).message.unwrap().contains("SECRET"), "{body}");
        }
        assert!(text(r#"{"Extra":1}"#).message.unwrap().contains("has no member Extra."));
        assert!(text(r#"{"Ex tra":1}"#).message.unwrap().contains("a member that is not known"));
    }
}
