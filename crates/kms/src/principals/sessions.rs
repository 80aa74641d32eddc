//! Sessions of roles: temporary credentials, and the token that is all there is of them.
//!
//! A session is not stored: what is needed to verify its signatures is sealed in its session token, which every
//! request brings along, so that every server of the same store knows it. A token is base64url without padding of
//!
//! ```text
//!  offset  size
//!       0     1   format version = 1
//!       1    16   derivation value, random
//!      17     n   AES-256-GCM ciphertext of what is below
//!    17+n    16   tag
//!
//!       0    20   access key id, ASIA…
//!      20    40   secret
//!      60     8   when it ends: milliseconds since the epoch, i64, big-endian
//!      68    21   unique id of the role
//!      89    12   account
//!     101     1   length r of the name of the role
//!     102     r   name of the role
//!   102+r     s   name of the session, 2 to 64 bytes
//! ```
//!
//! sealed as everything is ([`crate::sealing`]) under the session token key, with the 17 bytes before the ciphertext
//! as context and additional data. `docs/format/store.md` has the same drawing. What ends a session before its time
//! is the end of its role, which is looked up at every request. The forms are those of AWS STS.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use keyfold_crypto::{SecretBytes, rand};
use keyfold_protocol::sigv4::SessionToken;
use keyfold_protocol::{AccountId, KmsError, Timestamp};

use super::access_key::{ID_LEN, random_secret};
use super::{AccessKeyId, Principal, PrincipalError, RoleName, SECRET_LEN, SessionName, UniqueId};
use crate::error::RecordError;
use crate::root::barrier::Barrier;
use crate::sealing::{self, DERIVATION_LEN};
use crate::service::Service;

/// Shortest session, in seconds (STS API reference: AssumeRole, `DurationSeconds`).
pub const SESSION_SECONDS_MIN: u32 = 900;
/// Longest session, in seconds.
pub const SESSION_SECONDS_MAX: u32 = 43_200;

/// A session that was just made: the only time that its secret is shown.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// Who signs with it.
    pub principal: Principal,
    /// The identifier of its access key.
    pub id: AccessKeyId,
    /// Its secret, [`SECRET_LEN`] ASCII characters.
    pub secret: SecretBytes,
    /// Its token.
    pub token: SessionToken,
    /// From when on it is over.
    pub expiration: Timestamp,
}

/// What a verifier of signatures needs of a session, over or not.
#[derive(Debug)]
#[non_exhaustive]
pub struct Session {
    /// Its secret, [`SECRET_LEN`] ASCII characters.
    pub secret: SecretBytes,
    /// Who has proven to call, if the signature is right and the session not over.
    pub principal: Principal,
    /// From when on it is over.
    pub expiration: Timestamp,
}

/// Sessions.
impl Service {
    /// Makes a session of a role that lasts `seconds`. Its secret is shown here and never again.
    ///
    /// # Errors
    /// [`PrincipalError::SessionSeconds`], [`PrincipalError::NoSuchRole`].
    pub async fn create_session(
        &self,
        account: &AccountId,
        role: &RoleName,
        session: &SessionName,
        seconds: u32,
    ) -> Result<NewSession, PrincipalError> {
        if !(SESSION_SECONDS_MIN..=SESSION_SECONDS_MAX).contains(&seconds) {
            return Err(PrincipalError::SessionSeconds);
        }
        let found = self.role(account, role).await?.ok_or(PrincipalError::NoSuchRole)?;
        let contents = Contents {
            id: AccessKeyId::of_session().map_err(RecordError::from)?,
            secret: random_secret().map_err(RecordError::from)?,
            expiration: Timestamp::from_epoch_ms(
                self.now().epoch_ms().saturating_add(i64::from(seconds).saturating_mul(1000)),
            ),
            role_id: found.record.id,
            account: account.clone(),
            role: role.clone(),
            session: session.clone(),
        };
        let token = contents.seal(self.barrier())?;
        let Contents { id, secret, expiration, .. } = &contents;
        Ok(NewSession {
            principal: contents.principal(),
            id: id.clone(),
            secret: SecretBytes::copied_from(secret.expose()),
            token,
            expiration: *expiration,
        })
    }

