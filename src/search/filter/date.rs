//! Dates as ISO 8601 writes them.

use serde_json::Value;

/// A stretch of time in milliseconds since 1970, UTC: a year, month, day, minute, second or millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Its first millisecond.
    pub start: i64,
    /// The first one after it.
    pub end: i64,
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Date {
    /// Reads `2024`, `2024-05`, `2024-05-01`, `2024-05-01T12:30`, with seconds and a fraction of them, and
    /// `Z` or `+02:00` behind the time; UTC if neither is given. `None` if it is no such date.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, time) = match text.split_once(['T', 't']) {
            Some((day, time)) => (day, Some(time)),
            None => (text, None),
        };
        let mut parts = day.split('-');
        let year = number(parts.next()?, 4)?;
        let month = parts.next().map(|p| number(p, 2));
        let date = parts.next().map(|p| number(p, 2));
        if parts.next().is_some() {
            return None;
        }
        let (month, date) = match (month, date) {
            (None, _) => {
                return whole(time, days(year, 1, 1)?, days(year + 1, 1, 1)?);
            }
            (Some(month), None) => {
                let month = month?;
                let (y, m) = if month == 12 {
                    (year + 1, 1)
                } else {
                    (year, month + 1)
                };
                return whole(time, days(year, month, 1)?, days(y, m, 1)?);
            }
            (Some(month), Some(date)) => (month?, date?),
        };
        let midnight = days(year, month, date)? * DAY;
        let Some(time) = time else {
            return Some(Self {
                start: midnight,
                end: midnight + DAY,
            });
        };
        let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
            Some(at) => (&time[..at], offset(&time[at..])?),
            None => (time, 0),
        };
        let (since, lasts) = of_day(clock)?;
        let start = midnight + since - zone;
        Some(Self {
            start,
            end: start + lasts,
        })
    }

    /// The date a value of metadata stands for.
    pub(super) fn of(value: &Value) -> Option<Self> {
        value.as_str().and_then(Self::parse)
    }
}

/// From a day to another, if no time of day is given.
fn whole(time: Option<&str>, from: i64, to: i64) -> Option<Date> {
    time.is_none().then_some(Date {
        start: from * DAY,
        end: to * DAY,
    })
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Milliseconds since midnight, and how many the given precision leaves open.
fn of_day(clock: &str) -> Option<(i64, i64)> {
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if hour > 23 || minute > 59 {
        return None;
    }
    let minutes = (hour * 60 + minute) * MINUTE;
    let Some(seconds) = parts.next() else {
        return Some((minutes, MINUTE));
    };
    let (whole, fraction) = match seconds.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (seconds, None),
    };
    let second = number(whole, 2)?;
    // A leap second counts as the last one of its minute.
    let millis = minutes + second.min(59) * 1000;
    if second > 60 {
        return None;
    }
    let Some(fraction) = fraction else {
        return Some((millis, 1000));
    };
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: String = fraction.chars().chain("00".chars()).take(3).collect();
    Some((millis + thousandths.parse::<i64>().ok()?, 1))
}

/// Milliseconds that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.get(1..)?.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits, 2)?, 0),
        4 => (number(digits.get(..2)?, 2)?, number(digits.get(2..)?, 2)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * MINUTE)
}

/// Days since 1970-01-01 in the Gregorian calendar, or `None` if there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    // Years that begin in March, so that the leap day is the last one.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let until = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    Some(until + (153 * m + 2) / 5 + day - 1 - 719_468)
}
