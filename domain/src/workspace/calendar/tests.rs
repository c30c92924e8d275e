use chrono::{TimeZone, Timelike};
use proptest::prelude::*;

use super::*;
use crate::kernel::fault::Faults;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// `09:00-13:00 14:00-18:00`.
fn spans(text: &str) -> Vec<Span> {
    let pieces = text.split_whitespace().map(|piece| piece.split_once('-').unwrap());
    pieces.map(|(from, to)| Span { from: from.to_owned(), to: to.to_owned() }).collect()
}

fn hours(text: &str) -> Hours {
    let mut faults = Faults::default();
    let hours = Hours::read("", &spans(text), &mut faults);
    faults.into_result().unwrap();
    hours
}

fn week(days: [&str; 7]) -> Week {
    let days = days.map(spans);
    let [a, b, c, d, e, f, g] = &days;
    let mut faults = Faults::default();
    let week = Week::read("", [a, b, c, d, e, f, g], &mut faults);
    faults.into_result().unwrap();
    week.unwrap()
}

fn holidays(days: &[(&str, &str)]) -> Vec<(NaiveDate, Hours)> {
    days.iter().map(|(day, text)| (day.parse().unwrap(), hours(text))).collect()
}

const HOUR: i64 = 3_600;

#[test]
fn office_hours_with_holidays_and_a_worked_saturday() {
    let free = [("2026-12-25", ""), ("2026-12-26", "10:00-12:30"), ("2026-12-24", "09:00-13:00")];
    let calendar = Calendar::new(chrono_tz::Europe::Amsterdam, &Week::default(), &holidays(&free));
    assert_eq!(calendar.day_seconds(), 9 * HOUR);
    // Times of the clock there are an hour more.
    for (from, to, seconds) in [
        // Wednesday 08:30 to 10:15.
        ("2026-12-02T07:30:00Z", "2026-12-02T09:15:00Z", HOUR + HOUR / 4),
        // Friday noon to Monday noon.
        ("2026-12-04T11:00:00Z", "2026-12-07T11:00:00Z", 9 * HOUR),
        // Christmas week from Monday to Sunday: three whole days, a short one, none, a short Saturday.
        ("2026-12-20T23:00:00Z", "2026-12-27T23:00:00Z", 27 * HOUR + 4 * HOUR + 9_000),
        ("2026-12-24T12:00:00Z", "2026-12-26T09:00:00Z", 0),
        ("2026-12-26T10:00:00Z", "2026-12-26T09:00:00Z", 0),
        // The whole of 2026: 261 weekdays, the 24th short, the 25th free, a Saturday of 2.5 hours.
        ("2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z", 259 * 9 * HOUR + 4 * HOUR + 9_000),
    ] {
        assert_eq!(calendar.working_seconds(at(from), at(to)), seconds, "{from} {to}");
    }
    for (from, seconds, expected) in [
        // Friday 17:00: what fills the day ends as it closes, a second more on Monday.
        ("2026-12-04T16:00:00Z", HOUR, "2026-12-04T17:00:00Z"),
        ("2026-12-04T16:00:00Z", HOUR + 1, "2026-12-07T08:00:01Z"),
        // On a Sunday it begins on Monday.
        ("2026-12-06T12:00:00Z", 2 * HOUR, "2026-12-07T10:00:00Z"),
        ("2026-12-06T12:00:00Z", 0, "2026-12-06T12:00:00Z"),
        ("2026-12-06T12:00:00Z", -5, "2026-12-06T12:00:00Z"),
        // From the eve on: 4 hours, then 2.5 on the Saturday, then Monday.
        ("2026-12-24T08:00:00Z", 4 * HOUR + 9_000 + 60, "2026-12-28T08:01:00Z"),
        // A hundred working days, from Monday on: twenty weeks.
        ("2026-01-05T08:00:00Z", 900 * HOUR, "2026-05-22T16:00:00Z"),
    ] {
        assert_eq!(calendar.after(at(from), seconds), at(expected), "{from} {seconds}");
    }
    for (to, seconds, expected) in [
        ("2026-12-07T09:00:00Z", HOUR, "2026-12-04T17:00:00Z"),
        ("2026-12-07T09:00:00Z", HOUR - 1, "2026-12-07T08:00:01Z"),
        ("2026-12-07T09:00:00Z", 10 * HOUR, "2026-12-03T17:00:00Z"),
        ("2026-12-06T12:00:00Z", 0, "2026-12-04T17:00:00Z"),
    ] {
        assert_eq!(calendar.before(at(to), seconds), at(expected), "{to} {seconds}");
    }
}

