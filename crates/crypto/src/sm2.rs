//! SM2 (GB/T 32918, GM/T 0003): signatures with SM3, encryption, and key agreement, over the curve sm2p256v1. All of it
//! comes from RustCrypto's sm2 and sm3, since aws-lc has neither. They are meant to run in constant time, and have not been
//! audited; copies of a private scalar that they make while they work are not wiped.
//!
//! The signer's identity is always the default one, "1234567812345678"; ciphertexts are the DER of GM/T 0009. Key
//! agreement is plain ECDH: the shared secret is the point's x-coordinate, and not the key of SM2's own protocol.

use ::sm2::{
    ProjectivePoint,
    dsa::{
        self,
        signature::{
            RandomizedSigner, Verifier,
            hazmat::{PrehashVerifier, RandomizedPrehashSigner},
        },
    },
    elliptic_curve::{Generate, point::AffineCoordinates},
    pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, der::Decode},
    pke,
};
use zeroize::Zeroize;

use crate::{CryptoError, SecretBytes, ec::NamedCurve, rand::SystemRng};

/// Length of an SM3 digest in bytes.
pub const DIGEST_LEN: usize = 32;

/// A private key.
pub struct PrivateKey(sm2::SecretKey);

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the system gives no randomness.
    pub fn generate() -> Result<Self, CryptoError> {
        sm2::SecretKey::try_generate_from_rng(&mut SystemRng).map(Self)
    }

    /// A key from PKCS#8 DER with the named curve.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`], also for bytes after the key and for a public key in it that is another's.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, CryptoError> {
        NamedCurve::Sm2.is_pkcs8(der)?;
        sm2::SecretKey::from_pkcs8_der(der).map(Self).map_err(|_| CryptoError::InvalidKey)
    }

    /// The key as PKCS#8 DER, version 1.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn to_pkcs8(&self) -> Result<SecretBytes, CryptoError> {
        let der = self.0.to_pkcs8_der().map_err(|_| CryptoError::Backend)?;
        Ok(SecretBytes::copied_from(der.as_bytes()))
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key())
    }

    /// Signs `message`; the signature is DER and its length varies.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        dsa::SigningKey::new(DEFAULT_ID, &self.0)
            .and_then(|key| key.try_sign_with_rng(&mut SystemRng, message))
            .map(|signature| signature.to_der().to_vec())
            .map_err(|_| CryptoError::Backend)
    }

    /// Signs a digest: SM3(Z ‖ message), where Z is SM3 over the identity, the curve and the public key
    /// (GB/T 32918.2, section 5.5). Nothing tells whether `digest` is one.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn sign_digest(&self, digest: &[u8; DIGEST_LEN]) -> Result<Vec<u8>, CryptoError> {
        dsa::SigningKey::new(DEFAULT_ID, &self.0)
            .and_then(|key| key.sign_prehash_with_rng(&mut SystemRng, digest))
            .map(|signature| signature.to_der().to_vec())
            .map_err(|_| CryptoError::Backend)
    }

    /// Decrypts DER of GM/T 0009.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`], whatever the reason.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<SecretBytes, CryptoError> {
        let cipher: pke::Cipher<'_> = Decode::from_der(ciphertext).map_err(|_| CryptoError::NotAuthentic)?;
        let key = pke::DecryptingKey::new(self.0.clone());
        SecretBytes::filled(cipher.c2().len(), |out| {
            key.decrypt_cipher_with_buf(&cipher, out).map(|_| ()).map_err(|_| CryptoError::NotAuthentic)
        })
    }

    /// The shared secret with `peer`: the x-coordinate, 32 bytes.
    #[must_use]
    pub fn agree(&self, peer: &PublicKey) -> SecretBytes {
        // The order of the curve is prime: no public key leads to the point at infinity.
        let mut point =
            (ProjectivePoint::from(*peer.0.as_affine()) * *self.0.to_nonzero_scalar()).to_affine();
        let mut x = point.x();
        let secret = SecretBytes::copied_from(&x);
        point.zeroize();
        x.zeroize();
        secret
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// A public key: a point on the curve, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(sm2::PublicKey);

impl PublicKey {
    /// A key from DER SubjectPublicKeyInfo with the named curve and an uncompressed point.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`].
    pub fn from_spki(der: &[u8]) -> Result<Self, CryptoError> {
        let point = NamedCurve::Sm2.spki_point(der)?;
        sm2::PublicKey::from_sec1_bytes(point).map(Self).map_err(|_| CryptoError::InvalidKey)
    }

    /// The key as DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`CryptoError::Backend`].
    pub fn to_spki(&self) -> Result<Vec<u8>, CryptoError> {
        self.0.to_public_key_der().map(|der| der.into_vec()).map_err(|_| CryptoError::Backend)
    }

    /// Checks a DER signature over `message`.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let signature = dsa::Signature::from_der(signature).map_err(|_| CryptoError::NotAuthentic)?;
        dsa::VerifyingKey::new(DEFAULT_ID, self.0)
            .and_then(|key| key.verify(message, &signature))
            .map_err(|_| CryptoError::NotAuthentic)
    }

    /// Checks a DER signature over a digest, as [`PrivateKey::sign_digest`] takes it.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`].
    pub fn verify_digest(&self, digest: &[u8; DIGEST_LEN], signature: &[u8]) -> Result<(), CryptoError> {
        let signature = dsa::Signature::from_der(signature).map_err(|_| CryptoError::NotAuthentic)?;
        dsa::VerifyingKey::new(DEFAULT_ID, self.0)
            .and_then(|key| key.verify_prehash(digest, &signature))
            .map_err(|_| CryptoError::NotAuthentic)
    }

    /// Encrypts `plaintext`, of 1 byte or more, to DER of GM/T 0009.
    ///
    /// # Errors
    /// [`CryptoError::InvalidLength`] if it is empty.
    pub fn encrypt(&self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if plaintext.is_empty() {
            return Err(CryptoError::InvalidLength);
        }
        pke::EncryptingKey::new(self.0)
            .encrypt_der(&mut SystemRng, plaintext)
            .map_err(|_| CryptoError::Backend)
    }
}

