//! Bad input of each kind: an error of the right class, one line about what is wrong, and no trace of it on disk.

use std::fs;
use std::time::{Duration, Instant};

use crate::{Place, noise};

const KEY: [&str; 2] = ["--aes-key", "acme/2026=aes.key"];

fn place() -> Place {
    let place = Place::new();
    place.write("aes.key", [7; 32]);
    place.write("a", noise(10_000));
    place.ok(&["encrypt", "a", KEY[0], KEY[1]]);
    place
}

fn decrypt(place: &Place, message: &[u8], code: i32) -> String {
    place.write("bad.encrypted", message);
    let said = place.fails(&["decrypt", "bad.encrypted", KEY[0], KEY[1]], code);
    fs::remove_file(place.path("bad.encrypted")).unwrap();
    assert!(said.starts_with("keyfold: bad.encrypted: "), "{said}");
    assert!(said.lines().count() <= 2 && !said.contains("Error") && !said.contains("{ "), "{said}");
    said
}

#[test]
fn damaged_messages() {
    let place = place();
    let message = place.read("a.encrypted");
    for (what, bytes) in [("empty", &[][..]), ("text", b"hello world"), ("version", &[3, 5, 0x78, 0])] {
        let said = decrypt(&place, bytes, 3);
        assert!(said.contains("message"), "{what}: {said}");
    }
    assert!(!decrypt(&place, b"hello world", 3).contains("version"));
    for len in [1, 100, 300, message.len() / 2, message.len() - 1] {
        assert!(decrypt(&place, &message[..len], 3).contains("truncated"));
    }
    assert!(decrypt(&place, &[&message[..], &[0]].concat(), 3).contains("after its end"));
    for place_in_message in [40, 250, message.len() / 2, message.len() - 10] {
        let mut message = message.clone();
        message[place_in_message] ^= 0x10;
        place.write("bad.encrypted", &message);
        let ran = place.run(&["decrypt", "bad.encrypted", "-o", "b", KEY[0], KEY[1]]);
        assert!(matches!(ran.code, Some(3 | 4)), "{place_in_message}: {}", ran.stderr);
        let ran = place.run(&["decrypt", "bad.encrypted", "-o", "-", KEY[0], KEY[1]]);
        assert!(ran.stdout.is_empty());
        assert!(!place.exists("b"));
    }
}

/// 65,535 encrypted data keys, as long as they are here.
fn bomb() -> Vec<u8> {
    let field = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let edk =
        [field(b"aws-kms"), field(b"arn:aws:kms:us-east-1:111122223333:key/x"), field(&[7; 150])].concat();
    let head = [&[2, 4, 0x78][..], &[1; 32], &[0, 0, 0xff, 0xff]].concat();
    [&head, &edk.repeat(0xffff), &[2, 0xff, 0xff, 0xff, 0xff][..], &[0; 48]].concat()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test is about time")]
fn bombs_are_refused_at_once_and_can_be_inspected() {
    let place = place();
    let bomb = bomb();
    let start = Instant::now();
    let said = decrypt(&place, &bomb, 5);
    assert!(
        said.contains("65535 encrypted data keys") && said.contains("--max-encrypted-data-keys"),
        "{said}"
    );
    assert!(start.elapsed() < Duration::from_secs(2));
    place.write("bomb", &bomb);
    let start = Instant::now();
    assert_eq!(place.ok(&["inspect", "bomb"]).matches("aws-kms arn:").count(), 0xffff);
    assert!(start.elapsed() < Duration::from_secs(20));
    // A header that never ends is not read for ever.
    let endless = [&bomb[..39], &b"aa".repeat(40_000_000)].concat();
    let ran = place.pipe(&["inspect", "-"], &endless);
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
}

#[test]
fn names_can_not_draw_on_the_terminal() {
    let place = place();
    let said = place.run(&["decrypt", "\u{1b}[2Jx.encrypted"]).stderr;
    assert!(!said.contains('\u{1b}') && said.contains("\\u{1b}[2Jx"), "{said}");
    place.ok(&["encrypt", "a", "--force", KEY[0], KEY[1], "-c", "k=\u{1b}[2J"]);
    assert!(!place.ok(&["inspect", "a.encrypted"]).contains('\u{1b}'));
}

#[test]
fn inspection_of_several() {
    let place = place();
    place.write("text", "text");
    let ran = place.run(&["inspect", "--json", "a.encrypted", "text", "absent", "a.encrypted"]);
    assert_eq!((ran.code, ran.stdout.iter().filter(|byte| **byte == b'\n').count()), (Some(7), 2));
    place.fails(&["inspect", "text"], 3);
    place.fails(&["inspect", "absent"], 6);
    let ran = place.pipe(&["inspect", "-"], &place.read("a.encrypted"));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("acme/2026"), "{}", ran.stderr);
    assert!(!place.store().exists());
}

#[test]
fn a_full_disk_is_a_file_error() {
    let place = place();
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else { return };
    let output = place.command(&["encrypt", "a", "-o", "-", KEY[0], KEY[1]]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no space left"));
}

/// Whoever made a message chose the names in it, and file names come from anywhere.
#[test]
fn nothing_draws_on_the_terminal() {
    let place = Place::new();
    place.ok(&["init"]);
    let field = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let arn = "arn:aws:kms:local:000000000000:key/\u{1b}]0;gone\u{7}\nkeyfold: done\u{9b}\u{202e}";
    // A blob that parses: version, derivation, and what stands for account, key and material.
    let blob = [&[1, 1][..], &[0; 8], &[0], &[0; 64 + 17]].concat();
    let message = [
        &[2, 0x04, 0x78][..],
        &[0; 32],
        &[0, 0, 0, 1],
        &field(b"aws-kms"),
        &field(arn.as_bytes()),
        &field(&blob),
        &[2, 0, 0, 16, 0],
        &[0; 48],
    ]
    .concat();
    let name = "bad\u{1b}[2J.encrypted";
    place.write(name, message);
    for args in [&["decrypt", name][..], &["inspect", name], &["inspect", "--json", name]] {
        let ran = place.run(args);
        let said = format!("{}{}", ran.stderr, String::from_utf8_lossy(&ran.stdout));
        assert!(said.contains("key/"), "{args:?}: {said}");
        let drawn = said.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(drawn, None, "{args:?}: {said:?}");
        assert!(!said.contains("\nkeyfold: done"), "{said}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::os::unix::process::ExitStatusExt as _;

    let place = place();
    place.write("long", noise(2_000_000));
    for args in [
        &["completions", "bash"][..],
        &["encrypt", "long", "-o", "-", KEY[0], KEY[1]],
        &["decrypt", "a.encrypted", "-o", "-", KEY[0], KEY[1]],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(args).stdout(writer).output().unwrap();
        assert_eq!(output.status.signal(), Some(13), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_temporary_directory_that_can_not_be_used_is_named() {
    let place = place();
    place.write("long", noise(2_000_000));
    place.ok(&["encrypt", "long", KEY[0], KEY[1]]);
    let mut command = place.command(&["decrypt", "long.encrypted", "-o", "-", KEY[0], KEY[1]]);
    let output = command.env("TMPDIR", "/Nowhere").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(6), 0), "{said}");
    assert!(said.contains("/Nowhere ($TMPDIR)"), "{said}");
}
