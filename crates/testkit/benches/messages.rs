//! Whole messages in memory beside their primitives: plain AES-256-GCM over the same frames, and SHA-384.
//!
//! `cargo xtask bench` runs this and prints each figure as a ratio to its primitive's.

#![allow(clippy::expect_used, reason = "a benchmark that fails to set up stops")]
#![allow(missing_docs, reason = "criterion's macros make functions that nobody calls")]

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keyfold::{
    EncryptionContext, Suite,
    blocking::Client,
    keyring::{KeyName, RawAesKeyring},
};
use keyfold_crypto::{
    aead::{AesGcm, GcmKey, TAG_LEN},
    digest::Hash,
};

const SIZES: [(&str, usize); 4] =
    [("1KiB", 1 << 10), ("100KiB", 100 << 10), ("10MiB", 10 << 20), ("1GiB", 1 << 30)];
const SUITES: [Suite; 2] =
    [Suite::AES_256_GCM_HKDF_SHA512_COMMIT_KEY, Suite::AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384];
const FRAME_LEN: usize = 4096;

fn client(suite: Suite) -> Client {
    let name = KeyName::new("bench", "key").expect("a free name");
    let keyring = RawAesKeyring::new(name, &[7; 32]).expect("a key of 32 bytes");
    keyfold::Client::new(keyring).suite(suite).into()
}

fn messages(criterion: &mut Criterion) {
    let context = EncryptionContext::from_iter([("purpose", "benchmark")]);
    for (size, len) in SIZES {
        let plaintext = vec![0x5a; len];
        let mut group = criterion.benchmark_group(size);
        group.throughput(Throughput::Bytes(len as u64));
        group.sample_size(if len > 1 << 20 { 10 } else { 50 });
        group.measurement_time(Duration::from_secs(if len > 1 << 28 { 20 } else { 3 }));
        group.warm_up_time(Duration::from_millis(500));

        group.bench_function("aes-256-gcm", |bencher| {
            let key = GcmKey::new(AesGcm::Aes256, &[7; 32]).expect("a key of 32 bytes");
            let mut sealed = vec![0; len];
            let mut tag = [0; TAG_LEN];
            bencher.iter(|| {
                for (plain, out) in plaintext.chunks(FRAME_LEN).zip(sealed.chunks_mut(FRAME_LEN)) {
                    key.seal([0; 12], &[0; 78], plain, out, &mut tag).expect("a short frame");
                }
                black_box(&sealed);
            });
        });
        group
            .bench_function("sha-384", |bencher| bencher.iter(|| Hash::Sha384.digest(black_box(&plaintext))));
        for suite in SUITES {
            let client = client(suite);
            let id = format!("{:04x}", suite.id());
            group.bench_function(BenchmarkId::new("encrypt", &id), |bencher| {
                bencher.iter(|| client.encrypt(black_box(&plaintext), &context).expect("encrypts"));
            });
            let message = client.encrypt(&plaintext, &context).expect("encrypts");
            group.bench_function(BenchmarkId::new("decrypt", &id), |bencher| {
                bencher.iter(|| client.decrypt(black_box(&message), &context).expect("decrypts"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, messages);
criterion_main!(benches);
