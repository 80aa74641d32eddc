//! The real binary as a service.

use keyfold_testkit::Serving;
use keyfold_testkit::serving::keyfold;

#[test]
fn a_server_has_the_key_store_for_itself() {
    let home = tempfile::tempdir().unwrap();
    let server = Serving::dev(home.path());
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["keys", "list"], &["principals", "list"]] {
        let output = keyfold(home.path()).args(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(8), "{arguments:?}: {stderr}");
        assert!(stderr.contains("in use by another process"), "{arguments:?}: {stderr}");
    }
    let log = server.end();
    assert!(log.contains("stopping"), "{log}");
    let output = keyfold(home.path()).args(["keys", "list"]).output().unwrap();
    assert!(output.status.success());
}
