//! Accounts, users, access keys and user policies: what there can be, how much of it, and that it is kept sealed.

use std::fs;

use base64::Engine as _;
use keyfold_kms::principals::{
    ACCESS_KEYS_MAX, AccessKeyId, AccessKeyStatus, Identity, NewAccessKey, NewSession, POLICIES_MAX,
    POLICY_LEN_MAX, PolicyName, PrincipalError, RoleName, SECRET_LEN, UniqueId, UserName,
};
use keyfold_kms::{Caller, Principal};
use keyfold_protocol::operations::{GetKeyPolicyRequest, ListKeysRequest, PutKeyPolicyRequest};
use keyfold_protocol::{AccountId, ErrorKind};
use pollster::block_on;

use crate::harness::{Home, START_MS};

fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

fn user(of: &AccountId, text: &str) -> Principal {
    Principal::User { account: of.clone(), name: name(text) }
}

fn identity(of: &AccountId, text: &str) -> Identity {
    Identity::User { account: of.clone(), name: name(text) }
}

/// The service's own account.
fn home_account(home: &Home) -> AccountId {
    home.kms.service().scope().account.clone()
}

fn new_key(home: &Home, principal: &Principal) -> NewAccessKey {
    block_on(home.kms.service().create_access_key(principal)).unwrap()
}

/// Who has proven to call with this access key.
fn found(home: &Home, id: &AccessKeyId) -> Option<(Vec<u8>, Principal)> {
    let found = block_on(home.kms.service().find_access_key(id)).unwrap();
    found.map(|key| (key.secret.expose().to_vec(), key.principal))
}

const ALLOW_ALL: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

#[test]
fn accounts_are_added_once_and_the_own_one_is_there() {
    let home = Home::new();
    let service = home.kms.service();
    let (own, one, two) = (home_account(&home), account("111122223333"), account("444455556666"));
    assert_eq!(block_on(service.list_accounts()).unwrap(), std::slice::from_ref(&own));
    block_on(service.create_account(&two)).unwrap();
    block_on(service.create_account(&one)).unwrap();
    for there in [&own, &one, &two] {
        let again = block_on(service.create_account(there));
        assert!(matches!(again, Err(PrincipalError::AccountExists)), "{again:?}");
    }
    // Its first user gives the own account a record; it is listed once all the same.
    block_on(service.create_user(&own, &name("alice"))).unwrap();
    let home = home.reopened();
    assert_eq!(block_on(home.kms.service().list_accounts()).unwrap(), [own, one, two]);
}

#[test]
fn users_belong_to_an_account_and_have_one_spelling() {
    let home = Home::new();
    let service = home.kms.service();
    let (own, other, none) = (home_account(&home), account("111122223333"), account("999999999999"));
    block_on(service.create_account(&other)).unwrap();
    for (of, text) in [(&own, "zoe"), (&own, "Alice"), (&other, "Alice")] {
        block_on(service.create_user(of, &name(text))).unwrap();
    }
    for again in ["Alice", "alice", "ALICE"] {
        let again = block_on(service.create_user(&own, &name(again)));
        assert!(matches!(again, Err(PrincipalError::UserExists)), "{again:?}");
    }
    let refused = block_on(service.create_user(&none, &name("alice")));
    assert!(matches!(refused, Err(PrincipalError::NoSuchAccount)), "{refused:?}");
    assert!(matches!(block_on(service.list_users(&none)), Err(PrincipalError::NoSuchAccount)));
    let names = |of| -> Vec<String> {
        block_on(service.list_users(of)).unwrap().iter().map(|user| user.name.to_string()).collect()
    };
    assert_eq!(names(&own), ["Alice", "zoe"]);
    assert_eq!(names(&other), ["Alice"]);
    let refused = block_on(service.create_access_key(&user(&own, "alice")));
    assert!(
        matches!(refused, Err(PrincipalError::NoSuchUser)),
        "another spelling is another name: {refused:?}"
    );
    block_on(service.delete_user(&own, &name("Alice"))).unwrap();
    assert!(matches!(block_on(service.delete_user(&own, &name("Alice"))), Err(PrincipalError::NoSuchUser)));
    assert_eq!((names(&own), names(&other)), (vec!["zoe".to_owned()], vec!["Alice".to_owned()]));
    for text in ["", "a b", "a/b", "a*", "é", &"x".repeat(65)] {
        assert!(text.parse::<UserName>().is_err(), "{text}");
    }
}

