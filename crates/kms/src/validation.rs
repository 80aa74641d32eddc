//! Judging a request by the service model alone, with AWS's words.
//!
//! All violations of a request are told at once: `2 validation errors detected: Value 'x' at 'limit' failed to
//! satisfy constraint: …; …`. Rules that AWS words in other ways, or that need a look at a key, are not here.

use std::ops::RangeInclusive;

use keyfold_protocol::{EncryptionContext, ErrorKind, KmsError};

/// The violations found so far.
#[derive(Debug, Default)]
pub(crate) struct Validation(Vec<String>);

impl Validation {
    /// A text with a length in characters.
    pub(crate) fn text(&mut self, member: &str, text: &str, len: RangeInclusive<usize>) -> &mut Self {
        let shown = if text.len() <= SHOWN_LEN_MAX { format!(" '{text}'") } else { String::new() };
        self.bounded(member, &shown, "length", text.chars().count(), &len)
    }

    /// The same, if it is there.
    pub(crate) fn optional_text(
        &mut self,
        member: &str,
        text: Option<&String>,
        len: RangeInclusive<usize>,
    ) -> &mut Self {
        text.map(|text| self.text(member, text, len));
        self
    }

    /// What asks for a page of a list. The model has 1 to 1000 for every limit, some lists have less.
    pub(crate) fn page(&mut self, limit: Option<i32>, limit_max: i32, marker: Option<&String>) -> &mut Self {
        self.number("limit", limit, 1..=limit_max).optional_text("marker", marker, 1..=1024);
        match marker {
            Some(text) => {
                let is_of_pattern = text.chars().all(|c| matches!(c, '\u{20}'..='\u{ff}'));
                self.pattern("marker", text, is_of_pattern, "[\\u0020-\\u00FF]*")
            }
            None => self,
        }
    }

    /// Any way to name a key.
    pub(crate) fn key_id(&mut self, member: &str, text: &str) -> &mut Self {
        self.text(member, text, 1..=2048)
    }

    /// Bytes, which are never shown.
    pub(crate) fn bytes(&mut self, member: &str, found: usize, len: RangeInclusive<usize>) -> &mut Self {
        self.bounded(member, "", "length", found, &len)
    }

    /// A number, if it is there.
    pub(crate) fn number(
        &mut self,
        member: &str,
        found: Option<i32>,
        range: RangeInclusive<i32>,
    ) -> &mut Self {
        match found {
            Some(found) => self.bounded(member, &format!(" '{found}'"), "value", found, &range),
            None => self,
        }
    }

    /// A value of a list, if it is there.
    pub(crate) fn member_of<'a>(
        &mut self,
        member: &str,
        found: Option<&str>,
        known: impl Iterator<Item = &'a str>,
    ) -> &mut Self {
        let known: Vec<_> = known.collect();
        if let Some(found) = found.filter(|found| !known.contains(found)) {
            let shown = if found.len() <= SHOWN_LEN_MAX { format!(" '{found}'") } else { String::new() };
            let set = known.join(", ");
            self.violated(member, &shown, &format!("Member must satisfy enum value set: [{set}]"));
        }
        self
    }

    /// An encryption context, if it is there.
    pub(crate) fn context(&mut self, member: &str, context: Option<&EncryptionContext>) -> &mut Self {
        let found = context.map_or(0, EncryptionContext::bytes_total);
        self.bounded(member, "", "length", found, &(0..=EncryptionContext::BYTES_MAX))
    }

    /// Grant tokens, if they are there.
    pub(crate) fn grant_tokens(&mut self, tokens: Option<&Vec<String>>) -> &mut Self {
        for (index, token) in tokens.into_iter().flatten().take(10).enumerate() {
            self.bounded(
                &format!("grantTokens.{}.member", index + 1),
                "",
                "length",
                token.len(),
                &(1..=8192),
            );
        }
        self.bounded("grantTokens", "", "length", tokens.map_or(0, Vec::len), &(0..=10))
    }

    /// A text that only has characters of `pattern`.
    pub(crate) fn pattern(&mut self, member: &str, text: &str, matches: bool, pattern: &str) -> &mut Self {
        if !matches && text.len() <= SHOWN_LEN_MAX {
            let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
            self.violated(member, &format!(" '{text}'"), &constraint);
        }
        self
    }

    /// What was found, as one error.
    pub(crate) fn finish(&self) -> Result<(), KmsError> {
        let errors = match self.0.len() {
            0 => return Ok(()),
            1 => "1 validation error detected".to_owned(),
            count => format!("{count} validation errors detected"),
        };
        Err(KmsError::new(ErrorKind::Validation, format!("{errors}: {}", self.0.join("; "))))
    }

    fn bounded<T: PartialOrd + std::fmt::Display>(
        &mut self,
        member: &str,
        shown: &str,
        what: &str,
        found: T,
        range: &RangeInclusive<T>,
    ) -> &mut Self {
        if found < *range.start() {
            let constraint = format!("Member must have {what} greater than or equal to {}", range.start());
            self.violated(member, shown, &constraint);
        }
        if found > *range.end() {
            let constraint = format!("Member must have {what} less than or equal to {}", range.end());
            self.violated(member, shown, &constraint);
        }
        self
    }

    fn violated(&mut self, member: &str, shown: &str, constraint: &str) {
        self.0.push(format!("Value{shown} at '{member}' failed to satisfy constraint: {constraint}"));
    }
}

/// A rule of the service that is not one of the model.
pub(crate) fn refuse(message: impl Into<String>) -> KmsError {
    KmsError::new(ErrorKind::Validation, message)
}

/// Refuses a member that asks for what this service does not do.
pub(crate) fn unsupported(is_asked: bool, member: &str) -> Result<(), KmsError> {
    if is_asked { Err(KmsError::unsupported_member(member)) } else { Ok(()) }
}

/// The longest text that an error repeats.
const SHOWN_LEN_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_aws() {
        let mut one = Validation::default();
        one.number("numberOfBytes", Some(1025), 1..=1024);
        assert_eq!(
            one.finish().unwrap_err().message(),
            Some(
                "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: \
                 Member must have value less than or equal to 1024"
            )
        );
        let mut two = Validation::default();
        two.bytes("plaintext", 0, 1..=4096).member_of("keySpec", Some("INVALID"), ["A", "B"].into_iter());
        assert_eq!(
            two.finish().unwrap_err().message(),
            Some(
                "2 validation errors detected: Value at 'plaintext' failed to satisfy constraint: Member must have \
                 length greater than or equal to 1; Value 'INVALID' at 'keySpec' failed to satisfy constraint: \
                 Member must satisfy enum value set: [A, B]"
            )
        );
        assert!(
            Validation::default().text("keyId", "x", 1..=2048).number("limit", None, 1..=9).finish().is_ok()
        );
    }

    #[test]
    fn long_texts_are_not_repeated() {
        let mut validation = Validation::default();
        validation.key_id("keyId", &"x".repeat(1_000_000));
        assert!(validation.finish().unwrap_err().message().unwrap().len() < 200);
    }
}
