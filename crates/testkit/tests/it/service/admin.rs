//! Health and metrics, and what asks for them.

use std::net::TcpListener;
use std::process::Command;

use keyfold_testkit::Serving;
use keyfold_testkit::serving::{binary, keyfold};
use serde_json::{Value, json};

use super::client::{Client, get};

/// Where the admin listener is, by the log (JSON).
pub(crate) fn admin_of(serving: &Serving) -> String {
    for _ in 0..200 {
        let log = serving.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(line) = lines.into_iter().find(|line| line["message"] == "serving") {
            return line["admin"].as_str().unwrap().to_owned();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{}", serving.log())
}

fn check(admin: &str) -> (Option<i32>, String) {
    let output = Command::new(binary()).args(["serve", "--check", "--admin-listen", admin]).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_store_that_takes_no_more_writes_is_not_ready_but_healthy() {
    let home = tempfile::tempdir().unwrap();
    // No file may get longer than 2 MiB, as on a disk that is full; that is an error then, and no signal.
    let limited = r#"trap '' XFSZ; ulimit -f 4096; exec "$@""#;
    let mut command = Command::new("sh");
    command.env_clear().args(["-c", limited, "sh"]).arg(binary()).arg("--home").arg(home.path());
    command.args(["serve", "--dev", "--insecure-http", "--listen", "127.0.0.1:0", "--log", "json"]);
    command.args(["--admin-listen", "127.0.0.1:0", "--rate-writing", "100000"]);
    let serving = Serving::spawn(command);
    let (client, admin) = (Client::of(&serving), admin_of(&serving));
    assert_eq!(get(&admin, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(&admin, "/readyz"), (200, "ok\n".to_owned()));
    assert_eq!(check(&admin), (Some(0), "ready\n".to_owned()));

    let mut made = 0;
    while client.call("CreateKey", &json!({})).status == 200 {
        made += 1;
        assert!(made < 10_000, "the limit has no effect");
    }
    assert!(made > 1);
    // Readiness is remembered for a second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(get(&admin, "/healthz").0, 200);
    assert_eq!(get(&admin, "/readyz"), (503, "the store does not read and write\n".to_owned()));
    let (code, text) = check(&admin);
    assert_eq!(code, Some(8), "{text}");
    assert!(text.contains("not ready: the store does not read and write"), "{text}");
    assert_eq!(client.call("ListKeys", &json!({})).status, 200, "reading goes on");
    let metrics = get(&admin, "/metrics").1;
    assert!(metrics.contains(&format!("{{operation=\"CreateKey\",outcome=\"OK\"}} {made}")), "{metrics}");
    assert_eq!(get(&admin, "/").0, 404);
    drop(serving);
}

#[test]
fn an_address_that_is_taken_is_no_riddle() {
    let home = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serve = |option: &str, other: &str| {
        let mut command = keyfold(home.path());
        command.args(["serve", "--dev", "--insecure-http", option, &address, other, "127.0.0.1:0"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let stderr = serve("--admin-listen", "--listen");
    assert!(stderr.contains(&format!("can't listen on {address} for health and metrics")), "{stderr}");
    assert!(stderr.contains("--no-admin leaves health and metrics away"), "{stderr}");
    let stderr = serve("--listen", "--admin-listen");
    assert!(stderr.contains(&format!("can't listen on {address}:")), "{stderr}");
    assert!(stderr.contains("--listen names another address"), "{stderr}");
}

#[test]
fn where_nobody_answers_nothing_is_ready() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (code, text) = check(&free);
    assert_eq!(code, Some(8), "{text}");
    assert!(text.contains(&format!("no server answers at {free}")), "{text}");
}

#[test]
fn an_admin_listener_for_everybody_is_warned_of() {
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--dev", "--insecure-http", "--admin-listen", "0.0.0.0:0"];
    let log = Serving::start(home.path(), &arguments).end();
    assert!(log.contains("health and metrics are open to everybody who can reach them"), "{log}");
}
