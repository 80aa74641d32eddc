//! Every option of `encrypt` and `decrypt` but the keys.

use crate::{Place, noise};

const KEY: &str = "acme/2026=aes.key";

/// A place with an AES key, so that no store is needed.
fn place() -> Place {
    let place = Place::new();
    place.write("aes.key", [7; 32]);
    place.write("a", noise(10_000));
    place
}

fn inspected(place: &Place, name: &str) -> serde_json::Value {
    serde_json::from_str(&place.ok(&["inspect", "--json", name])).unwrap()
}

#[test]
fn suites_and_policies() {
    let place = place();
    let forbid = ["--commitment-policy", "forbid-encrypt-allow-decrypt"];
    let allow = ["--commitment-policy", "require-encrypt-allow-decrypt"];
    let suites = [
        ("0014", &forbid[..]),
        ("aes_192_gcm_iv12_tag16_hkdf_sha384_ecdsa_p384", &forbid),
        ("0x0378", &forbid),
        ("0478", &[]),
        ("AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384", &allow),
    ];
    for (suite, policy) in suites {
        let args = ["encrypt", "a", "--force", "--aes-key", KEY, "--suite", suite];
        place.ok(&[&args, policy].concat());
        place.ok(&[&["decrypt", "a.encrypted", "--aes-key", KEY, "-o", "b", "--force"], policy].concat());
        assert_eq!(place.read("b"), place.read("a"), "{suite}");
    }
    place.ok(&[&["encrypt", "a", "--force", "--aes-key", KEY], &forbid[..]].concat());
    assert_eq!(inspected(&place, "a.encrypted")["suite"]["id"], "0378");
    let said = place.fails(&["decrypt", "a.encrypted", "--aes-key", KEY, "-o", "c"], 5);
    assert!(said.contains("--commitment-policy require-encrypt-allow-decrypt"), "{said}");
    place.ok(&["decrypt", "a.encrypted", "--aes-key", KEY, "-o", "c", allow[0], allow[1]]);
    assert!(place.fails(&["encrypt", "a", "--suite", "6700"], 2).contains("0578"));
    place.fails(&[&["encrypt", "a", "-o", "d", "--suite", "0478"], &forbid[..]].concat(), 5);
}

#[test]
fn frames_and_limits() {
    let place = place();
    let encrypt = ["encrypt", "a", "--force", "--aes-key", KEY];
    let decrypt = ["decrypt", "a.encrypted", "--aes-key", KEY, "--force", "-o", "b"];
    for length in ["1", "9999", "10000", "4294967295"] {
        let ran = place.run(&[&encrypt[..], &["--frame-length", length]].concat());
        assert_eq!(
            ran.stderr.contains("--max-frame-length 4294967295"),
            length == "4294967295",
            "{}",
            ran.stderr
        );
        assert_eq!(inspected(&place, "a.encrypted")["frame_length"].to_string(), length);
        place.ok(&[&decrypt[..], &["--max-frame-length", length]].concat());
        assert_eq!(place.read("b"), place.read("a"), "{length}");
    }
    place.fails(&decrypt, 5);
    place.fails(&[&encrypt[..], &["--frame-length", "0"]].concat(), 2);
    place.ok(&[&encrypt[..], &["--non-framed"]].concat());
    assert_eq!(inspected(&place, "a.encrypted")["content_type"], "non-framed");
    place.ok(&decrypt);
    assert_eq!(place.read("b"), place.read("a"));
    for (option, refused, accepted) in
        [("--max-frame-length", "9999", "10000"), ("--max-body-length", "9999", "10000")]
    {
        let said = place.fails(&[&decrypt[..], &[option, refused]].concat(), 5);
        assert!(said.contains(option), "{said}");
        place.ok(&[&decrypt[..], &[option, accepted]].concat());
    }

    place.write("other.key", "00112233445566778899aabbccddeeff\n");
    let two = [&encrypt[..], &["--aes-key", "acme/other=other.key"]].concat();
    place.fails(&[&two[..], &["--max-encrypted-data-keys", "1"]].concat(), 5);
    place.ok(&[&two[..], &["--max-encrypted-data-keys", "2"]].concat());
    place.fails(&[&decrypt[..], &["--max-encrypted-data-keys", "1"]].concat(), 5);
    place.ok(&[&decrypt[..], &["--max-encrypted-data-keys", "65535"]].concat());
    place.fails(&[&decrypt[..], &["--max-encrypted-data-keys", "0"]].concat(), 2);
}

