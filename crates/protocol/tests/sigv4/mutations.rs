//! Valid requests by the thousand, and what becomes of them when something changes.
//!
//! Each change is known beforehand to keep what a request says or to alter it: the former must verify, the latter
//! must not. What may change is the list in the documentation of `sigv4`, one line each in [`KEEPING`]. The seed
//! is fixed.

use keyfold_protocol::Timestamp;
use keyfold_protocol::sigv4::{AmzDate, CLOCK_SKEW_MAX_MS, Service};

use crate::support::{Message, Owner, moment, plus_ms, verify};

const SEED: u64 = 0x5349_4756_3400_0001;
const REQUESTS: usize = 10_000;
const KEEPING_PER_REQUEST: usize = 2;
const ALTERING_PER_REQUEST: usize = 12;

#[test]
fn what_alters_a_request_is_refused_and_what_keeps_it_is_accepted() {
    let mut rng = Rng(SEED);
    let owners = owners();
    let (mut accepted, mut refused) = (0, 0);
    let mut runs = vec![0; KEEPING.len() + ALTERING.len()];
    let mut previous = Scene::random(&mut rng, &owners);
    for _ in 0..REQUESTS {
        let scene = Scene::random(&mut rng, &owners);
        scene.check(&owners, true, "as signed");
        accepted += 1;
        for _ in 0..KEEPING_PER_REQUEST {
            let (index, changed) = scene.changed(KEEPING, &mut rng, &previous);
            changed.check(&owners, true, KEEPING[index].0);
            runs[index] += 1;
            accepted += 1;
        }
        for _ in 0..ALTERING_PER_REQUEST {
            let (index, changed) = scene.changed(ALTERING, &mut rng, &previous);
            changed.check(&owners, false, ALTERING[index].0);
            runs[KEEPING.len() + index] += 1;
            refused += 1;
        }
        previous = scene;
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted >= 10_000 && refused >= 100_000);
    assert!(runs.iter().all(|runs| *runs >= 100), "a change that hardly ran: {runs:?}");
}

