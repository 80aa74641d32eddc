//! Tags and the description.

use keyfold_protocol::ErrorKind;
use keyfold_protocol::operations::{
    CreateKeyRequest, DescribeKeyRequest, DisableKeyRequest, ListResourceTagsRequest,
    ScheduleKeyDeletionRequest, Tag, TagResourceRequest, UntagResourceRequest, UpdateKeyDescriptionRequest,
};

use crate::harness::{Home, NO_KEY, arn, violation};

fn tag(key: &str, value: &str) -> Tag {
    Tag { tag_key: key.into(), tag_value: value.into() }
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<Tag> {
    numbers.map(|number| tag(&format!("k{number:02}"), "v")).collect()
}

fn tags(home: &Home, key_id: &str) -> Vec<Tag> {
    home.ok(ListResourceTagsRequest::new(key_id)).tags
}

#[test]
fn tags_are_put_replaced_listed_and_taken() {
    let home = Home::new();
    let mut request = CreateKeyRequest::new();
    request.tags = Some(vec![tag("team", "blue"), tag("cost", "7")]);
    let key = home.ok(request).key_metadata.key_id;
    assert_eq!(tags(&home, &key), [tag("cost", "7"), tag("team", "blue")]);

    home.ok(TagResourceRequest::new(arn(&key), vec![tag("team", "red"), tag("émoji 🗝", "")]));
    assert_eq!(tags(&home, &key), [tag("cost", "7"), tag("team", "red"), tag("émoji 🗝", "")]);
    home.ok(UntagResourceRequest::new(&*key, vec!["cost".to_owned(), "never there".to_owned()]));
    let home = home.reopened();
    assert_eq!(tags(&home, &key), [tag("team", "red"), tag("émoji 🗝", "")]);

    let bare = home.create_key();
    assert!(tags(&home, &bare).is_empty());
    home.ok(UntagResourceRequest::new(&*bare, vec!["none".to_owned()]));
    home.ok(TagResourceRequest::new(&*bare, vec![]));
    assert!(tags(&home, &bare).is_empty());
}

#[test]
fn tags_have_rules() {
    let home = Home::new();
    let key = home.create_key();
    let put = |tags: Vec<Tag>| TagResourceRequest::new(&*key, tags);
    let create = |tags: Vec<Tag>| {
        let mut request = CreateKeyRequest::new();
        request.tags = Some(tags);
        request
    };
    let reserved = "Tags beginning with aws: are reserved";
    for name in ["aws:x", "AWS:x"] {
        home.fails(put(vec![tag(name, "v")]), ErrorKind::Tag, reserved);
        home.fails(create(vec![tag(name, "v")]), ErrorKind::Tag, reserved);
        home.fails(UntagResourceRequest::new(&*key, vec![name.to_owned()]), ErrorKind::Tag, reserved);
    }
    let twice = || vec![tag("a", "1"), tag("a", "2")];
    home.fails(put(twice()), ErrorKind::Tag, "Duplicate tag keys");
    home.fails(create(twice()), ErrorKind::Tag, "Duplicate tag keys");
    home.fails(create(numbered(0..51)), ErrorKind::Tag, "Too many tags");
    let too_short =
        violation("Value '' at 'tags.2.member.tagKey'", "Member must have length greater than or equal to 1");
    home.fails(put(vec![tag("a", ""), tag("", "")]), ErrorKind::Validation, &too_short);
    home.fails(create(vec![tag("a", ""), tag("", "")]), ErrorKind::Validation, &too_short);
    let long = "é".repeat(129);
    home.fails(
        put(vec![tag(&long, "")]),
        ErrorKind::Validation,
        &violation(
            &format!("Value '{long}' at 'tags.1.member.tagKey'"),
            "Member must have length less than or equal to 128",
        ),
    );
    let long = "x".repeat(257);
    home.fails(
        put(vec![tag("a", &long)]),
        ErrorKind::Validation,
        &violation(
            &format!("Value '{long}' at 'tags.1.member.tagValue'"),
            "Member must have length less than or equal to 256",
        ),
    );
    assert!(tags(&home, &key).is_empty(), "a refused request changes nothing");

    home.ok(put(numbered(0..49)));
    home.fails(put(numbered(48..51)), ErrorKind::Tag, "Too many tags");
    home.ok(put(numbered(48..50)));
    home.ok(put(numbered(0..50)));
    home.fails(put(vec![tag("one more", "")]), ErrorKind::Tag, "Too many tags");
    assert_eq!(tags(&home, &key), numbered(0..50));
}

#[test]
fn tags_are_listed_in_pages() {
    let home = Home::new();
    let key = home.create_key();
    // The longest tag key that there is still makes a marker within its limit.
    let all: Vec<_> = (0..7).map(|number| tag(&format!("{number}{}", "🗝".repeat(127)), "")).collect();
    home.ok(TagResourceRequest::new(&*key, all.clone()));
    let mut listed = Vec::new();
    let mut marker = None;
    loop {
        let mut request = ListResourceTagsRequest::new(&*key);
        (request.limit, request.marker) = (Some(3), marker);
        let page = home.ok(request);
        assert_eq!(page.truncated, page.next_marker.is_some());
        assert!(page.next_marker.as_ref().is_none_or(|marker| marker.len() <= 1024));
        listed.extend(page.tags);
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(listed, all);
    let mut request = ListResourceTagsRequest::new(&*key);
    request.limit = Some(51);
    let message = violation("Value '51' at 'limit'", "Member must have value less than or equal to 50");
    home.fails(request, ErrorKind::Validation, &message);
    let other = home.create_key();
    let mut request = ListResourceTagsRequest::new(&*key);
    request.limit = Some(3);
    let mut of_another = ListResourceTagsRequest::new(&*other);
    of_another.marker = home.ok(request).next_marker;
    assert_eq!(home.send(of_another).unwrap_err().kind(), ErrorKind::InvalidMarker);
}

#[test]
fn a_description_is_replaced() {
    let home = Home::new();
    let key = home.create_key();
    let description = |home: &Home| home.ok(DescribeKeyRequest::new(&*key)).key_metadata.description;
    for text in ["what it is for", "what it is for", "é".repeat(8192).as_str(), ""] {
        home.ok(UpdateKeyDescriptionRequest::new(&*key, text));
        assert_eq!(description(&home).as_deref(), Some(text));
    }
    home.fails(
        UpdateKeyDescriptionRequest::new(&*key, "é".repeat(8193)),
        ErrorKind::Validation,
        &violation("Value at 'description'", "Member must have length less than or equal to 8192"),
    );
    let missing = format!("Key '{}' does not exist", arn(NO_KEY));
    home.fails(UpdateKeyDescriptionRequest::new(NO_KEY, ""), ErrorKind::NotFound, &missing);
}

#[test]
fn what_is_written_on_a_key_changes_while_it_is_disabled_but_not_while_it_is_dying() {
    let home = Home::new();
    let key = home.create_key();
    home.ok(DisableKeyRequest::new(&*key));
    home.ok(TagResourceRequest::new(&*key, vec![tag("a", "1"), tag("b", "2")]));
    home.ok(UntagResourceRequest::new(&*key, vec!["b".to_owned()]));
    home.ok(UpdateKeyDescriptionRequest::new(&*key, "disabled"));
    home.ok(ScheduleKeyDeletionRequest::new(&*key));
    let (kind, message) = (ErrorKind::KmsInvalidState, format!("{} is pending deletion.", arn(&key)));
    home.fails(TagResourceRequest::new(&*key, vec![tag("c", "3")]), kind, &message);
    home.fails(UntagResourceRequest::new(&*key, vec!["a".to_owned()]), kind, &message);
    home.fails(UpdateKeyDescriptionRequest::new(&*key, "dying"), kind, &message);
    assert_eq!(tags(&home, &key), [tag("a", "1")]);
}
