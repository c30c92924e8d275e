//! Descriptions of processes, amounts, days and instants, as people and files give them.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::{collection::vec, option, prelude::*, sample::select};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::world::{FIELDS, NO_FIELDS};
use crate::{
    import::{DateFormat, parse_date, parse_instant},
    kernel::money::{Currency, format_amount, parse_amount},
    process::{Mode, Process, StageDraft, alignment::Alignment, gate::Draft, publish},
    workspace::settings::{DealVisibility, Settings, to_instant},
};

fn draft() -> impl Strategy<Value = StageDraft> {
    let taken = || select(vec!["offer", "offer_2", "offer_3", "stage_1", "stage_2", "stage_3"]);
    let key = prop_oneof![40 => taken().prop_map(str::to_owned), 1 => "\\PC{0,70}"];
    let name = prop_oneof![
        40 => select(vec!["Offer", "offer", "Offer 2", "Offer-3", "Договор", "Stage 3", "7", "a"])
            .prop_map(str::to_owned),
        4 => "[A-Za-z0-9][A-Za-z0-9 ]{0,90}",
        1 => "\\PC{0,210}",
    ];
    let number = || {
        prop_oneof![
            40 => (1..=10_000_i64).prop_map(|n| Decimal::new(n, 4)),
            1 => (any::<i64>(), 0..28_u32).prop_map(|(n, scale)| Decimal::new(n, scale)),
        ]
    };
    let required = select(&FIELDS[..]).prop_map(|field| Draft::Field { field });
    let (key, goal) = (option::weighted(0.1, key), option::of("\\PC{0,9}"));
    let numbers = (option::of(number()), option::of(number()));
    (key, name, goal, numbers, vec(required, 0..3)).prop_map(|(key, name, goal, numbers, gate)| {
        let (probability, norm_days) = numbers;
        StageDraft { key, name, goal, probability, norm_days, gate, ..StageDraft::default() }
    })
}

fn keys() -> impl Strategy<Value = Vec<&'static str>> {
    let keys = Just(vec!["a", "b", "c", "d", "e", "f", "g", "h"]).prop_shuffle();
    (keys, 0..=8_usize).prop_map(|(keys, length)| keys.into_iter().take(length).collect())
}

fn zone() -> impl Strategy<Value = Tz> {
    select(&TZ_VARIANTS[..])
}

/// Days of the years that matter, and the ends of the calendar.
fn day() -> impl Strategy<Value = NaiveDate> {
    let near =
        (0..47_000_u64).prop_map(|n| NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + Days::new(n));
    let first = (0..2_u64).prop_map(|n| NaiveDate::MIN + Days::new(n));
    let last = (0..2_u64).prop_map(|n| NaiveDate::MAX - Days::new(n));
    prop_oneof![3 => near, 1 => first, 2 => last]
}

fn local() -> impl Strategy<Value = NaiveDateTime> {
    (day(), 0..24_u32, 0..60_u32, 0..60_u32)
        .prop_map(|(day, hour, minute, second)| day.and_hms_opt(hour, minute, second).unwrap())
}

/// A zone, a time that its clock skips, and by how many minutes.
fn skipped() -> impl Strategy<Value = (Tz, NaiveDateTime, i64)> {
    let changes = select(vec![
        (chrono_tz::Europe::Amsterdam, "2026-03-29T02:00:00", 60),
        (chrono_tz::America::New_York, "2026-03-08T02:00:00", 60),
        (chrono_tz::America::Sao_Paulo, "2018-11-04T00:00:00", 60),
        (chrono_tz::Australia::Lord_Howe, "2026-10-04T02:00:00", 30),
    ]);
    (changes, 0..3_600_i64).prop_map(|((zone, start, minutes), second)| {
        let start: NaiveDateTime = start.parse().unwrap();
        (zone, start + TimeDelta::seconds(second * minutes / 60), minutes)
    })
}

/// A zone, a time that its clock shows twice, and how many minutes lie between.
fn repeated() -> impl Strategy<Value = (Tz, NaiveDateTime, i64)> {
    let changes = select(vec![
        (chrono_tz::Europe::Amsterdam, "2026-10-25T02:00:00", 60),
        (chrono_tz::America::New_York, "2026-11-01T01:00:00", 60),
        (chrono_tz::Australia::Lord_Howe, "2026-04-05T01:30:00", 30),
    ]);
    (changes, 0..3_600_i64).prop_map(|((zone, start, minutes), second)| {
        let start: NaiveDateTime = start.parse().unwrap();
        (zone, start + TimeDelta::seconds(second * minutes / 60), minutes)
    })
}

