//! What must not come out: every text and byte string that a caller sends, and every secret that it gets, is looked
//! for in all that the service writes.
//!
//! Each member of each operation's request gets a text of its own, through the real binary at the log level `trace`,
//! with metrics and traces. Afterwards
//!
//! | | in the log, metrics, traces | in the files of the key store | in the bodies of errors |
//! |---|---|---|---|
//! | secrets: plaintexts, data keys, random bytes, tokens, signatures, access key, passphrase, root key | never | never | never |
//! | everything else that a caller sends: names, descriptions, tags, policies, contexts | never | never | as AWS quotes it |
//!
//! in any of the spellings of [`scan`]. A new operation needs its row in [`requests`]; its members are found by
//! themselves.

mod requests;
mod scan;

use std::fs;
use std::path::Path;

use keyfold_protocol::operations::OperationName;
use keyfold_testkit::Serving;
use keyfold_testkit::serving::keyfold;
use serde_json::{Value, json};

use crate::service::admin::admin_of;
use crate::service::client::{Client, get};
use crate::service::collector::Collector;
use requests::{Stage, good, members};
use scan::Needles;

#[test]
fn nothing_that_a_caller_sends_or_gets_comes_out_with_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = requests::marker();
    let file = folder.path().join("passphrase");
    fs::write(&file, format!("{passphrase}\n")).unwrap();
    let home = folder.path().join("home");
    run(&home, &["--passphrase-file", file.to_str().unwrap()], |needles| {
        needles.secret("passphrase", passphrase.as_bytes());
    });
}

#[test]
fn nothing_that_a_caller_sends_or_gets_comes_out_with_a_key_file() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    run(&home, &[], |needles| {
        let file = fs::read_to_string(home.join("root.key")).unwrap();
        needles.secret("root key", &hex::decode(file.lines().nth(1).unwrap()).unwrap());
    });
}

