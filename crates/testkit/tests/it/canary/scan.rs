//! Looking for bytes in every spelling that a program could give them by accident.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine as _};

/// What is looked for.
#[derive(Default)]
pub(super) struct Needles {
    spellings: Vec<(Vec<u8>, String, bool)>,
}

impl Needles {
    /// Something that a caller sends.
    pub(super) fn text(&mut self, what: &str, bytes: &[u8]) {
        self.add(what, bytes, false);
    }

    /// Something that nobody else may know.
    pub(super) fn secret(&mut self, what: &str, bytes: &[u8]) {
        self.add(what, bytes, true);
    }

    fn add(&mut self, what: &str, bytes: &[u8], is_secret: bool) {
        // A few bytes are found anywhere.
        if bytes.len() >= LEN_MIN {
            let spelled = spellings(bytes).into_iter();
            self.spellings
                .extend(spelled.map(|(form, bytes)| (bytes, format!("{what} ({form})"), is_secret)));
        }
    }

    /// What is found where; of secrets only, if so.
    pub(super) fn find_in(&self, places: &[(String, Vec<u8>)], only_secrets: bool) -> BTreeSet<String> {
        let wanted: Vec<_> =
            self.spellings.iter().filter(|(_, _, is_secret)| *is_secret || !only_secrets).collect();
        let finder = AhoCorasick::new(wanted.iter().map(|(bytes, _, _)| bytes)).unwrap();
        let mut all = BTreeSet::new();
        for (place, content) in places {
            let found = finder.find_overlapping_iter(content);
            all.extend(found.map(|found| format!("{place}: {}", wanted[found.pattern().as_usize()].1)));
        }
        all
    }
}

/// Whether `text` is in `content`.
pub(super) fn contains(content: &[u8], text: &[u8]) -> bool {
    text.is_empty() || content.windows(text.len()).any(|window| window == text)
}

fn spellings(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let decimals: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let mut all = vec![
        ("raw", bytes.to_vec()),
        ("hex", hex::encode(bytes).into_bytes()),
        ("HEX", hex::encode_upper(bytes).into_bytes()),
        ("numbers", decimals.join(", ").into_bytes()),
        ("numbers", decimals.join(",").into_bytes()),
        ("escaped", bytes.escape_ascii().to_string().into_bytes()),
    ];
    if let Ok(text) = std::str::from_utf8(bytes) {
        let json = serde_json::to_string(text).unwrap();
        all.push(("JSON", json.trim_matches('"').as_bytes().to_vec()));
    }
    // Where it starts within a longer text decides on the spelling; characters that depend on neighbours are left out.
    for offset in 0..3 {
        let padded = [&vec![0; offset][..], bytes].concat();
        let (start, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
        all.push(("base64", BASE64_STANDARD_NO_PAD.encode(&padded).as_bytes()[start..end].to_vec()));
        all.push(("base64url", BASE64_URL_SAFE_NO_PAD.encode(&padded).as_bytes()[start..end].to_vec()));
    }
    all
}

const LEN_MIN: usize = 8;

#[test]
fn what_is_planted_is_found_in_every_spelling() {
    let secret = [0x00, 0xff, b'"', b'k', 0xfb, 0xef, 0xbe, b'\\', 0x7f, b'z', 0x01];
    let mut needles = Needles::default();
    needles.secret("secret", &secret);
    needles.text("text", "a \"quoted\" text".as_bytes());
    let find = |content: &[u8]| needles.find_in(&[("here".to_owned(), content.to_vec())], false);
    assert!(find(b"nothing of the kind: AP8ia/vvvlx").is_empty());

    for before in ["", "1", "12", "123", "1234"] {
        let around = [before.as_bytes(), &secret, b"after"].concat();
        for content in [
            around.clone(),
            hex::encode(&around).into_bytes(),
            hex::encode_upper(&around).into_bytes(),
            BASE64_STANDARD_NO_PAD.encode(&around).into_bytes(),
            BASE64_URL_SAFE_NO_PAD.encode(&around).into_bytes(),
            format!("{around:?}").into_bytes(),
            serde_json::to_vec(&around).unwrap(),
            around.escape_ascii().to_string().into_bytes(),
        ] {
            assert!(!find(&content).is_empty(), "{}", content.escape_ascii());
        }
    }
    let json = serde_json::to_vec("with a \"quoted\" text in it").unwrap();
    assert!(!find(&json).is_empty());
    assert!(needles.find_in(&[("here".to_owned(), json)], true).is_empty(), "it is no secret");
}