#[test]
fn the_encryption_context_must_match() {
    let place = place();
    place.ok(&["encrypt", "a", "--aes-key", KEY, "-c", "tenant=acme", "-c", "note=a=b ü"]);
    let context = &inspected(&place, "a.encrypted")["encryption_context"];
    assert_eq!((&context["tenant"], &context["note"]), (&"acme".into(), &"a=b ü".into()));
    let decrypt = ["decrypt", "a.encrypted", "--aes-key", KEY, "-o", "b", "--force"];
    for demanded in [&[][..], &["-c", "tenant=acme"], &["-c", "tenant", "-c", "note=a=b ü"]] {
        place.ok(&[&decrypt[..], demanded].concat());
    }
    std::fs::remove_file(place.path("b")).unwrap();
    for demanded in ["tenant=other", "tenant=", "absent=x", "absent"] {
        let said = place.fails(&[&decrypt[..], &["-c", demanded]].concat(), 5);
        assert!(said.contains("encryption context"), "{said}");
    }
    let encrypt = ["encrypt", "a", "--aes-key", KEY, "--force", "-c"];
    for bad in [&["novalue"][..], &["aws-crypto-x=1"], &["a=1", "-c", "a=2"]] {
        place.fails(&[&encrypt, bad].concat(), 2);
    }
    let long = format!("k={}", "v".repeat(70_000));
    place.fails(&[&encrypt[..], &[&long]].concat(), 2);
}

#[test]
fn only_unsigned() {
    let place = place();
    for (suite, code) in [("0478", 0), ("0578", 5)] {
        place.ok(&["encrypt", "a", "--force", "--aes-key", KEY, "--suite", suite]);
        let ran =
            place.run(&["decrypt", "a.encrypted", "--aes-key", KEY, "--only-unsigned", "-o", "b", "--force"]);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    }
}

#[test]
fn base64_in_and_out() {
    let place = place();
    place.ok(&["encrypt", "a", "--aes-key", KEY, "--encode"]);
    let text = String::from_utf8(place.read("a.encrypted")).unwrap();
    assert!(text.trim_end().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)));
    let said = place.fails(&["decrypt", "a.encrypted", "--aes-key", KEY, "-o", "b"], 3);
    assert!(said.contains("--decode"), "{said}");
    place.ok(&["decrypt", "a.encrypted", "--aes-key", KEY, "-o", "b", "--decode"]);
    assert_eq!(place.read("b"), place.read("a"));
    assert!(place.ok(&["inspect", "--decode", "a.encrypted"]).contains("acme/2026"));

    // As mail programs break it, and as plaintext.
    let broken: Vec<u8> = text.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect();
    let ran = place.pipe(&["decrypt", "-", "--aes-key", KEY, "--decode", "--encode"], &broken);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = place.pipe(&["encrypt", "-", "-o", "c", "--aes-key", KEY, "--decode"], &ran.stdout);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    place.ok(&["decrypt", "c", "--aes-key", KEY, "-o", "d"]);
    assert_eq!(place.read("d"), place.read("a"));
    place.write("e", "not*base64");
    assert!(place.fails(&["encrypt", "e", "--aes-key", KEY, "--decode"], 3).contains("not base64"));
}

#[test]
fn quiet_verbose_help_version_and_completions() {
    let place = place();
    place.ok(&["keys", "create"]);
    assert_eq!(place.run(&["encrypt", "a", "-q"]).stderr, "");
    assert!(place.run(&["decrypt", "-v", "a.encrypted", "-o", "b"]).stderr.contains("a.encrypted -> b"));
    assert!(place.ok(&["--version"]).starts_with("keyfold "));
    assert!(place.ok(&["--help"]).contains("Exit codes:"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(place.ok(&["completions", shell]).contains("keyfold"));
    }
    let groups = [
        ("keys", &["create", "list", "describe", "enable", "disable", "rotate"][..]),
        ("keys", &["schedule-deletion", "cancel-deletion"]),
        ("aliases", &["create", "list", "update", "delete"]),
    ];
    let mut commands: Vec<Vec<&str>> =
        ["encrypt", "decrypt", "inspect", "init", "completions", "keys", "aliases"]
            .map(|name| vec![name])
            .to_vec();
    for (group, names) in groups {
        commands.extend(names.iter().map(|name| vec![group, *name]));
    }
    for command in commands {
        let help = place.ok(&[&command[..], &["--help"]].concat());
        let examples = help.split("Examples:").nth(1).unwrap();
        assert_eq!(examples.matches("  keyfold ").count(), 2, "{command:?}");
    }
    place.fails(&["encrypt", "a", "-q", "-v"], 2);
    place.fails(&["fly"], 2);
    place.fails(&["encrypt"], 2);
}