#[test]
fn more_users_than_a_page_are_listed() {
    let home = Home::new();
    let own = home_account(&home);
    for number in 0..101 {
        block_on(home.kms.service().create_user(&own, &name(&format!("user-{number:03}")))).unwrap();
    }
    let users = block_on(home.kms.service().list_users(&own)).unwrap();
    assert_eq!(users.len(), 101);
    assert!(users.windows(2).all(|pair| pair[0].name < pair[1].name));
}

#[test]
fn a_principal_has_two_access_keys_at_most() {
    let home = Home::new();
    let own = home_account(&home);
    block_on(home.kms.service().create_user(&own, &name("alice"))).unwrap();
    for principal in [user(&own, "alice"), Principal::AccountRoot(own.clone())] {
        let keys: Vec<_> = (0..ACCESS_KEYS_MAX).map(|_| new_key(&home, &principal)).collect();
        assert_eq!(keys.len(), 2);
        let third = block_on(home.kms.service().create_access_key(&principal));
        assert!(matches!(third, Err(PrincipalError::LimitExceeded { max: 2, .. })), "{third:?}");
        for key in &keys {
            assert!(key.id.as_str().len() == 20 && key.id.as_str().starts_with("AKIA"));
            assert_eq!(key.secret.len(), SECRET_LEN);
            assert_eq!(found(&home, &key.id), Some((key.secret.expose().to_vec(), principal.clone())));
        }
        let listed = block_on(home.kms.service().list_access_keys(&principal)).unwrap();
        assert!(listed.iter().map(|key| &key.id).eq(keys.iter().map(|key| &key.id)));
        block_on(home.kms.service().delete_access_key(&keys[0].id)).unwrap();
        assert_eq!(found(&home, &keys[0].id), None);
        let again = block_on(home.kms.service().delete_access_key(&keys[0].id));
        assert!(matches!(again, Err(PrincipalError::NoSuchAccessKey)), "{again:?}");
        assert_ne!(new_key(&home, &principal).id, keys[1].id, "there is room again");
    }
}

#[test]
fn of_many_who_make_access_keys_at_once_two_succeed() {
    let home = Home::new();
    let own = home_account(&home);
    block_on(home.kms.service().create_user(&own, &name("alice"))).unwrap();
    let alice = user(&own, "alice");
    let make = || block_on(home.kms.service().create_access_key(&alice)).is_ok();
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
    });
    assert_eq!(made, ACCESS_KEYS_MAX);
    assert_eq!(block_on(home.kms.service().list_access_keys(&alice)).unwrap().len(), ACCESS_KEYS_MAX);
}

#[test]
fn a_store_that_knows_no_principals_has_no_records_of_them() {
    // So one from before there were any is used as it is.
    let home = Home::new();
    let key_id = home.create_key();
    home.encrypt(&key_id, b"x");
    home.ok(GetKeyPolicyRequest::new(&*key_id));
    let connection = rusqlite::Connection::open(home.path().join("store.db")).unwrap();
    let count = "SELECT count(*) FROM record WHERE CAST(key AS TEXT) GLOB ?1";
    for (kind, expected) in [
        ("key/*", 1),
        ("key-policy/*", 0),
        ("account/*", 0),
        ("user/*", 0),
        ("role/*", 0),
        ("access-key/*", 0),
    ] {
        let found: i64 = connection.query_row(count, [kind], |row| row.get(0)).unwrap();
        assert_eq!(found, expected, "{kind}");
    }
}

