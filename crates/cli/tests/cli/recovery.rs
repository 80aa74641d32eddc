//! `recovery`, and the recovery copy that `init` makes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::{Place, write};

/// The files of the shares in `folder`, by index.
fn share_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn with_files<'a>(args: &[&'a str], files: &[&'a PathBuf]) -> Vec<&'a str> {
    args.iter().copied().chain(files.iter().map(|path| path.to_str().unwrap())).collect()
}

#[test]
fn without_a_terminal_init_says_that_there_is_no_copy_until_one_is_made() {
    let place = Place::new();
    for args in [&["-q", "init"][..], &["-q", "init", "--no-recovery"]] {
        let ran = place.run(args);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("NO RECOVERY COPY") && ran.stderr.contains("recovery create"),
            "{}",
            ran.stderr
        );
    }
    assert!(place.fails(&["recovery", "create"], 2).contains("--out DIR"));
    assert!(place.fails(&["recovery", "check"], 2).contains("files"));
    let said = place.run(&["-q", "recovery", "create", "--out", "shares"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("in the clear"), "{}", said.stderr);
    assert!(!place.run(&["init"]).stderr.contains("NO RECOVERY COPY"));
    let said = place.fails(&["init", "--recovery-out", "more"], 2);
    assert!(said.contains("has a recovery copy already") && said.contains("recovery create --out"), "{said}");
}

#[test]
fn shares_in_files_are_private_and_never_replaced() {
    let place = Place::new();
    let said = place.ok(&["init", "--recovery-out", "shares"]);
    assert!(said.contains("created the key store"), "{said}");
    let files = share_files(&place.path("shares"));
    assert_eq!(files.len(), 5);
    for file in &files {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains("\nkfs1 "), "{text}");
    }
    assert_eq!(fs::metadata(place.path("shares")).unwrap().permissions().mode() & 0o777, 0o700);
    place.ok(&["recovery", "create", "--out", "shares"]);
    assert_eq!(share_files(&place.path("shares")).len(), 10, "a second set beside the first");
}

#[test]
fn three_shares_replace_a_lost_key_file() {
    let place = Place::new();
    place.ok(&["init", "--recovery-out", "shares"]);
    place.write("data", "kept");
    place.ok(&["encrypt", "data"]);
    let files = share_files(&place.path("shares"));
    assert!(
        place.ok(&with_files(&["recovery", "check"], &[&files[4], &files[0], &files[2]])).contains("open")
    );

    let restore = |chosen: &[&PathBuf]| with_files(&["recovery", "restore"], chosen).join("\n");
    let three = restore(&[&files[1], &files[3], &files[4]]);
    let three: Vec<_> = three.split('\n').collect();
    assert!(place.fails(&three, 8).contains("--replace"), "the root is there");
    fs::remove_file(place.store().join("root.key")).unwrap();
    assert!(place.fails(&["decrypt", "data.encrypted", "-o", "-"], 8).contains("recovery restore"));
    let two = restore(&[&files[1], &files[3]]);
    assert!(place.fails(&two.split('\n').collect::<Vec<_>>(), 4).contains("3 recovery shares are needed"));
    let twice = restore(&[&files[1], &files[3], &files[1]]);
    assert!(place.fails(&twice.split('\n').collect::<Vec<_>>(), 4).contains("share 2 is given twice"));

    assert!(place.ok(&three).contains("new root of trust"));
    assert_eq!(place.ok(&["decrypt", "data.encrypted", "-o", "-"]), "kept");
}

#[test]
fn a_forgotten_passphrase_is_replaced_and_the_old_root_kept() {
    let place = Place::new();
    place.write("first", "correct horse");
    place.write("second", "battery staple");
    place.ok(&["init", "--passphrase-file", "first", "--recovery-out", "shares"]);
    place.write("data", "kept");
    place.ok(&["--passphrase-file", "first", "encrypt", "data"]);
    let files = share_files(&place.path("shares"));
    let args = ["--passphrase-file", "second", "recovery", "restore", "--replace"];
    let said = place.ok(&with_files(&args, &[&files[0], &files[1], &files[2]]));
    assert!(
        said.contains("root.json.old; it opens nothing any more but old copies of the key store"),
        "{said}"
    );
    assert!(place.store().join("root.json.old").exists());
    assert!(place.fails(&["--passphrase-file", "first", "keys", "list"], 8).contains("passphrase is wrong"));
    assert_eq!(place.ok(&["--passphrase-file", "second", "decrypt", "data.encrypted", "-o", "-"]), "kept");
}

