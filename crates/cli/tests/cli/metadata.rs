//! `--metadata`: the official command line's lines, to the byte.

use std::fs;

use crate::{Place, shared_vectors};

const KEY: &str = "ns/k1=aes.key";
const LOOSE: [&str; 2] = ["--commitment-policy", "require-encrypt-allow-decrypt"];

fn place() -> Place {
    let place = Place::new();
    place.write("aes.key", [7; 32]);
    place.write("a", "a");
    place
}

/// A golden line, with the directory that it was made in replaced by this one.
fn golden(place: &Place, line: &str) -> String {
    line.replace("/data/", &format!("{}/", place.path("").to_str().unwrap().trim_end_matches('/')))
}

#[test]
fn decryption_gives_the_golden_lines() {
    let Some(folder) = shared_vectors("esdk/cli-golden") else { return };
    let place = place();
    for name in ["a.enc", "nf.enc"] {
        fs::copy(folder.join(name), place.path(name)).unwrap();
    }
    let line = |name: &str| golden(&place, &fs::read_to_string(folder.join(name)).unwrap());
    let decrypt = ["decrypt", "--aes-key", KEY, "--metadata", "m"];
    place.ok(&[&decrypt[..], &["a.enc", "-o", "out.txt", "-c", "dept=x"]].concat());
    assert_eq!(place.read("out.txt"), fs::read(folder.join("a.txt")).unwrap());
    place.ok(&[&decrypt[..], &["nf.enc", "-o", "nf.out"], &LOOSE].concat());
    // The official one deletes what was there, and says that all is well.
    place.write("out2.txt", "precious");
    let mismatch = ["a.enc", "-o", "out2.txt", "--force", "-c", "dept=WRONG", "-c", "nokey"];
    let said = place.fails(&[&decrypt[..], &mismatch].concat(), 5);
    assert!(said.contains("\"dept\"=\"WRONG\"") && said.contains("\"nokey\""), "{said}");
    assert_eq!(place.read("out2.txt"), b"precious");
    let expected =
        ["meta-decrypt.jsonl", "meta-decrypt-v1-nonframed.jsonl", "meta-decrypt-ec-mismatch.jsonl"];
    assert_eq!(String::from_utf8(place.read("m")).unwrap(), expected.map(line).concat());
}

#[test]
fn encryption_gives_lines_of_the_golden_shape() {
    let Some(folder) = shared_vectors("esdk/cli-golden") else { return };
    let place = place();
    place.write("a.txt", "hello world\n");
    let encrypt = ["encrypt", "a.txt", "--aes-key", KEY, "--metadata", "m"];
    place.ok(&[&encrypt[..], &["-o", "a.enc", "-c", "dept=x"]].concat());
    let old = ["--suite", "0014", "--commitment-policy", "forbid-encrypt-allow-decrypt", "--non-framed"];
    place.ok(&[&encrypt[..], &["-o", "nf.enc"], &old].concat());
    let written = String::from_utf8(place.read("m")).unwrap();
    for (line, name) in written.lines().zip(["meta-encrypt.jsonl", "meta-encrypt-v1-nonframed.jsonl"]) {
        let expected = golden(&place, &fs::read_to_string(folder.join(name)).unwrap());
        assert_eq!(without_random_values(line), without_random_values(&expected));
    }
    assert_eq!(written.lines().count(), 2);
}

/// The line with its longer base64 values, which are new in each message, as dots.
fn without_random_values(line: &str) -> String {
    let is_random = |text: &&str| text.len() >= 24 && text.ends_with('=') || text.len() >= 64;
    let parts = line.trim_end().split('"').map(|text| if is_random(&text) { "..." } else { text });
    parts.collect::<Vec<_>>().join("\"")
}

#[test]
fn only_verified_messages_get_a_line() {
    let place = place();
    place.ok(&["encrypt", "a", "--aes-key", KEY, "-c", "ü=\u{1f512}"]);
    let mut message = place.read("a.encrypted");
    *message.last_mut().unwrap() ^= 1;
    place.write("bad", &message);
    // Not even of another context than was asked for.
    for context in [&[][..], &["-c", "ü=x"]] {
        let args = ["decrypt", "bad", "-o", "b", "--aes-key", KEY, "--metadata", "m"];
        place.fails(&[&args[..], context].concat(), 3);
    }
    let line = place.ok(&["decrypt", "a.encrypted", "-o", "b", "--aes-key", KEY, "--metadata", "-"]);
    assert!(line.contains(r#""\u00fc": "\ud83d\udd12""#), "{line}");
    assert_eq!(line.lines().count(), 1);
    let ran = place.pipe(&["encrypt", "-", "-o", "c", "--aes-key", KEY, "--metadata", "-"], b"x");
    assert!(String::from_utf8_lossy(&ran.stdout).contains(r#""input": "<stdin>""#));
}

#[test]
fn the_metadata_file_is_neither_input_nor_output() {
    let place = place();
    place.write("m", "precious");
    let encrypt = ["encrypt", "a", "--aes-key", KEY];
    for refused in [
        &["-o", "x", "--metadata", "x"][..],
        &["--metadata", "a"],
        &["-o", "m", "--force", "--metadata", "m"],
    ] {
        place.fails(&[&encrypt[..], refused].concat(), 6);
    }
    place.fails(&[&encrypt[..], &["-o", "-", "--metadata", "-"]].concat(), 2);
    assert_eq!((place.read("m"), place.read("a")), (b"precious".to_vec(), b"a".to_vec()));
    place.ok(&[&encrypt[..], &["--metadata", "m"]].concat());
    assert!(place.read("m").starts_with(b"precious{\"header\": {"));
}

#[test]
fn the_metadata_file_is_open_before_the_work_begins() {
    let place = place();
    let encrypt = ["encrypt", "a", "-o", "b", "--aes-key", KEY];
    for bad in ["absent/m", "."] {
        let said = place.fails(&[&encrypt[..], &["--metadata", bad]].concat(), 6);
        assert!(said.contains("can't append metadata"), "{said}");
    }
    // Nor does a new one stay that nothing was written to.
    place.fails(&["encrypt", "absent", "--aes-key", KEY, "--metadata", "m"], 6);
    place.write("old", "");
    place.fails(&["encrypt", "absent", "--aes-key", KEY, "--metadata", "old"], 6);
    std::os::unix::fs::symlink("led-to", place.path("link")).unwrap();
    place.ok(&["encrypt", "a", "--aes-key", KEY, "--metadata", "link"]);
    assert_eq!(place.read("led-to").iter().filter(|byte| **byte == b'\n').count(), 1);
    // It is not part of the tree that it is in.
    place.write("t/a", "a");
    place.ok(&["encrypt", "-r", "t", "--aes-key", KEY, "--metadata", "t/m"]);
    assert!(!place.exists("t/m.encrypted"));
    assert_eq!(place.read("t/m").iter().filter(|byte| **byte == b'\n').count(), 1);

    if fs::metadata("/dev/full").is_ok() {
        let ran = place.run(&[&encrypt[..], &["--metadata", "/dev/full"]].concat());
        assert_eq!(ran.code, Some(6));
        assert!(ran.stderr.contains("b is written, but not its metadata"), "{}", ran.stderr);
        assert!(place.exists("b"));
    }
}
