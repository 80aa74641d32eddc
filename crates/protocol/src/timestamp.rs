//! A moment in time, as the JSON 1.1 protocol of AWS carries it: a number of seconds since the Unix epoch,
//! fractions allowed.
//!
//! Not a clock (it never asks what time it is) and not a calendar.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment, in whole milliseconds since the Unix epoch (UTC, leap seconds not counted).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment this many milliseconds after the epoch.
    #[must_use]
    pub fn from_epoch_ms(epoch_ms: i64) -> Self {
        Self(epoch_ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn epoch_ms(self) -> i64 {
        self.0
    }

    /// The moment `days` times 24 hours later; stays at the end of time if that is beyond it.
    #[must_use]
    pub fn plus_days(self, days: u16) -> Self {
        Self(self.0.saturating_add(i64::from(days) * MS_PER_DAY))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % MS_PER_SECOND == 0 {
            return serializer.serialize_i64(self.0 / MS_PER_SECOND);
        }
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 ms, some 285,000 years")]
        serializer.serialize_f64(self.0 as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if seconds.abs() > SECONDS_MAX {
            return Err(de::Error::custom("a timestamp out of range"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "within ±SECONDS_MAX, and rounded")]
        Ok(Self((seconds * 1000.0).round() as i64))
    }
}

const MS_PER_SECOND: i64 = 1000;
const MS_PER_DAY: i64 = 24 * 60 * 60 * MS_PER_SECOND;
/// 31 December 9999, the end of the calendars that clients use.
const SECONDS_MAX: f64 = 253_402_300_799.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_seconds() {
        let whole = Timestamp::from_epoch_ms(1_700_000_000_000);
        assert_eq!(serde_json::to_string(&whole).unwrap(), "1700000000");
        let fraction = Timestamp::from_epoch_ms(1_700_000_000_123);
        assert_eq!(serde_json::to_string(&fraction).unwrap(), "1700000000.123");
        for (text, moment) in [("1700000000", whole), ("1700000000.123", fraction), ("1.7e9", whole)] {
            assert_eq!(serde_json::from_str::<Timestamp>(text).unwrap(), moment);
        }
        assert!(serde_json::from_str::<Timestamp>("1e300").is_err());
        assert!(serde_json::from_str::<Timestamp>("\"2024-01-01\"").is_err());
    }
}