#[test]
fn shares_that_are_wrong_change_nothing() {
    let (place, other) = (Place::new(), Place::new());
    for place in [&place, &other] {
        place.ok(&["init", "--recovery-out", "shares"]);
    }
    let (files, foreign) = (share_files(&place.path("shares")), share_files(&other.path("shares")));
    let before = fs::read(place.store().join("root.key")).unwrap();
    let replace = ["recovery", "restore", "--replace"];
    let said = place.fails(&with_files(&replace, &[&foreign[0], &foreign[1], &foreign[2]]), 4);
    assert!(said.contains("do not open this key store"), "{said}");
    let said = place.fails(&with_files(&replace, &[&files[0], &files[1], &foreign[2]]), 4);
    assert!(said.contains("different sets"), "{said}");
    let text = fs::read_to_string(&files[0]).unwrap();
    let typo =
        if text.contains(" q") { text.replacen(" q", " p", 1) } else { text.replacen("kfs1 ", "kfs1 q", 1) };
    write(&files[0], typo.as_bytes());
    let said = place.fails(&with_files(&replace, &[&files[0], &files[1], &files[2]]), 4);
    assert!(said.contains("recovery share") && said.contains("-1.txt"), "{said}");
    write(&files[0], b"# nothing\n");
    let said = place.fails(&with_files(&replace, &[&files[0], &files[1], &files[2]]), 4);
    assert!(said.contains("should have 76"), "{said}");
    let said = place.fails(&["recovery", "restore", "--replace", "absent"], 6);
    assert!(said.contains("absent"), "{said}");
    assert_eq!(fs::read(place.store().join("root.key")).unwrap(), before);
    place.ok(&["keys", "list"]);
}

/// A person at a terminal.
struct Person {
    child: Child,
    screen: File,
    /// What was shown and not yet looked at.
    seen: String,
}

impl Person {
    /// Runs a command with a terminal of its own; `None` if this system can't.
    fn at(place: &Place, args: &[&str]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let terminal = || {
            let path = Path::new(name.to_str().unwrap());
            Stdio::from(fs::OpenOptions::new().read(true).write(true).open(path).unwrap())
        };
        // A session of its own, whose terminal this is.
        let mut command = Command::new("setsid");
        let inner = place.command(args);
        command.args(["--ctty", "--wait"]).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(inner.get_current_dir().unwrap());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let child = command.stdin(terminal()).stdout(terminal()).stderr(terminal()).spawn().unwrap();
        Self { child, screen: File::from(controller), seen: String::new() }
    }

