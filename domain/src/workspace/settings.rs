//! The tenant: its currency, its zone, and who sees whose deals.

use chrono::{
    DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::kernel::{contact_point::Country, money::Currency};

/// Who sees whose deals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DealVisibility {
    /// Sellers see their own deals, heads their departments'.
    ByRole,
    /// Everybody in the workspace sees every deal.
    Everyone,
}

/// For how many days posts of integrations and recordings of calls are kept, where nothing else is said; and at most.
pub const RAW_EVENT_DAYS: i32 = 90;
pub const RECORDING_DAYS: i32 = 180;
pub const MOST_DAYS_KEPT: i32 = 3_650;

/// What a command needs to know of its workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub currency: Currency,
    pub time_zone: Tz,
    pub deal_visibility: DealVisibility,
    /// Whose national phone numbers are understood.
    pub country: Option<Country>,
    /// New deals of every type have to say what their clients first wanted.
    pub require_primary_demand: bool,
}

impl Settings {
    /// The calendar day of an instant in the workspace's zone.
    pub fn day(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.time_zone).date_naive()
    }

    /// The instant at which a day begins in the workspace's zone.
    pub fn day_start(&self, day: NaiveDate) -> DateTime<Utc> {
        to_instant(self.time_zone, day.and_time(NaiveTime::MIN))
    }

    /// The instants `[from, to)` that cover the days `from..=to`.
    pub fn days(&self, from: NaiveDate, to: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
        let after = to.checked_add_days(Days::new(1)).unwrap_or(to);
        (self.day_start(from), self.day_start(after))
    }
}

/// A wall-clock time as an instant. A time that the clock shows twice is its first showing; one that
/// the clock skips in spring is moved on by the hour that it skipped.
pub fn to_instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => instant.to_utc(),
        LocalResult::None => {
            let before = local.checked_sub_signed(TimeDelta::hours(3)).unwrap_or(local);
            let instant = zone.from_local_datetime(&before).earliest();
            instant
                .and_then(|instant| instant.to_utc().checked_add_signed(TimeDelta::hours(3)))
                .unwrap_or_else(|| local.and_utc())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_zone_through_both_clock_changes() {
        let settings = Settings {
            currency: Currency::parse("EUR").unwrap(),
            time_zone: chrono_tz::Europe::Amsterdam,
            deal_visibility: DealVisibility::ByRole,
            country: None,
            require_primary_demand: false,
        };
        let hours = |day: &str| {
            let day = day.parse().unwrap();
            let (from, to) = settings.days(day, day);
            (to - from).num_hours()
        };
        assert_eq!((hours("2026-03-29"), hours("2026-10-25"), hours("2026-06-01")), (23, 25, 24));
        let skipped = "2026-03-29T02:30:00".parse().unwrap();
        assert_eq!(
            to_instant(settings.time_zone, skipped).to_rfc3339(),
            "2026-03-29T01:30:00+00:00"
        );
    }
}
