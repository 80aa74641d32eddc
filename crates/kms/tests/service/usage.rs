//! When a key was last used.

use std::time::Duration;

use keyfold_kms::worker::Worker;
use keyfold_protocol::Timestamp;
use keyfold_protocol::operations::{
    DecryptRequest, EncryptRequest, GetKeyLastUsageRequest, ReEncryptRequest, RotateKeyOnDemandRequest,
};

use crate::harness::{Home, START_MS, arn, secret};

fn last_use(home: &Home, key_id: &str) -> (Option<String>, Option<Timestamp>) {
    let usage = home.ok(GetKeyLastUsageRequest::new(key_id));
    assert_eq!(usage.key_id, arn(key_id));
    assert_eq!(usage.key_creation_date, Some(Timestamp::from_epoch_ms(START_MS)));
    assert_eq!(usage.tracking_start_date, usage.key_creation_date);
    (usage.key_last_usage.operation, usage.key_last_usage.timestamp)
}

fn day(day: i64) -> Option<Timestamp> {
    Some(Timestamp::from_epoch_ms(START_MS + day * 86_400_000))
}

#[test]
fn the_request_is_told_if_it_has_an_id() {
    let home = Home::new();
    let key = home.create_key();
    let mut caller = home.kms.service().owner();
    caller.request_id = Some("request-1".to_owned());
    let request = EncryptRequest::new(&*key, secret(b"x"));
    pollster::block_on(home.kms.service().call_as(&caller, request.into())).unwrap();
    let request_id = |home: &Home| home.ok(GetKeyLastUsageRequest::new(&*key)).key_last_usage.kms_request_id;
    assert_eq!(request_id(&home).as_deref(), Some("request-1"));
    pollster::block_on(home.kms.service().flush()).unwrap();
    let home = home.reopened();
    assert_eq!(request_id(&home).as_deref(), Some("request-1"));
    home.days_later(1);
    home.encrypt(&key, b"x");
    assert_eq!(request_id(&home), None);
}

#[test]
fn the_last_successful_use_is_told_and_lasts_from_the_next_run_of_a_worker() {
    let home = Home::new();
    let (key, other) = (home.create_key(), home.create_key());
    assert_eq!(last_use(&home, &key), (None, None));
    home.ok(RotateKeyOnDemandRequest::new(&*key));
    let mut dry = EncryptRequest::new(&*key, secret(b"x"));
    dry.dry_run = Some(true);
    home.send(dry).unwrap_err();
    assert_eq!(last_use(&home, &key), (None, None), "neither is a use");

    home.days_later(1);
    let blob = home.encrypt(&key, b"x");
    assert_eq!(last_use(&home, &key), (Some("Encrypt".into()), day(1)));
    home.days_later(1);
    home.send(DecryptRequest::new(&blob[..blob.len() - 1])).unwrap_err();
    assert_eq!(last_use(&home, &key), (Some("Encrypt".into()), day(1)), "a failure is no use");
    home.ok(ReEncryptRequest::new(&*blob, &*other));
    for used in [&key, &other] {
        assert_eq!(last_use(&home, used), (Some("ReEncrypt".into()), day(2)));
    }

    let run = |home: &Home| pollster::block_on(Worker::default().run_due(home.kms.service(), Duration::ZERO));
    run(&home).unwrap();
    home.days_later(1);
    home.decrypt(&blob);
    // Not written yet, so lost.
    let home = home.reopened();
    assert_eq!(last_use(&home, &key), (Some("ReEncrypt".into()), day(2)));
    home.decrypt(&blob);
    run(&home).unwrap();
    let home = home.reopened();
    assert_eq!(last_use(&home, &key), (Some("Decrypt".into()), day(3)));
}
