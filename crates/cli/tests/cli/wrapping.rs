//! Keys from files and from the store, alone and together.

use crate::Place;

/// A place with every kind of key, and `a` to encrypt.
fn place() -> Place {
    let place = Place::new();
    let keys: [(&str, &[u8]); 9] = [
        ("aes.key", &[7; 32]),
        ("rsa-public.pem", include_bytes!("keys/rsa-public.pem")),
        ("rsa-private.pem", include_bytes!("keys/rsa-private.pem")),
        ("alice-public.pem", include_bytes!("keys/alice-public.pem")),
        ("alice-private.pem", include_bytes!("keys/alice-private.pem")),
        ("bob-public.pem", include_bytes!("keys/bob-public.pem")),
        ("bob-private.pem", include_bytes!("keys/bob-private.pem")),
        ("carol-private.pem", include_bytes!("keys/carol-private.pem")),
        ("carol-encrypted.pem", include_bytes!("keys/carol-encrypted.pem")),
    ];
    for (name, content) in keys {
        place.write(name, content);
    }
    place.write("a", "a");
    place
}

fn decrypts(place: &Place, keys: &[&str]) {
    assert_eq!(place.ok(&[&["decrypt", "a.encrypted", "-o", "-"], keys].concat()), "a", "{keys:?}");
}

#[test]
fn aes_keys_in_every_form() {
    let place = place();
    let forms: [(&str, &[u8]); 5] = [
        ("raw", &[7; 16]),
        ("hex", b"07070707070707070707070707070707\n"),
        ("base64", b"BwcHBwcHBwcHBwcHBwcHBw=="),
        ("raw24", &[9; 24]),
        ("base64-24", b"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ\n"),
    ];
    for (name, content) in forms {
        place.write(name, content);
    }
    for (with, without) in [("raw", "hex"), ("hex", "base64"), ("base64", "raw"), ("raw24", "base64-24")] {
        place.ok(&["encrypt", "a", "--force", "--aes-key", &format!("ns/k={with}")]);
        decrypts(&place, &["--aes-key", &format!("ns/k={without}")]);
    }
    for bad in ["ns/k=a", "ns=raw", "ns/k=", "nsk", "aws-kms/k=raw", "/k=raw", "ns/=raw"] {
        place.fails(&["encrypt", "a", "-o", "b", "--aes-key", bad], 2);
    }
    place.fails(&["encrypt", "a", "-o", "b", "--aes-key", "ns/k=absent"], 6);
    assert!(!place.store().exists());
}

#[test]
fn rsa_in_every_padding() {
    let place = place();
    for padding in ["pkcs1", "oaep-sha1", "oaep-sha256", "oaep-sha384", "oaep-sha512"] {
        let padding = ["--rsa-padding", padding];
        let encrypt = ["encrypt", "a", "--force", "--rsa-public", "ns/r=rsa-public.pem"];
        place.ok(&[&encrypt[..], &padding].concat());
        decrypts(&place, &[&["--rsa-private", "ns/r=rsa-private.pem"][..], &padding].concat());
    }
    let wrong = ["decrypt", "a.encrypted", "-o", "b", "--rsa-private", "ns/r=rsa-private.pem"];
    let said = place.fails(&wrong, 4);
    assert!(said.contains("ns/r") && said.contains("--rsa-padding"), "{said}");
    let encrypt = ["encrypt", "a", "-o", "b", "--rsa-private"];
    assert!(place.fails(&[&encrypt[..], &["ns/r=rsa-private.pem"]].concat(), 2).contains("--rsa-public"));
    let decrypt = ["decrypt", "a.encrypted", "-o", "b", "--rsa-public", "ns/r=rsa-public.pem"];
    assert!(place.fails(&decrypt, 2).contains("--rsa-private"));
    let twice = ["--rsa-public", "ns/r=rsa-public.pem", "--rsa-public", "ns/r=rsa-public.pem"];
    place.fails(&[&["encrypt", "a", "-o", "b"][..], &twice].concat(), 2);
    for bad in ["rsa-private.pem", "alice-public.pem", "aes.key"] {
        place.fails(&["encrypt", "a", "-o", "b", "--rsa-public", &format!("ns/r={bad}")], 2);
    }
}

