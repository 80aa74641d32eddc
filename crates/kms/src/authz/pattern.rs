//! Patterns of actions and resources, with the wildcards `*` and `?`.

/// Whether a pattern can stand in `Action`.
pub(super) fn is_action(pattern: &str) -> bool {
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*?-_".contains(&byte))
    };
    pattern == "*" || pattern.split_once(':').is_some_and(|(service, name)| is_name(service) && is_name(name))
}

/// Whether a pattern can stand in `Resource`.
pub(super) fn is_resource(pattern: &str) -> bool {
    // The parts of an ARN must be there, whatever they are: `arn:aws:kms:*` would be a slip of the pen.
    pattern == "*" || (pattern.starts_with("arn:") && pattern.splitn(6, ':').count() == 6)
}

/// Whether `text` fits `pattern`, in which `*` is any text and `?` any one byte. In time that is at most the
/// product of the lengths.
pub(super) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    // Where the last `*` is, and how far it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(byte) if *byte == b'?' || text.get(position) == Some(byte) => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((star_at, reach)) = star else { return false };
                star = Some((star_at, reach + 1));
                (at, position) = (star_at + 1, reach + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_a_whole() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "kms:Decrypt"),
            ("kms:*", "kms:Decrypt"),
            ("kms:?ecrypt", "kms:Decrypt"),
            ("k*:*crypt", "kms:Decrypt"),
            ("*a*b*", "xaxaxbx"),
            ("a**", "a"),
        ] {
            assert!(fits(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("kms:De", "kms:Decrypt"),
            ("kms:*x", "kms:Decrypt"),
            ("*a*b", "xbxa"),
            ("a*a", "a"),
        ] {
            assert!(!fits(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        let (pattern, text) = ("*a".repeat(1000), "a".repeat(999));
        assert!(!fits(pattern.as_bytes(), text.as_bytes()), "and not in exponential time");
    }
}
