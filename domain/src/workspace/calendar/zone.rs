//! When a zone's clock is set forward or back.

use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// 1970-01-01 to 2101-01-01, in seconds. The zones have no rules for later, and none are needed for
/// earlier.
const FIRST: i64 = 0;
const LAST: i64 = 4_133_980_800;
/// No clock has been set twice, since 1970, in less than a week.
const STEP: usize = 5 * 86_400;

/// The instants, in seconds, at which the difference to UTC changes, with the difference from then on.
/// The first one stands for all of the time before.
pub(super) fn changes(zone: Tz) -> Vec<(i64, i64)> {
    let offset = |second: i64| {
        let utc: DateTime<Utc> = DateTime::from_timestamp(second, 0).unwrap_or_default();
        i64::from(zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc())
    };
    let mut known = offset(FIRST);
    let mut changes = vec![(FIRST, known)];
    let mut before = FIRST;
    for second in (FIRST..LAST).step_by(STEP) {
        let now = offset(second);
        if now != known {
            // Between `same`, when it is still as before, and `other`.
            let (mut same, mut other) = (before, second);
            while other - same > 1 {
                let middle = same + (other - same) / 2;
                if offset(middle) == known { same = middle } else { other = middle }
            }
            changes.push((other, now));
            known = now;
        }
        before = second;
    }
    changes
}
