//! systemd's side of the protocols, played without it: a socket at file descriptor 3, and one that is notified.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use keyfold_testkit::serving::{binary, keyfold};
use keyfold_testkit::{Serving, workspace_root};
use serde_json::json;

use super::client::Client;

/// As systemd starts a service: the socket is file descriptor 3, and the process knows that it is for it.
const START: &str = r#"export LISTEN_PID=$$; exec "$@" 3<&0 </dev/null"#;

fn message(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let len = socket.recv(&mut bytes).expect("nothing was told");
    String::from_utf8_lossy(&bytes[..len]).trim_end().to_owned()
}

fn notified(folder: &Path) -> (UnixDatagram, std::path::PathBuf) {
    let path = folder.join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    (socket, path)
}

fn started(arguments: &[&str], socket: TcpListener, notify: &Path) -> Command {
    let mut command = Command::new("sh");
    command.env_clear().args(["-c", START, "sh"]).arg(binary()).args(arguments);
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    command.env("LISTEN_FDS", "1").env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "200000");
    command
}

#[test]
fn takes_the_socket_and_tells_that_it_is_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, path) = notified(folder.path());
    let passed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = passed.local_addr().unwrap();
    let home = folder.path().join("home");
    let arguments = ["--home", home.to_str().unwrap(), "serve", "--dev", "--insecure-http"];
    let serving = Serving::spawn(started(&arguments, passed, &path));
    assert_eq!(serving.endpoint(), format!("http://{address}"));
    assert_eq!(message(&socket), "READY=1");
    assert_eq!(Client::of(&serving).call("ListKeys", &json!({})).status, 200);
    for _ in 0..3 {
        assert_eq!(message(&socket), "WATCHDOG=1");
    }
    serving.terminate();
    let mut last = message(&socket);
    while last == "WATCHDOG=1" {
        last = message(&socket);
    }
    assert_eq!(last, "STOPPING=1");
    let _ = serving;
}

#[test]
fn the_command_line_of_the_unit_serves() {
    let unit = workspace_root().join("packaging/systemd/keyfold.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/keyfold ")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [state, credentials] = ["state", "credentials"].map(|name| folder.path().join(name));
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("passphrase"), "correct horse battery staple\n").unwrap();
    let line = line.replace("%S", state.to_str().unwrap()).replace("%d", credentials.to_str().unwrap());
    let mut arguments: Vec<_> = line.split(' ').collect();

    let mut init = keyfold(&state.join("keyfold"));
    init.args(["--passphrase-file".as_ref(), credentials.join("passphrase").as_os_str()]);
    let made = init.args(["init", "--no-recovery"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let (socket, path) = notified(folder.path());
    let passed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = passed.local_addr().unwrap();
    // There is one such port, and there are many tests.
    arguments.push("--no-admin");
    let serving = Serving::spawn(started(&arguments, passed, &path));
    assert_eq!(serving.endpoint(), format!("https://{address}"));
    assert_eq!(message(&socket), "READY=1");
    let _ = serving.end();
}

#[test]
fn a_watchdog_of_another_process_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, path) = notified(folder.path());
    let passed = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = folder.path().join("home");
    let arguments = ["--home", home.to_str().unwrap(), "serve", "--dev", "--insecure-http"];
    let mut command = started(&arguments, passed, &path);
    let serving = Serving::spawn({
        command.env("WATCHDOG_PID", "1");
        command
    });
    assert_eq!(message(&socket), "READY=1");
    let _ = serving.end();
    assert_eq!(message(&socket), "STOPPING=1", "and nothing in between");
}

#[test]
fn two_sockets_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_socket, path) = notified(folder.path());
    let passed = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = folder.path().join("home");
    let arguments = ["--home", home.to_str().unwrap(), "serve", "--dev", "--insecure-http"];
    let output = started(&arguments, passed, &path).env("LISTEN_FDS", "2").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("2 sockets were passed"));
}