    /// The session that has this access key and token, if its role is still there. Whether it is over is for the
    /// caller to judge, once the signature is known to be right.
    ///
    /// # Errors
    /// The service failed.
    pub async fn open_session(&self, id: &AccessKeyId, token: &str) -> Result<Option<Session>, KmsError> {
        let found = Contents::open(self.barrier(), token).filter(|contents| contents.id == *id);
        let Some(contents) = found else { return Ok(None) };
        let role = self.role(&contents.account, &contents.role).await?;
        if role.is_none_or(|role| role.record.id != contents.role_id) {
            return Ok(None);
        }
        let principal = contents.principal();
        let Contents { secret, expiration, .. } = contents;
        Ok(Some(Session { secret, principal, expiration }))
    }

    /// What AWS calls the user id of a principal: the account of a root, the unique id of a user, the unique id of a
    /// role with the name of the session. `None` if it does not exist.
    ///
    /// # Errors
    /// The service failed.
    pub async fn user_id(&self, principal: &Principal) -> Result<Option<String>, KmsError> {
        Ok(match principal {
            Principal::AccountRoot(account) => Some(account.to_string()),
            Principal::User { account, name } => {
                self.user(account, name).await?.map(|user| user.record.id.to_string())
            }
            Principal::AssumedRole { role_id, session, .. } => Some(format!("{role_id}:{session}")),
        })
    }
}

/// What is sealed in a token.
struct Contents {
    id: AccessKeyId,
    secret: SecretBytes,
    expiration: Timestamp,
    role_id: UniqueId,
    account: AccountId,
    role: RoleName,
    session: SessionName,
}

impl Contents {
    fn principal(&self) -> Principal {
        Principal::AssumedRole {
            account: self.account.clone(),
            role: self.role.clone(),
            role_id: self.role_id.clone(),
            session: self.session.clone(),
        }
    }

    fn seal(&self, barrier: &Barrier) -> Result<SessionToken, RecordError> {
        let mut token = vec![FORMAT_VERSION];
        token.extend_from_slice(&rand::array::<DERIVATION_LEN>()?);
        let header = token.clone();
        let plaintext = self.encode()?;
        let key = barrier.session_token_key();
        sealing::seal(key, SEALING_LABEL, &header, &header, plaintext.expose(), &mut token)?;
        SessionToken::copied_from(&BASE64.encode(token)).map_err(|_| RecordError::Damaged)
    }

    fn open(barrier: &Barrier, token: &str) -> Option<Self> {
        let token = BASE64.decode(token).ok()?;
        let (header, sealed) = token.split_first_chunk::<HEADER_LEN>()?;
        if header.first() != Some(&FORMAT_VERSION) {
            return None;
        }
        let key = barrier.session_token_key();
        let plaintext = sealing::open(key, SEALING_LABEL, header, header, sealed).ok()?;
        Self::decode(&plaintext)
    }

    fn encode(&self) -> Result<SecretBytes, RecordError> {
        let role_len = [u8::try_from(self.role.as_str().len()).map_err(|_| RecordError::Damaged)?];
        let expiration = self.expiration.epoch_ms().to_be_bytes();
        let parts: [&[u8]; 8] = [
            self.id.as_str().as_bytes(),
            self.secret.expose(),
            &expiration,
            self.role_id.as_str().as_bytes(),
            self.account.as_str().as_bytes(),
            &role_len,
            self.role.as_str().as_bytes(),
            self.session.as_str().as_bytes(),
        ];
        let len = parts.iter().map(|part| part.len()).sum();
        SecretBytes::filled(len, |bytes| {
            let mut rest = bytes;
            for part in parts {
                let (start, end) = rest.split_at_mut(part.len());
                start.copy_from_slice(part);
                rest = end;
            }
            Ok(())
        })
    }

