//! `keys` and `aliases`.

use serde_json::Value;

use crate::Place;

fn json(place: &Place, args: &[&str]) -> Value {
    serde_json::from_str(&place.ok(&[args, &["--json", "-q"]].concat())).unwrap()
}

#[test]
fn the_life_of_a_key() {
    let place = Place::new();
    let created = json(&place, &["keys", "create", "--description", "for tests"]);
    let metadata = &created["KeyMetadata"];
    let id = metadata["KeyId"].as_str().unwrap();
    let arn = metadata["Arn"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:kms:local:000000000000:key/{id}"));
    assert_eq!(metadata["Description"], "for tests");
    let state =
        || json(&place, &["keys", "describe", id])["KeyMetadata"]["KeyState"].as_str().unwrap().to_owned();

    assert_eq!(state(), "Enabled");
    assert_eq!(json(&place, &["keys", "disable", id]), serde_json::json!({}));
    assert_eq!(state(), "Disabled");
    assert!(place.ok(&["keys", "enable", arn]).contains("enabled"));
    let material = || json(&place, &["keys", "describe", id])["KeyMetadata"]["CurrentKeyMaterialId"].clone();
    let before = material();
    assert_eq!(json(&place, &["keys", "rotate", id])["KeyId"], arn);
    assert_ne!(material(), before);
    let scheduled = json(&place, &["keys", "schedule-deletion", id, "--days", "7"]);
    assert_eq!(
        (&scheduled["KeyState"], &scheduled["PendingWindowInDays"]),
        (&"PendingDeletion".into(), &7.into())
    );
    assert!(place.fails(&["keys", "enable", id], 8).contains("KMSInvalidStateException"));
    assert!(place.ok(&["keys", "describe", id]).contains("to be deleted"));
    assert_eq!(json(&place, &["keys", "cancel-deletion", id])["KeyId"], arn);
    assert_eq!(state(), "Disabled");

    assert!(
        place
            .fails(&["keys", "describe", "nonsense"], 8)
            .contains("NotFoundException: Invalid keyId 'nonsense'")
    );
    assert!(
        place.fails(&["keys", "schedule-deletion", id, "--days", "6"], 8).contains("ValidationException")
    );
    place.ok(&["aliases", "create", "alias/x", id]);
    assert!(place.fails(&["keys", "enable", "alias/x"], 8).contains("keyfold keys describe alias/x"));
}

#[test]
fn what_was_encrypted_before_a_rotation_decrypts() {
    let place = Place::new();
    place.write("a", "a");
    place.ok(&["encrypt", "a"]);
    let id = json(&place, &["keys", "describe", "alias/default"])["KeyMetadata"]["KeyId"].clone();
    for round in 0..3 {
        place.ok(&["keys", "rotate", id.as_str().unwrap()]);
        place.ok(&["encrypt", "a", "-o", &format!("m{round}")]);
    }
    for name in ["a.encrypted", "m0", "m1", "m2"] {
        assert_eq!(place.ok(&["decrypt", name, "-o", "-"]), "a");
    }
}

#[test]
fn lists_have_all_pages() {
    let place = Place::new();
    let create = || json(&place, &["keys", "create"])["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let (first, other) = (create(), create());
    // A page has 50 aliases, which is also as many as a key can have.
    for number in 0..55 {
        let key = if number % 2 == 0 { &first } else { &other };
        place.ok(&["aliases", "create", &format!("alias/n{number:02}"), key]);
    }
    let aliases = json(&place, &["aliases", "list"]);
    assert_eq!(
        (aliases["Aliases"].as_array().unwrap().len(), &aliases["Truncated"]),
        (55, &Value::Bool(false))
    );
    let table = place.ok(&["aliases", "list"]);
    assert_eq!(table.lines().count(), 56);
    assert!(table.contains("alias/n54") && table.contains(&first));
    let second = json(&place, &["keys", "create", "--alias", "alias/second"])["KeyMetadata"]["KeyId"].clone();
    let second = second.as_str().unwrap();
    assert_eq!(json(&place, &["aliases", "list", "--key", second])["Aliases"].as_array().unwrap().len(), 1);
    assert_eq!(json(&place, &["keys", "list"])["Keys"].as_array().unwrap().len(), 3);
    let table = place.ok(&["keys", "list"]);
    assert!(
        table.starts_with("KEY ID") && table.contains("alias/second") && table.contains("Enabled"),
        "{table}"
    );
}

#[test]
fn aliases_move_and_go() {
    let place = Place::new();
    let create = || json(&place, &["keys", "create"])["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let (one, two) = (create(), create());
    place.ok(&["aliases", "create", "alias/x", &one]);
    assert!(place.fails(&["aliases", "create", "alias/x", &two], 8).contains("AlreadyExistsException"));
    place.ok(&["aliases", "update", "alias/x", &two]);
    assert_eq!(json(&place, &["keys", "describe", "alias/x"])["KeyMetadata"]["KeyId"], two.as_str());
    place.ok(&["aliases", "delete", "alias/x"]);
    assert!(place.fails(&["aliases", "delete", "alias/x"], 8).contains("NotFoundException"));
    assert!(place.fails(&["aliases", "create", "x", &one], 8).contains("ValidationException"));
}

#[test]
fn an_alias_that_can_not_be_leaves_no_key_behind() {
    let place = Place::new();
    for bad in ["no-prefix", "alias/", "alias/a b", "alias/aws/x"] {
        assert!(place.fails(&["keys", "create", "--alias", bad], 2).contains("begins with alias/"), "{bad}");
    }
    assert!(!place.store().exists());
    place.ok(&["keys", "create", "--alias", "alias/x"]);
    let said = place.fails(&["keys", "create", "--alias", "alias/x"], 8);
    assert!(said.contains("alias/x is the alias of another key"), "{said}");
    assert_eq!(json(&place, &["keys", "list"])["Keys"].as_array().unwrap().len(), 1);
}

#[test]
fn descriptions_can_not_draw_on_the_terminal() {
    let place = Place::new();
    let description = "x\u{1b}[2J\u{9b}\u{202e}\ny";
    let create = ["keys", "create", "--alias", "alias/x", "--description", description];
    let texts = [
        place.ok(&create),
        place.ok(&["keys", "list"]),
        place.ok(&["keys", "describe", "alias/x"]),
        place.ok(&["keys", "describe", "alias/x", "--json"]),
    ];
    for text in &texts {
        assert!(text.contains("[2J"), "{text}");
        let drawn = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(drawn, None, "{text:?}");
    }
    assert_eq!(texts[1].lines().count(), 2);
    assert!(texts[2].contains("key material id "), "{}", texts[2]);
    let json: Value = serde_json::from_str(&texts[3]).unwrap();
    assert_eq!(json["KeyMetadata"]["Description"], description);
}

#[test]
fn deletion_is_described_as_it_is() {
    let place = Place::new();
    assert!(place.ok(&["keys", "schedule-deletion", "--help"]).contains("every backup"));
}
