//! Stage paths: the visits of a deal in short, as they are kept on the row of a closed deal, so that a
//! funnel need not read them one by one. `101+86400000 102+3600000 101-50000 102+` is a deal that was for a
//! day in the stage numbered 101, for an hour in 102, went back to 101 for 50 seconds (`-`), and is in 102.
//! Lengths are milliseconds without time on hold.

use std::collections::BTreeMap;

use super::{
    event::Direction,
    visit::{End, VisitSegment},
};

/// A visit to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// Of the stage in which it began.
    pub number: i32,
    /// It began by going back to the stage.
    pub back: bool,
    /// None while the deal is there.
    pub milliseconds: Option<i64>,
}

/// The visits of a path. What is no visit is left out.
pub fn stays(stage_path: &str) -> impl Iterator<Item = Stay> {
    stage_path.split_ascii_whitespace().filter_map(|stay| {
        let (number, rest) =
            stay.split_at_checked(stay.bytes().position(|b| b == b'+' || b == b'-')?)?;
        let (sign, length) = rest.split_at_checked(1)?;
        let back = sign == "-";
        let milliseconds = if length.is_empty() { None } else { Some(length.parse().ok()?) };
        Some(Stay { number: number.parse().ok()?, back, milliseconds })
    })
}

/// The path of a deal all of whose segments are at hand.
pub fn of(segments: &[VisitSegment]) -> String {
    let mut stays: BTreeMap<i32, Stay> = BTreeMap::new();
    for segment in segments {
        let Some(number) = segment.stage_number else { continue };
        let new = Stay { number, back: false, milliseconds: None };
        let stay = stays.entry(segment.visit).or_insert(new);
        stay.back |= segment.direction == Some(Direction::Back);
        stay.milliseconds = stay.milliseconds.max(length(segment));
    }
    let words = stays.values().map(|stay| {
        let sign = if stay.back { '-' } else { '+' };
        let length = stay.milliseconds.map(|length| length.to_string()).unwrap_or_default();
        format!("{}{sign}{length}", stay.number)
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The length of the visit that ended with a segment, without time on hold.
fn length(segment: &VisitSegment) -> Option<i64> {
    let left = segment.left.filter(|left| left.end != End::Split)?;
    let mut length = left.at.signed_duration_since(segment.visit_entered_at);
    if segment.held {
        length -= left.at.signed_duration_since(segment.entered_at);
    }
    let held = segment.visit_held_seconds.checked_mul(1_000_000)?;
    let micros = length.num_microseconds()?.checked_sub(held)?;
    // Half a millisecond is rounded to the even one, as by Postgres.
    let (whole, rest) = (micros.div_euclid(1_000), micros.rem_euclid(1_000));
    let up = rest > 500 || rest == 500 && whole % 2 != 0;
    whole.checked_add(i64::from(up))
}

/// Visits to one stage, counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VisitCount {
    pub position: i16,
    /// Deals that were in the stage.
    pub touched: i64,
    pub visits: i64,
    /// Visits that are not over: censored, and not in the median.
    pub open_visits: i64,
    pub back_moves: i64,
    pub median_seconds: Option<f64>,
}

/// Visits of many deals, counted by stage.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    stages: BTreeMap<i16, (VisitCount, Vec<i64>)>,
}

impl Tally {
    /// Adds the paths of some deals, separated by commas. `place` says where a stage of theirs is in
    /// the process of the report.
    pub fn add(&mut self, stage_paths: &str, place: impl Fn(i32) -> i16) {
        let mut touched = Vec::new();
        for stage_path in stage_paths.split(',') {
            touched.clear();
            for stay in stays(stage_path) {
                let position = place(stay.number);
                let (count, lengths) = self.stages.entry(position).or_default();
                count.visits = count.visits.saturating_add(1);
                count.back_moves = count.back_moves.saturating_add(stay.back.into());
                match stay.milliseconds {
                    Some(milliseconds) => lengths.push(milliseconds),
                    None => count.open_visits = count.open_visits.saturating_add(1),
                }
                if !touched.contains(&position) {
                    touched.push(position);
                    count.touched = count.touched.saturating_add(1);
                }
            }
        }
    }

    /// Adds the visits of other deals.
    pub fn join(&mut self, others: &Self) {
        for (position, (counted, times)) in &others.stages {
            let (count, lengths) = self.stages.entry(*position).or_default();
            count.visits = count.visits.saturating_add(counted.visits);
            count.back_moves = count.back_moves.saturating_add(counted.back_moves);
            count.open_visits = count.open_visits.saturating_add(counted.open_visits);
            count.touched = count.touched.saturating_add(counted.touched);
            lengths.extend(times);
        }
    }

    pub fn counts(self) -> Vec<VisitCount> {
        let count = |(position, (count, mut lengths)): (i16, (VisitCount, Vec<i64>))| VisitCount {
            position,
            median_seconds: median(&mut lengths).map(|length| length / 1000.0),
            ..count
        };
        self.stages.into_iter().map(count).collect()
    }
}

/// The middle of the values, or the mean of the two in the middle.
fn median(values: &mut [i64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable(middle);
    let upper = *upper;
    let lower = if even { below.iter().copied().max() } else { None }.unwrap_or(upper);
    Some((lower as f64 + upper as f64) / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stage_path_is_counted_by_stage() {
        let mut tally = Tally::default();
        // The second stage of these deals is the third of the report.
        let place = |number| if number == 102 { 3 } else { 1 };
        tally.add("101+86400000 102+3600000 101-50000 102+,102+1212", place);
        tally.add("", place);
        tally.add("x 101*2 +3 101+two", place);
        let row = |position, touched, visits, open_visits, back_moves, median| VisitCount {
            position,
            touched,
            visits,
            open_visits,
            back_moves,
            median_seconds: Some(median),
        };
        assert_eq!(tally.counts(), [row(1, 1, 2, 0, 1, 43_225.0), row(3, 2, 3, 1, 0, 1_800.606)]);
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(
            stage_paths in prop::collection::vec("(10[1-3][+-][0-9]{0,6} ?){0,4}", 0..9),
            at in 0_usize..9,
        ) {
            let tally = |stage_paths: &[String]| {
                let mut tally = Tally::default();
                tally.add(&stage_paths.join(","), |number| i16::try_from(number - 100).unwrap());
                tally
            };
            let (some, others) = stage_paths.split_at(at.min(stage_paths.len()));
            let mut joined = tally(some);
            joined.join(&tally(others));
            prop_assert_eq!(joined.counts(), tally(&stage_paths).counts());
        }

        #[test]
        fn the_median_is_in_the_middle(mut values in prop::collection::vec(-9_i64..99, 0..30)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let expected = match sorted.len() {
                0 => None,
                n => Some((sorted[(n - 1) / 2] + sorted[n / 2]) as f64 / 2.0),
            };
            prop_assert_eq!(median(&mut values), expected);
        }
    }
}