    fn decode(bytes: &SecretBytes) -> Option<Self> {
        let (id, rest) = bytes.expose().split_first_chunk::<ID_LEN>()?;
        let (secret, rest) = rest.split_first_chunk::<SECRET_LEN>()?;
        let (expiration, rest) = rest.split_first_chunk::<8>()?;
        let (role_id, rest) = rest.split_first_chunk::<{ UniqueId::LEN }>()?;
        let (account, rest) = rest.split_first_chunk::<ACCOUNT_LEN>()?;
        let (role_len, rest) = rest.split_first()?;
        let (role, session) = rest.split_at_checked(usize::from(*role_len))?;
        Some(Self {
            id: text(id)?.parse().ok()?,
            secret: SecretBytes::copied_from(secret),
            expiration: Timestamp::from_epoch_ms(i64::from_be_bytes(*expiration)),
            role_id: text(role_id)?.parse().ok()?,
            account: text(account)?.parse().ok()?,
            role: text(role)?.parse().ok()?,
            session: text(session)?.parse().ok()?,
        })
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

const FORMAT_VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + DERIVATION_LEN;
const ACCOUNT_LEN: usize = 12;
const SEALING_LABEL: &[u8] = b"keyfold session v1";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pollster::block_on;

    use super::*;
    use crate::{Embedded, RootOfTrust, SystemClock};

    fn home() -> (tempfile::TempDir, Embedded) {
        let home = tempfile::tempdir().unwrap();
        let opened = Embedded::open_or_create(home.path(), &RootOfTrust::KeyFile, Arc::new(SystemClock));
        let kms = block_on(opened).unwrap();
        (home, kms)
    }

    fn contents(role: &str, session: &str) -> Contents {
        Contents {
            id: AccessKeyId::of_session().unwrap(),
            secret: random_secret().unwrap(),
            expiration: Timestamp::from_epoch_ms(5),
            role_id: UniqueId::of_role().unwrap(),
            account: "111122223333".parse().unwrap(),
            role: role.parse().unwrap(),
            session: session.parse().unwrap(),
        }
    }

    #[test]
    fn a_token_opens_to_what_was_sealed() {
        let (_home, kms) = home();
        let long = "x".repeat(64);
        for (role, session) in [("r", "ss"), ("deploy", "nightly"), (&*long, &*long)] {
            let contents = contents(role, session);
            let token = contents.seal(kms.service().barrier()).unwrap();
            assert!(token.expose().len() < 512);
            let opened = Contents::open(kms.service().barrier(), token.expose()).unwrap();
            assert_eq!(
                (&opened.id, opened.expiration, &opened.role_id, &opened.account),
                (&contents.id, contents.expiration, &contents.role_id, &contents.account)
            );
            assert_eq!((opened.role.as_str(), opened.session.as_str()), (role, session));
            assert_eq!(opened.secret.expose(), contents.secret.expose());
            let again = contents.seal(kms.service().barrier()).unwrap();
            assert_ne!(again.expose(), token.expose());
        }
    }

    #[test]
    fn no_other_token_opens() {
        let ((_home, kms), (_other_home, other)) = (home(), home());
        let token = contents("deploy", "nightly").seal(kms.service().barrier()).unwrap();
        let open = |text: &str| Contents::open(kms.service().barrier(), text).is_some();
        assert!(open(token.expose()));
        assert!(Contents::open(other.service().barrier(), token.expose()).is_none(), "one of another store");
        let bytes = BASE64.decode(token.expose()).unwrap();
        for position in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut edited = bytes.clone();
                edited[position] ^= change;
                assert!(!open(&BASE64.encode(edited)), "byte {position}");
            }
            assert!(!open(&BASE64.encode(&bytes[..position])), "cut at {position}");
        }
        // Another text of the same bytes is none either.
        for position in 0..token.expose().len() {
            let mut edited = token.expose().as_bytes().to_vec();
            edited[position] = if edited[position] == b'A' { b'B' } else { b'A' };
            assert!(!open(std::str::from_utf8(&edited).unwrap()), "character {position}");
        }
        let text = token.expose();
        for edited in
            [format!("{text}="), format!("{text}A"), format!(" {text}"), text.to_lowercase(), String::new()]
        {
            assert!(!open(&edited), "{edited}");
        }
    }

    #[test]
    fn contents_that_are_cut_or_too_long_do_not_decode() {
        let bytes = contents("deploy", "nightly").encode().unwrap();
        assert!(Contents::decode(&bytes).is_some());
        let shortest = bytes.len() - "nightly".len() + SessionName::LEN_MIN;
        for len in 0..shortest {
            assert!(Contents::decode(&SecretBytes::copied_from(&bytes.expose()[..len])).is_none(), "{len}");
        }
        let long = [bytes.expose(), &[b'x'; 64]].concat();
        assert!(Contents::decode(&SecretBytes::from_vec(long)).is_none());
    }
}
