//! Times as people read and type them: UTC, ISO 8601. The days-and-dates arithmetic is
//! Howard Hinnant's ("chrono-compatible low-level date algorithms").

use base::Timestamp;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// `2026-11-20 10:47:15`, in UTC.
pub(crate) fn shown(at: &Timestamp) -> String {
    let (date, time) = parts(*at);
    format!("{date} {time}")
}

/// `2026-11-20T10:47:15Z`, for machines.
pub(crate) fn exact(at: &Timestamp) -> String {
    let (date, time) = parts(*at);
    format!("{date}T{time}Z")
}

/// The first moment of the day `YYYY-MM-DD`, in UTC.
pub(crate) fn day(text: &str) -> Option<Timestamp> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let date = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let days = days_of(date);
    // What does not come back as it went in (31 April) is no date.
    (date_of(days) == date).then_some(Timestamp(days * DAY))
}

/// The moment a day later.
pub(crate) fn day_after(at: Timestamp) -> Timestamp {
    Timestamp(at.0.saturating_add(DAY))
}

fn parts(at: Timestamp) -> (String, String) {
    let (year, month, day) = date_of(at.0.div_euclid(DAY));
    let seconds = at.0.rem_euclid(DAY) / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    (format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}"))
}

/// Days since 1970-01-01 to (year, month, day).
fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_of((year, month, day): (i64, i64, i64)) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_they_are() {
        assert_eq!(shown(&Timestamp(0)), "1970-01-01 00:00:00");
        assert_eq!(shown(&Timestamp(951_782_400_000)), "2000-02-29 00:00:00");
        assert_eq!(exact(&Timestamp(1_795_171_635_999)), "2026-11-20T10:47:15Z");
        assert_eq!(shown(&Timestamp(-1)), "1969-12-31 23:59:59");
    }

    #[test]
    fn days_come_back_as_they_went_in() {
        for (text, at) in [("1970-01-01", 0), ("2000-02-29", 951_782_400_000)] {
            assert_eq!(day(text), Some(Timestamp(at)));
        }
        for date in (-800_000..800_000).step_by(97) {
            assert_eq!(days_of(date_of(date)), date);
        }
        for wrong in ["", "2026", "2026-04-31", "2025-02-29", "2026-1-1", "2026-01-01-01", "x-y-z"]
        {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}
