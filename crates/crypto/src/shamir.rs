//! Threshold secret sharing (A. Shamir, "How to share a secret", 1979), byte by byte over GF(2^8) with the polynomial
//! of FIPS 197, x^8 + x^4 + x^3 + x + 1.
//!
//! For each byte of the secret a polynomial of degree threshold − 1 is drawn whose value at 0 is that byte, each other
//! coefficient uniform in 0 ..= 255, the highest one too. A share is its index, 1 to 255, and the values there. Any
//! `threshold` shares give the secret back; fewer say nothing about it, not even together.
//!
//! Shares are not authenticated: combining wrong ones gives a wrong secret, not an error. Who combines must have a way
//! to tell. Field arithmetic is `vsss-rs`', without tables or branches on secrets.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::{CryptoError, Secret, rand};

/// One share of a secret of `N` bytes.
#[derive(Debug)]
pub struct Share<const N: usize> {
    /// Where the polynomials were evaluated: 1 to 255, another one for each share.
    pub index: u8,
    /// Their values there.
    pub value: Secret<N>,
}

/// Splits `secret` into `count` shares, with the indices 1 to `count`, of which any `threshold` give it back.
///
/// # Errors
/// [`CryptoError::InvalidLength`] if `threshold` is below 2 or above `count`, or `N` is 0; [`CryptoError::Backend`] if
/// the system gives no randomness.
pub fn split<const N: usize>(
    secret: &[u8; N],
    threshold: u8,
    count: u8,
) -> Result<Vec<Share<N>>, CryptoError> {
    let mut coefficients = Coefficients { failed: false };
    let shares = Gf256::split_bytes(threshold.into(), count.into(), secret, &mut coefficients)
        .map(Zeroizing::new)
        .map_err(|_| CryptoError::InvalidLength)?;
    if coefficients.failed {
        return Err(CryptoError::Backend);
    }
    let share = |bytes: &Vec<u8>| {
        let (index, value) = bytes.split_first().ok_or(CryptoError::Backend)?;
        Ok(Share { index: *index, value: Secret::copied_from(value)? })
    };
    shares.iter().map(share).collect()
}

/// Writes what `shares` give into `secret`: the secret, if they are shares of it and at least as many as its
/// threshold, and else bytes that say nothing.
///
/// # Errors
/// [`CryptoError::InvalidLength`] if there are fewer than two shares, two of one index, or one with the index 0.
pub fn combine<const N: usize>(shares: &[&Share<N>], secret: &mut [u8; N]) -> Result<(), CryptoError> {
    let bytes = |share: &&Share<N>| [&[share.index], &share.value.expose()[..]].concat();
    let shares = Zeroizing::new(shares.iter().map(bytes).collect::<Vec<_>>());
    let combined = Gf256::combine_bytes(&*shares).map_err(|_| CryptoError::InvalidLength)?;
    let combined = Zeroizing::new(combined);
    if combined.len() != N {
        return Err(CryptoError::InvalidLength);
    }
    secret.copy_from_slice(&combined);
    Ok(())
}

