//! Services that refuse, say what they should not, or are not asked since nobody can sign.

use std::fs;
use std::io::{Read as _, Write as _};

use super::{ACCOUNT, Service};
use crate::{Place, Ran};

#[test]
fn keys_that_may_not_be_described_are_listed_all_the_same() {
    let place = Place::new();
    let home = place.0.path().join("served");
    let home = home.to_str().unwrap();
    place.ok(&["init", "--no-recovery", "--home", home]);
    let create = |description: &str| -> String {
        let made = place.ok(&["keys", "create", "--description", description, "--json", "--home", home]);
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    };
    let (open, closed) = (create("an open one"), create("a closed one"));
    place.ok(&["principals", "create-user", "alice", "--home", home]);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["kms:ListKeys","kms:ListAliases"],"Resource":"*"}},
        {{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"arn:aws:kms:local:000000000000:key/{open}"}}]}}"#
    );
    place.write("policy", policy);
    place.ok(&["principals", "put-policy", "alice", "some", "policy", "--home", home]);
    let alice = place.ok(&["principals", "create-access-key", "alice", "--json", "--home", home]);
    let alice: serde_json::Value = serde_json::from_str(&alice).unwrap();
    let service = Service::start(&place, "served");
    let mut command = service.command(&place, &["keys", "list"]);
    for (name, member) in [("AWS_ACCESS_KEY_ID", "AccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey")]
    {
        command.env(name, alice["AccessKey"][member].as_str().unwrap());
    }
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let listed = String::from_utf8(ran.stdout).unwrap();
    let row = |key: &str| listed.lines().find(|line| line.starts_with(key)).unwrap().trim_end();
    assert!(row(&open).contains("Enabled") && row(&open).ends_with("an open one"), "{listed}");
    assert_eq!(row(&closed), closed, "{listed}");
}

#[test]
fn what_a_service_says_can_not_draw_on_the_terminal() {
    let place = Place::new();
    for (args, member) in [
        (&["keys", "rotate", "k"][..], ""),
        (&["keys", "cancel-deletion", "k"], ""),
        (&["keys", "schedule-deletion", "k"], r#","DeletionDate":1.0"#),
    ] {
        let body = format!(r#"{{"KeyId":"\u001b[2Jk"{member}}}"#);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // The request's body ends with its only brace.
            let mut byte = [0];
            while byte != *b"}" {
                stream.read_exact(&mut byte).unwrap();
            }
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
        });
        let mut command = place.command(&[args, &["--endpoint-url", &url, "--region", "r"]].concat());
        command.env("AWS_ACCESS_KEY_ID", "A").env("AWS_SECRET_ACCESS_KEY", "s");
        let ran: Ran = command.output().unwrap().into();
        answering.join().unwrap();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let said = String::from_utf8(ran.stdout).unwrap();
        assert!(said.starts_with(r"\u{1b}[2Jk: "), "{said:?}");
    }
}

#[test]
fn credentials_that_fail_are_asked_for_once_and_reported_once() {
    let place = Place::new();
    let service = Service::start(&place, "served");
    let keys = [service.key(&place, &[]), service.key(&place, &[])];
    for i in 0..5 {
        place.write(&format!("tree/{i}"), "attack at dawn");
    }
    let both = ["--key", keys[0].as_str(), "--key", keys[1].as_str()];
    service.ok(&place, &[&["encrypt", "-r", "tree", "-o", "vault"], &both[..]].concat());
    let starts = place.home().join("starts");
    let config = format!("[profile p]\ncredential_process = echo >> {}; exit 1\n", starts.display());
    fs::create_dir_all(place.home().join(".aws")).unwrap();
    crate::write(&place.home().join(".aws/config"), config.as_bytes());

    let decrypt = ["decrypt", "-r", "vault", "-o", "out", "--profile", "p"];
    let discovery = ["--discovery-account", ACCOUNT];
    for (i, keys) in [&both[..], &discovery[..]].into_iter().enumerate() {
        let ran = service.run(&place, &[&decrypt[..], keys].concat());
        assert_eq!(ran.code, Some(8), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("the credential_process of the profile p failed").count(), 1);
        assert_eq!(fs::read(&starts).unwrap().len(), i + 1, "{}", ran.stderr);
    }
    // With a raw key the run goes on: it may open the next file. The process is not started again.
    place.write("raw", [7; 32]);
    let raw = ["--aes-key", "n/k=raw"];
    place.ok(&[&["encrypt", "tree/4", "-o", "vault/5.encrypted"], &raw[..]].concat());
    let ran = service.run(&place, &[&decrypt[..], &discovery, &raw].concat());
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("the credential_process of the profile p failed").count(), 5);
    assert_eq!(fs::read(&starts).unwrap().len(), 3, "{}", ran.stderr);
    assert_eq!(place.read("out/5"), b"attack at dawn");
}