/// A format, with a way to write the same by other means.
fn format() -> impl Strategy<Value = (String, bool, bool)> {
    let separator = || select(vec!["-", "/", ".", " "]);
    let order = Just(vec!["YYYY", "MM", "DD"]).prop_shuffle();
    let time = select(vec!["", " HH:mm", " HH:mm:ss", "THH:mm:ss"]);
    (order, separator(), any::<bool>(), time).prop_map(|(order, separator, short, time)| {
        let date = order.join(separator);
        let date = if short { date.replace("MM", "M").replace("DD", "D") } else { date };
        (format!("{date}{time}"), short, time.contains("ss"))
    })
}

fn write(format: &str, at: NaiveDateTime, short: bool) -> String {
    let padded =
        |number: String| if short { number.trim_start_matches('0').into() } else { number };
    let text = format.replace("YYYY", &at.format("%Y").to_string());
    let text = text.replace("HH", &at.format("%H").to_string());
    let text = text.replace("mm", &at.format("%M").to_string());
    let text = text.replace("ss", &at.format("%S").to_string());
    let (month, day) = (at.format("%m").to_string(), at.format("%d").to_string());
    if short {
        text.replace('M', &padded(month)).replace('D', &padded(day))
    } else {
        text.replace("MM", &month).replace("DD", &day)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_published_is_a_process(
        mode in select(vec![Mode::Manual, Mode::Manual, Mode::Untracked, Mode::Automatic]),
        drafts in vec(draft(), 0..9),
    ) {
        published(mode, drafts);
    }

    #[test]
    fn names_alone_give_every_stage_its_own_key(
        names in vec(select(vec!["Offer", "offer!", "Offer 2", "Offer-3", "Offer 4", "7", "Stage 4"]), 1..9),
    ) {
        let named = |name: &str| StageDraft { name: name.to_owned(), ..StageDraft::default() };
        let drafts: Vec<_> = names.into_iter().map(named).collect();
        assert!(publish(Mode::Manual, drafts.clone(), vec![], &NO_FIELDS, Uuid::nil).is_ok());
        published(Mode::Manual, drafts);
    }

    #[test]
    fn a_process_has_1_to_50_stages(count in prop_oneof![0..4_usize, 46..54_usize]) {
        let draft = StageDraft { name: "Offer".into(), ..StageDraft::default() };
        let stages = publish(Mode::Manual, vec![draft; count], vec![], &NO_FIELDS, Uuid::nil);
        assert_eq!(stages.is_ok(), (1..=50).contains(&count));
    }

    #[test]
    fn versions_align(old in keys(), new in keys()) {
        aligned(&old, &new);
    }

    #[test]
    fn amounts_are_read_exactly(
        text in prop_oneof![
            "\\PC{0,8}",
            "-?[0-9.]{0,45}",
            "0{0,3}[0-9]{1,16}\\.[0-9]{0,6}0{0,40}",
            "0{0,20}[0-9]{0,16}\\.[0-9]{0,2}(0{0,40}|9{0,40})[0-9]{0,1}",
        ],
    ) {
        amount_is_exact(&text);
    }

    #[test]
    fn amounts_are_written_so_that_they_are_read_again(
        amount in (0..=9_999_999_999_999_999_999_i128, 0..=4_u32),
        currency in select(vec!["EUR", "JPY", "KWD", "CLF", "XAU"]),
    ) {
        let amount = Decimal::from_i128_with_scale(amount.0, 4).round_dp(amount.1);
        prop_assume!(amount < Decimal::from(1_000_000_000_000_000_i64));
        let currency = Currency::parse(currency).unwrap();
        let text = format_amount(amount, currency);
        assert_eq!(parse_amount("", &text), Ok(amount));
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert!(decimals >= usize::try_from(currency.decimals()).unwrap());
    }

    #[test]
    fn a_day_lasts_from_its_beginning_to_the_next(day in day(), zone in zone()) {
        days_follow(day, zone);
    }

    #[test]
    fn wall_clock_times_are_instants(local in local(), zone in zone()) {
        let instant = to_instant(zone, local);
        if let Some(first) = zone.from_local_datetime(&local).earliest() {
            assert_eq!(instant, first);
        }
    }

    #[test]
    fn times_that_the_clock_skips_are_moved_on((zone, local, minutes) in skipped()) {
        let shown = to_instant(zone, local).with_timezone(&zone).naive_local();
        assert_eq!(shown - local, TimeDelta::minutes(minutes));
        days_follow(local.date(), zone);
    }

    #[test]
    fn times_that_the_clock_shows_twice_are_the_first((zone, local, minutes) in repeated()) {
        let instant = to_instant(zone, local);
        let shown = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
        assert_eq!(shown(instant), local);
        assert_eq!(shown(instant + TimeDelta::minutes(minutes)), local);
        days_follow(local.date(), zone);
    }

    #[test]
    fn dates_are_read_as_they_are_written(
        local in local(),
        (format, short, seconds) in format(),
        zone in zone(),
    ) {
        date_is_read(local, &format, short, seconds, zone);
    }

    #[test]
    fn no_text_is_too_odd_for_a_date(
        format in prop_oneof![
            "\\PC{0,12}",
            "([YMDHms/. T%:-]|YYYY|MM|DD|HH|mm|ss|年){0,9}",
            "D\\.M\\.YYYY( HH:mm)?",
        ],
        text in prop_oneof![
            "\\PC{0,20}",
            "[+-]?[0-9]{1,7}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\\.[0-9]{1,12})?)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?",
            "[0-9]{1,2}\\.[0-9]{1,2}\\.[+-]?[0-9]{1,7}( [0-9]{1,2}:[0-9]{1,2})?",
            local().prop_map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()),
            local().prop_map(|at| at.format("%d.%m.%Y %H:%M").to_string()),
            (1_968..1_972).prop_map(|year| format!("{year}-01-01 00:30")),
            (9_998..10_002).prop_map(|year| format!("+{year}-01-01")),
        ],
        zone in zone(),
    ) {
        let format = DateFormat::parse(&format);
        for format in [format.as_ref(), None] {
            let instant = parse_instant(&text, format, zone);
            assert!(instant.is_none_or(|at| (0..=253_402_300_799).contains(&at.timestamp())));
            assert_eq!(parse_date(&text, format, zone).is_some(), instant.is_some());
        }
    }
}

