//! Rotation: schedule, status, history, and what it does to rotation on demand.

use keyfold_protocol::operations::{
    CancelKeyDeletionRequest, DescribeKeyRequest, DisableKeyRequest, DisableKeyRotationRequest,
    EnableKeyRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest, ListKeyRotationsRequest,
    RotateKeyOnDemandRequest, RotationsListEntry, ScheduleKeyDeletionRequest,
};
use keyfold_protocol::{ErrorKind, IncludeKeyMaterial, KeyMaterialState, RotationType, Timestamp};

use crate::harness::{Home, START_MS, arn, violation};

const DAY_MS: i64 = 86_400_000;

/// `(enabled, period, days from the start to the next rotation)`
type Status = (bool, Option<i32>, Option<i64>);

fn status(home: &Home, key_id: &str) -> Status {
    let status = home.ok(GetKeyRotationStatusRequest::new(key_id));
    assert_eq!(status.key_id, key_id);
    assert_eq!(status.on_demand_rotation_start_date, None);
    let next = status.next_rotation_date.map(|date| (date.epoch_ms() - START_MS) / DAY_MS);
    (status.key_rotation_enabled, status.rotation_period_in_days, next)
}

fn enable(home: &Home, key_id: &str, days: Option<i32>) {
    let mut request = EnableKeyRotationRequest::new(key_id);
    request.rotation_period_in_days = days;
    home.ok(request);
}

fn list(home: &Home, key_id: &str, include: Option<IncludeKeyMaterial>) -> Vec<RotationsListEntry> {
    let mut request = ListKeyRotationsRequest::new(key_id);
    request.include_key_material = include;
    home.ok(request).rotations
}

#[test]
fn a_schedule_is_set_changed_and_ended() {
    let home = Home::new();
    let key = home.create_key();
    assert_eq!(status(&home, &key), (false, None, None));
    enable(&home, &key, None);
    assert_eq!(status(&home, &key), (true, Some(365), Some(365)));
    home.days_later(10);
    enable(&home, &arn(&key), Some(90));
    assert_eq!(status(&home, &key), (true, Some(90), Some(90)), "counted from when it was switched on");
    enable(&home, &key, None);
    assert_eq!(status(&home, &key), (true, Some(365), Some(365)));
    home.ok(DisableKeyRotationRequest::new(&*key));
    home.ok(DisableKeyRotationRequest::new(&*key));
    assert_eq!(status(&home, &key), (false, None, None));
    enable(&home, &key, Some(2560));
    let home = home.reopened();
    assert_eq!(status(&home, &key), (true, Some(2560), Some(2570)));

    for (days, bound) in [(89, "greater than or equal to 90"), (2561, "less than or equal to 2560")] {
        let mut request = EnableKeyRotationRequest::new(&*key);
        request.rotation_period_in_days = Some(days);
        let message = violation(
            &format!("Value '{days}' at 'rotationPeriodInDays'"),
            &format!("Member must have value {bound}"),
        );
        home.fails(request, ErrorKind::Validation, &message);
    }
}

#[test]
fn states_and_the_schedule() {
    let home = Home::new();
    let key = home.create_key();
    enable(&home, &key, Some(90));
    home.ok(DisableKeyRequest::new(&*key));
    assert_eq!(status(&home, &key), (true, Some(90), Some(90)));
    let message = format!("{} is disabled.", arn(&key));
    home.fails(EnableKeyRotationRequest::new(&*key), ErrorKind::Disabled, &message);
    home.fails(DisableKeyRotationRequest::new(&*key), ErrorKind::Disabled, &message);
    home.ok(EnableKeyRequest::new(&*key));
    home.ok(ScheduleKeyDeletionRequest::new(&*key));
    assert_eq!(status(&home, &key), (false, None, None));
    let message = format!("{} is pending deletion.", arn(&key));
    home.fails(EnableKeyRotationRequest::new(&*key), ErrorKind::KmsInvalidState, &message);
    home.fails(DisableKeyRotationRequest::new(&*key), ErrorKind::KmsInvalidState, &message);
    assert!(list(&home, &key, None).is_empty());
    home.ok(CancelKeyDeletionRequest::new(&*key));
    assert_eq!(status(&home, &key), (true, Some(90), Some(90)));
}

