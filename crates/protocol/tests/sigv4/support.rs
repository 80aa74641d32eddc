//! A request that can be taken apart, and the world that it is verified in.

use keyfold_protocol::Timestamp;
use keyfold_protocol::sigv4::{
    AccessKeyId, AmzDate, AuthError, Body, Expected, Header, RequestParts, Scope, SecretAccessKey, Service,
    SessionToken, SigningKey, UnverifiedRequest, Verified, sign,
};

/// A request of owned parts.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.push(name, value);
        self
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.headers.push((name.into(), value.into()));
    }

    /// Where the header of this name stands.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.headers.iter().position(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|index| std::str::from_utf8(&self.headers[index].1).unwrap().trim())
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let index = self.find(name).unwrap();
        self.headers[index].1 = value.into();
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// Rewrites the `Authorization` header.
    pub(crate) fn edit_authorization(&mut self, from: &str, to: &str) {
        let value = self.get("authorization").unwrap();
        assert!(value.contains(from), "{value} has no {from}");
        let value = value.replacen(from, to, 1);
        self.set("authorization", &value);
    }

    pub(crate) fn with_parts<T>(&self, run: impl FnOnce(RequestParts<'_>) -> T) -> T {
        let headers: Vec<Header<'_>> =
            self.headers.iter().map(|(name, value)| Header::new(name, value)).collect();
        run(RequestParts {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: Body::Bytes(&self.body),
        })
    }
}

/// An access key and what goes with it.
pub(crate) struct Owner {
    pub(crate) id: AccessKeyId,
    pub(crate) secret: SecretAccessKey,
    pub(crate) token: Option<SessionToken>,
}

impl Owner {
    pub(crate) fn new(id: &str, secret: &str, token: Option<&str>) -> Self {
        Self {
            id: id.parse().unwrap(),
            secret: SecretAccessKey::copied_from(secret.as_bytes()).unwrap(),
            token: token.map(|text| SessionToken::copied_from(text).unwrap()),
        }
    }

    pub(crate) fn key(&self, at: Timestamp, region: &str, service: &Service) -> SigningKey {
        let scope = Scope::new(&AmzDate::at(at), region.parse().unwrap(), service.clone());
        SigningKey::derive(self.id.clone(), &self.secret, scope)
    }

    /// Signs `message` and adds the headers that come with it.
    pub(crate) fn sign(&self, message: &mut Message, at: Timestamp, region: &str, service: &Service) {
        let key = self.key(at, region, service);
        let headers: Vec<(&str, String)> = message.with_parts(|parts| {
            let signature = sign(&parts, &key, self.token.as_ref(), at).unwrap();
            signature.headers().map(|(name, value)| (name, value.to_owned())).collect()
        });
        for (name, value) in headers {
            message.push(name, &value);
        }
    }
}

/// What a service does with a request: claims, look-up, verification.
pub(crate) fn verify(
    message: &Message,
    service: &Service,
    now: Timestamp,
    owners: &[Owner],
) -> Result<Verified, AuthError> {
    message.with_parts(|parts| {
        let claims = UnverifiedRequest::new(parts).claims(service, now)?;
        let owner = owners.iter().find(|owner| owner.id == *claims.access_key_id());
        let key = claims.derive_key(owner.map(|owner| &owner.secret));
        claims.verify(
            key.as_ref().zip(owner).map(|(key, owner)| Expected { key, session_token: owner.token.as_ref() }),
        )
    })
}

pub(crate) fn moment(text: &str) -> Timestamp {
    AmzDate::parse(text).unwrap().timestamp()
}

pub(crate) fn plus_ms(moment: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_epoch_ms(moment.epoch_ms() + ms)
}
