//! Aliases.

use keyfold_protocol::operations::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, DescribeKeyRequest, ListAliasesRequest,
    ScheduleKeyDeletionRequest, UpdateAliasRequest,
};
use keyfold_protocol::{ErrorKind, Timestamp};

use crate::harness::{Home, NO_KEY, START_MS, arn, violation};

const ALIAS_ARN_PREFIX: &str = "arn:aws:kms:local:000000000000:";

fn target(home: &Home, alias: &str) -> String {
    home.ok(DescribeKeyRequest::new(alias)).key_metadata.key_id
}

fn list(home: &Home, key_id: Option<&str>) -> Vec<AliasListEntry> {
    let mut request = ListAliasesRequest::new();
    request.key_id = key_id.map(str::to_owned);
    home.ok(request).aliases
}

#[test]
fn an_alias_names_a_key_moves_and_goes() {
    let home = Home::new();
    let (one, two) = (home.create_key(), home.create_key());
    home.ok(CreateAliasRequest::new("alias/team/app_1-x", arn(&one)));
    let alias_arn = format!("{ALIAS_ARN_PREFIX}alias/team/app_1-x");
    assert_eq!((target(&home, "alias/team/app_1-x"), target(&home, &alias_arn)), (one.clone(), one.clone()));

    home.days_later(1);
    home.ok(UpdateAliasRequest::new("alias/team/app_1-x", &*two));
    assert_eq!(target(&home, "alias/team/app_1-x"), two);
    assert!(list(&home, Some(&one)).is_empty());
    let [entry] = list(&home, Some(&two)).try_into().unwrap();
    assert_eq!((entry.alias_name.as_str(), entry.alias_arn), ("alias/team/app_1-x", alias_arn.clone()));
    assert_eq!(entry.target_key_id, Some(two.clone()));
    assert_eq!(entry.creation_date, Some(Timestamp::from_epoch_ms(START_MS)));
    assert_eq!(entry.last_updated_date, Some(Timestamp::from_epoch_ms(START_MS + 86_400_000)));

    home.ok(DeleteAliasRequest::new("alias/team/app_1-x"));
    let message = format!("Alias {alias_arn} is not found.");
    home.fails(DescribeKeyRequest::new("alias/team/app_1-x"), ErrorKind::NotFound, &message);
    home.fails(DeleteAliasRequest::new("alias/team/app_1-x"), ErrorKind::NotFound, &message);
    home.fails(UpdateAliasRequest::new("alias/team/app_1-x", &*one), ErrorKind::NotFound, &message);
    assert!(list(&home, None).is_empty() && list(&home, Some(&two)).is_empty());
    home.ok(CreateAliasRequest::new("alias/team/app_1-x", &*one));
}

#[test]
fn names_have_rules() {
    let home = Home::new();
    let key = home.create_key();
    let create = |name: &str| CreateAliasRequest::new(name, &*key);
    home.fails(
        create("app"),
        ErrorKind::Validation,
        "Alias must start with the prefix \"alias/\". Please see \
         https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
    );
    home.fails(
        create("alias/my-alias!"),
        ErrorKind::Validation,
        &violation(
            "Value 'alias/my-alias!' at 'aliasName'",
            "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
        ),
    );
    home.fails(
        create("alias/a:b"),
        ErrorKind::Validation,
        "alias/a:b contains invalid characters for an alias",
    );
    home.fails(create("alias/"), ErrorKind::InvalidAliasName, "alias/ is not an alias name.");
    for reserved in ["alias/aws/s3", "alias/aws/mine", "alias/aws/a/b"] {
        home.fails_silently(create(reserved), ErrorKind::NotAuthorized);
        home.fails_silently(UpdateAliasRequest::new(reserved, &*key), ErrorKind::NotAuthorized);
        home.fails_silently(DeleteAliasRequest::new(reserved), ErrorKind::NotAuthorized);
    }
    let long = format!("alias/{}", "x".repeat(251));
    home.fails(
        create(&long),
        ErrorKind::Validation,
        &violation(
            &format!("Value '{long}' at 'aliasName'"),
            "Member must have length less than or equal to 256",
        ),
    );
    home.ok(create(&long[..256]));
    home.ok(create("alias/app"));
    home.fails(
        create("alias/app"),
        ErrorKind::AlreadyExists,
        &format!("An alias with the name {ALIAS_ARN_PREFIX}alias/app already exists"),
    );
    let missing = format!("Key '{}' does not exist", arn(NO_KEY));
    home.fails(CreateAliasRequest::new("alias/new", NO_KEY), ErrorKind::NotFound, &missing);
    home.fails(UpdateAliasRequest::new("alias/app", NO_KEY), ErrorKind::NotFound, &missing);
}

