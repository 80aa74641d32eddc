//! The canonical form of a request, drawn in the [module documentation](super). Signer and verifier both come
//! here and nowhere else.
//!
//! The rules are the AWS guide's, "Create a canonical request", for every service but S3. Where signers differ,
//! this follows RFC 3986: a path that ends in `/.` or `/..` keeps its last slash.

use super::error::Refusal;
use super::request::{RequestParts, refuse};
use super::{ALGORITHM, AmzDate, QUERY_LEN_MAX, QUERY_PARAMETERS_MAX, Scope, is_amz};
use keyfold_crypto::digest::Hash;

/// The query parameters, encoded in the one way and sorted by name, no name twice.
pub(super) struct Query(Vec<(Vec<u8>, Vec<u8>)>);

impl Query {
    /// Reads a query without its `?`.
    ///
    /// Refused is what has more than one reading: a parameter without a name, a `%` without two hexadecimal
    /// digits, and `+`, which is a space to some and a plus to others (no AWS SDK sends it).
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        if query.len() > QUERY_LEN_MAX {
            return Err(Refusal::Query);
        }
        if query.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let mut parameters = Vec::new();
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = decode(name)?;
            if name.is_empty() || parameters.len() == QUERY_PARAMETERS_MAX {
                return Err(Refusal::Query);
            }
            if is_amz(&name) {
                return Err(Refusal::Presigned);
            }
            parameters.push((encoded(&name), encoded(&decode(value)?)));
        }
        parameters.sort();
        if parameters.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Refusal::DuplicateQueryParameter);
        }
        Ok(Self(parameters))
    }
}

/// The string to sign, for parts that have been checked. `signed_headers` are names in lower case, sorted.
pub(super) fn string_to_sign(
    parts: &RequestParts<'_>,
    query: &Query,
    signed_headers: &[&str],
    hex_body_sha256: &str,
    date: &AmzDate,
    scope: &Scope,
) -> Result<String, Refusal> {
    let canonical = canonical_request(parts, query, signed_headers, hex_body_sha256)?;
    let digest = hex::encode(Hash::Sha256.digest(&canonical));
    Ok(format!("{ALGORITHM}\n{date}\n{scope}\n{digest}"))
}

fn canonical_request(
    parts: &RequestParts<'_>,
    query: &Query,
    signed_headers: &[&str],
    hex_body_sha256: &str,
) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(TYPICAL_LEN);
    out.extend_from_slice(parts.method.as_bytes());
    out.push(b'\n');
    append_path(&mut out, parts.path);
    out.push(b'\n');
    for (index, (name, value)) in query.0.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
    out.push(b'\n');
    for name in signed_headers {
        append_header(&mut out, parts, name)?;
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.join(";").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(hex_body_sha256.as_bytes());
    Ok(out)
}

/// The path without empty and dot segments, encoded once more than it came.
fn append_path(out: &mut Vec<u8>, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push(b'/');
        append_encoded(out, segment.as_bytes());
    }
    let ends_in_slash = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    if segments.is_empty() || ends_in_slash {
        out.push(b'/');
    }
}

/// `name:value,value⏎`, of every header of this name.
fn append_header(out: &mut Vec<u8>, parts: &RequestParts<'_>, name: &str) -> Result<(), Refusal> {
    out.extend_from_slice(name.as_bytes());
    let mut separator = b':';
    for header in parts.headers.iter().filter(|header| header.is(name)) {
        out.push(separator);
        separator = b',';
        let mut previous = 0;
        for byte in header.trimmed() {
            // Some signers take a tab within a value for a space, and some don't.
            if byte.is_ascii_control() {
                return Err(refuse(name, Refusal::HeaderValue));
            }
            if (*byte, previous) != (b' ', b' ') {
                out.push(*byte);
            }
            previous = *byte;
        }
    }
    if separator == b':' {
        return Err(refuse(name, Refusal::SignedHeaderAbsent));
    }
    out.push(b'\n');
    Ok(())
}

/// Percent-encodes every byte but the unreserved ones (RFC 3986, 2.3), in upper case.
fn append_encoded(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            let digit = |value: u8| HEX_DIGITS[usize::from(value)];
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
}

fn encoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    append_encoded(&mut out, bytes);
    out
}

