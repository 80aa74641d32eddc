//! The key derivation function of SP 800-108r1, counter mode, with HMAC as the pseudorandom function.
//!
//! ```text
//! K(i) = HMAC(key, [i]32 ‖ label ‖ 00 ‖ context ‖ [L]32)      i = 1, 2, …      L = output length in bits
//! ```
//! Counter before the fixed input, both integers 32-bit big-endian. The zero byte parts label and context
//! only as long as no label of an application has one itself: labels are constants.

use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId as Id, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use zeroize::Zeroize;

use crate::{CryptoError, digest::Hash};

/// Derives `output.len()` bytes from `key`, bound to `label` and `context`.
///
/// # Errors
/// [`CryptoError::InvalidLength`] if `key` or `output` is empty, `output` has 2^29 bytes or more (its length
/// in bits must fit 32), or `hash` is SHA-1, which is not offered here. `output` is all zero then.
pub fn derive(
    hash: Hash,
    key: &[u8],
    label: &[u8],
    context: &[u8],
    output: &mut [u8],
) -> Result<(), CryptoError> {
    // A length that does not fit is refused below.
    let bits = len_in_bits(output).unwrap_or(0);
    let info = [label, &[0], context, &bits.to_be_bytes()].concat();
    derive_fixed_info(hash, key, &info, output)
}

/// The same with the whole fixed input given, for standards that lay it out in another way.
///
/// # Errors
/// As [`derive()`].
pub fn derive_fixed_info(hash: Hash, key: &[u8], info: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
    fill(hash, key, info, output).inspect_err(|_| output.zeroize())
}

fn fill(hash: Hash, key: &[u8], info: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
    let id = match hash {
        Hash::Sha1 => return Err(CryptoError::InvalidLength),
        Hash::Sha256 => Id::Sha256,
        Hash::Sha384 => Id::Sha384,
        Hash::Sha512 => Id::Sha512,
    };
    if key.is_empty() || output.is_empty() || len_in_bits(output).is_none() {
        return Err(CryptoError::InvalidLength);
    }
    let algorithm = get_kbkdf_ctr_hmac_algorithm(id).ok_or(CryptoError::Backend)?;
    kbkdf_ctr_hmac(algorithm, key, info, output).map_err(|_| CryptoError::Backend)
}