#[test]
fn rotations_are_listed_with_or_without_the_first_material() {
    let home = Home::new();
    let key = home.create_key();
    let current = |home: &Home| home.ok(DescribeKeyRequest::new(&*key)).key_metadata.current_key_material_id;
    let all = Some(IncludeKeyMaterial::AllKeyMaterial);
    let [first] = list(&home, &key, all.clone()).try_into().unwrap();
    assert_eq!((&first.key_id, &first.key_material_id), (&Some(key.clone()), &current(&home)));
    assert_eq!(first.key_material_state, Some(KeyMaterialState::Current));
    assert_eq!((first.rotation_date, &first.rotation_type), (None, &None));
    assert!(list(&home, &key, None).is_empty());

    let mut materials = vec![current(&home)];
    for _ in 0..4 {
        home.days_later(1);
        home.ok(RotateKeyOnDemandRequest::new(&*key));
        materials.push(current(&home));
    }
    let rotations = list(&home, &key, Some(IncludeKeyMaterial::RotationsOnly));
    assert_eq!(rotations, list(&home, &key, None));
    let everything = list(&home, &key, all.clone());
    let mut expected = first.clone();
    expected.key_material_state = Some(KeyMaterialState::NonCurrent);
    assert_eq!((&everything[0], &everything[1..]), (&expected, &*rotations));
    assert!(everything.iter().map(|entry| &entry.key_material_id).eq(&materials));
    for (day, entry) in (1..).zip(&rotations) {
        assert_eq!(entry.rotation_date, Some(Timestamp::from_epoch_ms(START_MS + day * DAY_MS)));
        assert_eq!(entry.rotation_type, Some(RotationType::OnDemand));
        let state = if day == 4 { KeyMaterialState::Current } else { KeyMaterialState::NonCurrent };
        assert_eq!(entry.key_material_state, Some(state));
    }

    for (include, expected) in [(None, rotations), (all, everything)] {
        let mut listed = Vec::new();
        let mut marker = None;
        loop {
            let mut request = ListKeyRotationsRequest::new(&*key);
            (request.limit, request.marker) = (Some(2), marker);
            request.include_key_material = include.clone();
            let page = home.ok(request);
            assert_eq!(page.truncated, page.next_marker.is_some());
            listed.extend(page.rotations);
            marker = page.next_marker;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected);
    }
    let mut request = ListKeyRotationsRequest::new(&*key);
    request.include_key_material = Some("SOME".into());
    let message = violation(
        "Value 'SOME' at 'includeKeyMaterial'",
        "Member must satisfy enum value set: [ALL_KEY_MATERIAL, ROTATIONS_ONLY]",
    );
    home.fails(request, ErrorKind::Validation, &message);
}

#[test]
fn none_on_demand_shortly_before_an_automatic_one() {
    let home = Home::new();
    let key = home.create_key();
    enable(&home, &key, Some(90));
    home.days_later(90);
    home.minutes_later(-21);
    home.ok(RotateKeyOnDemandRequest::new(&*key));
    assert_eq!(status(&home, &key), (true, Some(90), Some(90)), "the schedule does not move");
    let message = "The request was rejected because an automatic rotation of this key is currently in progress or \
                   scheduled to begin within the next 20 minutes.";
    for _ in 0..30 {
        home.minutes_later(1);
        home.fails(RotateKeyOnDemandRequest::new(&*key), ErrorKind::Conflict, message);
    }
    home.ok(DisableKeyRotationRequest::new(&*key));
    home.ok(RotateKeyOnDemandRequest::new(&*key));
}