/// The identity of signers who have agreed on none (GM/T 0009, section 10).
const DEFAULT_ID: &str = "1234567812345678";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{der, unhex};

    /// A key that OpenSSL made, as `openssl pkcs8 -topk8` and `openssl pkey -pubout` write it.
    const PKCS8: &str = "308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420245af47c326fda9285d4af4dc266a52b80641b4c6aec8a45183685cdf6a349b5a14403420004e6cc32b7e20be8cb0f7f6eee54b4e4951965d65aa839da93e29c4859950302dbb131103e43577117573c4dd4ecf67dfecd0d4e5c5ea8d8a1f6fbc588d3b70f5b";
    const SPKI: &str = "3059301306072a8648ce3d020106082a811ccf5501822d03420004e6cc32b7e20be8cb0f7f6eee54b4e4951965d65aa839da93e29c4859950302dbb131103e43577117573c4dd4ecf67dfecd0d4e5c5ea8d8a1f6fbc588d3b70f5b";

    fn key() -> PrivateKey {
        PrivateKey::from_pkcs8(&unhex(PKCS8)).unwrap()
    }

    /// The key of the examples in GB/T 32918.5.
    fn standard_key() -> PrivateKey {
        let scalar = unhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
        PrivateKey(sm2::SecretKey::from_slice(&scalar).unwrap())
    }

    fn integer(hex: &str) -> Vec<u8> {
        der::wrap(0x02, &unhex(&format!("00{hex}")))
    }

    /// GB/T 32918.5, annex A: the signature of "message digest".
    #[test]
    fn the_standards_signature_verifies() {
        let public = standard_key().public_key();
        let signature = der::sequence(&[
            &integer("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"),
            &integer("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"),
        ]);
        assert_eq!(public.verify(b"message digest", &signature), Ok(()));
        let digest = unhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");
        assert_eq!(public.verify_digest(&digest.try_into().unwrap(), &signature), Ok(()));
        assert_eq!(public.verify(b"message digest.", &signature), Err(CryptoError::NotAuthentic));
    }

    /// GB/T 32918.5, annex C: the ciphertext of "encryption standard", put into the DER of GM/T 0009.
    #[test]
    fn the_standards_ciphertext_decrypts() {
        let ciphertext = der::sequence(&[
            &der::wrap(0x02, &unhex("04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73")),
            &integer("e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"),
            &der::wrap(0x04, &unhex("59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766")),
            &der::wrap(0x04, &unhex("21886ca989ca9c7d58087307ca93092d651efa")),
        ]);
        assert_eq!(standard_key().decrypt(&ciphertext).unwrap().expose(), b"encryption standard");
    }

    /// The signature and the ciphertext are `openssl pkeyutl`'s, the digest is from `openssl dgst -sm3`; OpenSSL has
    /// no agreement on this curve, so the secret was computed from the curve's equation.
    #[test]
    fn agrees_with_openssl() {
        let key = key();
        assert_eq!(key.public_key().to_spki().unwrap(), unhex(SPKI));
        let signature = unhex(
            "3045022100a4af9111a0c5117827a89567c19147222118ceb0c6fcf9f61ecfd19361432cbe02200461dca6f1083758ae4dda8b4b1a184a3c3a655afd809d5deaf3413c8a889b3e",
        );
        let digest = unhex("4d4ff1e0d94a0c2834992bae10960a13d565530fa3b442458f9dcdc0cbe943f1");
        let digest: [u8; DIGEST_LEN] = digest.try_into().unwrap();
        assert_eq!(key.public_key().verify(b"message", &signature), Ok(()));
        assert_eq!(key.public_key().verify_digest(&digest, &signature), Ok(()));
        assert_eq!(key.public_key().verify(b"message", &key.sign_digest(&digest).unwrap()), Ok(()));
        let ciphertext = unhex(
            "3074022100819ddfe0f6b634375344cc79921c08870ff1506637572f46e15e90a7a436bef20221009064dcc01243384b52ead0fa281b377bc5a134a0a637632238c2c0ab22588f9a04204d73e880da648a7e9398a501ab22eb9be540d1056e20dc0f9e30490d23d5c698040a490bd4885775128185e3",
        );
        assert_eq!(key.decrypt(&ciphertext).unwrap().expose(), b"a data key");
        let peer = unhex(
            "3059301306072a8648ce3d020106082a811ccf5501822d034200046ab6b3d9d822570bd8e996baa64b48b04f82f344304d600e269175d716f53265a3b2dc8133e7d1348c287c66d5397b6e0df6b98bd8194a93b4ed014c3cda5b95",
        );
        assert_eq!(
            key.agree(&PublicKey::from_spki(&peer).unwrap()).expose(),
            unhex("ccc90ce587a1551095fc796283e1aa64080538e6215d3564eef56e22791d0be1")
        );
    }

    #[test]
    fn a_signature_is_for_one_key_and_message() {
        let (key, other) = (key(), PrivateKey::generate().unwrap());
        let public = key.public_key();
        let refused = Err(CryptoError::NotAuthentic);
        let (signature, digest) = (key.sign(b"message").unwrap(), [7; DIGEST_LEN]);
        let over_digest = key.sign_digest(&digest).unwrap();
        assert_eq!(public.verify(b"message", &signature), Ok(()));
        assert_eq!(public.verify_digest(&digest, &over_digest), Ok(()));
        assert_eq!(public.verify(b"other", &signature), refused);
        assert_eq!(public.verify(&digest, &over_digest), refused);
        assert_eq!(public.verify_digest(&[8; DIGEST_LEN], &over_digest), refused);
        assert_eq!(other.public_key().verify(b"message", &signature), refused);
        for at in 0..signature.len() {
            let mut flipped = signature.clone();
            flipped[at] ^= 1;
            assert_eq!(public.verify(b"message", &flipped), refused, "{at}");
            assert_eq!(public.verify(b"message", &signature[..at]), refused, "{at}");
        }
        assert_eq!(public.verify(b"message", &[&signature[..], &[0]].concat()), refused);
        let zero = der::sequence(&[&integer(""), &integer("")]);
        assert_eq!(public.verify(b"message", &zero), refused);
        assert_ne!(key.sign(b"message").unwrap(), signature);
    }

    #[test]
    fn what_is_encrypted_decrypts_and_nothing_else() {
        let key = key();
        let public = key.public_key();
        for len in [1, 31, 32, 33, 1024] {
            let plaintext = vec![7; len];
            let ciphertext = public.encrypt(&plaintext).unwrap();
            assert_eq!(key.decrypt(&ciphertext).unwrap().expose(), plaintext);
            assert_ne!(public.encrypt(&plaintext).unwrap(), ciphertext);
        }
        assert_eq!(public.encrypt(&[]), Err(CryptoError::InvalidLength));
        let good = public.encrypt(b"a data key").unwrap();
        let refused = CryptoError::NotAuthentic;
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            assert_eq!(key.decrypt(&flipped).unwrap_err(), refused, "{at}");
            assert_eq!(key.decrypt(&good[..at]).unwrap_err(), refused, "{at}");
        }
        assert_eq!(key.decrypt(&[&good[..], &[0]].concat()).unwrap_err(), refused);
        assert_eq!(PrivateKey::generate().unwrap().decrypt(&good).unwrap_err(), refused);
    }

    #[test]
    fn both_sides_agree() {
        let (a, b) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let secret = a.agree(&b.public_key());
        assert_eq!(secret.expose(), b.agree(&a.public_key()).expose());
        assert_eq!(secret.len(), 32);
    }

    #[test]
    fn a_key_reads_back_from_what_it_writes() {
        assert_eq!(key().to_pkcs8().unwrap().expose(), unhex(PKCS8));
        let key = PrivateKey::generate().unwrap();
        let read = PrivateKey::from_pkcs8(key.to_pkcs8().unwrap().expose()).unwrap();
        assert_eq!(read.public_key(), key.public_key());
        assert_eq!(PublicKey::from_spki(&key.public_key().to_spki().unwrap()), Ok(key.public_key()));
        assert_eq!(format!("{key:?}"), "PrivateKey(..)");
    }

    #[test]
    fn malformed_keys_are_refused() {
        let (pkcs8, spki) = (unhex(PKCS8), unhex(SPKI));
        let mut mismatched = pkcs8.clone();
        *mismatched.last_mut().unwrap() ^= 1;
        let mut other_curve = pkcs8.clone();
        other_curve[26] ^= 1;
        for bad in [&[][..], &spki, &pkcs8[..137], &[&pkcs8[..], &[0]].concat(), &mismatched, &other_curve] {
            assert_eq!(PrivateKey::from_pkcs8(bad).unwrap_err(), CryptoError::InvalidKey);
        }
        let mut off_curve = spki.clone();
        off_curve[90] ^= 1;
        let point = &spki[27..];
        let mut hybrid = spki.clone();
        hybrid[26] = 0x06 | (spki[90] & 1);
        for bad in [&[][..], &pkcs8, &spki[..90], &[&spki[..], &[0]].concat(), &off_curve, &hybrid, point] {
            assert_eq!(PublicKey::from_spki(bad), Err(CryptoError::InvalidKey));
        }
        // A private scalar of zero, and one that is the order of the curve.
        for scalar in
            ["00".repeat(32), "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123".into()]
        {
            let sec1 = der::sequence(&[&[0x02, 0x01, 0x01], &der::wrap(0x04, &unhex(&scalar))]);
            let info = der::pkcs8(NamedCurve::Sm2.algorithm(), &sec1);
            assert_eq!(PrivateKey::from_pkcs8(info.expose()).unwrap_err(), CryptoError::InvalidKey);
        }
    }
}