fn len_in_bits(output: &[u8]) -> Option<u32> {
    output.len().checked_mul(8).and_then(|bits| u32::try_from(bits).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hmac::HmacKey, unhex};

    /// NIST ACVP-Server, `gen-val/json-files/KDF-1.0/internalProjection.json`: counter mode, 32-bit counter
    /// before the fixed data. Test case, hash, `keyIn`, `fixedData`, `keyOut`; key lengths in whole bytes only.
    #[rustfmt::skip]
    const ACVP: [(u32, Hash, &str, &str, &str); 10] = [
        (657, Hash::Sha256, "0E079E1649815E6A32F8FFE56C06D3D2", "A6C9BB31C58F5F2469F42CC2C00BBB09", "44C0281019A152516B61635197E9460AA1B74F88B57880E64501C0F0E5453B5720BC291A3604B419D55C253ACCF7E2351CAB9C19D92F647910C85FD9D5E40C59AB9FE3452E5E9380F76FE0EE27AC0AEB4B2AD5E19D605525809FB19751B5E363"),
        (658, Hash::Sha256, "F72636729286A651B590E30CD1D5B31B", "01230818356E884A7827ED1C8845CD68", "245D314EBA7411F3DF620EF008D978F16841332C6E4D2403CFCF2710430AD39684D1AB41C294F3C73E984EFD0A48E69505D9C00142D8374E34696D9D57C6DA2F95691AEF79B0254F211A15D49464DAB2C0ADCDD667485C7BBF76B8CD84A5F606"),
        (659, Hash::Sha256, "248AE0E332B03ED636DCA424E2186144", "176E3CD86C06E51E1D99F65DE97611E3", "7FDED743500171ADCC1B32F1B65BEEA28DDC84CB623A8C39562E81B598E7088DB5D3AF9F00F5FBB0780FC0FB8707589555F3CD8A432D44EB2B202787BC1FD1A21AD29F8A40D20293DB2AE71D00AB83196D34E175D73F6E5702FCF8E95F3CDB7B2A9476948351CDC3E9452FE0CF1E985F9AC093A3C1C61871CC3B66F38ADCAF69"),
        (660, Hash::Sha256, "CDCE6724C97A2D2FEE32A4110DB2B28B", "7EDDED20D69D14545FC8B0474B4AF0DC", "70471D66AEF3EDCE199650D1DA0D5E10F37A665FEA4DF08C46A83FE780E26ACEA18C34079A3CBDBE8676EEA21FAD1DA69A05AF63AD4B658B14ED332D7E2BF3FE6F92EBEF7D49B5E889C6B1275A0A6DC60A3B9E39E5B973682DFC7FA826A51BD276C38C4B0DC20AE875854404C1848E4CD38371570323AC7972B323B3BE67866C"),
        (663, Hash::Sha256, "9E816A2CC1D98B26D1C938D879479969", "5E465B8A47CD4EA57273FA2112B06F08", "86DE9BF50A00874585FC0CB347BA281C33C9864BAA34287730B92488571428EA298FABC91B5F75AA5267C3AFDC42"),
        (664, Hash::Sha256, "2DC05768625E614112BB4E5E2819B0E9", "458FC14CE058789A1AC5472BF6A2190C", "E8A02BD64F9CC1F8C5DAA1B3C4034968092F0810EF6CBF7C98D3548ADCE4D0C4B1355BAE9F51494A5DA9289BF2B4"),
        (753, Hash::Sha384, "6275EC5F31097016A348DC712A15ED2D", "5D284DFE331FC407C18B199ED6BCB7EF", "6BE325670E2DE18173DAED7F870602272FFBF43CFBC12C346C6A375C33D7F614132BB3DAEDAD4231436463F9CBD43245"),
        (754, Hash::Sha384, "C9EF49F68DEED79CFECA1D589E49DC48", "8AFA2F3DD1BCB2952EDBEADD59892FA0", "3C57A5CB16C86FBCFE3575C88D9AC5E140816AB3077F0C7FF005F32C497E8E3854DDB02F93A34C0FB8A9FFFBEB264E4D"),
        (755, Hash::Sha384, "2EB2ED5D783A9A639B55E4143AEA59F4", "93EDF522F9762216686FCC3433228260", "C9583CA1CD347637297FF87AE43CDDEC496BA1A4ABA674D05729E1BAAB669C7CCD528DEFE3F713EAE2ECEB7912897F8DB4BCCF29C8D50EAFA4DF01B7BB4C33099343E7740816385F204F34E73AFC1A3407C37E1748C46C98DB5CF3DBA8881263"),
        (756, Hash::Sha384, "52D19003BE63D260D3752BACA58CE864", "132643BDA2E6C73DEF735739D060F5B4", "57A24BE2C5D81AEF027B566C22E2249B5BB5124C82E0BCE06B17E2BF0D160569FC75C412DB6F2A5378AC9EBAB49C12AFF0B3D14A31C219DC26376F765D97FE492B89594B2227B7C8DA923C6AAB233ACF132BF72182A8344087B7E9026B4D4C94"),
    ];

    #[test]
    fn known_answers_of_the_fixed_input() {
        for (case, hash, key, info, expected) in ACVP {
            let expected = unhex(expected);
            let mut output = vec![0; expected.len()];
            derive_fixed_info(hash, &unhex(key), &unhex(info), &mut output).unwrap();
            assert_eq!(output, expected, "case {case}");
        }
    }

    /// Made with OpenSSL's KBKDF: key 00 … 1f, label "label", context "context".
    #[test]
    fn known_answers_of_label_and_context() {
        let key: Vec<u8> = (0..32).collect();
        #[rustfmt::skip]
        let cases = [
            (Hash::Sha256, "f388a0e323b62e8c78d5ca13629d62d974d91c259cf1f3cdde848b1a3684510a3412b9676b89baa8eb4cf5d35933b3c0b7b8336b01a80dc982e087212cb8f726e4e67e887a434cfddcd5979a4997376b3f76762132fcaf51a8354f95332835ed7ff6106d"),
            (Hash::Sha384, "aebf0bae972e410e67466c06440ffd9ec499f69af0d31cbf133dee4a6806b2d400f03a173387878d641ecfa4254f7ea74b0c644b089de2505fa267181d755dbfeac6395219ad923280cda229c4452669471bbd934a325a386a667fed9cfa5e8549e6d1b7"),
            (Hash::Sha512, "70b63e3d47de66ed5de6465f2a7d427a1e753b865e4b358263eba89d353e18d0ca078a14734fe7a2"),
        ];
        for (hash, expected) in cases {
            let expected = unhex(expected);
            let mut output = vec![0; expected.len()];
            derive(hash, &key, b"label", b"context", &mut output).unwrap();
            assert_eq!(output, expected, "{hash:?}");
        }
    }

    #[test]
    fn one_block_is_one_hmac() {
        let mut output = [0; 32];
        derive(Hash::Sha256, b"key", b"l", b"c", &mut output).unwrap();
        let input = [0, 0, 0, 1, b'l', 0, b'c', 0, 0, 1, 0];
        assert_eq!(output, HmacKey::new(Hash::Sha256, b"key").sign(&input).as_ref());
    }

    #[test]
    fn refused_lengths_leave_zeros() {
        let mut output = [0xa5; 16];
        assert_eq!(derive(Hash::Sha256, b"", b"l", b"c", &mut output), Err(CryptoError::InvalidLength));
        assert_eq!(output, [0; 16]);
        output = [0xa5; 16];
        assert_eq!(derive_fixed_info(Hash::Sha1, b"k", b"i", &mut output), Err(CryptoError::InvalidLength));
        assert_eq!(output, [0; 16]);
        assert_eq!(derive(Hash::Sha256, b"k", b"l", b"c", &mut []), Err(CryptoError::InvalidLength));
    }
}