    /// Waits until `text` is shown, and gives all before it.
    fn sees(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                let before = self.seen[..at].to_owned();
                self.seen.drain(..at + text.len());
                return before;
            }
            let mut bytes = [0; 4096];
            match self.screen.read(&mut bytes) {
                Ok(len) if len > 0 => self.seen.push_str(&String::from_utf8_lossy(&bytes[..len])),
                end => panic!("{end:?} before {text:?} was shown, but {:?}", self.seen),
            }
        }
    }

    fn types(&mut self, line: &str) {
        self.screen.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn is_cleared_and_ends_by(&mut self, signal: Signal) {
        self.sees(CLEARED);
        assert_eq!(self.child.wait().unwrap().signal(), Some(signal.as_raw()));
    }

    /// A key that is no text.
    fn presses(&mut self, key: u8) {
        self.screen.write_all(&[key]).unwrap();
    }

    /// Writes the next share down.
    fn copies_share(&mut self, index: u8) -> String {
        self.sees(&format!("Recovery share {index} of 5"));
        let page = self.sees("Enter when it is on paper. ");
        self.types("");
        let (_, text) = page.split_once("kfs1").unwrap();
        format!("kfs1 {}", text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

#[test]
fn a_person_at_a_terminal_writes_five_shares_down_and_types_three_back() {
    let place = Place::new();
    let mut person = Person::at(&place, &["init"]);
    person.sees("Enter shows the first. ");
    person.types("");
    let shares: Vec<_> = (1..=5).map(|index| person.copies_share(index)).collect();
    assert!(shares.iter().all(|share| share.replace(' ', "").len() == 76), "{shares:?}");
    assert!(!place.store().join("tls").exists(), "nothing goes on before the shares are proven");

    person.sees("Share 1 of 3:");
    let mut typo = shares[3].clone();
    typo.replace_range(20..21, if &typo[20..21] == "q" { "p" } else { "q" });
    person.types(&typo);
    person.sees("checksum does not hold");
    person.types(&shares[3].to_uppercase());
    person.sees("That is share 4.");
    person.types(&shares[3]);
    person.sees("Share 4 was typed already.");
    person.sees("Share 2 of 3:");
    // On four lines, as it stands on paper.
    let groups: Vec<_> = shares[0].split(' ').collect();
    groups.chunks(5).for_each(|line| person.types(&line.join(" ")));
    person.sees("That is share 1.");
    person.types(&shares[4].replace(' ', ""));
    person.sees("recovery shares 1, 4, 5 of set ");
    person.sees(" are proven: they open this key store");
    person.sees("recovery shares 2, 3 were not typed back");
    person.sees("created the key store");
    person.sees("AWS_SECRET_ACCESS_KEY=");
    assert!(person.child.wait().unwrap().success());

    // The day on which they are needed.
    fs::remove_file(place.store().join("root.key")).unwrap();
    let mut person = Person::at(&place, &["recovery", "restore"]);
    person.sees("The first share:");
    person.types(&shares[1]);
    person.sees("Share 2 of 3:");
    person.types(&shares[2]);
    person.sees("Share 3 of 3:");
    person.types(&shares[4]);
    person.sees("has a new root of trust");
    assert!(person.child.wait().unwrap().success());
    assert!(place.ok(&["aliases", "list"]).contains("alias/default"));

    // There is a copy: nobody is asked again, not even with a terminal.
    let mut person = Person::at(&place, &["init"]);
    let said = person.sees("is there already");
    assert!(!said.contains("Recovery share") && !said.contains("Enter"), "{said}");
    assert!(person.child.wait().unwrap().success());
}

#[test]
fn init_that_is_broken_off_asks_again_and_declining_is_loud() {
    let place = Place::new();
    let mut person = Person::at(&place, &["init"]);
    person.sees("Enter shows the first. ");
    person.child.kill().unwrap();
    person.child.wait().unwrap();
    drop(person);
    let mut person = Person::at(&place, &["init"]);
    person.sees("Enter shows the first. ");
    person.types("");
    person.copies_share(1);
    // The end of input, at the beginning of a line.
    person.sees("Recovery share 2 of 5");
    person.sees("Enter when it is on paper. ");
    person.presses(END_OF_INPUT);
    let before = person.sees("the input has ended");
    assert!(before.contains(CLEARED), "{before:?}");
    assert_eq!(person.child.wait().unwrap().code(), Some(1));
    let mut person = Person::at(&place, &["-q", "init", "--no-recovery"]);
    person.sees("NO RECOVERY COPY");
    person.sees("created the");
    assert!(person.child.wait().unwrap().success());
}

#[test]
fn shares_leave_the_screen_when_a_signal_ends_the_ceremony() {
    let place = Place::new();
    let begins = || {
        let mut person = Person::at(&place, &["init"]);
        person.sees("Enter shows the first. ");
        person.types("");
        person.sees("Enter when it is on paper. ");
        person
    };
    for (key, signal) in [(INTERRUPT, Signal::INT), (QUIT, Signal::QUIT)] {
        let mut person = begins();
        person.presses(key);
        person.is_cleared_and_ends_by(signal);
    }
    for signal in [Signal::TERM, Signal::HUP] {
        let mut person = begins();
        kill_process(Pid::from_child(&person.child), signal).unwrap();
        person.is_cleared_and_ends_by(signal);
    }
    place.ok(&["init", "--no-recovery"]);
    let mut person = Person::at(&place, &["recovery", "check"]);
    person.sees("The first share:");
    person.types("kfs1 and what follows");
    person.presses(INTERRUPT);
    person.is_cleared_and_ends_by(Signal::INT);
}

#[test]
fn what_was_typed_too_early_confirms_nothing() {
    let place = Place::new();
    let mut person = Person::at(&place, &["init"]);
    // Before there is a question.
    person.types("\n\n");
    person.sees("Enter shows the first. ");
    person.presses(END_OF_INPUT);
    let before = person.sees("the input has ended");
    assert!(!before.contains("Recovery share"), "{before:?}");
    assert_eq!(person.child.wait().unwrap().code(), Some(1));
}

/// What takes all off the screen, and out of what can be scrolled back to.
const CLEARED: &str = "\x1b[H\x1b[2J\x1b[3J";
/// Control and C, D, \.
const INTERRUPT: u8 = 3;
const END_OF_INPUT: u8 = 4;
const QUIT: u8 = 28;