#[test]
fn the_clock_decides_on_the_days_when_it_changes() {
    let always = week(["00:00-24:00"; 7]);
    let night = week(["01:00-03:30"; 7]);
    for (zone, spring, autumn) in [
        // Local midnights around the Sundays in 2026.
        (
            chrono_tz::Europe::Amsterdam,
            ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ),
        (
            chrono_tz::America::New_York,
            ("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
            ("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
        ),
        (
            chrono_tz::Australia::Sydney,
            ("2026-10-03T14:00:00Z", "2026-10-04T13:00:00Z"),
            ("2026-04-04T13:00:00Z", "2026-04-05T14:00:00Z"),
        ),
    ] {
        let day = |week: &Week, (from, to): (&str, &str)| {
            Calendar::new(zone, week, &[]).working_seconds(at(from), at(to))
        };
        assert_eq!(day(&always, spring), 23 * HOUR, "{zone}");
        assert_eq!(day(&always, autumn), 25 * HOUR, "{zone}");
        // The hour from 2 to 3 is skipped, and shown twice; in New York it is that from 1 to 2.
        assert_eq!(day(&night, spring), 3 * HOUR / 2, "{zone}");
        assert_eq!(day(&night, autumn), 7 * HOUR / 2, "{zone}");
        // Ordinary office hours do not notice.
        assert_eq!(day(&week(["09:00-18:00"; 7]), spring), 9 * HOUR, "{zone}");
        assert_eq!(day(&week(["09:00-18:00"; 7]), autumn), 9 * HOUR, "{zone}");
    }
    // Lord Howe Island's clock changes by half an hour only.
    let zone = chrono_tz::Australia::Lord_Howe;
    let calendar = Calendar::new(zone, &always, &[]);
    let day = |from, to| calendar.working_seconds(at(from), at(to));
    assert_eq!(day("2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"), 47 * HOUR / 2);
    // Samoa left out 30 December 2011.
    let calendar = Calendar::new(chrono_tz::Pacific::Apia, &Week::default(), &[]);
    let (thursday, saturday) = (at("2011-12-29T10:00:00Z"), at("2011-12-31T10:00:00Z"));
    assert_eq!(calendar.working_seconds(thursday, saturday), 9 * HOUR);
}

#[test]
fn hours_are_read_strictly() {
    let faults = |text: &str| {
        let mut faults = Faults::default();
        Hours::read("/hours", &spans(text), &mut faults);
        let faults = faults.into_inner();
        faults
            .into_iter()
            .map(|fault| format!("{} {}", fault.pointer, fault.code))
            .collect::<Vec<_>>()
    };
    assert!(faults("14:00-18:00 09:00-13:00 13:00-14:00 18:00-24:00").is_empty());
    assert_eq!(faults("9:00-18:00"), ["/hours/0/from invalid_time"]);
    assert_eq!(faults("09:00-18:60"), ["/hours/0/to invalid_time"]);
    assert_eq!(faults("09:00-24:01"), ["/hours/0/to invalid_time"]);
    assert_eq!(faults("+9:00-1é:00"), ["/hours/0/from invalid_time", "/hours/0/to invalid_time"]);
    assert_eq!(
        faults("18:00-09:00 10:00-10:00"),
        ["/hours/0/to out_of_order", "/hours/1/to out_of_order"]
    );
    assert_eq!(faults("13:00-18:00 09:00-13:01"), ["/hours/0 overlapping"]);
    assert_eq!(faults(&"09:00-10:00 ".repeat(25)), ["/hours too_many"]);
    let mut faults = Faults::default();
    assert_eq!(Week::read("/hours", [&[]; 7], &mut faults), None);
    let faults = faults.into_inner();
    assert_eq!((faults[0].pointer.as_str(), faults[0].code), ("/hours", "no_working_time"));
}

#[test]
fn no_instant_and_no_length_is_too_far() {
    let calendars = [Week::default(), week(["", "", "", "12:00-12:01", "", "", ""])];
    let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    for calendar in calendars.map(|week| {
        let holidays = holidays(&[("1970-01-01", "00:00-24:00"), ("9999-12-31", "")]);
        Calendar::new(chrono_tz::Europe::Amsterdam, &week, &holidays)
    }) {
        assert!(calendar.working_seconds(first, last) > 0);
        assert_eq!(calendar.working_seconds(last, first), 0);
        assert_eq!(calendar.after(first, i64::MAX), last);
        assert_eq!(calendar.after(last, 1), last);
        assert_eq!(calendar.before(last, i64::MAX), first);
        assert!(calendar.before(first, 1) <= first);
    }
}

fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        chrono_tz::Europe::Amsterdam,
        chrono_tz::America::New_York,
        // Changes at midnight, back to 23:00 of the day before.
        chrono_tz::America::Sao_Paulo,
        // Sets the clock back to midnight.
        chrono_tz::America::Havana,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::Pacific::Apia,
        chrono_tz::Africa::Casablanca,
        chrono_tz::Asia::Kathmandu,
        chrono_tz::UTC,
    ])
}

