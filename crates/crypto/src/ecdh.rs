//! ECDH over the NIST curves (SP 800-56A, cofactor 1): the shared secret is the point's x-coordinate.

use aws_lc_rs::{
    agreement::{self as backend, Algorithm, ParsedPublicKey, UnparsedPublicKey},
    encoding::{AsBigEndian, EcPublicKeyCompressedBin},
};

use crate::{CryptoError, SecretBytes, pem};

/// A NIST curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Curve {
    /// P-256 (secp256r1).
    P256,
    /// P-384 (secp384r1).
    P384,
    /// P-521 (secp521r1).
    P521,
}

impl Curve {
    /// Length of a coordinate, and so of the shared secret: 32, 48 or 66 bytes.
    #[must_use]
    pub const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Length of a compressed point: 33, 49 or 67 bytes.
    #[must_use]
    pub const fn compressed_len(self) -> usize {
        self.coordinate_len() + 1
    }

    fn backend(self) -> &'static Algorithm {
        match self {
            Self::P256 => &backend::ECDH_P256,
            Self::P384 => &backend::ECDH_P384,
            Self::P521 => &backend::ECDH_P521,
        }
    }

    /// DER of SubjectPublicKeyInfo up to the uncompressed point (RFC 5480, named curve).
    const fn spki_prefix(self) -> &'static [u8] {
        match self {
            Self::P256 => &[
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
                0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
            ],
            Self::P384 => &[
                0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
            ],
            Self::P521 => &[
                0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05,
                0x2b, 0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00,
            ],
        }
    }
}

/// A public key: a point on its curve, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    curve: Curve,
    compressed: Vec<u8>,
}

impl PublicKey {
    /// A key from a SEC 1 point, compressed or uncompressed.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if it is not a point on `curve` in one of the two forms.
    pub fn from_sec1(curve: Curve, point: &[u8]) -> Result<Self, CryptoError> {
        let len = curve.coordinate_len();
        let compressed = match point {
            [0x02 | 0x03, x @ ..] if x.len() == len => point.to_vec(),
            [0x04, xy @ ..] if xy.len() == 2 * len => {
                let mut compressed = vec![0x02 | (xy[2 * len - 1] & 1)];
                compressed.extend_from_slice(&xy[..len]);
                compressed
            }
            _ => return Err(CryptoError::InvalidKey),
        };
        let parsed = ParsedPublicKey::try_from(&UnparsedPublicKey::new(curve.backend(), point));
        match parsed {
            Ok(key) if key.alg() == curve.backend() => Ok(Self { curve, compressed }),
            _ => Err(CryptoError::InvalidKey),
        }
    }

    /// A key from DER SubjectPublicKeyInfo with a named curve and an uncompressed point, as everyone writes it.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_spki(curve: Curve, der: &[u8]) -> Result<Self, CryptoError> {
        let point = der.strip_prefix(curve.spki_prefix()).ok_or(CryptoError::InvalidKey)?;
        match point {
            [0x04, ..] => Self::from_sec1(curve, point),
            _ => Err(CryptoError::InvalidKey),
        }
    }

    /// A key from PEM `PUBLIC KEY`.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_pem(curve: Curve, text: &str) -> Result<Self, CryptoError> {
        Self::from_spki(curve, pem::decode(text, &["PUBLIC KEY"])?.1.expose())
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The point, compressed.
    #[must_use]
    pub fn compressed(&self) -> &[u8] {
        &self.compressed
    }
}

/// A private key.
pub struct PrivateKey {
    curve: Curve,
    key: backend::PrivateKey,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn generate(curve: Curve) -> Result<Self, CryptoError> {
        Self::new(curve, backend::PrivateKey::generate(curve.backend()).map_err(|_| CryptoError::Backend)?)
    }

    /// A key from a private scalar: big-endian, as long as a coordinate.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_scalar(curve: Curve, scalar: &[u8]) -> Result<Self, CryptoError> {
        let key = backend::PrivateKey::from_private_key(curve.backend(), scalar);
        Self::new(curve, key.map_err(|_| CryptoError::InvalidKey)?)
    }

    /// A key from DER: PKCS#8 or SEC 1 (RFC 5915).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_der(curve: Curve, der: &[u8]) -> Result<Self, CryptoError> {
        let key = backend::PrivateKey::from_private_key_der(curve.backend(), der);
        Self::new(curve, key.map_err(|_| CryptoError::InvalidKey)?)
    }

    /// A key from PEM `PRIVATE KEY` (PKCS#8) or `EC PRIVATE KEY` (SEC 1).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_pem(curve: Curve, text: &str) -> Result<Self, CryptoError> {
        Self::from_der(curve, pem::decode(text, &["PRIVATE KEY", "EC PRIVATE KEY"])?.1.expose())
    }

    fn new(curve: Curve, key: backend::PrivateKey) -> Result<Self, CryptoError> {
        let public = key.compute_public_key().map_err(|_| CryptoError::InvalidKey)?;
        let point: EcPublicKeyCompressedBin<'_> = public.as_be_bytes().map_err(|_| CryptoError::Backend)?;
        let public = PublicKey { curve, compressed: point.as_ref().to_vec() };
        Ok(Self { curve, key, public })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The shared secret with `peer`: the x-coordinate, [`Curve::coordinate_len`] bytes.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if `peer` is on another curve.
    pub fn agree(&self, peer: &PublicKey) -> Result<SecretBytes, CryptoError> {
        let peer = UnparsedPublicKey::new(peer.curve.backend(), &peer.compressed);
        backend::agree(&self.key, peer, CryptoError::InvalidKey, |secret| Ok(SecretBytes::copied_from(secret)))
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({:?}, ..)", self.curve)
    }
}
