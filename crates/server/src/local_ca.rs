//! A certificate authority for one server, made where there is none to ask: its own certificate, which clients are
//! told to trust, and the server's.
//!
//! X.509 by RFC 5280, keys on P-256. Not a PKI: there is no revocation, and the authority's private key is not kept,
//! so nothing else can ever be signed by what clients trust. A new certificate means a new authority.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::error::TlsError;

/// An authority's certificate, and the one server that it stands for.
pub struct LocalCa {
    /// What clients are to trust.
    pub ca_certificate_pem: String,
    /// The server's certificate.
    pub server_certificate_pem: String,
    /// Its private key: PKCS#8.
    pub server_key_pem: Zeroizing<String>,
}

impl std::fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCa").finish_non_exhaustive()
    }
}

impl LocalCa {
    /// Makes both, valid from an hour before `now_s` (seconds since 1970) for [`VALID_DAYS`], for these host names
    /// and IP addresses.
    ///
    /// # Errors
    /// [`TlsError::Generate`], for instance for a name that is no host name.
    pub fn create(now_s: i64, names: &[String]) -> Result<Self, TlsError> {
        make(now_s, names).ok_or(TlsError::Generate)
    }
}

/// How long the certificates are valid: what clients that limit it accept (Apple: 825 days for a private CA).
pub const VALID_DAYS: i64 = 820;

fn make(now_s: i64, names: &[String]) -> Option<LocalCa> {
    let now = OffsetDateTime::from_unix_timestamp(now_s).ok()?;
    let (not_before, not_after) = (now - Duration::hours(1), now + Duration::days(VALID_DAYS));

    let mut ca = CertificateParams::new(Vec::new()).ok()?;
    ca.distinguished_name = name("Keyfold local CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (ca.not_before, ca.not_after) = (not_before, not_after);
    let ca_key = KeyPair::generate().ok()?;
    let ca_certificate = ca.self_signed(&ca_key).ok()?;
    let issuer = Issuer::new(ca, ca_key);

    let mut server = CertificateParams::new(names).ok()?;
    server.distinguished_name = name("Keyfold");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    (server.not_before, server.not_after) = (not_before, not_after);
    let server_key = KeyPair::generate().ok()?;
    let server_certificate = server.signed_by(&server_key, &issuer).ok()?;
    Some(LocalCa {
        ca_certificate_pem: ca_certificate.pem(),
        server_certificate_pem: server_certificate.pem(),
        server_key_pem: Zeroizing::new(server_key.serialize_pem()),
    })
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}