/// Instants of years with changes in all of these zones, to the second.
fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    (1_262_304_000..1_356_998_400_i64)
        .prop_map(|second| DateTime::from_timestamp(second, 0).unwrap())
}

fn given_hours() -> impl Strategy<Value = String> {
    let free = Just(String::new());
    let some = prop::sample::select(vec![
        "09:00-18:00",
        "00:00-24:00",
        "08:30-12:15 13:00-17:45",
        "00:00-03:00 22:00-24:00",
        "01:30-02:30",
        "23:59-24:00",
    ]);
    prop_oneof![1 => free, 3 => some.prop_map(str::to_owned)]
}

/// A calendar as it is given: for ours and for counting by hand.
#[derive(Debug, Clone)]
struct Given {
    zone: Tz,
    week: [String; 7],
    holidays: Vec<(NaiveDate, String)>,
}

impl Given {
    fn calendar(&self) -> Calendar {
        let week = week(self.week.each_ref().map(String::as_str));
        let holidays: Vec<_> =
            self.holidays.iter().map(|(day, text)| (*day, hours(text))).collect();
        Calendar::new(self.zone, &week, &holidays)
    }

    /// Whether the clock shows a working hour at an instant, by the definition.
    fn works(&self, at: DateTime<Utc>) -> bool {
        let clock = self.zone.from_utc_datetime(&at.naive_utc());
        let (day, time) = (clock.date_naive(), clock.time().format("%H:%M").to_string());
        let other = self.holidays.iter().find(|(holiday, _)| *holiday == day);
        let weekday = usize::try_from(day.weekday().num_days_from_monday()).unwrap();
        let text = other.map_or(&self.week[weekday], |(_, text)| text);
        spans(text).iter().any(|span| span.from <= time && time < span.to)
    }
}

