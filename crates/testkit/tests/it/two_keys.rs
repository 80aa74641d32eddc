//! One message, two data keys, two plaintexts, each authentic under its key: what key commitment is for.
//!
//! AES-GCM's tag is `E(K, J0) ⊕ Σ B_i · H^(n-i+1)` over the blocks `B` of additional data, ciphertext and
//! lengths, with `H = E(K, 0)`. It is linear in every block, so for two keys one block can be solved for that
//! makes both tags the same. Done once in the header and once in the body, that gives a message that every
//! suite without commitment opens under both keys.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyfold::{CommitmentPolicy, DecryptError, EncryptionContext, Part, Suite, blocking::Client};
use keyfold_crypto::{
    aead::{AesGcm, GcmKey},
    digest::Hash,
    ecdsa::{Ecdsa, SigningKey},
    hkdf::Prk,
};
use keyfold_testkit::StaticKeyring;

#[test]
fn control_without_commitment_both_keys_open() {
    for suite in Suite::ALL.into_iter().filter(|suite| !suite.is_committing()) {
        let forged = forge(suite);
        let plaintexts = forged.data_keys.map(|key| open(&key, &forged.message).unwrap());
        assert!(plaintexts[0].starts_with(FIRST), "{suite}");
        assert_eq!(plaintexts[1][16..32], *SECOND, "{suite}");
        assert_ne!(plaintexts[0], plaintexts[1], "{suite}");
    }
}

#[test]
fn committing_suites_open_with_the_committed_key_only() {
    for suite in Suite::ALL.into_iter().filter(|suite| suite.is_committing()) {
        let forged = forge(suite);
        let [first, second] = forged.data_keys.map(|key| open(&key, &forged.message));
        assert!(first.unwrap().starts_with(FIRST), "{suite}");
        let error = second.unwrap_err();
        assert!(matches!(error, DecryptError::NotAuthentic(Part::Commitment)), "{suite}: {error}");
    }
}

/// The default policy does not even ask for a key when the suite does not commit.
#[test]
fn the_default_policy_refuses_the_control() {
    for suite in Suite::ALL.into_iter().filter(|suite| !suite.is_committing()) {
        let forged = forge(suite);
        let client = Client::new(StaticKeyring::new(&forged.data_keys[0]));
        let error = client.decrypt(&forged.message, &EncryptionContext::empty()).unwrap_err();
        assert!(matches!(error, DecryptError::SuiteRefused { .. }), "{suite}: {error}");
    }
}

fn open(data_key: &[u8], message: &[u8]) -> Result<Vec<u8>, DecryptError> {
    let client = keyfold::Client::new(StaticKeyring::new(data_key))
        .commitment_policy(CommitmentPolicy::RequireEncryptAllowDecrypt);
    Ok(Client::from(client).decrypt(message, &EncryptionContext::empty())?.plaintext)
}

const FIRST: &[u8; 16] = b"Pay nothing now.";
const SECOND: &[u8; 16] = b"Pay one million!";

struct Forged {
    message: Vec<u8>,
    data_keys: [Vec<u8>; 2],
}

/// Writes the message by hand, from the format's definition and not with the library.
fn forge(suite: Suite) -> Forged {
    let data_keys = [1, 2].map(|byte| vec![byte; suite.data_key_len()]);
    let message_id = vec![9; if suite.is_committing() { 32 } else { 16 }];
    let keys = [0, 1].map(|n| derive(suite, &message_id, &data_keys[n]));
    let gcm =
        [0, 1].map(|n| GcmKey::new(AesGcm::for_key_len(suite.data_key_len()).unwrap(), &keys[n].0).unwrap());
    let signing = match suite.id() {
        0x0214 => Some(Ecdsa::P256Sha256),
        _ => suite.is_signing().then_some(Ecdsa::P384Sha384),
    };
    let signing = signing.map(|algorithm| (algorithm, SigningKey::generate(algorithm).unwrap()));

    // The header, with 16 free bytes in the ciphertext of its one encrypted data key, on a block boundary.
    let mut header = if suite.is_committing() { vec![2] } else { vec![1, 0x80] };
    header.extend(suite.id().to_be_bytes());
    header.extend(&message_id);
    match &signing {
        None => header.extend([0, 0]),
        Some((_, key)) => {
            let public = BASE64.encode(key.public_key_compressed().unwrap());
            let pair = [&[0, 1][..], &field(b"aws-crypto-public-key"), &field(public.as_bytes())].concat();
            header.extend(field(&pair));
        }
    }
    header.extend([0, 1]);
    header.extend(field(b"p"));
    let padding = (16 - (header.len() + 4) % 16) % 16;
    header.extend(field(&vec![0; padding]));
    header.extend(field(&[0; 16]));
    let free = header.len() - 16;
    header.push(2);
    if !suite.is_committing() {
        header.extend([0, 0, 0, 0, 12]);
    }
    header.extend(4096_u32.to_be_bytes());
    header.extend(&keys[0].1);
    solve(&gcm, [0; 12], &mut header, &mut [], Free::Aad(free));
    let tag = tag(&gcm[0], [0; 12], &header, &[]);
    if !suite.is_committing() {
        header.extend([0; 12]);
    }
    header.extend(tag);

    // One final frame of three blocks: the first key's text, the second key's text, the free block.
    let mut iv = [0; 12];
    iv[11] = 1;
    let aad = [&message_id, &b"AWSKMSEncryptionClient Final Frame"[..], &[0, 0, 0, 1], &48_u64.to_be_bytes()];
    let mut aad = aad.concat();
    let keystreams = gcm.each_ref().map(|key| {
        let mut zeros = vec![0; 48];
        key.seal_in_place(iv, &[], &mut zeros).unwrap();
        zeros
    });
    let mut ciphertext = vec![0; 48];
    for n in 0..16 {
        ciphertext[n] = FIRST[n] ^ keystreams[0][n];
        ciphertext[16 + n] = SECOND[n] ^ keystreams[1][16 + n];
    }
    solve(&gcm, iv, &mut aad, &mut ciphertext, Free::Ciphertext(32));
    let mut plaintext: Vec<u8> = ciphertext.iter().zip(&keystreams[0]).map(|(c, k)| c ^ k).collect();
    let tag = gcm[0].seal_in_place(iv, &aad, &mut plaintext).unwrap();
    assert_eq!(plaintext, ciphertext);

    let mut message = header;
    message.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]);
    message.extend(iv);
    message.extend(48_u32.to_be_bytes());
    message.extend(ciphertext);
    message.extend(tag);
    if let Some((algorithm, key)) = signing {
        let signature = key.sign(&algorithm.hash().digest(&message)).unwrap();
        message.extend(field(&signature));
    }
    Forged { message, data_keys }
}