#[test]
fn an_inactive_access_key_is_not_found_until_it_is_active_again() {
    let home = Home::new();
    let root = Principal::AccountRoot(home_account(&home));
    let key = new_key(&home, &root);
    let set = |status| block_on(home.kms.service().set_access_key_status(&key.id, status));
    set(AccessKeyStatus::Inactive).unwrap();
    assert_eq!(found(&home, &key.id), None);
    let listed = block_on(home.kms.service().list_access_keys(&root)).unwrap();
    assert_eq!((listed.len(), listed[0].status), (1, AccessKeyStatus::Inactive));
    set(AccessKeyStatus::Active).unwrap();
    assert_eq!(found(&home, &key.id), Some((key.secret.expose().to_vec(), root)));
    let unknown: AccessKeyId = "AKIAABCDEFGHIJKLMNOP".parse().unwrap();
    assert_eq!(found(&home, &unknown), None);
    let refused = block_on(home.kms.service().set_access_key_status(&unknown, AccessKeyStatus::Active));
    assert!(matches!(refused, Err(PrincipalError::NoSuchAccessKey)), "{refused:?}");
}

#[test]
fn a_user_takes_its_access_keys_and_policies_along() {
    let home = Home::new();
    let (own, service) = (home_account(&home), home.kms.service());
    let alice = user(&own, "alice");
    block_on(service.create_user(&own, &name("alice"))).unwrap();
    let keys = [new_key(&home, &alice), new_key(&home, &alice)];
    let policy: PolicyName = "all".parse().unwrap();
    block_on(service.put_policy(&identity(&own, "alice"), &policy, ALLOW_ALL)).unwrap();
    block_on(service.delete_user(&own, &name("alice"))).unwrap();
    assert!(keys.iter().all(|key| found(&home, &key.id).is_none()));
    block_on(service.create_user(&own, &name("alice"))).unwrap();
    assert!(block_on(service.list_access_keys(&alice)).unwrap().is_empty());
    assert!(block_on(service.list_policies(&identity(&own, "alice"))).unwrap().is_empty());
}

#[test]
fn user_policies_are_kept_to_the_letter_and_within_their_limits() {
    let home = Home::new();
    let (own, service) = (home_account(&home), home.kms.service());
    let alice = identity(&own, "alice");
    let policy: PolicyName = "p".parse().unwrap();
    let put = |policy: &PolicyName, document: &str| block_on(service.put_policy(&alice, policy, document));
    assert!(matches!(put(&policy, ALLOW_ALL), Err(PrincipalError::NoSuchUser)));
    block_on(service.create_user(&own, &name("alice"))).unwrap();
    let spaced = format!("  {ALLOW_ALL}\n");
    put(&policy, &spaced).unwrap();
    assert_eq!(block_on(service.get_policy(&alice, &policy)).unwrap(), spaced);
    put(&policy, ALLOW_ALL).unwrap();
    assert_eq!(block_on(service.get_policy(&alice, &policy)).unwrap(), ALLOW_ALL);

    let long = format!("{ALLOW_ALL}{}", " ".repeat(POLICY_LEN_MAX - ALLOW_ALL.len()));
    put(&policy, &long).unwrap();
    assert!(matches!(put(&policy, &format!("{long} ")), Err(PrincipalError::PolicyTooLong)));
    for document in [
        "",
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}"#,
    ] {
        assert!(matches!(put(&policy, document), Err(PrincipalError::Policy(_))), "{document}");
    }
    assert_eq!(block_on(service.get_policy(&alice, &policy)).unwrap(), long);

    for number in 1..POLICIES_MAX {
        put(&format!("p{number}").parse().unwrap(), &long).unwrap();
    }
    let refused = put(&"one-more".parse().unwrap(), ALLOW_ALL);
    assert!(matches!(refused, Err(PrincipalError::LimitExceeded { .. })), "{refused:?}");
    put(&policy, ALLOW_ALL).unwrap();
    let home = home.reopened();
    let service = home.kms.service();
    assert_eq!(block_on(service.list_policies(&alice)).unwrap().len(), POLICIES_MAX);
    block_on(service.delete_policy(&alice, &policy)).unwrap();
    for gone in [
        block_on(service.delete_policy(&alice, &policy)).map(|()| String::new()),
        block_on(service.get_policy(&alice, &policy)),
    ] {
        assert!(matches!(gone, Err(PrincipalError::NoSuchPolicy)), "{gone:?}");
    }
}

