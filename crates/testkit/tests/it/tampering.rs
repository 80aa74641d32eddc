//! Whatever is changed in a message, it does not decrypt, and nothing that is not authentic comes out.

use keyfold::{
    CommitmentPolicy, DecryptError, EncryptionContext, Malformed, Part, Suite,
    keyring::{KeyName, RawAesKeyring},
    message::{FrameLength, inspect},
};
use pollster::block_on;

const FRAME_LEN: usize = 16;

/// A message of every suite in three shapes: one frame, three frames, no frames.
struct Target {
    suite: Suite,
    client: keyfold::Client,
    plaintext: Vec<u8>,
    message: Vec<u8>,
    /// Where the header, the body and the message end.
    header_len: usize,
    body_len: usize,
}

fn context() -> EncryptionContext {
    EncryptionContext::from_iter([("k", "v")])
}

fn targets() -> impl Iterator<Item = Target> {
    Suite::ALL
        .into_iter()
        .flat_map(|suite| [(10, true), (40, true), (20, false)].map(|shape| (suite, shape)))
        .map(|(suite, (len, framed))| {
            let policy = if suite.is_committing() {
                CommitmentPolicy::RequireEncryptRequireDecrypt
            } else {
                CommitmentPolicy::ForbidEncryptAllowDecrypt
            };
            let keyring = RawAesKeyring::new(KeyName::new("n", "k").unwrap(), &[7; 32]).unwrap();
            let client = keyfold::Client::new(keyring).commitment_policy(policy).suite(suite);
            let client = match framed {
                true => client.frame_length(FrameLength::new(16).unwrap()),
                false => client.non_framed(),
            };
            let plaintext: Vec<u8> = (0..len).collect();
            let message = block_on(client.encrypt(&plaintext, &context())).unwrap();
            // An empty message has the same header length; its body is one final frame or one block.
            let empty_body = if framed { 40 } else { 36 };
            let (mut header_len, mut footer_len) = (message.len(), 0);
            if suite.is_signing() {
                // The signature's length stands before it; both known curves give less than 256 bytes.
                footer_len = (2..)
                    .find(|n| message[message.len() - n - 2..][..2] == [0, u8::try_from(*n).unwrap()])
                    .unwrap()
                    + 2;
            }
            let regular = if framed { plaintext.len() / FRAME_LEN } else { 0 };
            let body = empty_body + plaintext.len() + regular * 32;
            header_len -= body + footer_len;
            let body_len = header_len + body;
            inspect(&message[..header_len], Default::default()).expect("the header ends where we think");
            Target { suite, client, plaintext, message, header_len, body_len }
        })
}

impl Target {
    /// Decrypts `message` at once and in pieces, checks that both fail alike and that what the second released
    /// is a whole number of authentic frames, and returns the error.
    fn refused(&self, message: &[u8], what: &str) -> DecryptError {
        let error = match block_on(self.client.decrypt(message, &context())) {
            Err(error) => error,
            Ok(_) => panic!("{} {what}: decrypted", self.suite),
        };
        let mut released = Vec::new();
        let streamed = self.stream(message, 7, &mut released).expect_err(what);
        assert_eq!(streamed.to_string(), error.to_string(), "{} {what}", self.suite);
        let authentic = self.plaintext.starts_with(&released);
        // The last frame comes out only once nothing but bytes after the end can be wrong.
        let may_end = !self.suite.is_signing() || message.starts_with(&self.message);
        let is_whole = released.len() % FRAME_LEN == 0 || (released == self.plaintext && may_end);
        assert!(authentic && is_whole, "{} {what}: released {released:?}", self.suite);
        assert!(
            may_end || released.len() < self.plaintext.len(),
            "{} {what}: final frame released",
            self.suite
        );
        error
    }

    fn stream(&self, message: &[u8], piece_len: usize, released: &mut Vec<u8>) -> Result<(), DecryptError> {
        let mut reader = self.client.header_reader();
        let mut decryptor = None;
        for mut piece in message.chunks(piece_len) {
            if decryptor.is_none()
                && let Some(header) = reader.push(&mut piece)?
            {
                decryptor = Some(block_on(self.client.decryptor(header, &context()))?);
            }
            if let Some(decryptor) = &mut decryptor {
                decryptor.update(piece, released)?;
            }
        }
        decryptor.ok_or(DecryptError::Truncated(Part::Header))?.finish().map(drop)
    }
}

/// Every byte: each bit flipped, set to zero, set to all ones.
#[test]
fn every_byte_changed() {
    let mut tried = 0_u32;
    for target in targets() {
        for at in 0..target.message.len() {
            let byte = target.message[at];
            let changes =
                (0..8).map(|bit| byte ^ (1 << bit)).chain([0x00, 0xff]).filter(|change| *change != byte);
            for change in changes {
                let mut message = target.message.clone();
                message[at] = change;
                let what = format!("byte {at} from {byte:02x} to {change:02x}");
                let error = target.refused(&message, &what);
                check_class(&target, at, &error, &what);
                tried += 1;
            }
        }
    }
    assert!(tried > 80_000, "only {tried} changes tried");
}