#[test]
fn ecdh_between_two_and_to_one() {
    let place = place();
    // To Bob, from nobody in particular.
    place.ok(&["encrypt", "a", "--ecdh-public", "bob-public.pem"]);
    decrypts(&place, &["--ecdh-private", "bob-private.pem"]);
    place.fails(&["decrypt", "a.encrypted", "-o", "b", "--ecdh-private", "alice-private.pem"], 4);
    // Between Alice and Bob, who can both decrypt.
    let alice = ["--ecdh-private", "alice-private.pem", "--ecdh-public", "bob-public.pem"];
    let bob =
        ["--ecdh-private", "bob-private.pem", "--ecdh-public", "alice-public.pem", "--ecdh-curve", "p384"];
    place.ok(&[&["encrypt", "a", "--force"], &alice[..]].concat());
    decrypts(&place, &alice);
    decrypts(&place, &bob);
    decrypts(&place, &["--ecdh-private", "bob-private.pem"]);

    let refused: [&[&str]; 5] = [
        &["encrypt", "a", "-o", "b", "--ecdh-private", "alice-private.pem"],
        &["decrypt", "a.encrypted", "-o", "b", "--ecdh-public", "bob-public.pem"],
        &[
            "encrypt",
            "a",
            "-o",
            "b",
            "--ecdh-private",
            "carol-private.pem",
            "--ecdh-public",
            "bob-public.pem",
        ],
        &["encrypt", "a", "-o", "b", "--ecdh-public", "bob-public.pem", "--ecdh-curve", "p256"],
        &["decrypt", "a.encrypted", "-o", "b", "--ecdh-private", "carol-encrypted.pem"],
    ];
    for args in refused {
        let said = place.fails(args, 2);
        assert!(!args.contains(&"carol-encrypted.pem") || said.contains("encrypted"), "{said}");
    }
}

#[test]
fn each_of_several_keys_decrypts() {
    let place = place();
    place.ok(&["keys", "create", "--alias", "alias/one", "-q"]);
    let keys = ["--key", "alias/one", "--aes-key", "ns/k=aes.key", "--rsa-public", "ns/r=rsa-public.pem"];
    let ecdh = ["--ecdh-public", "bob-public.pem"];
    place.ok(&[&["encrypt", "a"], &keys[..], &ecdh].concat());
    let text = place.ok(&["inspect", "a.encrypted"]);
    let order = ["aws-kms arn:aws:kms:local", "ns/k", "ns/r", "raw-ecdh"].map(|key| text.find(key).unwrap());
    assert!(order.is_sorted(), "{text}");
    decrypts(&place, &[]);
    decrypts(&place, &["--key", "alias/one"]);
    // Without the store, and without looking for one.
    let other = ["--home", "absent"];
    for key in [["--aes-key", "ns/k=aes.key"], ["--rsa-private", "ns/r=rsa-private.pem"]] {
        decrypts(&place, &[&key[..], &other].concat());
    }
    decrypts(&place, &[&["--ecdh-private", "bob-private.pem"][..], &other].concat());

    // None fits: what would is said.
    place.ok(&[
        "encrypt",
        "a",
        "-o",
        "raw",
        "--aes-key",
        "ns/k=aes.key",
        "--rsa-public",
        "ns/r=rsa-public.pem",
    ]);
    let said = place.fails(&["decrypt", "raw", "-o", "b"], 4);
    assert!(said.contains("--aes-key ns/k=FILE") && said.contains("--rsa-private ns/r=PEM"), "{said}");
    place.write("wrong.key", [8; 32]);
    let said = place.fails(&["decrypt", "raw", "-o", "b", "--aes-key", "ns/k=wrong.key"], 4);
    assert!(said.contains("another key of this name"), "{said}");
    place.fails(&["decrypt", "raw", "-o", "b", "--key", "alias/one"], 4);
}

