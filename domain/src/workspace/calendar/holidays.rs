//! Holidays as somebody gives them: all those of a stretch of days.

use std::collections::HashSet;

use chrono::{Datelike, NaiveDate};

use super::{Hours, Span};
use crate::kernel::{
    fault::{Faults, Refusal},
    limits,
};

/// Holidays of a stretch at most.
pub const MOST_GIVEN: usize = 1_000;

/// A holiday, or a day that is worked by exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holiday {
    pub day: NaiveDate,
    pub name: Option<String>,
    /// None where the day is free.
    pub hours: Hours,
}

/// The holidays of the days from one to another, each a day with its name and hours; or every fault of them.
pub fn read(
    (from, to): (NaiveDate, NaiveDate),
    given: Vec<(NaiveDate, Option<String>, Vec<Span>)>,
) -> Result<Vec<Holiday>, Refusal> {
    let mut faults = Faults::default();
    check_year("/from", from, &mut faults);
    check_year("/to", to, &mut faults);
    if from > to {
        faults.add("/to", "out_of_order", "Not before `from`.");
    }
    if given.len() > MOST_GIVEN {
        let detail = format!("At most {MOST_GIVEN} days.");
        return Err(Refusal::invalid("/holidays", "too_many", detail));
    }
    let mut seen = HashSet::new();
    let mut holidays = Vec::new();
    for (index, (day, name, hours)) in given.into_iter().enumerate() {
        let at = format!("/holidays/{index}");
        if !(from..=to).contains(&day) {
            faults.add(format!("{at}/day"), "out_of_range", "Within `from` and `to`.");
        }
        if !seen.insert(day) {
            faults.add(format!("{at}/day"), "duplicate", "The day is here twice.");
        }
        if let Some(name) = &name {
            faults.text(&format!("{at}/name"), name, limits::NAME);
        }
        let hours = Hours::read(&format!("{at}/hours"), &hours, &mut faults);
        holidays.push(Holiday { day, name, hours });
    }
    faults.into_result()?;
    Ok(holidays)
}

fn check_year(pointer: &str, day: NaiveDate, faults: &mut Faults) {
    if !(1970..=9999).contains(&day.year()) {
        faults.add(pointer, "out_of_range", "Between 1970 and 9999.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holidays_are_within_their_stretch_and_there_once() {
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
        let year = (day(2026, 1, 1), day(2026, 12, 31));
        let free = |day| (day, None, Vec::new());
        let told = |stretch, given| match read(stretch, given) {
            Ok(holidays) => panic!("{holidays:?}"),
            Err(Refusal::Invalid(faults)) => {
                faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect::<Vec<_>>()
            }
            Err(other) => panic!("{other:?}"),
        };
        let christmas = day(2026, 12, 25);
        let one = Holiday { day: christmas, name: None, hours: Hours::default() };
        assert_eq!(read(year, vec![free(christmas)]).unwrap(), [one]);
        let given = vec![free(christmas), free(day(2027, 1, 1)), free(christmas)];
        let all = [("/holidays/1/day", "out_of_range"), ("/holidays/2/day", "duplicate")];
        assert_eq!(told(year, given), all.map(|(at, code)| (at.to_owned(), code)));
        let backwards = told((year.1, year.0), Vec::new());
        assert_eq!(backwards, [("/to".to_owned(), "out_of_order")]);
        let ancient = told((day(1969, 1, 1), year.1), Vec::new());
        assert_eq!(ancient, [("/from".to_owned(), "out_of_range")]);
        let many = vec![free(christmas); MOST_GIVEN + 1];
        assert_eq!(told(year, many), [("/holidays".to_owned(), "too_many")]);
    }
}