#[test]
fn a_key_has_fifty_names_at_most() {
    let home = Home::new();
    let (full, other) = (home.create_key(), home.create_key());
    for number in 0..50 {
        home.ok(CreateAliasRequest::new(format!("alias/n{number:02}"), &*full));
    }
    home.ok(CreateAliasRequest::new("alias/other", &*other));
    let message = format!("{} has as many aliases as a KMS key can have: 50.", arn(&full));
    home.fails(CreateAliasRequest::new("alias/n50", &*full), ErrorKind::LimitExceeded, &message);
    home.fails(UpdateAliasRequest::new("alias/other", &*full), ErrorKind::LimitExceeded, &message);
    home.ok(UpdateAliasRequest::new("alias/n00", &*full));
    home.ok(UpdateAliasRequest::new("alias/n00", &*other));
    home.ok(UpdateAliasRequest::new("alias/other", &*full));
    assert_eq!(list(&home, Some(&full)).len(), 50);
    assert_eq!(list(&home, Some(&other))[0].alias_name, "alias/n00");
}

#[test]
fn aliases_are_listed_in_pages() {
    let home = Home::new();
    let (one, two) = (home.create_key(), home.create_key());
    let names: Vec<_> = (0..9).map(|number| format!("alias/n{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        home.ok(CreateAliasRequest::new(&**name, if number % 3 == 0 { &*one } else { &*two }));
    }
    for (key_id, expected) in [(None, 9), (Some(&one), 3), (Some(&two), 6)] {
        let mut listed = Vec::new();
        let mut marker = None;
        loop {
            let mut request = ListAliasesRequest::new();
            (request.key_id, request.limit, request.marker) = (key_id.cloned(), Some(2), marker);
            let page = home.ok(request);
            assert_eq!(page.truncated, page.next_marker.is_some());
            assert!((1..=2).contains(&page.aliases.len()));
            listed.extend(page.aliases.into_iter().map(|alias| alias.alias_name));
            marker = page.next_marker;
            if marker.is_none() {
                break;
            }
        }
        listed.sort();
        listed.dedup();
        assert_eq!(listed.len(), expected);
    }
    let mut too_many = ListAliasesRequest::new();
    too_many.limit = Some(101);
    let message = violation("Value '101' at 'limit'", "Member must have value less than or equal to 100");
    home.fails(too_many, ErrorKind::Validation, &message);
    let mut of_alias = ListAliasesRequest::new();
    of_alias.key_id = Some("alias/n0".into());
    home.fails(of_alias, ErrorKind::NotFound, "Invalid keyId 'alias/n0'");
}

#[test]
fn a_name_may_leave_a_dying_key_but_not_join_it() {
    let home = Home::new();
    let (dying, living) = (home.create_key(), home.create_key());
    home.ok(CreateAliasRequest::new("alias/a", &*dying));
    home.ok(CreateAliasRequest::new("alias/b", &*dying));
    home.ok(ScheduleKeyDeletionRequest::new(&*dying));
    home.ok(UpdateAliasRequest::new("alias/a", &*living));
    home.ok(DeleteAliasRequest::new("alias/b"));
    let message = format!("{} is pending deletion.", arn(&dying));
    home.fails(UpdateAliasRequest::new("alias/a", &*dying), ErrorKind::KmsInvalidState, &message);
    assert_eq!(target(&home, "alias/a"), living);
}