#[test]
fn access_keys_are_there_after_reopening() {
    let home = Home::new();
    let other = account("111122223333");
    block_on(home.kms.service().create_account(&other)).unwrap();
    block_on(home.kms.service().create_user(&other, &name("alice"))).unwrap();
    let key = new_key(&home, &user(&other, "alice"));
    let home = home.reopened();
    assert_eq!(found(&home, &key.id), Some((key.secret.expose().to_vec(), user(&other, "alice"))));
}

#[test]
fn neither_names_nor_policies_nor_secrets_can_be_read_in_the_files() {
    const MARKER: &str = "canary-Zq7xK2";
    let home = Home::new();
    let (own, service) = (home_account(&home), home.kms.service());
    block_on(service.create_user(&own, &name(MARKER))).unwrap();
    let document = format!(
        r#"{{"Statement":{{"Sid":"{MARKER}","Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:*:{MARKER}"}}}}"#
    );
    block_on(service.put_policy(&identity(&own, MARKER), &MARKER.parse().unwrap(), &document)).unwrap();
    let keys = [new_key(&home, &user(&own, MARKER)), new_key(&home, &Principal::AccountRoot(own.clone()))];
    block_on(service.set_access_key_status(&keys[0].id, AccessKeyStatus::Inactive)).unwrap();
    let document = format!(
        r#"{{"Id":"{MARKER}","Statement":{{"Sid":"{MARKER}","Effect":"Allow","Principal":{{"AWS":["{own}",
        "arn:aws:iam::{own}:user/{MARKER}"]}},"Action":"kms:*","Resource":"*"}}}}"#
    );
    home.ok(PutKeyPolicyRequest::new(home.create_key(), document));

    let mut secrets = vec![MARKER.as_bytes().to_vec(), MARKER.to_ascii_lowercase().into_bytes()];
    secrets.extend(keys.iter().map(|key| key.secret.expose().to_vec()));
    let mut needles = Vec::new();
    for secret in &secrets {
        needles.extend([secret.clone(), hex::encode(secret).into_bytes()]);
        needles.push(hex::encode_upper(secret).into_bytes());
        for shift in 0..3 {
            // Whatever stands around it, the middle of it has one of three forms.
            let text = base64::engine::general_purpose::STANDARD.encode(&secret[shift..][..9]);
            needles.push(text.into_bytes());
        }
    }
    let mut all = Vec::new();
    for entry in fs::read_dir(home.path()).unwrap() {
        all.extend(fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |needle: &[u8]| all.windows(needle.len()).any(|window| window == needle);
    assert!(needles.iter().all(|needle| !holds(needle)), "found a marker or a secret");
    // The search itself finds what is there: access key ids stand in row keys.
    assert!(holds(keys[0].id.as_str().as_bytes()));
    assert!(!format!("{keys:?}").contains(std::str::from_utf8(keys[0].secret.expose()).unwrap()));
}

fn role_name(text: &str) -> RoleName {
    text.parse().unwrap()
}

fn role(of: &AccountId, text: &str) -> Identity {
    Identity::Role { account: of.clone(), name: role_name(text) }
}

#[test]
fn roles_belong_to_an_account_and_have_one_spelling() {
    let home = Home::new();
    let service = home.kms.service();
    let (own, other, none) = (home_account(&home), account("111122223333"), account("999999999999"));
    block_on(service.create_account(&other)).unwrap();
    // A user of the same name is something else.
    block_on(service.create_user(&own, &name("deploy"))).unwrap();
    for (of, text) in [(&own, "zero"), (&own, "Deploy"), (&other, "Deploy")] {
        block_on(service.create_role(of, &role_name(text))).unwrap();
    }
    for again in ["Deploy", "deploy"] {
        let again = block_on(service.create_role(&own, &role_name(again)));
        assert!(matches!(again, Err(PrincipalError::RoleExists)), "{again:?}");
    }
    let refused = block_on(service.create_role(&none, &role_name("deploy")));
    assert!(matches!(refused, Err(PrincipalError::NoSuchAccount)), "{refused:?}");
    assert!(matches!(block_on(service.list_roles(&none)), Err(PrincipalError::NoSuchAccount)));
    let home = home.reopened();
    let service = home.kms.service();
    let names = |of| -> Vec<String> {
        block_on(service.list_roles(of)).unwrap().iter().map(|role| role.name.to_string()).collect()
    };
    assert_eq!((names(&own), names(&other)), (vec!["Deploy".into(), "zero".into()], vec!["Deploy".into()]));
    block_on(service.delete_role(&own, &role_name("Deploy"))).unwrap();
    let again = block_on(service.delete_role(&own, &role_name("Deploy")));
    assert!(matches!(again, Err(PrincipalError::NoSuchRole)), "{again:?}");
    assert_eq!((names(&own), names(&other)), (vec!["zero".into()], vec!["Deploy".into()]));
    assert_eq!(block_on(service.list_users(&own)).unwrap().len(), 1, "the user is still there");
    for text in ["", "a b", "a/b", "a*", &"x".repeat(65)] {
        assert!(text.parse::<RoleName>().is_err(), "{text}");
    }
}

#[test]
fn roles_have_policies_as_users_have() {
    let home = Home::new();
    let (own, service) = (home_account(&home), home.kms.service());
    let (deploy, policy): (_, PolicyName) = (role(&own, "deploy"), "p".parse().unwrap());
    let refused = block_on(service.put_policy(&deploy, &policy, ALLOW_ALL));
    assert!(matches!(refused, Err(PrincipalError::NoSuchRole)), "{refused:?}");
    block_on(service.create_role(&own, &role_name("deploy"))).unwrap();
    block_on(service.put_policy(&deploy, &policy, ALLOW_ALL)).unwrap();
    assert_eq!(block_on(service.get_policy(&deploy, &policy)).unwrap(), ALLOW_ALL);
    assert_eq!(block_on(service.list_policies(&deploy)).unwrap(), std::slice::from_ref(&policy));
    block_on(service.delete_role(&own, &role_name("deploy"))).unwrap();
    block_on(service.create_role(&own, &role_name("deploy"))).unwrap();
    assert!(block_on(service.list_policies(&deploy)).unwrap().is_empty(), "they went with the role");
}

#[test]
fn who_has_signed_is_not_whoever_has_the_name_later() {
    let home = Home::new();
    let (own, service) = (home_account(&home), home.kms.service());
    let alice = user(&own, "alice");
    let made = || {
        block_on(service.create_user(&own, &name("alice"))).unwrap();
        block_on(service.put_policy(&identity(&own, "alice"), &"all".parse().unwrap(), ALLOW_ALL)).unwrap();
        new_key(&home, &alice).id
    };
    let asks = |access_key: &AccessKeyId| {
        let mut caller = Caller::new(alice.clone(), service.scope().region.clone());
        caller.access_key = Some(access_key.clone());
        block_on(service.call_as(&caller, ListKeysRequest::new().into()))
    };
    let first = made();
    asks(&first).unwrap();
    block_on(service.set_access_key_status(&first, AccessKeyStatus::Inactive)).unwrap();
    asks(&first).expect("it was active when the request was authenticated");
    block_on(service.delete_user(&own, &name("alice"))).unwrap();
    let second = made();
    assert_eq!(asks(&first).unwrap_err().kind(), ErrorKind::AccessDenied);
    asks(&second).unwrap();
}

#[test]
fn who_is_made_again_has_another_id() {
    let home = Home::new();
    let (own, service) = (home_account(&home), home.kms.service());
    let ids = || {
        block_on(service.create_user(&own, &name("alice"))).unwrap();
        block_on(service.create_role(&own, &role_name("deploy"))).unwrap();
        let user = block_on(service.list_users(&own)).unwrap().remove(0).id;
        let role = block_on(service.list_roles(&own)).unwrap().remove(0).id;
        block_on(service.delete_user(&own, &name("alice"))).unwrap();
        block_on(service.delete_role(&own, &role_name("deploy"))).unwrap();
        (user, role)
    };
    let (one, two) = (ids(), ids());
    assert!(one.0 != two.0 && one.1 != two.1);
    for (id, prefix) in [(&one.0, "AIDA"), (&one.1, "AROA")] {
        assert!(id.as_str().starts_with(prefix) && id.as_str().len() == UniqueId::LEN, "{id}");
    }
}

fn session(home: &Home, role: &str, session: &str, seconds: u32) -> Result<NewSession, PrincipalError> {
    let own = home_account(home);
    let session = session.parse().unwrap();
    block_on(home.kms.service().create_session(&own, &role_name(role), &session, seconds))
}

/// Whether the service knows the session.
fn is_known(home: &Home, made: &NewSession) -> bool {
    let opened = block_on(home.kms.service().open_session(&made.id, made.token.expose())).unwrap();
    opened.is_some_and(|opened| {
        assert_eq!(opened.secret.expose(), made.secret.expose());
        assert_eq!((opened.principal, opened.expiration), (made.principal.clone(), made.expiration));
        true
    })
}

#[test]
fn a_session_lasts_as_long_as_asked_and_no_longer_than_its_role() {
    let home = Home::new();
    let (own, service) = (home_account(&home), home.kms.service());
    let refused = session(&home, "deploy", "nightly", 3600);
    assert!(matches!(refused, Err(PrincipalError::NoSuchRole)), "{refused:?}");
    block_on(service.create_role(&own, &role_name("deploy"))).unwrap();
    for seconds in [0, 899, 43_201, u32::MAX] {
        let refused = session(&home, "deploy", "nightly", seconds);
        assert!(matches!(refused, Err(PrincipalError::SessionSeconds)), "{refused:?}");
    }
    let refused = session(&home, "Deploy", "nightly", 900);
    assert!(
        matches!(refused, Err(PrincipalError::NoSuchRole)),
        "another spelling is another name: {refused:?}"
    );
    for seconds in [900, 43_200] {
        let made = session(&home, "deploy", "nightly", seconds).unwrap();
        assert_eq!(made.expiration.epoch_ms(), START_MS + i64::from(seconds) * 1000);
    }
    let (one, two) = (
        session(&home, "deploy", "nightly", 3600).unwrap(),
        session(&home, "deploy", "nightly", 3600).unwrap(),
    );
    assert!(one.id.is_temporary() && one.secret.len() == SECRET_LEN);
    assert!(one.id != two.id && one.secret.expose() != two.secret.expose());
    let partition = "aws".parse().unwrap();
    assert_eq!(one.principal.arn(&partition), "arn:aws:sts::000000000000:assumed-role/deploy/nightly");
    let role_id = block_on(service.list_roles(&own)).unwrap().remove(0).id;
    let user_id = block_on(service.user_id(&one.principal)).unwrap();
    assert_eq!(user_id, Some(format!("{role_id}:nightly")));
    // Of a session nothing is kept, so it is known after a restart.
    let home = home.reopened();
    assert!(is_known(&home, &one) && is_known(&home, &two));
    let mixed = block_on(home.kms.service().open_session(&one.id, two.token.expose())).unwrap();
    assert!(mixed.is_none(), "the token of another session");
    let refused = block_on(home.kms.service().create_access_key(&one.principal));
    assert!(matches!(refused, Err(PrincipalError::NoAccessKeysForSessions)), "{refused:?}");
    assert_eq!(found(&home, &one.id), None);
    // With the role it ends, whoever has the name then.
    block_on(home.kms.service().delete_role(&own, &role_name("deploy"))).unwrap();
    assert!(!is_known(&home, &one));
    block_on(home.kms.service().create_role(&own, &role_name("deploy"))).unwrap();
    assert!(!is_known(&home, &one));
    assert!(is_known(&home, &session(&home, "deploy", "nightly", 3600).unwrap()));
    assert!(!format!("{one:?}").contains(std::str::from_utf8(one.secret.expose()).unwrap()));
    assert!(!format!("{one:?}").contains(one.token.expose()));
}
