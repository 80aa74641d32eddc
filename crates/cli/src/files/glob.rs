//! Patterns that the shell left alone, replaced by the names that they match.
//!
//! The shell's rules: `*`, `?` and `[a-z]`, with `!` or `^` for all others, match within a name, and not a dot that it
//! begins with; a `[` that nothing closes is itself. Names are bytes: those that are not UTF-8 are matched, too.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Whether there is something to replace.
pub(super) fn is_pattern(path: &Path) -> bool {
    is_special(path.as_os_str().as_bytes())
}

/// What `pattern` matches, by name. A directory that can't be read has no matches.
pub(super) fn matches(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let component = component.as_os_str();
        let next = |path: PathBuf| match is_special(component.as_bytes()) {
            true => matching_names(&path, component.as_bytes()),
            false => vec![path.join(component)],
        };
        found = found.into_iter().flat_map(next).collect();
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    found
}

fn is_special(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[".contains(byte))
}

fn matching_names(directory: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let readable = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = fs::read_dir(readable) else { return Vec::new() };
    let tokens = tokens(&units(pattern));
    let is_match = |name: &OsStr| {
        let name = name.as_bytes();
        (!name.starts_with(b".") || pattern.starts_with(b".")) && fits(&tokens, &units(name))
    };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.retain(|name| is_match(name));
    names.sort();
    names.into_iter().map(|name| directory.join(name)).collect()
}

/// What is compared: a character, or a byte that is not part of one, which is no character's number.
fn units(text: &[u8]) -> Vec<u32> {
    let of_byte = |byte: &u8| NOT_A_CHARACTER + u32::from(*byte);
    let of_chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let characters = chunk.valid().chars().map(u32::from);
        characters.chain(chunk.invalid().iter().map(of_byte)).collect::<Vec<_>>()
    };
    text.utf8_chunks().flat_map(of_chunk).collect()
}

#[derive(Debug)]
enum Token {
    AnyNumber,
    One { negated: bool, ranges: Vec<(u32, u32)> },
}

impl Token {
    fn fits(&self, unit: u32) -> bool {
        match self {
            Self::AnyNumber => false,
            Self::One { negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&unit)) != *negated
            }
        }
    }
}

fn tokens(mut pattern: &[u32]) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some((first, rest)) = pattern.split_first() {
        let literal = || (Token::One { negated: false, ranges: vec![(*first, *first)] }, rest);
        let (token, rest) = match char::from_u32(*first) {
            Some('*') => (Token::AnyNumber, rest),
            Some('?') => (Token::One { negated: true, ranges: Vec::new() }, rest),
            Some('[') => set(rest).unwrap_or_else(literal),
            _ => literal(),
        };
        tokens.push(token);
        pattern = rest;
    }
    tokens
}

/// The set after a `[`, and what follows it; `None` if nothing closes it.
fn set(text: &[u32]) -> Option<(Token, &[u32])> {
    let [negation, rest @ ..] = text else { return None };
    let negated = [u32::from('!'), u32::from('^')].contains(negation);
    let text = if negated { rest } else { text };
    // A bracket that comes first is a member.
    let len = 1 + text.get(1..)?.iter().position(|unit| *unit == u32::from(']'))?;
    let (mut members, rest) = (&text[..len], &text[len + 1..]);
    let mut ranges = Vec::new();
    loop {
        members = match members {
            [] => return Some((Token::One { negated, ranges }, rest)),
            [first, dash, last, more @ ..] if *dash == u32::from('-') => {
                ranges.push((*first, *last));
                more
            }
            [one, more @ ..] => {
                ranges.push((*one, *one));
                more
            }
        };
    }
}

/// Goes back to the last `*` only, which suffices and takes no longer than the product of the lengths.
fn fits(tokens: &[Token], text: &[u32]) -> bool {
    let (mut token, mut unit) = (0, 0);
    let mut star = None;
    while unit < text.len() || token < tokens.len() {
        match tokens.get(token) {
            Some(Token::AnyNumber) => {
                star = Some((token, unit));
                token += 1;
            }
            Some(one) if text.get(unit).is_some_and(|unit| one.fits(*unit)) => {
                (token, unit) = (token + 1, unit + 1);
            }
            _ => match star {
                Some((at, taken)) if taken < text.len() => {
                    star = Some((at, taken + 1));
                    (token, unit) = (at + 1, taken + 1);
                }
                _ => return false,
            },
        }
    }
    true
}

/// One more than the last character.
const NOT_A_CHARACTER: u32 = 0x11_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_shell() {
        let cases: [(&str, &[u8], bool); 19] = [
            ("*", b"", true),
            ("a*b*c", b"a-b-b-c", true),
            ("a*b*c", b"a-b-b-d", false),
            ("?", "ü".as_bytes(), true),
            ("?", b"\xff", true),
            ("?", b"", false),
            ("x*", b"x\xff", true),
            ("[a-c]x", b"bx", true),
            ("[!a-c]x", b"bx", false),
            ("[^a-c]x", b"\xffx", true),
            ("[]a]", b"]", true),
            ("[!]a]", b"]", false),
            ("[a-]", b"-", true),
            ("[c-a]", b"b", false),
            ("[", b"[", true),
            ("a[b", b"a[b", true),
            ("[*", b"[x", true),
            ("[]", b"[]", true),
            ("**", b"ab", true),
        ];
        for (pattern, text, expected) in cases {
            let tokens = tokens(&units(pattern.as_bytes()));
            assert_eq!(fits(&tokens, &units(text)), expected, "{pattern} {text:?}");
        }
    }
}
