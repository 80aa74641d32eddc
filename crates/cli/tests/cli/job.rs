//! The main job: encrypt and decrypt with nothing configured; and the ways to a key store.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::{Place, noise};

#[test]
fn the_two_commands() {
    let place = Place::new();
    let content = noise(100_000);
    place.write("README.md", &content);
    let ran = place.run(&["encrypt", "README.md"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("alias/default") && ran.stderr.contains("created"), "{}", ran.stderr);
    assert!(ran.stdout.is_empty());
    assert!(place.store().is_dir());
    assert_eq!(fs::metadata(place.store()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(place.read("README.md"), content);

    fs::remove_file(place.path("README.md")).unwrap();
    let elsewhere = place.path("else/where");
    fs::create_dir_all(&elsewhere).unwrap();
    let message = place.path("README.md.encrypted");
    let mut command = place.command(&["decrypt", message.to_str().unwrap()]);
    let output = command.current_dir(elsewhere).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout.is_empty());
    assert_eq!(place.read("README.md"), content);
    assert_eq!(place.listing(), ["README.md", "README.md.encrypted", "else", "else/where"]);

    // The second time there is nothing to say.
    place.write("b", "b");
    let ran = place.run(&["encrypt", "b"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_store_is_where_it_is_said_to_be() {
    let place = Place::new();
    place.write("a", "a");
    let made = |args: &[&str], env: &[(&str, PathBuf)], store: &PathBuf| {
        assert!(!store.exists());
        let output = place.command(args).envs(env.iter().map(|(name, path)| (name, path))).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(store.join("store.db").exists());
    };
    let [option, variable, data] = ["option", "variable", "data"].map(|name| place.path(name));
    let all = [("KEYFOLD_HOME", variable.clone()), ("XDG_DATA_HOME", data.clone())];
    made(&["encrypt", "a", "-o", "1", "--home", "option"], &all, &option);
    made(&["encrypt", "a", "-o", "2"], &all, &variable);
    made(&["encrypt", "a", "-o", "3"], &all[1..], &data.join("keyfold"));
    // What XDG ignores: a relative path, and nothing.
    made(&["encrypt", "a", "-o", "4"], &[("XDG_DATA_HOME", "data".into())], &place.store());
    let nothing = [("KEYFOLD_HOME", PathBuf::new()), ("XDG_DATA_HOME", PathBuf::new())];
    let output = place.command(&["decrypt", "4", "-o", "-"]).envs(nothing).output().unwrap();
    assert_eq!(output.stdout, b"a");
}

#[test]
fn only_what_makes_keys_makes_a_store() {
    let place = Place::new();
    let other = Place::new();
    other.write("a", "a");
    other.ok(&["encrypt", "a"]);
    fs::copy(other.path("a.encrypted"), place.path("a.encrypted")).unwrap();
    let said = place.fails(&["decrypt", "a.encrypted"], 4);
    assert!(said.contains("no key store") && said.contains("--home DIR"), "{said}");
    place.fails(&["encrypt", "a.encrypted", "--key", "alias/default"], 4);
    for args in [&["keys", "list"][..], &["aliases", "list"], &["keys", "describe", "alias/default"]] {
        assert!(place.fails(args, 4).contains("keyfold init"));
    }
    // Refused before a key is needed.
    place.fails(&["encrypt", "absent"], 6);
    place.fails(&["encrypt", "a.encrypted", "--suite", "0114"], 5);
    assert!(!place.store().exists());
    assert!(place.ok(&["inspect", "a.encrypted"]).contains("arn:aws:kms:local:000000000000:key/"));
    assert!(!place.home().exists());
}

#[test]
fn init_makes_a_store_once() {
    let place = Place::new();
    assert!(place.ok(&["init"]).starts_with("created the key store"));
    let files = |name: &str| fs::read(place.store().join(name)).unwrap();
    let root = files("root.key");
    assert!(place.ok(&["init"]).contains("is there already"));
    assert_eq!(files("root.key"), root);
    place.write("passphrase", "x\n");
    assert!(
        place.fails(&["keys", "list", "--passphrase-file", "passphrase"], 8).contains("not by a passphrase")
    );
    assert!(
        place.fails(&["init", "--passphrase", "--passphrase-file", "passphrase"], 8).contains("root.key")
    );
}

#[test]
fn a_store_with_a_passphrase() {
    let place = Place::new();
    place.write("right", "correct horse\n");
    place.write("wrong", "correct hors\n");
    place.write("empty", "\n");
    place.write("a", "a");
    place.fails(&["init", "--passphrase-file", "empty"], 2);
    place.fails(&["init", "--passphrase-file", "absent"], 6);
    assert!(place.fails(&["init", "--passphrase"], 8).contains("no terminal"));
    place.ok(&["init", "--passphrase-file", "right"]);
    assert!(place.store().join("root.json").exists() && !place.store().join("root.key").exists());

    let said = place.fails(&["encrypt", "a"], 8);
    assert!(said.contains("--passphrase-file"), "{said}");
    assert!(
        place.fails(&["encrypt", "a", "--passphrase-file", "wrong"], 8).contains("the first line counts")
    );
    place.ok(&["encrypt", "a", "--passphrase-file", "right"]);
    let decrypt = ["decrypt", "a.encrypted", "-o", "-"];
    let output = place.command(&decrypt).env("KEYFOLD_PASSPHRASE_FILE", "right").output().unwrap();
    assert_eq!(output.stdout, b"a", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn two_first_uses_at_the_same_time_get_one_key() {
    for _ in 0..5 {
        let place = Place::new();
        for name in ["a", "b", "c"] {
            place.write(name, name);
        }
        let started = ["a", "b", "c"].map(|name| place.start(&["encrypt", name]));
        let notes = started.map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stderr
        });
        assert_eq!(notes.iter().filter(|note| !note.is_empty()).count(), 1);
        assert_eq!(place.ok(&["keys", "list"]).lines().count(), 2);
        for name in ["a", "b", "c"] {
            assert_eq!(place.ok(&["decrypt", &format!("{name}.encrypted"), "-o", "-"]), name);
        }
    }
}

#[test]
fn a_new_store_never_goes_unnoticed() {
    for command in [&["encrypt", "a", "-q"][..], &["keys", "create", "-q"]] {
        let place = Place::new();
        place.write("a", "a");
        for notices in [1, 0] {
            let ran = place.run(&[command, &["--force"][..usize::from(command[0] == "encrypt")]].concat());
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            assert_eq!(ran.stderr.matches("keep a backup of it").count(), notices, "{}", ran.stderr);
        }
    }
}

#[test]
fn a_store_of_another_root_says_what_to_restore() {
    let (place, other) = (Place::new(), Place::new());
    place.ok(&["keys", "create"]);
    other.ok(&["keys", "create"]);
    fs::copy(other.store().join("root.key"), place.store().join("root.key")).unwrap();
    let said = place.fails(&["keys", "list"], 8);
    assert!(said.contains("another root of trust") && said.contains("one and the same backup"), "{said}");
}