fn given() -> impl Strategy<Value = (Given, DateTime<Utc>)> {
    let week = prop::array::uniform7(given_hours())
        .prop_filter("something is worked", |week| week.iter().any(|text| !text.is_empty()));
    let near = prop::collection::btree_map(-3..9_i64, given_hours(), 0..4);
    (zones(), week, instants(), near, any::<bool>()).prop_map(|(zone, week, at, near, change)| {
        // Half of the time it is about a change of the clock.
        let seconds = at.timestamp();
        let changes = zone::changes(zone);
        let next = changes.iter().find(|(change, _)| *change > seconds).filter(|_| change);
        let at = match next {
            Some((change, _)) => DateTime::from_timestamp(change - seconds % 200_000, 0).unwrap(),
            None => at,
        };
        let day = at.date_naive();
        let holidays =
            near.into_iter().map(|(days, text)| (day + TimeDelta::days(days), text)).collect();
        (Given { zone, week, holidays }, at)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn working_time_is_the_sum_of_its_minutes((given, at) in given(), minutes in 0..4_000_i64) {
        let from = at.with_second(0).unwrap();
        let works = |minute: &i64| given.works(from + TimeDelta::minutes(*minute));
        let counted = i64::try_from((0..minutes).filter(works).count()).unwrap();
        let to = from + TimeDelta::minutes(minutes);
        prop_assert_eq!(given.calendar().working_seconds(from, to), counted * 60);
    }
}

proptest! {
    #[test]
    fn working_time_adds_up((given, at) in given(), days in 0..900_i64, one in 0..9_000_000_i64, more in 0..9_000_000_i64) {
        let calendar = given.calendar();
        let from = at - TimeDelta::days(days);
        let middle = from + TimeDelta::seconds(one);
        let to = middle + TimeDelta::seconds(more);
        let (first, second) = (calendar.working_time(from, middle), calendar.working_time(middle, to));
        prop_assert_eq!(first + second, calendar.working_time(from, to));
        prop_assert!(second <= to - middle && second >= TimeDelta::zero());
        prop_assert_eq!(calendar.working_time(to, from), TimeDelta::zero());
    }

    #[test]
    fn after_and_before_are_the_first_instants((given, at) in given(), seconds in 0..9_000_000_i64, few in 0..90_000_i64) {
        let calendar = given.calendar();
        let step = TimeDelta::microseconds(1);
        for seconds in [seconds, few, 0] {
            let (length, end) = (TimeDelta::seconds(seconds), calendar.after(at, seconds));
            prop_assert_eq!(calendar.working_time(at, end), length);
            prop_assert!(end == at || calendar.working_time(at, end - step) < length);
            // In two steps or in one; and never back.
            prop_assert_eq!(calendar.after(calendar.after(at, few), seconds), calendar.after(at, few + seconds));
            prop_assert!(calendar.after(at + step, seconds) >= end);

            let begin = calendar.before(at, seconds);
            prop_assert_eq!(calendar.working_time(begin, at), length);
            prop_assert!(calendar.working_time(begin - step, at) > length);
            prop_assert!(calendar.before(at + step, seconds) >= begin);
        }
    }

    #[test]
    fn what_was_worked_is_over_by_then((given, at) in given(), seconds in 0..9_000_000_i64) {
        let calendar = given.calendar();
        let to = at + TimeDelta::seconds(seconds);
        let worked = calendar.working_seconds(at, to);
        let end = calendar.after(at, worked);
        prop_assert!(end <= to);
        prop_assert_eq!(calendar.working_seconds(end, to), 0);
        prop_assert!(calendar.before(to, worked) <= at);
    }

    #[test]
    fn changes_of_the_clock_are_all_known(zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()), seconds in prop::collection::vec(0..4_200_000_000_i64, 50)) {
        let changes = zone::changes(zone);
        for second in seconds {
            let at: DateTime<Utc> = DateTime::from_timestamp(second, 0).unwrap();
            let clock = zone.from_utc_datetime(&at.naive_utc()).naive_local();
            let upto = changes.partition_point(|(change, _)| *change <= second);
            prop_assert_eq!(changes[upto - 1].1, (clock - at.naive_utc()).num_seconds(), "{} {}", zone, at);
        }
    }
}