/// Message key and commitment.
fn derive(suite: Suite, message_id: &[u8], data_key: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let id = suite.id().to_be_bytes();
    let mut key = vec![0; data_key.len()];
    if suite.is_committing() {
        let prk = Prk::extract(Hash::Sha512, message_id, data_key);
        let mut commitment = vec![0; 32];
        prk.expand(&[&id, b"DERIVEKEY"], &mut key).unwrap();
        prk.expand(&[b"COMMITKEY"], &mut commitment).unwrap();
        return (key, commitment);
    }
    match suite.id() >> 8 {
        0x00 => key.copy_from_slice(data_key),
        hash => {
            let hash = if hash == 0x03 { Hash::Sha384 } else { Hash::Sha256 };
            Prk::extract(hash, &[], data_key).expand(&[&id, message_id], &mut key).unwrap();
        }
    }
    (key, vec![])
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// Where the free block begins.
enum Free {
    Aad(usize),
    Ciphertext(usize),
}

/// Sets the free block so that both keys give `aad` and `ciphertext` the same tag.
fn solve(keys: &[GcmKey; 2], iv: [u8; 12], aad: &mut [u8], ciphertext: &mut [u8], free: Free) {
    let index = match free {
        Free::Aad(at) => at / 16,
        Free::Ciphertext(at) => aad.len().div_ceil(16) + at / 16,
    };
    let blocks: Vec<u128> = [&*aad, &*ciphertext]
        .into_iter()
        .flat_map(|part| part.chunks(16))
        .map(|chunk| {
            let mut block = [0; 16];
            block[..chunk.len()].copy_from_slice(chunk);
            u128::from_be_bytes(block)
        })
        .chain([((aad.len() as u128 * 8) << 64) | (ciphertext.len() as u128 * 8)])
        .collect();
    let hash_keys = keys.each_ref().map(hash_key);
    let power = |n: usize, exponent: usize| (0..exponent).fold(ONE, |product, _| mul(product, hash_keys[n]));
    let coefficient = |i: usize| power(0, blocks.len() - i) ^ power(1, blocks.len() - i);
    let masks = keys.each_ref().map(|key| u128::from_be_bytes(tag(key, iv, &[], &[])));
    let others = (0..blocks.len()).filter(|i| *i != index).map(|i| mul(blocks[i], coefficient(i)));
    let wanted = others.fold(masks[0] ^ masks[1], |sum, term| sum ^ term);
    let block = mul(wanted, inverse(coefficient(index))).to_be_bytes();
    match free {
        Free::Aad(at) => aad[at..at + 16].copy_from_slice(&block),
        Free::Ciphertext(at) => ciphertext[at..at + 16].copy_from_slice(&block),
    }
}

/// The tag of nothing is `E(K, J0)`; that of one zero block of additional data adds its length block times H.
fn hash_key(key: &GcmKey) -> u128 {
    let masked = u128::from_be_bytes(tag(key, [0; 12], &[0; 16], &[]));
    let mask = u128::from_be_bytes(tag(key, [0; 12], &[], &[]));
    mul(masked ^ mask, inverse(128 << 64))
}

fn tag(key: &GcmKey, iv: [u8; 12], aad: &[u8], plaintext: &[u8]) -> [u8; 16] {
    key.seal_in_place(iv, aad, &mut plaintext.to_vec()).unwrap()
}

/// GHASH's field (SP 800-38D, section 6.3): the first bit is the coefficient of 1.
const ONE: u128 = 1 << 127;

fn mul(x: u128, y: u128) -> u128 {
    let (mut product, mut shifted) = (0, y);
    for bit in (0..128).rev() {
        if (x >> bit) & 1 == 1 {
            product ^= shifted;
        }
        shifted = (shifted >> 1) ^ if shifted & 1 == 1 { 0xe1 << 120 } else { 0 };
    }
    product
}

/// x^(2^128 - 2).
fn inverse(x: u128) -> u128 {
    let (mut result, mut square) = (ONE, x);
    for _ in 1..128 {
        square = mul(square, square);
        result = mul(result, square);
    }
    result
}
