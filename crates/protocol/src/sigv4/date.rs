//! The time in a signature: `YYYYMMDDTHHMMSSZ`, UTC, to the second.
//!
//! Not a clock, and no other spelling of ISO 8601. The calendar is the proleptic Gregorian one, from 1970 to
//! 9999; a second 60 is no time here, as SDKs never send one.

use std::fmt;

use crate::Timestamp;

/// A moment to the second, with its one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmzDate {
    /// 16 ASCII characters.
    text: Box<str>,
    epoch_s: i64,
}

impl AmzDate {
    /// Reads exactly `YYYYMMDDTHHMMSSZ`, a moment that the calendar has. `None` for everything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != TEXT_LEN || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[4..6])?, digits(&bytes[6..8])?);
        let (hour, minute, second) =
            (digits(&bytes[9..11])?, digits(&bytes[11..13])?, digits(&bytes[13..15])?);
        let is_valid = year >= 1970
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        let epoch_s = days_since_epoch(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60 + second;
        is_valid.then(|| Self { text: text.into(), epoch_s })
    }

    /// The second in which `moment` lies; the nearest one there is if that is before 1970 or after 9999.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        let epoch_s = moment.epoch_ms().div_euclid(1000).clamp(0, EPOCH_S_MAX);
        let (year, month, day) = civil(epoch_s / S_PER_DAY);
        let second = epoch_s % S_PER_DAY;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let text = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z").into();
        Self { text, epoch_s }
    }

    /// `YYYYMMDDTHHMMSSZ`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `YYYYMMDD`, as in a credential scope.
    #[must_use]
    pub fn day(&self) -> &str {
        &self.text[..DAY_LEN]
    }

    /// The start of this second.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from_epoch_ms(self.epoch_s * 1000)
    }
}

impl fmt::Display for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A decimal number of ASCII digits alone, few enough not to overflow.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1 January 1970 to 1 January of `year`, from 1970 on.
fn days_before_year(year: i64) -> i64 {
    let leap_years_before = |year: i64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    (year - 1970) * 365 + leap_years_before(year) - leap_years_before(1970)
}

fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    days_before_year(year) + (1..month).map(|month| days_in_month(year, month)).sum::<i64>() + day - 1
}

/// Year, month and day of a number of days since the epoch, which is not negative.
fn civil(days: i64) -> (i64, i64, i64) {
    // At most one too late, as no year is longer than 366 days and every 400 have 146,097.
    let mut year = 1970 + days * 400 / 146_097;
    while days_before_year(year) > days {
        year -= 1;
    }
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    let (mut month, mut day) = (1, days - days_before_year(year));
    while day >= days_in_month(year, month) {
        day -= days_in_month(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

const TEXT_LEN: usize = 16;
pub(super) const DAY_LEN: usize = 8;
const S_PER_DAY: i64 = 24 * 60 * 60;
/// 31 December 9999, 23:59:59.
const EPOCH_S_MAX: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_real_moments() {
        for (text, epoch_s) in [
            ("19700101T000000Z", 0),
            ("20000229T235959Z", 951_868_799),
            ("20150830T123600Z", 1_440_938_160),
            ("21000228T120000Z", 4_107_499_200),
            ("99991231T235959Z", EPOCH_S_MAX),
        ] {
            let date = AmzDate::parse(text).unwrap();
            assert_eq!(date.timestamp().epoch_ms(), epoch_s * 1000, "{text}");
            assert_eq!(AmzDate::at(Timestamp::from_epoch_ms(epoch_s * 1000 + 999)), date);
            assert_eq!((date.as_str(), date.day()), (text, &text[..8]));
        }
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20150830T123600z",
            "20150830t123600Z",
            "20150830T123600ZZ",
            " 20150830T123600Z",
            "2015-08-30T12:36:00Z",
            "20150830T1236 0Z",
            "+0150830T123600Z",
            "20150830T12360０Z",
            "19691231T235959Z",
            "20150030T123600Z",
            "20151330T123600Z",
            "20150800T123600Z",
            "20150832T123600Z",
            "20150931T123600Z",
            "20150229T123600Z",
            "21000229T123600Z",
            "20150830T243600Z",
            "20150830T126000Z",
            "20150630T235960Z",
        ] {
            assert_eq!(AmzDate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_round_trips() {
        let mut days = 0;
        for year in 1970..10_000 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_since_epoch(year, month, day), days);
                    assert_eq!(civil(days), (year, month, day));
                    days += 1;
                }
            }
        }
        assert_eq!(days * S_PER_DAY - 1, EPOCH_S_MAX);
    }

    #[test]
    fn the_ends_of_time() {
        assert_eq!(AmzDate::at(Timestamp::from_epoch_ms(i64::MIN)).as_str(), "19700101T000000Z");
        assert_eq!(AmzDate::at(Timestamp::from_epoch_ms(i64::MAX)).as_str(), "99991231T235959Z");
    }
}