fn owners() -> [Owner; 4] {
    [
        Owner::new("AKIDPERMANENT", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None),
        Owner::new("AKIDOTHER", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEZ", None),
        Owner::new("ASIDSESSION", "another+secret/of+the+same/length/EXAMPLE", Some("session/token+1==")),
        Owner::new("ASIDOTHER", "another+secret/of+the+same/length/EXAMPLF", Some("session/token+2==")),
    ]
}

/// A signed request on its way to a service at some time.
#[derive(Debug, Clone)]
struct Scene {
    message: Message,
    signed_at: Timestamp,
    now: Timestamp,
    region: &'static str,
    service: Service,
}

/// A change, or `None` if there is nothing in this scene for it to change. The other scene is one to steal from.
type Change = fn(&mut Scene, &mut Rng, &Scene) -> Option<()>;

const REGIONS: [&str; 4] = ["us-east-1", "eu-central-1", "eu-central-2", "local"];
const TARGETS: [&str; 4] = [
    "TrentService.DescribeKey",
    "TrentService.ScheduleKeyDeletion",
    "TrentService.Decrypt",
    "TrentService.Encrypt",
];

impl Scene {
    fn random(rng: &mut Rng, owners: &[Owner]) -> Self {
        let method = ["POST", "POST", "GET", "PUT"][rng.below(4)];
        let mut message = Message::new(method, ["/", "/", "/v1/keys", "/a%20b/c/"][rng.below(4)]);
        let parameters = rng.below(4);
        message.query = (0..parameters)
            .map(|index| format!("{}{index}={}", rng.word(), rng.word()))
            .collect::<Vec<_>>()
            .join("&");
        message.push("Host", &format!("{}.example:{}", rng.word(), 1024 + rng.below(60_000)));
        message.push("X-Amz-Target", TARGETS[rng.below(TARGETS.len())]);
        message.push("Content-Type", "application/x-amz-json-1.1");
        message.push("My-Words", &format!("{} {} {}", rng.word(), rng.word(), rng.word()));
        if rng.chance() {
            message.push("My-Words", &rng.word());
        }
        if rng.chance() {
            message.push("X-Amz-Note", &rng.word());
        }
        message.body = format!(r#"{{"KeyId":"{}"}}"#, rng.word()).into_bytes();
        if rng.chance() {
            let len = message.body.len().to_string();
            message.push("Content-Length", &len);
        }
        if rng.chance() {
            let digest = keyfold_crypto::digest::Hash::Sha256.digest(&message.body);
            message.push("X-Amz-Content-Sha256", &to_hex(digest.as_ref()));
        }
        message.push("User-Agent", "some SDK");

        let seconds = i64::try_from(rng.below(80 * 365 * 86_400)).unwrap();
        let signed_at = plus_ms(moment("19710101T000000Z"), seconds * 1000);
        let region = REGIONS[rng.below(REGIONS.len())];
        let service = [Service::KMS, Service::STS][rng.below(2)].clone();
        owners[rng.below(owners.len())].sign(&mut message, signed_at, region, &service);
        let now = plus_ms(signed_at, rng.skew_ms());
        Self { message, signed_at, now, region, service }
    }

    /// One change that applies, and its place in `changes`.
    fn changed(&self, changes: &[(&str, Change)], rng: &mut Rng, other: &Self) -> (usize, Self) {
        loop {
            let index = rng.below(changes.len());
            let mut changed = self.clone();
            if changes[index].1(&mut changed, rng, other).is_some() {
                return (index, changed);
            }
        }
    }

    fn check(&self, owners: &[Owner], is_valid: bool, what: &str) {
        let result = verify(&self.message, &self.service, self.now, owners);
        assert_eq!(result.is_ok(), is_valid, "{what}: {result:?} {self:?}");
    }

    fn authorization(&self) -> &str {
        self.message.get("authorization").unwrap()
    }

    fn signed_headers(&self) -> String {
        let (_, rest) = self.authorization().split_once("SignedHeaders=").unwrap();
        rest.split_once(',').unwrap().0.to_owned()
    }

    fn set_signed_headers(&mut self, names: &[&str]) {
        let from = format!("SignedHeaders={},", self.signed_headers());
        self.message.edit_authorization(&from, &format!("SignedHeaders={},", names.join(";")));
    }

    fn signature(&self) -> String {
        self.authorization().rsplit_once('=').unwrap().1.to_owned()
    }

    fn set_signature(&mut self, digits: &str) {
        let from = self.signature();
        self.message.edit_authorization(&from, digits);
    }

    fn access_key_id(&self) -> String {
        let (_, rest) = self.authorization().split_once("Credential=").unwrap();
        rest.split_once('/').unwrap().0.to_owned()
    }

    fn day(&self) -> String {
        self.message.get("x-amz-date").unwrap()[..8].to_owned()
    }

    /// The place of some header that is signed, or that is not.
    fn some_header(&self, rng: &mut Rng, is_signed: bool) -> usize {
        let names = self.signed_headers();
        let places: Vec<usize> = (0..self.message.headers.len())
            .filter(|index| {
                let name = self.message.headers[*index].0.to_ascii_lowercase();
                names.split(';').any(|signed| signed == name) == is_signed
            })
            .collect();
        places[rng.below(places.len())]
    }

    /// The place of some header that must be there once.
    fn some_deciding_header(&self, rng: &mut Rng) -> usize {
        loop {
            let index = rng.below(self.message.headers.len());
            let name = self.message.headers[index].0.to_ascii_lowercase();
            let single = ["authorization", "host", "content-type", "content-length"];
            if name.starts_with("x-amz-") || single.contains(&name.as_str()) {
                return index;
            }
        }
    }

    fn parameters(&self) -> Vec<String> {
        self.message.query.split('&').filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }
}

/// The changes that a signature survives.
const KEEPING: &[(&str, Change)] = &[
    ("order of headers of different names", |scene, rng, _| {
        let (a, b) = (rng.below(scene.message.headers.len()), rng.below(scene.message.headers.len()));
        let is_words = |index: usize| scene.message.headers[index].0 == "My-Words";
        if is_words(a) || is_words(b) {
            return None; // in between may stand another of them
        }
        scene.message.headers.swap(a, b);
        Some(())
    }),
    ("case of a header's name", |scene, rng, _| {
        let index = rng.below(scene.message.headers.len());
        let name = &mut scene.message.headers[index].0;
        *name = if rng.chance() { name.to_ascii_uppercase() } else { name.to_ascii_lowercase() };
        Some(())
    }),
    ("spaces around a header's value", |scene, rng, _| {
        let index = rng.below(scene.message.headers.len());
        let value = &mut scene.message.headers[index].1;
        value.splice(0..0, [b' ', b'\t'].into_iter().take(rng.below(3)));
        value.extend([b' ', b' '].into_iter().take(1 + rng.below(2)));
        Some(())
    }),
    ("more spaces between words", |scene, rng, _| {
        let index = scene.message.find("my-words").unwrap();
        let value = &mut scene.message.headers[index].1;
        let space = value.iter().position(|byte| *byte == b' ').unwrap();
        value.splice(space..space, std::iter::repeat_n(b' ', 1 + rng.below(3)));
        Some(())
    }),
    ("a repeated header as one", |scene, _, _| {
        let (first, second) = two_words(scene)?;
        let (_, second) = scene.message.headers.remove(second);
        let value = &mut scene.message.headers[first].1;
        value.push(b',');
        value.extend(second);
        Some(())
    }),
    ("a header that is not signed", |scene, rng, _| {
        match rng.below(3) {
            0 => scene.message.push("X-Forwarded-For", &rng.word()),
            1 => scene.message.set("user-agent", &rng.word()),
            _ => scene.message.remove("user-agent"),
        }
        Some(())
    }),
    ("order and spacing in Authorization", |scene, rng, _| {
        let value = scene.authorization().strip_prefix("AWS4-HMAC-SHA256 ").unwrap().to_owned();
        let mut parameters: Vec<&str> = value.split(", ").collect();
        let by = rng.below(3);
        parameters.rotate_left(by);
        let separator = [",", ", ", " ,  "][rng.below(3)];
        scene.message.set("authorization", &format!("AWS4-HMAC-SHA256  {}", parameters.join(separator)));
        Some(())
    }),
    ("segments that normalisation removes", |scene, rng, _| {
        let more = ["/.", "//", "/x/..", "/./y/z/../.."][rng.below(4)];
        let more = more.strip_suffix('/').unwrap_or(more);
        scene.message.path.insert_str(0, more);
        Some(())
    }),
    ("order of query parameters", |scene, rng, _| {
        let mut parameters = scene.parameters();
        let by = rng.below(parameters.len().max(1));
        parameters.rotate_left(by);
        scene.message.query = parameters.join("&");
        Some(())
    }),
    ("another encoding of a query", |scene, rng, _| {
        let places: Vec<usize> = places(&scene.message.query, |byte| byte.is_ascii_alphanumeric());
        let place = *places.get(rng.below(places.len().max(1)))?;
        let byte = scene.message.query.as_bytes()[place];
        scene.message.query.replace_range(place..=place, &format!("%{byte:02x}"));
        Some(())
    }),
    ("the time within the limit", |scene, rng, _| {
        scene.now = plus_ms(scene.signed_at, rng.skew_ms());
        Some(())
    }),
];

/// The changes that no signature survives.
const ALTERING: &[(&str, Change)] = &[
    ("a signed header dropped", |scene, rng, _| {
        let index = scene.some_header(rng, true);
        scene.message.headers.remove(index);
        Some(())
    }),
    ("a header x-amz-* added", |scene, rng, _| {
        let name = ["x-amz-extra", "X-AMZ-Grant", "x-amz-"][rng.below(3)];
        scene.message.push(name, &rng.word());
        Some(())
    }),
    ("a header added and named as signed", |scene, rng, _| {
        let name = ["aaa", "x-amz-extra", "zzz"][rng.below(3)];
        scene.message.push(name, &rng.word());
        let names = scene.signed_headers();
        let mut names: Vec<&str> = names.split(';').chain([name]).collect();
        names.sort_unstable();
        scene.set_signed_headers(&names);
        Some(())
    }),
    ("a deciding header twice", |scene, rng, _| {
        let index = scene.some_deciding_header(rng);
        let (name, mut value) = scene.message.headers[index].clone();
        if rng.chance() {
            value = rng.word().into_bytes();
        }
        let name = if rng.chance() { name.to_ascii_uppercase() } else { name };
        let place = rng.below(scene.message.headers.len());
        scene.message.headers.insert(place, (name, value));
        Some(())
    }),
    ("an ordinary signed header once more", |scene, rng, _| {
        scene.message.push("my-words", &rng.word());
        Some(())
    }),
    ("repeated headers in another order", |scene, _, _| {
        let (first, second) = two_words(scene)?;
        scene.message.headers.swap(first, second);
        Some(())
    }),
    ("another byte in a signed header", |scene, rng, _| {
        let index = scene.some_header(rng, true);
        let value = &mut scene.message.headers[index].1;
        let place = rng.below(value.len());
        if value[place] == b' ' {
            return None;
        }
        value[place] = if value[place] == b'x' { b'y' } else { b'x' };
        Some(())
    }),
    ("the case of a signed header's value", |scene, rng, _| {
        let index = scene.some_header(rng, true);
        let value = &mut scene.message.headers[index].1;
        let place = rng.below(value.len());
        let (upper, lower) = (value[place].to_ascii_uppercase(), value[place].to_ascii_lowercase());
        value[place] = if value[place] == upper { lower } else { upper };
        (upper != lower).then_some(())
    }),
    ("a space taken out between words", |scene, _, _| {
        let index = scene.message.find("my-words").unwrap();
        let value = &mut scene.message.headers[index].1;
        let space = value.iter().position(|byte| *byte == b' ').unwrap();
        value.remove(space);
        Some(())
    }),
    ("a control character in a signed header", |scene, rng, _| {
        let index = scene.some_header(rng, true);
        let value = &mut scene.message.headers[index].1;
        if value.len() < 2 {
            return None;
        }
        let place = 1 + rng.below(value.len() - 1);
        value.insert(place, [0, b'\t', b'\n', b'\r', 0x7f][rng.below(5)]);
        Some(())
    }),
    ("a header under another name", |scene, rng, _| {
        let index = scene.some_header(rng, true);
        scene.message.headers[index].0.push('x');
        Some(())
    }),
    ("another operation", |scene, rng, _| {
        let target = TARGETS[rng.below(TARGETS.len())];
        if scene.message.get("x-amz-target") == Some(target) {
            return None;
        }
        scene.message.set("x-amz-target", target);
        Some(())
    }),
    ("SignedHeaders", |scene, rng, _| {
        let list = scene.signed_headers();
        let mut names: Vec<&str> = list.split(';').collect();
        let index = rng.below(names.len());
        let upper = names[index].to_ascii_uppercase();
        match rng.below(7) {
            0 => drop(names.remove(index)),
            1 => names.insert(index, names[index]),
            2 => names[index] = &upper,
            3 => names.swap(index, (index + 1) % list.split(';').count()),
            4 => names.push("zzz-absent"),
            5 => names.insert(index, ""),
            _ => names.clear(),
        }
        scene.set_signed_headers(&names);
        Some(())
    }),
    ("the path", |scene, rng, _| {
        let path = &mut scene.message.path;
        match rng.below(5) {
            0 => path.push_str("/x"),
            1 => path.insert_str(0, "/x"),
            2 => path.push_str("%2F"),
            3 => *path = path.replacen('a', "%61", 1).replacen("/v1", "/v%31", 1),
            _ => *path = path.to_ascii_uppercase(),
        }
        let is_same = ["/", "/v1/keys", "/a%20b/c/"].contains(&path.as_str());
        (!is_same).then_some(())
    }),
    ("the query", |scene, rng, _| {
        let mut parameters = scene.parameters();
        let index = rng.below(parameters.len().max(1));
        match rng.below(6) {
            0 => parameters.push("more".into()),
            1 => drop((!parameters.is_empty()).then(|| parameters.remove(index))?),
            2 => parameters.push(parameters.get(index)?.clone()),
            3 => parameters.get_mut(index)?.push('x'),
            4 => parameters.get_mut(index)?.insert(0, 'x'),
            _ => {
                let (name, value) = parameters.get(index)?.split_once('=')?;
                parameters[index] = format!("{value}={name}");
            }
        }
        let query = parameters.join("&");
        (std::mem::replace(&mut scene.message.query, query) != scene.message.query).then_some(())
    }),
    ("a query that can be read in two ways", |scene, rng, _| {
        let ambiguous = ["a+b", "%4", "%", "=", "", "&", "X-Amz-Signature=00"][rng.below(7)];
        scene.message.query.push('&');
        scene.message.query.push_str(ambiguous);
        Some(())
    }),
    ("the method", |scene, rng, _| {
        let method = ["POST", "GET", "PUT", "DELETE", "post", "POST "][rng.below(6)];
        (std::mem::replace(&mut scene.message.method, method.into()) != method).then_some(())
    }),
    ("the day in the scope", |scene, rng, _| {
        let days = [-1, 1, 365][rng.below(3)];
        let day = AmzDate::at(plus_ms(scene.signed_at, days * 86_400_000)).day().to_owned();
        scene.message.edit_authorization(&format!("/{}/", scene.day()), &format!("/{day}/"));
        Some(())
    }),
    ("x-amz-date", |scene, rng, _| {
        let date = AmzDate::at(plus_ms(scene.signed_at, [-1000, 1000, 60_000, 86_400_000][rng.below(4)]));
        let text = date.as_str();
        let text = [text.to_owned(), text.replace('T', "t"), text.replace('Z', "+0000")];
        scene.message.set("x-amz-date", &text[rng.below(3)]);
        Some(())
    }),
    ("both days, to be of now again", |scene, rng, _| {
        let date = AmzDate::at(plus_ms(scene.signed_at, [-1, 1, 30][rng.below(3)] * 86_400_000));
        scene.message.edit_authorization(&format!("/{}/", scene.day()), &format!("/{}/", date.day()));
        scene.message.set("x-amz-date", date.as_str());
        scene.now = date.timestamp();
        Some(())
    }),
    ("the time beyond the limit", |scene, rng, _| {
        let beyond =
            i64::try_from(CLOCK_SKEW_MAX_MS).unwrap() + 1 + i64::try_from(rng.below(1_000_000)).unwrap();
        scene.now = plus_ms(scene.signed_at, if rng.chance() { beyond } else { -beyond });
        Some(())
    }),
    ("the Region", |scene, rng, _| {
        let region = REGIONS[rng.below(REGIONS.len())];
        if region == scene.region {
            return None;
        }
        scene.message.edit_authorization(&format!("/{}/", scene.region), &format!("/{region}/"));
        Some(())
    }),
    ("the service, the route, or both", |scene, rng, _| {
        let other = if scene.service == Service::KMS { Service::STS } else { Service::KMS };
        let what = rng.below(3);
        if what != 0 {
            scene.message.edit_authorization(&format!("/{}/", scene.service), &format!("/{other}/"));
        }
        if what != 1 {
            scene.service = other;
        }
        Some(())
    }),
    ("the terminator", |scene, rng, _| {
        let other = ["aws4_requests", "aws5_request", "", "AWS4_REQUEST"][rng.below(4)];
        scene.message.edit_authorization("aws4_request", other);
        Some(())
    }),
    ("the access key", |scene, rng, _| {
        let other =
            ["AKIDPERMANENT", "AKIDOTHER", "ASIDSESSION", "ASIDOTHER", "AKIDNOBODY", ""][rng.below(6)];
        let id = scene.access_key_id();
        scene.message.edit_authorization(&format!("={id}/"), &format!("={other}/"));
        (id != other).then_some(())
    }),
    ("signed by another, in the name of this one", |scene, rng, _| {
        let owners = owners();
        let signer = &owners[rng.below(owners.len())];
        let id = scene.access_key_id();
        for name in ["authorization", "x-amz-date", "x-amz-security-token"] {
            scene.message.remove(name);
        }
        signer.sign(&mut scene.message, scene.signed_at, scene.region, &scene.service);
        scene.message.edit_authorization(&format!("={}/", signer.id), &format!("={id}/"));
        (signer.id.as_str() != id).then_some(())
    }),
    ("the body", |scene, rng, _| {
        let body = &mut scene.message.body;
        let place = rng.below(body.len());
        match rng.below(4) {
            0 => body[place] ^= 1 << rng.below(8),
            1 => body.push(b' '),
            2 => drop(body.remove(place)),
            _ => body.clear(),
        }
        Some(())
    }),
    ("the body and its hash in the header", |scene, rng, _| {
        scene.message.find("x-amz-content-sha256")?;
        scene.message.body = rng.word().into_bytes();
        let digest = keyfold_crypto::digest::Hash::Sha256.digest(&scene.message.body);
        scene.message.set("x-amz-content-sha256", &to_hex(digest.as_ref()));
        Some(())
    }),
    ("the hash of the body", |scene, rng, _| {
        let other = ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", "e3b0c442"][rng.below(4)];
        scene.message.remove("x-amz-content-sha256");
        scene.message.push("x-amz-content-sha256", other);
        Some(())
    }),
    ("the session token", |scene, rng, other| {
        let name = "x-amz-security-token";
        match (scene.message.find(name), other.message.get(name)) {
            (Some(_), Some(stolen)) if scene.message.get(name) != Some(stolen) => {
                scene.message.set(name, stolen)
            }
            (Some(_), _) if rng.chance() => scene.message.remove(name),
            (Some(_), _) => scene.message.set(name, &rng.word()),
            (None, _) => scene.message.push(name, other.message.get(name).unwrap_or("token")),
        }
        Some(())
    }),
    ("the session token, unsigned", |scene, _, _| {
        let list = scene.signed_headers();
        let names: Vec<&str> = list.split(';').filter(|name| *name != "x-amz-security-token").collect();
        if scene.message.find("x-amz-security-token").is_none() {
            scene.message.push("x-amz-security-token", "session/token+1==");
        }
        scene.set_signed_headers(&names);
        Some(())
    }),
    ("the signature", |scene, rng, other| {
        let digits = scene.signature();
        let place = rng.below(digits.len());
        let digit = if &digits[place..=place] == "0" { "1" } else { "0" };
        let changed = match rng.below(8) {
            0..3 => format!("{}{digit}{}", &digits[..place], &digits[place + 1..]),
            3 => digits[..place].to_owned(),
            4 => format!("{digits}{digit}"),
            5 => digits.to_ascii_uppercase(),
            6 => "0".repeat(64),
            _ => other.signature(),
        };
        scene.set_signature(&changed);
        (changed != digits).then_some(())
    }),
    ("the algorithm", |scene, rng, _| {
        let other =
            ["AWS4-HMAC-SHA1", "AWS4-ECDSA-P256-SHA256", "aws4-hmac-sha256", "Bearer", ""][rng.below(5)];
        scene.message.edit_authorization("AWS4-HMAC-SHA256", other);
        Some(())
    }),
    ("parameters of Authorization", |scene, rng, _| {
        match rng.below(4) {
            0 => scene.message.edit_authorization("Signature=", "Signature=00, Signature="),
            1 => scene.message.edit_authorization("Credential=", "credential="),
            2 => scene.message.edit_authorization(", SignedHeaders", " SignedHeaders"),
            _ => scene.message.remove("authorization"),
        }
        Some(())
    }),
];

/// The places of the two `My-Words`, if there are two and they differ.
fn two_words(scene: &Scene) -> Option<(usize, usize)> {
    let headers = &scene.message.headers;
    let first = headers.iter().position(|(name, _)| name == "My-Words")?;
    let second = headers.iter().rposition(|(name, _)| name == "My-Words")?;
    (first != second && headers[first].1 != headers[second].1).then_some((first, second))
}

fn places(text: &str, is_wanted: impl Fn(u8) -> bool) -> Vec<usize> {
    text.bytes().enumerate().filter(|(_, byte)| is_wanted(*byte)).map(|(place, _)| place).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SplitMix64: the same requests on every machine.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn chance(&mut self) -> bool {
        self.below(2) == 0
    }

    /// One to eight letters.
    fn word(&mut self) -> String {
        (0..1 + self.below(8)).map(|_| char::from(b"abcdefgh"[self.below(8)])).collect()
    }

    /// A difference of clocks within the limit, now and then at it.
    fn skew_ms(&mut self) -> i64 {
        let limit = i64::try_from(CLOCK_SKEW_MAX_MS).unwrap();
        match self.below(8) {
            0 => limit,
            1 => -limit,
            _ => i64::try_from(self.below(usize::try_from(2 * CLOCK_SKEW_MAX_MS).unwrap())).unwrap() - limit,
        }
    }
}