/// The error is of the kind that the changed part calls for.
fn check_class(target: &Target, at: usize, error: &DecryptError, what: &str) {
    use DecryptError::{
        ContextMismatch, LimitExceeded, Malformed as Form, NoUsableKey, NotAuthentic, SuiteRefused, Truncated,
    };
    let fits = match error {
        // Lengths can make any later part of the message something else.
        Form(_) | Truncated(_) | LimitExceeded(_) => true,
        NoUsableKey(_)
        | ContextMismatch { .. }
        | SuiteRefused { .. }
        | NotAuthentic(Part::Header | Part::Commitment) => at < target.header_len,
        NotAuthentic(Part::Frame(_) | Part::Body) => (target.header_len..target.body_len).contains(&at),
        NotAuthentic(Part::Signature) => at >= target.body_len,
        _ => false,
    };
    // What has no structure of its own can only fail to authenticate.
    let is_tag = at + 16 >= target.header_len && at < target.header_len;
    let fits = fits && (!is_tag || matches!(error, NotAuthentic(Part::Header)));
    assert!(fits, "{} {what} (header ends at {}): {error}", target.suite, target.header_len);
}

#[test]
fn every_truncation() {
    for target in targets() {
        for len in 0..target.message.len() {
            let error = target.refused(&target.message[..len], &format!("cut to {len}"));
            assert!(matches!(error, DecryptError::Truncated(_)), "{} cut to {len}: {error}", target.suite);
        }
    }
}

#[test]
fn bytes_appended() {
    for target in targets() {
        for len in 1..=64 {
            for byte in [0x00, 0xff, 0x01] {
                let message = [&target.message[..], &vec![byte; len]].concat();
                let error = target.refused(&message, &format!("{len} bytes {byte:02x} appended"));
                assert!(matches!(error, DecryptError::Malformed(Malformed::TrailingBytes)), "{error}");
            }
        }
        let twice = target.message.repeat(2);
        let error = target.refused(&twice, "the message twice");
        assert!(matches!(error, DecryptError::Malformed(Malformed::TrailingBytes)), "{error}");
    }
}

/// All 65,536 suite ids in the place of each suite's own.
#[test]
fn every_suite_id() {
    for target in targets().filter(|target| target.plaintext.len() == 10) {
        let at = if target.suite.is_committing() { 1 } else { 2 };
        for id in (0..=u16::MAX).filter(|id| *id != target.suite.id()) {
            let mut message = target.message.clone();
            message[at..at + 2].copy_from_slice(&id.to_be_bytes());
            assert!(block_on(target.client.decrypt(&message, &context())).is_err(), "{id:04x}");
        }
    }
}

/// Frames can't be left out, swapped, repeated, or taken from another message.
#[test]
fn frames_rearranged() {
    for target in targets().filter(|target| target.plaintext.len() == 40) {
        let frame_len = FRAME_LEN + 32;
        let frame = |n: usize| target.header_len + n * frame_len..target.header_len + (n + 1) * frame_len;
        let (header, rest) = (&target.message[..target.header_len], &target.message[frame(1).end..]);
        let (first, second) = (&target.message[frame(0)], &target.message[frame(1)]);
        for (what, frames) in [
            ("swapped", [second, first, rest].concat()),
            ("first left out", [second, rest].concat()),
            ("second left out", [first, rest].concat()),
            ("first repeated", [first, first, second, rest].concat()),
            ("final only", rest.to_vec()),
        ] {
            let error = target.refused(&[header, &frames].concat(), what);
            assert!(
                matches!(error, DecryptError::Malformed(Malformed::FrameSequence { .. })),
                "{what}: {error}"
            );
        }
        let other = block_on(target.client.encrypt(&target.plaintext, &context())).unwrap();
        if other.len() == target.message.len() {
            let mut message = target.message.clone();
            message[frame(0)].copy_from_slice(&other[frame(0)]);
            let error = target.refused(&message, "frame of another message");
            assert!(matches!(error, DecryptError::NotAuthentic(Part::Frame(1))), "{error}");
        }
    }
}

/// After an error a decryptor gives nothing more, and no proof.
#[test]
fn failure_is_final() {
    let target = targets().last().unwrap();
    let mut message = target.message.clone();
    message[target.header_len + 20] ^= 1;
    let mut rest = &message[..];
    let header = target.client.header_reader().push(&mut rest).unwrap().unwrap();
    let mut decryptor = block_on(target.client.decryptor(header, &context())).unwrap();
    let mut out = Vec::new();
    assert!(decryptor.update(rest, &mut out).is_err());
    assert!(matches!(decryptor.update(rest, &mut out), Err(DecryptError::FailedBefore)));
    assert!(matches!(decryptor.finish(), Err(DecryptError::FailedBefore)));
    assert!(out.is_empty());
}
