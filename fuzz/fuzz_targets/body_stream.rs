//! Any bytes as a message under a data key of zeros, whole and in pieces: never a panic, the same answer, and
//! what the stream released before an error is the beginning of what it would have been.
//!
//! The first byte is the length of a piece; the seeds are whole messages of every suite.
#![no_main]

use keyfold::{Client, CommitmentPolicy, DecryptError, EncryptionContext, Limits, message::inspect};
use keyfold_testkit::StaticKeyring;
use libfuzzer_sys::fuzz_target;
use pollster::block_on;

fuzz_target!(|data: &[u8]| {
    let Some((piece_len, message)) = data.split_first() else { return };
    let Ok(header) = inspect(message, Limits::default()) else { return };
    let keyring = StaticKeyring::new(&vec![0; header.suite().data_key_len()]);
    let client = Client::new(keyring).commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt);
    let context = EncryptionContext::empty();

    let whole = block_on(client.decrypt(message, &context));
    let mut released = Vec::new();
    let streamed = stream(&client, message, usize::from(*piece_len).max(1), &mut released);
    match (whole, streamed) {
        (Ok(whole), Ok(())) => assert_eq!(whole.plaintext, released),
        (Err(whole), Err(streamed)) => assert_eq!(whole.to_string(), streamed.to_string()),
        (whole, streamed) => panic!("{whole:?} but {streamed:?}"),
    }
});

fn stream(client: &Client, message: &[u8], piece_len: usize, out: &mut Vec<u8>) -> Result<(), DecryptError> {
    let mut rest = message;
    let header = client.header_reader().push(&mut rest)?.expect("it was whole before");
    let mut decryptor = block_on(client.decryptor(header, &EncryptionContext::empty()))?;
    for piece in rest.chunks(piece_len) {
        decryptor.update(piece, out)?;
    }
    decryptor.finish().map(drop)
}