fn run(home: &Path, options: &[&str], more: impl FnOnce(&mut Needles)) {
    let session = Session::create(home, options);
    let collector = Collector::start();
    let mut command = keyfold(home);
    command.args(options).args(["serve", "--dev", "--insecure-http", "--listen", "127.0.0.1:0"]);
    command.args(["--log", "json", "--log-level", "trace", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--rate-writing", "100000", "--rate-reading", "100000"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    let serving = Serving::spawn(command);
    let client = Client::of(&serving);
    let mut stage = Stage::new(&client);
    for operation in OperationName::ALL {
        every_member(&mut stage, *operation);
    }
    let Stage { mut needles, errors, .. } = stage;
    needles.secret("secret access key", client.secret.as_bytes());
    session.speak(&client, &mut needles);
    let key = fs::read_to_string(home.join("tls/server.key")).unwrap();
    needles.secret("private key of the server", key.lines().nth(1).unwrap().as_bytes());
    more(&mut needles);

    let mut places = vec![("metrics".to_owned(), get(&admin_of(&serving), "/metrics").1.into_bytes())];
    // Once as they are while it runs, the write-ahead log included, and once as they are at rest.
    places.extend(files(home));
    places.push(("log".to_owned(), serving.end().into_bytes()));
    places.extend(files(home));
    let exports = collector.exports();
    places.push(("traces".to_owned(), exports.into_iter().flat_map(|export| export.body).collect()));

    let mut found = needles.find_in(&[("errors".to_owned(), errors.into_bytes())], true);
    found.extend(needles.find_in(&places, false));
    // Who calls is in the log, but nobody is in the store by name.
    let mut names = Needles::default();
    names.text("name of the role", session.role.as_bytes());
    names.text("name of the session", session.name.as_bytes());
    let (log, elsewhere): (Vec<_>, Vec<_>) = places.into_iter().partition(|(place, _)| place == "log");
    found.extend(names.find_in(&elsewhere, false));
    assert!(!names.find_in(&log, false).is_empty(), "the control");
    let places = [log, elsewhere].concat();
    assert!(found.is_empty(), "{} found: {found:#?}", found.len());

    // It was looked for where there was something to find.
    let has = |place: &str, text: &str| {
        let of_place = places.iter().filter(|(name, _)| name == place);
        of_place.clone().count() > 0
            && of_place.into_iter().any(|(_, content)| scan::contains(content, text.as_bytes()))
    };
    for operation in OperationName::ALL {
        assert!(has("log", &format!("\"operation\":\"{operation}\"")), "{operation} in the log");
        assert!(has("traces", &format!("KMS/{operation}")), "{operation} in the traces");
        assert!(
            has("metrics", &format!("operation=\"{operation}\",outcome=\"OK\"")),
            "{operation} in the metrics"
        );
    }
    assert!(has("log", "\"level\":\"DEBUG\""));
    assert!(has("store.db", "SQLite format 3") && has("store.db-wal", ""));
}

/// A session of a role that may do everything, made by the administrator.
struct Session {
    role: String,
    name: String,
    policy: String,
    credentials: Value,
}

impl Session {
    fn create(home: &Path, options: &[&str]) -> Self {
        let [role, name, policy] = std::array::from_fn(|_| requests::marker());
        let document = home.with_extension("policy");
        let statement = json!({"Sid": policy, "Effect": "Allow", "Action": "kms:*", "Resource": "*"});
        fs::write(&document, json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()).unwrap();
        let run = |arguments: &[&str]| {
            let output = keyfold(home).args(options).args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        run(&["init", "--no-recovery"]);
        run(&["principals", "create-role", &role]);
        run(&["principals", "put-policy", "--role", &role, &policy, document.to_str().unwrap()]);
        let answer = run(&["principals", "create-session", &role, "--session-name", &name, "--json"]);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        Self { role, name, policy, credentials: answer["Credentials"].clone() }
    }

    /// Lets the session use the service, as it may, with a wrong secret, and with a token that is cut.
    fn speak(&self, other: &Client, needles: &mut Needles) {
        let credential = |name: &str| self.credentials[name].as_str().unwrap().to_owned();
        let (secret, token) = (credential("SecretAccessKey"), credential("SessionToken"));
        let client = Client {
            access_key_id: credential("AccessKeyId"),
            secret: secret.clone(),
            session_token: Some(token.clone()),
            ..other.clone()
        };
        let forger = Client { secret: other.secret.clone(), ..client.clone() };
        let cut = Client { session_token: Some(token[..token.len() - 1].to_owned()), ..client.clone() };
        for (client, is_good) in [(client, true), (forger, false), (cut, false)] {
            let answer = client.call("GenerateRandom", &json!({"NumberOfBytes": 32}));
            assert_eq!(answer.status == 200, is_good, "{answer:?}");
            needles.secret("signature of a session", answer.signature.as_bytes());
        }
        needles.secret("secret access key of a session", secret.as_bytes());
        // A part of it would do harm, too, if it could be guessed on from there.
        needles.secret("session token", token.as_bytes());
        needles.secret("session token", &token.as_bytes()[..token.len() / 2]);
        needles.text("policy of a role", self.policy.as_bytes());
    }
}

/// Performs an operation as it should be, and then once for every member and shape of value with a new text in it.
fn every_member(stage: &mut Stage<'_>, operation: OperationName) {
    let Some(body) = good(stage, operation) else { panic!("{operation} has no row in requests.rs") };
    let answer = stage.call(operation, &body);
    assert_eq!(answer.status, 200, "{operation} {body}: {answer:?}");
    let members = members(operation);
    for member in body.as_object().unwrap().keys() {
        assert!(members.contains(member), "{operation} has no member {member}");
    }
    for member in members {
        let of_member = format!("{operation}.{member}");
        let shapes: [fn(String) -> Value; 4] = [
            Value::String,
            |text| json!([text]),
            |text| json!({text.clone(): text}),
            |text| json!([{"TagKey": text, "TagValue": text}]),
        ];
        for shape in shapes {
            let mut body = body.clone();
            body[&member] = shape(stage.text(&of_member));
            stage.call(operation, &body);
        }
    }
}

/// The files of a key store by their names, but for the server's own identity and the root of trust.
fn files(home: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(home).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name != "root.key" && entry.file_type().unwrap().is_file() {
            files.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    files
}