/// The generator of this crate in the form that `vsss-rs` takes, which has no way to fail; that it did is remembered.
struct Coefficients {
    failed: bool,
}

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= rand::fill(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The field once more, as slowly as it is defined.
    fn times(mut a: u8, b: u8) -> u8 {
        let mut product = 0;
        for bit in 0..8 {
            if b >> bit & 1 == 1 {
                product ^= a;
            }
            a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        }
        product
    }

    fn inverse(a: u8) -> u8 {
        (1..=255).find(|b| times(a, *b) == 1).unwrap()
    }

    /// The value at `x` of the polynomial of lowest degree through `points`.
    fn interpolated(points: &[(u8, u8)], x: u8) -> u8 {
        let term = |&(xi, yi): &(u8, u8)| {
            let others = points.iter().filter(|(xj, _)| *xj != xi);
            others.fold(yi, |term, (xj, _)| times(term, times(x ^ xj, inverse(xi ^ xj))))
        };
        points.iter().map(term).fold(0, |sum, term| sum ^ term)
    }

    fn combined(shares: &[Share<32>]) -> [u8; 32] {
        let mut secret = [0; 32];
        combine(&shares.iter().collect::<Vec<_>>(), &mut secret).unwrap();
        secret
    }

    fn copy(share: &Share<32>) -> Share<32> {
        Share { index: share.index, value: Secret::copied_from(share.value.expose()).unwrap() }
    }

    #[test]
    fn every_three_of_five_give_the_secret_in_any_order() {
        let secret = std::array::from_fn(|i| u8::try_from(i * 7).unwrap());
        let shares = split(&secret, 3, 5).unwrap();
        assert_eq!(shares.iter().map(|share| share.index).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let mut triples = 0;
        for a in 0..5 {
            for b in 0..5 {
                for c in 0..5 {
                    if a != b && b != c && a != c {
                        let chosen = [a, b, c].map(|i| copy(&shares[i]));
                        assert_eq!(combined(&chosen), secret);
                        triples += 1;
                    }
                }
            }
        }
        assert_eq!(triples, 60);
        assert_eq!(combined(&shares), secret, "more than enough will do");
    }

    /// Against the definition, in both directions.
    #[test]
    fn shares_lie_on_a_polynomial_through_the_secret() {
        let secret = [0xa7; 32];
        let shares = split(&secret, 3, 5).unwrap();
        for (i, byte) in secret.iter().enumerate() {
            let points: Vec<_> = shares.iter().map(|share| (share.index, share.value.expose()[i])).collect();
            assert_eq!(interpolated(&points[..3], 0), *byte);
            assert_eq!(interpolated(&points[..3], points[4].0), points[4].1);
        }
        let by_hand = [(7, 1), (9, 2), (200, 3)];
        let made =
            by_hand.map(|(index, value)| Share { index, value: Secret::copied_from(&[value; 32]).unwrap() });
        assert_eq!(combined(&made), [interpolated(&by_hand, 0); 32]);
    }

    /// For every pair of shares and every secret there is one third share with which the pair gives that secret.
    #[test]
    fn two_shares_fit_every_secret_equally() {
        let shares = split(&[0x5c; 32], 3, 5).unwrap();
        for a in 0..5 {
            for b in a + 1..5 {
                let pair = [&shares[a], &shares[b]].map(|share| (share.index, share.value.expose()[0]));
                let third = (1..=5).find(|x| pair.iter().all(|(used, _)| used != x)).unwrap();
                let mut seen = [false; 256];
                for guess in 0..=255 {
                    let value = interpolated(&[(0, guess), pair[0], pair[1]], third);
                    assert!(!seen[usize::from(value)]);
                    seen[usize::from(value)] = true;
                    let made = [pair[0], pair[1], (third, value)].map(|(index, value)| Share {
                        index,
                        value: Secret::<1>::copied_from(&[value]).unwrap(),
                    });
                    let mut secret = [0];
                    combine(&made.each_ref(), &mut secret).unwrap();
                    assert_eq!(secret, [guess]);
                }
            }
        }
    }

    /// Two shares alone, combined all the same, give each byte equally often whatever the secret is. If the highest
    /// coefficient were never 0, as a generator with a known flaw had it, the secret itself would never come.
    #[test]
    fn what_two_shares_give_is_uniform() {
        let (secret, rounds) = ([0x3d; 32], 4000);
        let mut counts = [0_u32; 256];
        for _ in 0..rounds {
            for byte in combined(&split(&secret, 3, 5).unwrap()[1..3]) {
                counts[usize::from(byte)] += 1;
            }
        }
        let expected = f64::from(rounds) * 32.0 / 256.0;
        let square = |count: u32| (f64::from(count) - expected).powi(2) / expected;
        let chi_square: f64 = counts.iter().map(|count| square(*count)).sum();
        // 255 degrees of freedom: mean 255, deviation 22.6. The bounds are more than eight deviations away.
        assert!((100.0..440.0).contains(&chi_square), "{chi_square}");
        assert!(counts[0x3d] > 300, "{} of about {expected}", counts[0x3d]);
    }

    #[test]
    fn impossible_demands_are_refused() {
        for (threshold, count) in [(0, 5), (1, 5), (6, 5), (2, 1), (3, 0)] {
            assert_eq!(split(&[0; 32], threshold, count).unwrap_err(), CryptoError::InvalidLength);
        }
        assert_eq!(split(&[0; 32], 255, 255).unwrap().len(), 255);
        let shares = split(&[1; 32], 2, 3).unwrap();
        let mut secret = [0; 32];
        for wrong in [
            vec![],
            vec![copy(&shares[0])],
            vec![copy(&shares[0]), copy(&shares[0])],
            vec![Share { index: 0, ..copy(&shares[0]) }, copy(&shares[1])],
        ] {
            assert_eq!(
                combine(&wrong.iter().collect::<Vec<_>>(), &mut secret),
                Err(CryptoError::InvalidLength)
            );
        }
    }
}
