//! ECDH over the NIST curves (SP 800-56A, cofactor 1): the shared secret is the point's x-coordinate.

use aws_lc_rs::{
    agreement::{self as backend, Algorithm, ParsedPublicKey, UnparsedPublicKey},
    encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, EcPublicKeyCompressedBin, PublicKeyX509Der},
};

use crate::{CryptoError, SecretBytes, der, ec::NamedCurve, pem};

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
        self.named().coordinate_len()
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

    pub(crate) const fn named(self) -> NamedCurve {
        match self {
            Self::P256 => NamedCurve::P256,
            Self::P384 => NamedCurve::P384,
            Self::P521 => NamedCurve::P521,
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
        let point = curve.named().sec1(point)?;
        let mut compressed = point[..curve.compressed_len()].to_vec();
        if let [0x04, .., y] = point {
            compressed[0] = 0x02 | (y & 1);
        }
        let parsed = ParsedPublicKey::try_from(&UnparsedPublicKey::new(curve.backend(), point));
        match parsed {
            Ok(key) if key.alg() == curve.backend() => Ok(Self { curve, compressed }),
            _ => Err(CryptoError::InvalidKey),
        }
    }

    /// A key from DER SubjectPublicKeyInfo with a named curve and an uncompressed point, as everyone writes it.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for explicit curve parameters and compressed points.
    pub fn from_spki(curve: Curve, der: &[u8]) -> Result<Self, CryptoError> {
        Self::from_sec1(curve, curve.named().spki_point(der)?)
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
    /// [`CryptoError::InvalidKey`] if it is of another length, zero, or not under the order of the curve.
    pub fn from_scalar(curve: Curve, scalar: &[u8]) -> Result<Self, CryptoError> {
        let key = backend::PrivateKey::from_private_key(curve.backend(), scalar);
        Self::new(curve, key.map_err(|_| CryptoError::InvalidKey)?)
    }

    /// A key from DER: PKCS#8 or SEC 1 (RFC 5915).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a public key in it that is another's.
    pub fn from_der(curve: Curve, der: &[u8]) -> Result<Self, CryptoError> {
        der::sequence_content(der)?;
        let key = backend::PrivateKey::from_private_key_der(curve.backend(), der);
        Self::new(curve, key.map_err(|_| CryptoError::InvalidKey)?)
    }

    /// A key from PKCS#8 DER with a named curve, and no other form.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a public key in it that is another's.
    pub fn from_pkcs8(curve: Curve, der: &[u8]) -> Result<Self, CryptoError> {
        curve.named().is_pkcs8(der)?;
        Self::from_der(curve, der)
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

    /// The key as PKCS#8 DER, version 1, with its public key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn to_pkcs8(&self) -> Result<SecretBytes, CryptoError> {
        // The backend would leave the public key out if it was left out of what the key was read from.
        let scalar: EcPrivateKeyBin<'_> = self.key.as_be_bytes().map_err(|_| CryptoError::Backend)?;
        let public = self.key.compute_public_key().map_err(|_| CryptoError::Backend)?;
        Ok(self.curve.named().pkcs8(scalar.as_ref(), public.as_ref()))
    }

    /// The public key that belongs to it, as DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn public_key_spki(&self) -> Result<Vec<u8>, CryptoError> {
        let public = self.key.compute_public_key().map_err(|_| CryptoError::Backend)?;
        let der: PublicKeyX509Der<'_> = public.as_der().map_err(|_| CryptoError::Backend)?;
        Ok(der.as_ref().to_vec())
    }

    /// The shared secret with `peer`: the x-coordinate, [`Curve::coordinate_len`] bytes.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] if `peer` is on another curve.
    pub fn agree(&self, peer: &PublicKey) -> Result<SecretBytes, CryptoError> {
        let peer = UnparsedPublicKey::new(peer.curve.backend(), &peer.compressed);
        backend::agree(&self.key, peer, CryptoError::InvalidKey, |secret| {
            Ok(SecretBytes::copied_from(secret))
        })
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({:?}, ..)", self.curve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unhex;

    const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

    /// One P-256 key in every form that OpenSSL writes.
    const PARAMETERS_AND_SEC1: &str = include_str!("testdata/ec.parameters-and-sec1.pem");
    const PKCS8: &str = include_str!("testdata/ec.pkcs8.pem");
    const SPKI: &str = include_str!("testdata/ec.spki.pem");
    const SPKI_COMPRESSED: &str = include_str!("testdata/ec.spki-compressed.pem");

    fn der(text: &str) -> Vec<u8> {
        let labels = ["PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY"];
        pem::decode(text, &labels).unwrap().1.expose().to_vec()
    }

    #[test]
    fn every_form_is_the_same_key() {
        let private = PrivateKey::from_pem(Curve::P256, PKCS8).unwrap();
        let sec1 = PrivateKey::from_pem(Curve::P256, PARAMETERS_AND_SEC1).unwrap();
        let public = PublicKey::from_pem(Curve::P256, SPKI).unwrap();
        assert_eq!(private.public_key(), &public);
        assert_eq!(sec1.public_key(), &public);
        let uncompressed = &der(SPKI)[26..];
        assert_eq!(PublicKey::from_sec1(Curve::P256, uncompressed).as_ref(), Ok(&public));
        assert_eq!(PublicKey::from_sec1(Curve::P256, public.compressed()).as_ref(), Ok(&public));
        assert_eq!(der(SPKI_COMPRESSED)[26..], *public.compressed());
        assert_eq!(format!("{private:?}"), "PrivateKey(P256, ..)");
    }

    /// The peer and the secret come from `openssl pkeyutl -derive`.
    #[test]
    fn agrees_with_openssl() {
        let private = PrivateKey::from_pem(Curve::P256, PKCS8).unwrap();
        let peer = unhex("031f72c18dc0ee6fdf74cbf9d15545859933706761a4d28d5927d5f7deb41ffbc6");
        let secret = private.agree(&PublicKey::from_sec1(Curve::P256, &peer).unwrap()).unwrap();
        assert_eq!(
            secret.expose(),
            unhex("26a02dfbca1824649c86e28e8174860e8a91fdfa59daf6268d7e97cadf810f35")
        );
    }

    #[test]
    fn both_sides_agree_on_a_coordinate() {
        for curve in CURVES {
            let (a, b) = (PrivateKey::generate(curve).unwrap(), PrivateKey::generate(curve).unwrap());
            let secret = a.agree(b.public_key()).unwrap();
            assert_eq!(secret.expose(), b.agree(a.public_key()).unwrap().expose());
            assert_eq!(secret.len(), curve.coordinate_len());
            assert_eq!(a.public_key().compressed().len(), curve.compressed_len());
            assert_eq!((a.curve(), a.public_key().curve()), (curve, curve));
            for other in CURVES.into_iter().filter(|other| *other != curve) {
                let other = PrivateKey::generate(other).unwrap();
                assert_eq!(a.agree(other.public_key()).unwrap_err(), CryptoError::InvalidKey);
            }
        }
    }

    #[test]
    fn a_scalar_is_in_range_and_of_full_length() {
        let order_p256 = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        let mut scalar = order_p256.clone();
        assert!(PrivateKey::from_scalar(Curve::P256, &scalar).is_err());
        scalar[31] -= 1;
        assert!(PrivateKey::from_scalar(Curve::P256, &scalar).is_ok());
        for curve in CURVES {
            let mut scalar = vec![0; curve.coordinate_len()];
            assert!(PrivateKey::from_scalar(curve, &scalar).is_err());
            *scalar.last_mut().unwrap() = 1;
            assert!(PrivateKey::from_scalar(curve, &scalar).is_ok());
            assert!(PrivateKey::from_scalar(curve, &scalar[1..]).is_err());
            scalar.insert(0, 0);
            assert!(PrivateKey::from_scalar(curve, &scalar).is_err());
        }
    }

    #[test]
    fn malformed_public_keys_are_refused() {
        let point = &der(SPKI)[26..];
        let mut off_curve = point.to_vec();
        off_curve[64] ^= 1;
        let mut hybrid = point.to_vec();
        hybrid[0] = 0x06 | (point[64] & 1);
        for bad in [&[][..], &[0], &[2], &[4], &point[..64], &[point, &[0]].concat(), &off_curve, &hybrid] {
            assert_eq!(PublicKey::from_sec1(Curve::P256, bad), Err(CryptoError::InvalidKey), "{bad:?}");
        }
        // x = 1 is the coordinate of no point of P-256; all ones is not a field element.
        for x in [unhex(&format!("02{:064x}", 1)), [vec![2], vec![0xff; 32]].concat()] {
            let read = PublicKey::from_sec1(Curve::P256, &x);
            assert_eq!(read, Err(CryptoError::InvalidKey), "{x:?}");
        }
        let spki = der(SPKI);
        for bad in [&spki[..90], &[&spki[..], &[0]].concat(), &der(SPKI_COMPRESSED), &der(PKCS8), point] {
            assert_eq!(PublicKey::from_spki(Curve::P256, bad), Err(CryptoError::InvalidKey), "{bad:?}");
        }
        assert!(PublicKey::from_spki(Curve::P384, &spki).is_err());
    }

    #[test]
    fn a_key_reads_back_from_what_it_writes() {
        for curve in CURVES {
            let key = PrivateKey::generate(curve).unwrap();
            let (pkcs8, spki) = (key.to_pkcs8().unwrap(), key.public_key_spki().unwrap());
            let read = PrivateKey::from_pkcs8(curve, pkcs8.expose()).unwrap();
            assert_eq!(read.public_key(), key.public_key());
            assert_eq!(read.to_pkcs8().unwrap().expose(), pkcs8.expose());
            assert_eq!(PublicKey::from_spki(curve, &spki).as_ref(), Ok(key.public_key()));
            for other in CURVES.into_iter().filter(|other| *other != curve) {
                assert!(PrivateKey::from_pkcs8(other, pkcs8.expose()).is_err());
                assert!(PublicKey::from_spki(other, &spki).is_err());
            }
        }
        // OpenSSL's own encoding of a key is ours, and SEC 1 is not PKCS#8.
        let openssl = PrivateKey::from_pkcs8(Curve::P256, &der(PKCS8)).unwrap();
        assert_eq!(openssl.to_pkcs8().unwrap().expose(), der(PKCS8));
        assert_eq!(openssl.public_key_spki().unwrap(), der(SPKI));
        assert!(PrivateKey::from_pkcs8(Curve::P256, &der(PARAMETERS_AND_SEC1)).is_err());
    }

    #[test]
    fn a_public_key_in_pkcs8_may_be_left_out() {
        let scalar = [&[0; 31][..], &[7]].concat();
        let sec1 = der::sequence(&[&[0x02, 0x01, 0x01], &der::wrap(0x04, &scalar)]);
        let pkcs8 = der::pkcs8(NamedCurve::P256.algorithm(), &sec1);
        let read = PrivateKey::from_pkcs8(Curve::P256, pkcs8.expose()).unwrap();
        let key = PrivateKey::from_scalar(Curve::P256, &scalar).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        assert_eq!(read.to_pkcs8().unwrap().expose(), key.to_pkcs8().unwrap().expose());
    }

    #[test]
    fn malformed_private_keys_are_refused() {
        for good in [der(PKCS8), der(PARAMETERS_AND_SEC1)] {
            assert!(PrivateKey::from_der(Curve::P256, &good).is_ok());
            assert!(PrivateKey::from_der(Curve::P384, &good).is_err());
            assert!(PrivateKey::from_der(Curve::P256, &[&good[..], &[0]].concat()).is_err());
            assert!(PrivateKey::from_der(Curve::P256, &good[..good.len() - 1]).is_err());
            // The last byte belongs to the public key, which must be the private key's own.
            let mut mismatched = good.clone();
            *mismatched.last_mut().unwrap() ^= 1;
            assert!(PrivateKey::from_der(Curve::P256, &mismatched).is_err());
        }
        assert!(PrivateKey::from_der(Curve::P256, &der(SPKI)).is_err());
        assert!(PrivateKey::from_pem(Curve::P256, SPKI).is_err());
    }
}
