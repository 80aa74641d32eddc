//! Roles: credentials for which the token service (STS) is asked, by who has others (`AssumeRole`) or a token of an
//! identity provider (`AssumeRoleWithWebIdentity`).
//!
//! The protocol is AWS's query protocol, version 2011-06-15: a form goes out, XML comes back. Of that XML only the few
//! elements that an answer has are looked for; each has one place, no attributes and plain text.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use keyfold_protocol::sigv4::Service;
use zeroize::Zeroizing;

use super::document::moment;
use super::{Asking, Credentials, Source};
use crate::error::{Cause, CredentialsError, Place, RequestError};
use crate::outgoing::{self, CONTENT_TYPE, Signer};
use crate::retry::{self, Verdict};

/// A role.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session_name: Option<String>,
    pub(super) external_id: Option<String>,
    /// Seconds for which credentials are wanted; the service has a default.
    pub(super) duration_s: Option<u32>,
}

/// A role for who has other credentials.
#[derive(Debug)]
pub(crate) struct AssumeRole {
    pub(super) base: Source,
    pub(super) role: Role,
}

/// A role for who has a token, in a file that is replaced now and then.
#[derive(Debug)]
pub(crate) struct WebIdentity {
    pub(super) token_file: PathBuf,
    pub(super) role: Role,
}

impl AssumeRole {
    pub(super) async fn fetch(&self, asking: &Asking<'_>) -> Result<Credentials, CredentialsError> {
        let base = self.base.fetch(asking).await?;
        let mut form = Form::new("AssumeRole");
        form.role(&self.role, asking);
        if let Some(id) = &self.role.external_id {
            form.add("ExternalId", id);
        }
        form.ask(asking, Some(&base)).await
    }
}

impl WebIdentity {
    pub(super) async fn fetch(&self, asking: &Asking<'_>) -> Result<Credentials, CredentialsError> {
        let token = token(&self.token_file)?;
        let mut form = Form::new("AssumeRoleWithWebIdentity");
        form.role(&self.role, asking);
        form.add("WebIdentityToken", token.trim());
        form.ask(asking, None).await
    }
}

/// The token in a file.
pub(super) fn token(path: &std::path::Path) -> Result<Zeroizing<String>, CredentialsError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    text.map_err(|error| CredentialsError::TokenFile { path: path.to_owned(), source: Cause::new(error) })
}

/// A request of the query protocol. Tokens are secret.
struct Form(Zeroizing<String>);

impl Form {
    fn new(action: &str) -> Self {
        let mut form = Self(Zeroizing::new(String::with_capacity(FORM_LEN_USUAL)));
        form.add("Action", action);
        form.add("Version", "2011-06-15");
        form
    }

    fn role(&mut self, role: &Role, asking: &Asking<'_>) {
        self.add("RoleArn", &role.arn);
        match &role.session_name {
            Some(name) => self.add("RoleSessionName", name),
            None => self.add("RoleSessionName", &format!("keyfold-{}", asking.clock.now().epoch_ms())),
        }
        if let Some(duration_s) = role.duration_s {
            self.add("DurationSeconds", &duration_s.to_string());
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.0.push(char::from(byte));
            } else {
                // Writing to a string does not fail.
                let _ = write!(*self.0, "%{byte:02X}");
            }
        }
    }

    async fn ask(
        self,
        asking: &Asking<'_>,
        credentials: Option<&Credentials>,
    ) -> Result<Credentials, CredentialsError> {
        let body = Bytes::from_owner(Wiped(self.0));
        asking.retry.run(|| attempt(asking, &body, credentials)).await
    }
}

struct Wiped(Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

async fn attempt(
    asking: &Asking<'_>,
    body: &Bytes,
    credentials: Option<&Credentials>,
) -> Result<Credentials, (Verdict, CredentialsError)> {
    let failed = |error: RequestError| {
        let source = Box::new(error);
        (Verdict::from(&*source), CredentialsError::Service { place: Place::TokenService, source })
    };
    let signer = credentials.map(|credentials| Signer {
        credentials,
        region: asking.region,
        service: Service::STS,
        now: asking.clock.now(),
    });
    let region = asking.region.as_str();
    let sts = asking.sts.ok_or_else(|| failed(RequestError::NoAddress { region: region.into() }))?;
    let headers = [(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")];
    let request = outgoing::post(sts, &headers, body, signer.as_ref()).map_err(failed)?;
    let answer = asking.http.send(sts, request, asking.timeout).await.map_err(failed)?;
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    if answer.status == 200 {
        return read(text).map_err(|error| (Verdict::Final, error));
    }
    let name = element(text, "Code").unwrap_or("an error");
    let said = match element(text, "Message") {
        Some(message) => format!("{name}: {}", unescaped(message)),
        None => format!("{name} (HTTP status {})", answer.status),
    };
    let error = CredentialsError::Refused { place: Place::TokenService, answer: said.into() };
    Err((retry::of_answer(answer.status, Some(name)), error))
}

fn read(xml: &str) -> Result<Credentials, CredentialsError> {
    let place = Place::TokenService;
    let half = |missing| CredentialsError::Half { place: place.clone(), missing };
    let found = |name| element(xml, name).ok_or_else(|| half(name));
    let token = found("SessionToken")?;
    let mut credentials =
        Credentials::new(&place, found("AccessKeyId")?, found("SecretAccessKey")?, Some(token))?;
    credentials.expires =
        Some(moment(found("Expiration")?).ok_or_else(|| half("Expiration that is a date"))?);
    Ok(credentials)
}

/// The text of the first element of this name, without the blanks around it.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

/// Text without the entities that every XML has.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// Room for a token, so that growing leaves no copies behind.
const FORM_LEN_USUAL: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        let mut form = Form::new("AssumeRole");
        form.add("ExternalId", "a b/ü&=~");
        assert_eq!(*form.0, "Action=AssumeRole&Version=2011-06-15&ExternalId=a%20b%2F%C3%BC%26%3D~");
    }

    #[test]
    fn an_answer_without_a_member_names_it() {
        let whole = "<Credentials><AccessKeyId>A</AccessKeyId>\n<SecretAccessKey> s </SecretAccessKey>\
                     <SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>";
        assert_eq!(read(whole).unwrap().expires.unwrap().epoch_ms(), 1_893_456_000_000);
        for name in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
            let error = read(&whole.replace(name, "Other")).unwrap_err().to_string();
            assert_eq!(error, format!("the token service (STS) has no {name}"));
        }
        assert!(read(&whole.replace("2030-01-01", "soon")).is_err());
    }
}
