//! What all curves have in common: points as SEC 1 writes them, and the DER around keys (RFC 5480 and 5915, with
//! GB/T 33560 for SM2), held to the form that everyone writes: a named curve, and an uncompressed point.

use zeroize::Zeroizing;

use crate::{CryptoError, SecretBytes, der};

/// A curve that has a name in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedCurve {
    P256,
    P384,
    P521,
    Secp256k1,
    Sm2,
}

impl NamedCurve {
    /// Length of a coordinate, and of a private scalar.
    pub(crate) const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 | Self::Sm2 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// `point` itself if it has the form of this curve's SEC 1 points, compressed or uncompressed. Whether it is
    /// on the curve remains to be seen.
    pub(crate) fn sec1(self, point: &[u8]) -> Result<&[u8], CryptoError> {
        let len = self.coordinate_len();
        match point {
            [0x02 | 0x03, x @ ..] if x.len() == len => Ok(point),
            [0x04, xy @ ..] if xy.len() == 2 * len => Ok(point),
            _ => Err(CryptoError::InvalidKey),
        }
    }

    /// The point in `der`, which must be SubjectPublicKeyInfo of this named curve with an uncompressed point.
    pub(crate) fn spki_point(self, der: &[u8]) -> Result<&[u8], CryptoError> {
        match der::spki_key(self.algorithm(), 2 * self.coordinate_len() + 1, der)? {
            point @ [0x04, ..] => Ok(point),
            _ => Err(CryptoError::InvalidKey),
        }
    }

    /// Checks that `der` is PKCS#8 of this named curve and nothing more. What is in it remains to be seen.
    pub(crate) fn is_pkcs8(self, der: &[u8]) -> Result<(), CryptoError> {
        der::is_pkcs8_for(self.algorithm(), der)
    }

    /// PKCS#8 of a private scalar and its uncompressed public point, the one way for each key. ECPrivateKey
    /// (RFC 5915) without the curve's name, which stands before it.
    pub(crate) fn pkcs8(self, scalar: &[u8], point: &[u8]) -> SecretBytes {
        let scalar = Zeroizing::new(der::wrap(0x04, scalar));
        let point = der::wrap(0xa1, &der::wrap(0x03, &[&[0], point].concat()));
        let key = Zeroizing::new(der::sequence(&[&[0x02, 0x01, 0x01], &scalar, &point]));
        der::pkcs8(self.algorithm(), &key)
    }

    /// DER AlgorithmIdentifier: id-ecPublicKey, and the curve's object identifier.
    pub(crate) const fn algorithm(self) -> &'static [u8] {
        match self {
            Self::P256 => &[
                0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
                0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
            ],
            Self::P384 => &[
                0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04, 0x00, 0x22,
            ],
            Self::P521 => &[
                0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04, 0x00, 0x23,
            ],
            Self::Secp256k1 => &[
                0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                0x04, 0x00, 0x0a,
            ],
            Self::Sm2 => &[
                0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81,
                0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d,
            ],
        }
    }
}
