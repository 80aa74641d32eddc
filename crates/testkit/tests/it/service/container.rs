//! The container file, read: what it says of the program must be what the program takes.

use std::fs;
use std::process::Command;

use keyfold_testkit::serving::binary;
use keyfold_testkit::workspace_root;

/// The instructions, comments and continued lines aside.
fn instructions() -> Vec<(String, String)> {
    let path = workspace_root().join("packaging/container/Containerfile");
    let text = fs::read_to_string(path).unwrap().replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect()
}

fn arguments(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("not in exec form: {json}: {error}"))
}

#[test]
fn nothing_is_fetched_or_run_and_nobody_is_root() {
    let instructions = instructions();
    let of = |wanted: &str| -> Vec<&str> {
        instructions.iter().filter(|(name, _)| name == wanted).map(|(_, rest)| rest.as_str()).collect()
    };
    assert_eq!(of("FROM"), ["scratch"]);
    assert!(of("RUN").is_empty() && of("ADD").is_empty());
    let [user] = of("USER")[..] else { panic!("one user") };
    let (user, group) = user.split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);
    assert_eq!(of("VOLUME"), ["/var/lib/keyfold"]);
    assert_eq!(of("ENV"), ["KEYFOLD_HOME=/var/lib/keyfold"]);
    assert_eq!(of("STOPSIGNAL"), ["SIGTERM"]);
}

#[test]
fn the_program_takes_what_it_is_started_with() {
    let instructions = instructions();
    let of = |wanted: &str| &instructions.iter().find(|(name, _)| name == wanted).unwrap().1;
    let entry = arguments(of("ENTRYPOINT"));
    assert_eq!(entry, ["/keyfold"]);
    let serve = arguments(of("CMD"));
    let check = arguments(of("HEALTHCHECK").split_once("CMD ").unwrap().1);
    assert_eq!(check[..1], entry);
    let home = tempfile::tempdir().unwrap();
    // There is no key store, which is found out when the command line is right.
    let output = Command::new(binary()).args(&serve).env("KEYFOLD_HOME", home.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(4 | 6)), "{stderr}");
    let output = Command::new(binary()).args(&check[1..]).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 8)), "{}", String::from_utf8_lossy(&output.stderr));
    let port = format!(":{}", of("EXPOSE"));
    assert!(serve.iter().any(|argument| argument.ends_with(&port)), "{serve:?}");
}
