//! What is the same of every report: it is asked for, found and written, and each of its numbers has the deals that
//! it counts.

use voronka_persistence::{
    Caller, Error, Tenant,
    analytics::{Group, GroupBy, behind::Figure},
};

use super::behind;
use crate::{
    http::{
        Call, Responded,
        call::{DealsRead, ReportsRead},
        format::{Format, TABLES},
        parameters::{Choice, LIST_PARAMETERS, Parameters},
        work::heavily,
    },
    state::App,
};

/// A report, as it was asked for.
pub trait Report: Sized + Send + 'static {
    /// The parameters that say which deals it is of, and `format`.
    const SCOPE: &'static [&'static str];
    /// Those that the report has and its numbers have not.
    const ALONE: &'static [&'static str] = &[];
    /// Those that say which of its numbers is meant, beside `group` and `figure`.
    const PLACE: &'static [&'static str] = &[];
    const FORMATS: &'static [Format] = TABLES;

    /// Which parameters are words: of the report, and of its numbers.
    fn choices() -> Vec<Choice>;

    /// One of its numbers.
    type Number: Send + 'static;
    type Figure: Figure + Send + 'static;

    fn ask(parameters: &mut Parameters, caller: &Caller) -> Self;

    fn write(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        format: Format,
    ) -> Result<Vec<u8>, Error>;

    fn group_by(&self) -> Option<GroupBy>;

    /// Which number is meant.
    fn number(&self, parameters: &mut Parameters) -> Self::Number;

    fn figure(
        self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        number: Self::Number,
        group: Option<Group>,
    ) -> Result<Self::Figure, Error>;
}

/// The words of a report, or of the list behind its numbers, for the specification.
pub fn choices<R: Report>(is_list: bool) -> Vec<Choice> {
    let formats = if is_list { TABLES } else { R::FORMATS };
    R::choices().into_iter().chain([Format::choice(formats)]).collect()
}

/// Answers a report.
pub async fn answer<R: Report>(call: Call<ReportsRead>) -> Responded {
    let mut parameters = Parameters::new(call.pairs()?, &[R::SCOPE, R::ALONE].concat());
    let report = R::ask(&mut parameters, &call.caller);
    let format = parameters.format(R::FORMATS, &call.accept)?;
    parameters.finish()?;
    let (app, caller) = (call.app.clone(), call.caller.clone());
    let (theirs, workspace_id) = (app.clone(), caller.workspace_id);
    let body = heavily(&theirs, workspace_id, move || {
        app.store.snapshot(&caller, |tenant| report.write(tenant, &app, &caller, format))
    })
    .await?;
    Ok(format.respond(body))
}

/// Answers the deals behind one of its numbers.
pub async fn deals<R: Report>(call: Call<DealsRead>) -> Responded {
    let known = [R::SCOPE, R::PLACE, &["group", "figure"], LIST_PARAMETERS].concat();
    let mut parameters = Parameters::new(call.pairs()?, &known);
    let report = R::ask(&mut parameters, &call.caller);
    let (group, query) = (parameters.group(report.group_by()), parameters.list());
    parameters.require("figure");
    let number = report.number(&mut parameters);
    let format = parameters.format(TABLES, &call.accept)?;
    let query = parameters.finish_with(query)?;
    let caller = call.caller.clone();
    behind::answer(call, format, query, move |tenant, app| {
        report.figure(tenant, app, &caller, number, group)
    })
    .await
}
