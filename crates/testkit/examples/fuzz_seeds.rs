//! Writes the seeds of the fuzz targets into `fuzz/seeds`: messages of every suite and shape under a data key
//! of zeros, their headers, and ciphertext blobs of a key store made for it.

#![allow(clippy::disallowed_methods, reason = "it writes files that git keeps")]

use std::{error::Error, fs, path::Path, sync::Arc};

use keyfold::{Client, CommitmentPolicy, EncryptionContext, Limits, Suite, message::FrameLength};
use keyfold_crypto::SecretBytes;
use keyfold_kms::{Embedded, RootOfTrust, SystemClock};
use keyfold_protocol::{KmsExt, operations::EncryptRequest};
use keyfold_testkit::{StaticKeyring, workspace_root};
use pollster::block_on;

fn main() -> Result<(), Box<dyn Error>> {
    let seeds = workspace_root().join("fuzz/seeds");
    for target in ["header", "body_stream", "ciphertext_blob"] {
        fs::create_dir_all(seeds.join(target))?;
    }
    for suite in Suite::ALL {
        messages(&seeds, suite)?;
    }
    blobs(&seeds)
}

fn messages(seeds: &Path, suite: Suite) -> Result<(), Box<dyn Error>> {
    let policy = if suite.is_committing() {
        CommitmentPolicy::RequireEncryptAllowDecrypt
    } else {
        CommitmentPolicy::ForbidEncryptAllowDecrypt
    };
    let client = Client::new(StaticKeyring::new(&vec![0; suite.data_key_len()]));
    let client = client.commitment_policy(policy).suite(suite);
    let framed = client.clone().frame_length(FrameLength::new(16).unwrap_or_default());
    let context = EncryptionContext::from_iter([("a", "1"), ("clé", "")]);
    for (shape, client, len) in [
        ("empty", &framed, 0),
        ("frames", &framed, 40),
        ("exact", &framed, 32),
        ("body", &client.non_framed(), 20),
    ] {
        let message = block_on(client.encrypt(&vec![5; len], &context))?;
        let mut rest = &message[..];
        client.header_reader().push(&mut rest)?;
        let name = format!("{:04x}-{shape}", suite.id());
        fs::write(seeds.join("body_stream").join(&name), [&[7][..], &message].concat())?;
        fs::write(seeds.join("header").join(&name), &message[..message.len() - rest.len()])?;
        keyfold::message::inspect(&message, Limits::default())?;
    }
    Ok(())
}

fn blobs(seeds: &Path) -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let opened = Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, Arc::new(SystemClock));
    let embedded = block_on(opened)?;
    block_on(embedded.ensure_default_key())?;
    for len in [1, 32, 4096] {
        let request = EncryptRequest::new("alias/default", SecretBytes::random(len)?);
        let blob = block_on(embedded.send(request))?.ciphertext_blob;
        fs::write(seeds.join("ciphertext_blob").join(format!("plaintext-{len}")), blob)?;
    }
    Ok(())
}