#[test]
fn a_named_key_is_the_only_one_used() {
    let place = place();
    let create = |alias: &str| -> serde_json::Value {
        let created = place.ok(&["keys", "create", "--alias", alias, "--json", "-q"]);
        serde_json::from_str(&created).unwrap()
    };
    let (one, two) = (create("alias/one"), create("alias/two"));
    let name =
        |key: &serde_json::Value, member: &str| key["KeyMetadata"][member].as_str().unwrap().to_owned();
    let (id, arn) = (name(&one, "KeyId"), name(&one, "Arn"));
    let alias_arn = arn.replace(&format!("key/{id}"), "alias/one");
    for key in [id.as_str(), &arn, "alias/one", &alias_arn] {
        place.ok(&["encrypt", "a", "--force", "--key", key]);
        assert!(place.ok(&["inspect", "a.encrypted"]).contains(&arn));
        for key in [id.as_str(), &arn, "alias/one", &alias_arn] {
            decrypts(&place, &["--key", key]);
        }
        place.fails(&["decrypt", "a.encrypted", "-o", "b", "--key", "alias/two"], 4);
        decrypts(&place, &["--key", "alias/two", "--key", "alias/one"]);
    }
    place.fails(&["encrypt", "a", "-o", "b", "--key", "alias/absent"], 8);
    place.fails(&["decrypt", "a.encrypted", "-o", "b", "--key", "alias/absent"], 8);
    place.ok(&["keys", "disable", &id]);
    assert!(place.fails(&["encrypt", "a", "-o", "b", "--key", &id], 8).contains("DisabledException"));
    let said = place.fails(&["decrypt", "a.encrypted", "-o", "b"], 8);
    assert!(said.contains("DisabledException") && said.contains("keyfold keys enable"), "{said}");
    drop(two);
}

#[test]
fn a_key_is_given_once() {
    let place = place();
    let encrypt = ["encrypt", "a", "-o", "b"];
    let aes = ["--aes-key", "ns/k=aes.key", "--aes-key", "ns/k=aes.key"];
    let kms = ["--key", "alias/x", "--key", "alias/x"];
    place.fails(&[&encrypt[..], &aes].concat(), 2);
    assert!(place.fails(&[&encrypt[..], &kms].concat(), 2).contains("alias/x is there twice"));
}

#[test]
fn hints_fit_what_went_wrong() {
    let place = place();
    place.write("curve.pem", include_bytes!("keys/ed25519-public.pem"));
    let encrypt = ["encrypt", "a", "-o", "b"];
    for option in [["--rsa-public", "ns/r=curve.pem"], ["--ecdh-public", "curve.pem"]] {
        let said = place.fails(&[&encrypt[..], &option].concat(), 2);
        assert!(said.contains("openssl pkey -pubin") && !said.contains("must be PEM"), "{said}");
    }
    // A message that was changed, under a key that is there.
    place.ok(&["encrypt", "a", "-c", "k=value"]);
    let mut message = place.read("a.encrypted");
    let at = message.windows(5).position(|bytes| bytes == b"value").unwrap();
    message[at] = b'V';
    place.write("changed", message);
    let said = place.fails(&["decrypt", "changed", "-o", "b"], 4);
    assert!(said.contains("may have been changed"), "{said}");
    let foreign = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let said = place.fails(&[&encrypt[..], &["--key", foreign]].concat(), 8);
    assert!(said.contains("none of AWS"), "{said}");
}

#[test]
fn a_store_that_can_not_be_opened_is_reported_once() {
    let place = place();
    for name in ["t/a", "t/b", "t/c"] {
        place.write(name, name);
    }
    place.ok(&["encrypt", "-r", "t", "-o", "enc"]);
    crate::write(&place.store().join("root.key"), b"keyfold root key v1\nxx\n");
    let said = place.fails(&["decrypt", "-r", "enc", "-o", "dec"], 8);
    assert_eq!(said.matches("root.key is damaged").count(), 1, "{said}");
    assert!(said.contains("restore it from a backup"), "{said}");
}