fn published(mode: Mode, drafts: Vec<StageDraft>) {
    let given = drafts.clone();
    let mut id = 0;
    let ids = || {
        id += 1;
        Uuid::from_u128(id)
    };
    let stages = match publish(mode, drafts, vec![], &NO_FIELDS, ids) {
        Ok(published) => published.stages,
        Err(refusal) => return assert!(!refusal.faults().is_empty()),
    };
    assert_eq!(stages.len(), given.len());
    assert_eq!(stages.is_empty(), mode == Mode::Untracked);
    assert!(stages.len() <= 50);
    let runs_through = stages.iter().any(|stage| stage.gate.is_empty());
    assert!(mode != Mode::Automatic || !runs_through, "A gate for every stage.");
    let keys: BTreeSet<_> = stages.iter().map(|stage| &stage.key).collect();
    assert_eq!(keys.len(), stages.len(), "Keys are unique: {keys:?}");
    let ids: BTreeSet<_> = stages.iter().map(|stage| stage.id).collect();
    assert_eq!(ids.len(), stages.len());
    for (position, (stage, draft)) in (1..).zip(stages.iter().zip(given)) {
        assert_eq!(stage.position, position);
        assert!(!stage.name.is_empty() && stage.name == draft.name.trim());
        assert!(stage.key == *draft.key.as_ref().unwrap_or(&stage.key));
        assert!((1..=64).contains(&stage.key.len()));
        assert!(stage.key.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')));
        assert!((Decimal::ZERO..=Decimal::ONE).contains(&stage.probability));
        assert!(draft.probability.is_none_or(|given| given == stage.probability));
        assert!(stage.norm_days.is_none_or(|days| days > Decimal::ZERO));
        assert_eq!(stage.goal, draft.goal);
        let json = |gate| serde_json::to_value(gate).unwrap();
        assert_eq!(serde_json::to_value(&stage.gate).unwrap(), json(&draft.gate));
        assert_eq!(stage.norm_days, draft.norm_days);
    }
}

fn aligned(old: &[&str], new: &[&str]) {
    let version = |number, keys: &[&str]| {
        let named = |key: &&str| StageDraft { name: (*key).to_owned(), ..StageDraft::default() };
        let mode = if keys.is_empty() { Mode::Untracked } else { Mode::Manual };
        let drafts = keys.iter().map(named).collect();
        let published = publish(mode, drafts, vec![], &NO_FIELDS, Uuid::nil).unwrap();
        Arc::new(Process::of(Uuid::nil(), Uuid::nil(), number, published))
    };
    let versions = [version(1, old), version(2, new)];
    let alignment = Alignment::of(&versions[1], &versions, &[]);
    // A stage that stayed is itself, wherever it went; one that is gone is the nearest before it.
    let place = |key: &&str| new.iter().position(|other| other == key);
    let kept: Vec<_> = old.iter().map(place).collect();
    for (index, stage) in versions[0].stages.iter().enumerate() {
        let nearest = kept[..=index].iter().rev().flatten().next().unwrap_or(&0);
        assert_eq!(usize::try_from(alignment.place(stage.number)).unwrap(), nearest + 1);
    }
}

fn amount_is_exact(text: &str) {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{decimals}");
    let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let (whole, decimals) = (whole.trim_start_matches('0'), decimals.trim_end_matches('0'));
    let fits = number && whole.len() <= 15 && decimals.len() <= 4;
    match parse_amount("/amount", text) {
        Ok(amount) => {
            assert!(fits, "{text} is read as {amount}");
            let units: i128 = format!("0{whole}{decimals:0<4}").parse().unwrap();
            assert_eq!(amount, Decimal::from_i128_with_scale(units, 4));
        }
        Err(fault) => {
            assert!(!fits, "{text} is {}", fault.code);
            assert_eq!(fault.pointer, "/amount");
            let right = match fault.code {
                "negative_amount" => text.starts_with('-'),
                "invalid_amount" => !number,
                "amount_out_of_range" => whole.len() > 15,
                "too_many_decimals" => decimals.len() > 4,
                _ => false,
            };
            assert!(right, "{text} is {}", fault.code);
        }
    }
}

fn days_follow(day: NaiveDate, zone: Tz) {
    let currency = Currency::parse("EUR").unwrap();
    let deal_visibility = DealVisibility::ByRole;
    let settings = Settings {
        currency,
        time_zone: zone,
        deal_visibility,
        country: None,
        require_primary_demand: false,
    };
    let (from, to) = settings.days(day, day);
    if !(NaiveDate::MIN + Days::new(3)..NaiveDate::MAX - Days::new(3)).contains(&day) {
        return;
    }
    assert_eq!(to, settings.day_start(day + Days::new(1)));
    // A day or two in the Pacific never were.
    let never = from == to;
    assert!(never || (TimeDelta::hours(20)..=TimeDelta::hours(49)).contains(&(to - from)));
    if !never {
        assert_eq!(settings.day(from), day);
        assert_eq!(settings.day(to - TimeDelta::nanoseconds(1)), day);
        assert!(settings.day(from - TimeDelta::nanoseconds(1)) < day);
    }
}

fn date_is_read(local: NaiveDateTime, format: &str, short: bool, seconds: bool, zone: Tz) {
    let parsed = DateFormat::parse(format);
    assert!(parsed.is_some(), "{format}");
    let timed = format.contains("HH");
    let kept = match (timed, seconds) {
        (true, true) => local,
        (true, false) => local - TimeDelta::seconds(local.and_utc().timestamp() % 60),
        (false, _) => local.date().and_hms_opt(0, 0, 0).unwrap(),
    };
    let text = write(format, local, short);
    let expected = to_instant(zone, kept);
    let known = DateTime::UNIX_EPOCH <= expected && expected.timestamp() <= 253_402_300_799;
    assert_eq!(
        parse_instant(&text, parsed.as_ref(), zone),
        Some(expected).filter(|_| known),
        "{text}"
    );
    if known && zone.from_local_datetime(&kept).earliest().is_some() {
        assert_eq!(parse_date(&text, parsed.as_ref(), zone), Some(local.date()));
    }
}
