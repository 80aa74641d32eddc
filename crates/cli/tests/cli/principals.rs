//! `init`'s administrator and certificate, and `principals`.

use std::os::unix::fs::PermissionsExt as _;

use crate::Place;

#[test]
fn init_makes_an_administrator_and_a_certificate_once() {
    let place = Place::new();
    let said = place.ok(&["init", "--no-recovery", "--host-name", "keys.example.org"]);
    assert!(said.contains("AWS_ACCESS_KEY_ID=AKIA") && said.contains("AWS_SECRET_ACCESS_KEY="), "{said}");
    let tls = place.store().join("tls");
    assert!(said.contains(tls.join("ca.pem").to_str().unwrap()), "{said}");
    let mode = |name: &str| std::fs::metadata(tls.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("server.key"), 0o600);
    let before = std::fs::read(tls.join("ca.pem")).unwrap();
    let again = place.ok(&["init"]);
    assert!(!again.contains("SECRET") && again.contains("is there already"), "{again}");
    assert!(
        again.contains("keyfold principals create-access-key admin makes it another access key"),
        "{again}"
    );
    assert_eq!(std::fs::read(tls.join("ca.pem")).unwrap(), before);
}

#[test]
fn init_completes_an_administrator_that_was_left_half_made_and_no_other() {
    let place = Place::new();
    let said = place.ok(&["init", "--no-recovery"]);
    let access_key = |said: &str| {
        let (_, id) = said.split_once("AWS_ACCESS_KEY_ID=").unwrap();
        id.lines().next().unwrap().to_owned()
    };
    // As if it had ended before the access key; and then, before the policy.
    place.ok(&["principals", "delete-access-key", &access_key(&said)]);
    let said = place.ok(&["init"]);
    place.ok(&["principals", "delete-access-key", &access_key(&said)]);
    place.ok(&["principals", "delete-policy", "admin", "all"]);
    let said = place.ok(&["init"]);
    assert!(place.ok(&["principals", "get-policy", "admin", "all"]).contains("kms:*"));

    // One with another policy was made by somebody else, who knows why it has no access key.
    place.ok(&["principals", "delete-access-key", &access_key(&said)]);
    place.write("less", r#"{"Statement":{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}}"#);
    place.ok(&["principals", "put-policy", "admin", "all", "less"]);
    assert!(!place.ok(&["init"]).contains("AWS_ACCESS_KEY_ID="));
    assert!(place.ok(&["principals", "get-policy", "admin", "all"]).contains("kms:ListKeys"));
}

#[test]
fn users_access_keys_and_policies() {
    let place = Place::new();
    place.ok(&["init"]);
    place.ok(&["principals", "create-user", "alice"]);
    assert!(place.fails(&["principals", "create-user", "Alice"], 8).contains("already"));
    assert!(place.fails(&["principals", "create-user", "a/b"], 2).contains("not a user name"));
    let made: serde_json::Value =
        serde_json::from_str(&place.ok(&["principals", "create-access-key", "alice", "--json"])).unwrap();
    let id = made["AccessKey"]["AccessKeyId"].as_str().unwrap();
    let secret = made["AccessKey"]["SecretAccessKey"].as_str().unwrap();
    place.write(
        "policy",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#,
    );
    place.ok(&["principals", "put-policy", "alice", "encrypt", "policy"]);
    assert!(place.ok(&["principals", "get-policy", "alice", "encrypt"]).contains("kms:Encrypt"));
    place.write("wrong", "{}");
    place.fails(&["principals", "put-policy", "alice", "wrong", "wrong"], 8);

    let listed = place.ok(&["principals", "list"]);
    assert!(listed.contains(":user/alice") && listed.contains(id) && !listed.contains(secret), "{listed}");
    place.ok(&["principals", "disable-access-key", id]);
    assert!(place.ok(&["principals", "list"]).contains("(Inactive)"));
    place.ok(&["principals", "enable-access-key", id]);
    place.ok(&["principals", "delete-access-key", id]);
    assert!(place.fails(&["principals", "delete-access-key", id], 8).contains("no such access key"));
    place.ok(&["principals", "delete-policy", "alice", "encrypt"]);
    place.ok(&["principals", "delete-user", "alice"]);
    assert!(!place.ok(&["principals", "list"]).contains("alice"));
}

#[test]
fn a_role_has_policies_and_sessions_with_credentials_that_end() {
    let place = Place::new();
    place.ok(&["init"]);
    place.ok(&["principals", "create-role", "deploy"]);
    assert!(place.fails(&["principals", "create-role", "Deploy"], 8).contains("already"));
    place.write("policy", r#"{"Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}}"#);
    place.ok(&["principals", "put-policy", "--role", "deploy", "encrypt", "policy"]);
    assert!(place.ok(&["principals", "get-policy", "--role", "deploy", "encrypt"]).contains("kms:Encrypt"));
    assert!(place.fails(&["principals", "get-policy", "deploy", "encrypt"], 8).contains("no such user"));
    let listed = place.ok(&["principals", "list"]);
    assert!(listed.contains(":role/deploy") && listed.contains("encrypt"), "{listed}");

    let create = ["principals", "create-session", "deploy", "--session-name"];
    let shown = place.ok(&[&create[..], &["nightly"]].concat());
    let names: Vec<_> = shown.lines().map(|line| line.split_once('=').unwrap().0).collect();
    let expected =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION"];
    assert_eq!(names, expected);
    assert!(shown.starts_with("AWS_ACCESS_KEY_ID=ASIA"));
    let made: serde_json::Value =
        serde_json::from_str(&place.ok(&[&create[..], &["nightly", "--duration", "900", "--json"]].concat()))
            .unwrap();
    assert!(made["AssumedRoleUser"]["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/nightly"));
    assert!(made["AssumedRoleUser"]["AssumedRoleId"].as_str().unwrap().starts_with("AROA"));
    assert!(made["Credentials"]["Expiration"].as_str().unwrap().ends_with('Z'));
    assert!(place.fails(&[&create[..], &["x"]].concat(), 2).contains("not a session name"));
    let short = [&create[..], &["nightly", "--duration", "899"]].concat();
    assert!(place.fails(&short, 8).contains("900 to 43200 seconds"));
    place.ok(&["principals", "delete-policy", "--role", "deploy", "encrypt"]);
    place.ok(&["principals", "delete-role", "deploy"]);
    assert!(place.fails(&[&create[..], &["nightly"]].concat(), 8).contains("no such role"));
}