/// The bytes behind percent-encoded text.
fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let (Some(high), Some(low)) =
                    (rest.next().and_then(hex_digit), rest.next().and_then(hex_digit))
                else {
                    return Err(Refusal::Query);
                };
                out.push((high << 4) | low);
            }
            b'+' => return Err(Refusal::Query),
            byte => out.push(byte),
        }
    }
    Ok(out)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const HEX_DIGITS: &[u8; 16] = b"0123456789ABCDEF";
/// Bytes that hold the canonical form of what SDKs send to a key service.
const TYPICAL_LEN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::{Body, Header};

    #[test]
    fn paths() {
        for (path, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/../../a", "/a"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a//b/./c", "/a/b/c"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a/../b/", "/b/"),
            ("/...", "/..."),
            ("/a%2Fb/%2e%2e/", "/a%252Fb/%252e%252e/"),
            ("/a b@é", "/a%20b%40%C3%A9"),
        ] {
            let mut out = Vec::new();
            append_path(&mut out, path);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn queries() {
        let canonical = |query: &str| {
            let pair = |(name, value)| [name, value].map(|text| String::from_utf8(text).unwrap()).join("=");
            Query::parse(query).map(|query| query.0.into_iter().map(pair).collect::<Vec<_>>().join("&"))
        };
        for (query, expected) in [
            ("", ""),
            ("a", "a="),
            ("a=", "a="),
            ("b=2&a=1", "a=1&b=2"),
            ("a-=2&a=1", "a=1&a-=2"),
            ("B=1&a=2", "B=1&a=2"),
            ("a=%41%7e%2f/", "a=A~%2F%2F"),
            ("a=b=c", "a=b%3Dc"),
            ("é=%00 ", "%C3%A9=%00%20"),
        ] {
            assert_eq!(canonical(query).as_deref(), Ok(expected), "{query}");
        }
        for query in ["a=1&", "&", "=1", "a=+", "a=%", "a=%4", "a=%4g", "a=%+1", "%=1"] {
            assert_eq!(canonical(query), Err(Refusal::Query), "{query}");
        }
        for query in ["a=1&a=2", "a=1&b=2&a=1", "a&%61"] {
            assert_eq!(canonical(query), Err(Refusal::DuplicateQueryParameter), "{query}");
        }
        for query in ["X-Amz-Signature=0", "a=1&x-amz-date=1", "%58-Amz-Expires=1"] {
            assert_eq!(canonical(query), Err(Refusal::Presigned), "{query}");
        }
        let many = |count: usize| (0..count).map(|index| format!("p{index}=")).collect::<Vec<_>>().join("&");
        assert!(canonical(&many(QUERY_PARAMETERS_MAX)).is_ok());
        assert_eq!(canonical(&many(QUERY_PARAMETERS_MAX + 1)), Err(Refusal::Query));
        assert!(canonical(&"a".repeat(QUERY_LEN_MAX)).is_ok());
        assert_eq!(canonical(&"a".repeat(QUERY_LEN_MAX + 1)), Err(Refusal::Query));
    }

    /// The whole of one, with a header that is repeated, one that has spaces, and one that is not signed.
    #[test]
    fn a_canonical_request() {
        let headers = [
            Header::new("X-Amz-Date", b"20150830T123600Z"),
            Header::new("Twice", b" b  c\t"),
            Header::new("Host", b"example"),
            Header::new("User-Agent", b"none\x01"),
            Header::new("TWICE", b"a"),
        ];
        let parts = RequestParts {
            method: "GET",
            path: "/a",
            query: "b&a",
            headers: &headers,
            body: Body::Sha256(&[0xab; 32]),
        };
        let checked = parts.check().unwrap();
        let canonical = canonical_request(
            &parts,
            &checked.query,
            &["host", "twice", "x-amz-date"],
            &checked.hex_body_sha256,
        );
        let expected = format!(
            "GET\n/a\na=&b=\nhost:example\ntwice:b c,a\nx-amz-date:20150830T123600Z\n\nhost;twice;x-amz-date\n{}",
            "ab".repeat(32)
        );
        assert_eq!(String::from_utf8(canonical.unwrap()).unwrap(), expected);
    }
}
