//! Which files are read, which are written, and what is never touched.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use crate::{Place, noise, write};

fn mode(place: &Place, name: &str) -> u32 {
    fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777
}

fn set_mode(place: &Place, name: &str, mode: u32) {
    fs::set_permissions(place.path(name), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn names_and_places() {
    let place = Place::new();
    place.write("a", "a");
    place.write("out/keep", "");
    place.ok(&["encrypt", "a"]);
    place.ok(&["encrypt", "a", "-o", "b.bin"]);
    place.ok(&["encrypt", "a", "-o", "out"]);
    place.ok(&["encrypt", "a", "--suffix", ".kf"]);
    place.ok(&["encrypt", "a", "-o", "out/", "--suffix", ""]);
    assert!(
        ["a.encrypted", "b.bin", "out/a.encrypted", "a.kf", "out/a"].iter().all(|name| place.exists(name))
    );

    place.ok(&["decrypt", "a.kf", "--suffix", ".kf", "-o", "c"]);
    fs::remove_file(place.path("a")).unwrap();
    place.ok(&["decrypt", "a.kf", "--suffix", ".kf"]);
    assert_eq!((place.read("c"), place.read("a")), (b"a".to_vec(), b"a".to_vec()));
    let said = place.fails(&["decrypt", "b.bin"], 2);
    assert!(said.contains(".encrypted") && said.contains("-o FILE"), "{said}");
    place.fails(&["encrypt", "a", "--suffix", ""], 2);
    place.fails(&["encrypt", "a", "--suffix", "/x"], 2);
    place.fails(&["encrypt", "a", "-o", "missing/x"], 6);
    assert!(place.fails(&["encrypt", "a", "-o", "missing/"], 2).contains("mkdir"));
}

#[test]
fn what_is_there_is_not_touched() {
    let place = Place::new();
    place.write("a", "a");
    place.write("a.encrypted", "precious");
    symlink("nowhere", place.path("dangling")).unwrap();
    let said = place.fails(&["encrypt", "a"], 6);
    assert!(said.contains("a.encrypted exists") && said.contains("--force"), "{said}");
    assert_eq!(place.read("a.encrypted"), b"precious");
    place.fails(&["encrypt", "a", "-o", "dangling"], 6);

    // Neither does a failure with --force touch it.
    place.write("bad.encrypted", "not a message");
    place.write("bad", "precious");
    place.fails(&["decrypt", "bad.encrypted", "--force"], 3);
    assert_eq!(place.read("bad"), b"precious");
    place.fails(&["encrypt", "a", "--force", "-o", "/dev/null"], 6);

    place.ok(&["encrypt", "a", "--force"]);
    assert_eq!(place.ok(&["decrypt", "a.encrypted", "-o", "-"]), "a");
    assert_eq!(place.listing(), ["a", "a.encrypted", "bad", "bad.encrypted", "dangling"]);
}

#[test]
fn input_and_output_are_not_one_file() {
    let place = Place::new();
    place.write("a", "precious");
    fs::hard_link(place.path("a"), place.path("hard")).unwrap();
    symlink("a", place.path("soft")).unwrap();
    for output in ["a", "./a", "hard", "soft"] {
        let said = place.fails(&["encrypt", "a", "--force", "-o", output], 6);
        assert!(said.contains("same file"), "{said}");
    }
    assert!(place.fails(&["encrypt", "soft", "--force", "-o", "hard"], 6).contains("same file"));
    assert_eq!(place.read("a"), b"precious");
    assert_eq!(fs::metadata(place.path("a")).unwrap().nlink(), 2);
}

#[test]
fn modes_follow_the_input() {
    let place = Place::new();
    for (name, bits) in [("private", 0o600), ("shared", 0o644), ("program", 0o755), ("read-only", 0o400)] {
        place.write(name, name);
        set_mode(&place, name, bits);
        let message = format!("{name}.encrypted");
        place.ok(&["encrypt", name]);
        assert_eq!(mode(&place, &message), bits, "{name}");
        place.ok(&["decrypt", &message, "--force"]);
        assert_eq!((mode(&place, name), place.read(name)), (bits, name.as_bytes().to_vec()));
    }
    // Of a pipe there is none to follow.
    assert_eq!(place.pipe(&["encrypt", "-", "-o", "piped"], b"x").code, Some(0));
    assert_eq!(mode(&place, "piped"), 0o600);
}

#[test]
fn pipes() {
    let place = Place::new();
    for content in [vec![], noise(1), noise(3_000_000)] {
        let message = place.pipe(&["encrypt", "-"], &content);
        assert_eq!(message.code, Some(0), "{}", message.stderr);
        let plaintext = place.pipe(&["decrypt", "-", "-o", "-"], &message.stdout);
        assert_eq!((plaintext.code, plaintext.stdout == content), (Some(0), true), "{}", plaintext.stderr);
    }
    assert_eq!(place.pipe(&["encrypt", "-o", "m", "-"], b"x").code, Some(0));
    assert_eq!(place.ok(&["decrypt", "m", "-o", "-"]), "x");
    // Nothing of a message that ends too early is let out, however much of it is authentic.
    let message = place.pipe(&["encrypt", "-"], &noise(3_000_000)).stdout;
    let ran = place.pipe(&["decrypt", "-"], &message[..message.len() - 1]);
    assert_eq!((ran.code, ran.stdout.len()), (Some(3), 0));
    assert!(ran.stderr.contains("truncated"), "{}", ran.stderr);
}

#[test]
fn several_files_and_globs() {
    let place = Place::new();
    for name in ["one.txt", "two.txt", "three.log", ".hidden.txt", "brackets[1].txt"] {
        place.write(name, name);
    }
    fs::create_dir(place.path("out")).unwrap();
    place.ok(&["encrypt", "*.txt", "-o", "out"]);
    let made = place.listing().into_iter().filter(|name| name.starts_with("out/"));
    let expected = ["out/brackets[1].txt.encrypted", "out/one.txt.encrypted", "out/two.txt.encrypted"];
    assert_eq!(made.collect::<Vec<_>>(), expected);
    place.ok(&["encrypt", "brackets[1].txt", "three.log"]);
    assert!(place.exists("brackets[1].txt.encrypted") && place.exists("three.log.encrypted"));
    assert!(place.fails(&["encrypt", "*.nothing"], 6).contains("keyfold: *.nothing: "));
    place.fails(&["encrypt", "one.txt", "two.txt", "-o", "-"], 2);
    place.fails(&["encrypt", "one.txt", "-"], 2);
    place.fails(&["encrypt", "one.txt", "two.txt", "-o", "absent"], 2);

    // The others go on, and the exit code says so.
    let ran = place.run(&["encrypt", "absent", "one.txt", "out"]);
    assert_eq!(ran.code, Some(7));
    assert!(
        ran.stderr.contains("keyfold: absent: ") && ran.stderr.contains("keyfold: out: "),
        "{}",
        ran.stderr
    );
    assert!(place.exists("one.txt.encrypted"));
    // Two inputs do not share an output.
    place.write("d/one.txt", "");
    fs::create_dir(place.path("out2")).unwrap();
    assert_eq!(place.run(&["encrypt", "one.txt", "d/one.txt", "--force", "-o", "out2"]).code, Some(7));
    assert_eq!(place.ok(&["decrypt", "out2/one.txt.encrypted", "-o", "-"]), "one.txt");
}

#[test]
fn a_tree_is_mirrored_past_a_bad_file() {
    let place = Place::new();
    for name in ["t/a", "t/sub/b", "t/sub/deep/c", "t/ü ñ"] {
        place.write(name, name);
    }
    set_mode(&place, "t/sub", 0o750);
    symlink("a", place.path("t/link")).unwrap();
    for args in [&["encrypt", "t"][..], &["encrypt", "t", "-o", "x"], &["decrypt", "t"]] {
        let said = place.fails(args, 2);
        assert!(said.contains("t: is a directory") && said.contains("-r takes"), "{said}");
    }
    assert!(!place.fails(&["inspect", "t"], 2).contains("-r"));
    assert!(place.fails(&["decrypt", "-r", "absent"], 6).contains("no such file"));
    symlink("t", place.path("way")).unwrap();
    let ran = place.run(&["encrypt", "-r", "way", "-o", "by-link"]);
    assert!(ran.code == Some(0) && !ran.stderr.contains("way: skipped"), "{}", ran.stderr);
    fs::remove_dir_all(place.path("by-link")).unwrap();
    let ran = place.run(&["encrypt", "-r", "t", "-o", "enc"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("t/link: skipped"), "{}", ran.stderr);
    assert_eq!(mode(&place, "enc/sub"), 0o750);

    place.write("enc/sub/b.encrypted", "not a message");
    place.write("enc/note.txt", "not for decryption");
    let ran = place.run(&["decrypt", "-r", "enc", "-o", "dec"]);
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert!(ran.stderr.contains("enc/sub/b.encrypted: not a message"), "{}", ran.stderr);
    assert!(ran.stderr.contains("skipped 1 file"), "{}", ran.stderr);
    let made = place.listing().into_iter().filter(|name| name.starts_with("dec/"));
    assert_eq!(made.collect::<Vec<_>>(), ["dec/a", "dec/sub", "dec/sub/deep", "dec/sub/deep/c", "dec/ü ñ"]);
    assert_eq!(place.read("dec/sub/deep/c"), b"t/sub/deep/c");
    assert_eq!(place.read("dec/ü ñ"), "t/ü ñ".as_bytes());
}

#[test]
fn a_tree_in_place_and_an_output_inside_the_tree() {
    let place = Place::new();
    place.write("t/a", "a");
    place.write("t/sub/b", "b");
    place.ok(&["encrypt", "-r", "t"]);
    // A second run takes no message for a file to encrypt.
    let ran = place.run(&["encrypt", "-r", "t", "--force"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("skipped 2 files"), "{}", ran.stderr);
    assert_eq!(place.listing(), ["t", "t/a", "t/a.encrypted", "t/sub", "t/sub/b", "t/sub/b.encrypted"]);

    fs::remove_file(place.path("t/a")).unwrap();
    place.ok(&["decrypt", "-r", "t", "--force"]);
    assert_eq!(place.read("t/a"), b"a");
    fs::create_dir(place.path("t/enc")).unwrap();
    place.write("t/enc/old", "");
    place.ok(&["encrypt", "-r", "t", "-o", "t/enc"]);
    assert!(place.exists("t/enc/sub/b.encrypted") && !place.exists("t/enc/enc"));
    // A failure leaves no directory behind either.
    place.write("bad/sub/x.encrypted", "x");
    place.fails(&["decrypt", "-r", "bad", "-o", "new"], 3);
}

/// The mode of an input is its maker's choice; who may read the output is that of who makes it.
#[test]
fn the_umask_holds() {
    let place = Place::new();
    place.write("tree/a", b"x");
    place.ok(&["encrypt", "-r", "tree", "-o", "sealed"]);
    fs::set_permissions(place.path("sealed"), Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(place.path("sealed/a.encrypted"), Permissions::from_mode(0o666)).unwrap();
    let keyfold = env!("CARGO_BIN_EXE_keyfold");
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(format!("umask 027 && exec {keyfold} decrypt -r sealed -o plain"));
    let status = command.current_dir(place.path("")).env("HOME", place.home()).status().unwrap();
    assert!(status.success());
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("plain/a"), 0o640);
    assert_eq!(mode("plain"), 0o750);
}

#[test]
fn globs_match_names_of_any_bytes() {
    let place = Place::new();
    let odd = |text: &[u8]| OsStr::from_bytes(text).to_owned();
    place.write("p/ok", "ok");
    fs::create_dir(place.path("").join(odd(b"d\xfe"))).unwrap();
    for name in [odd(b"p/\xff"), odd(b"d\xfe/one"), odd(b"a[b")] {
        write(&place.path("").join(name), b"odd");
    }
    place.fails(&["encrypt", "nosuch*"], 6);
    place.ok(&["encrypt", "p/o*"]);
    assert!(place.exists("p/ok.encrypted"));
    place.ok(&["encrypt", "p/?", "d*/on[a-e]", "a[*"]);
    for made in [odd(b"p/\xff.encrypted"), odd(b"d\xfe/one.encrypted"), odd(b"a[b.encrypted")] {
        assert!(place.path("").join(&made).exists(), "{made:?}");
    }
}

#[test]
fn what_leads_to_no_regular_file_is_not_replaced() {
    let place = Place::new();
    place.write("a", "a");
    let links =
        [("full", "/dev/full"), ("stdout", "/dev/stdout"), ("fd", "/proc/self/fd/1"), ("folder", "f")];
    fs::create_dir(place.path("f")).unwrap();
    fs::create_dir(place.path("t")).unwrap();
    place.write("t/folder", "x");
    for (name, target) in links {
        symlink(target, place.path(name)).unwrap();
    }
    for args in [&["encrypt", "a", "-o"][..], &["encrypt", "a", "-f", "-o"]] {
        for name in ["full", "stdout", "fd", "/dev/stdout", "/dev/null"] {
            let said = place.fails(&[args, &[name]].concat(), 6);
            assert!(said.contains("-o - writes") && !said.contains("--force"), "{name}: {said}");
        }
    }
    // Nor does it matter what standard output is at the moment.
    let file = fs::File::create(place.path("out")).unwrap();
    let status = place.command(&["encrypt", "a", "-f", "-o", "stdout"]).stdout(file).status().unwrap();
    assert_eq!(status.code(), Some(6));
    place.fails(&["encrypt", "-r", "t", "-f", "--suffix", "", "-o", "."], 6);
    assert!(links.iter().all(|(name, _)| place.path(name).is_symlink()));
}
