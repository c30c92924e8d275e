//! The closed funnel: of the deals that were closed (or opened) in a period, how far they came.

use actix_web::get;
use chrono::{Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    Currency,
    funnel::{self, ClosedFunnel, ClosedStage, ClosedTotals},
    money::format_amount,
};
use voronka_persistence::{
    Caller, Error, Tenant, now,
    reports::{
        Alignment, Basis, GroupBy, Period,
        closed::{self, ClosedCounts},
    },
};

use super::format::{Format, Parameters, csv, json, name_groups, optional};
use crate::{
    funnel_svg,
    http::{
        Call, Responded,
        call::{ReportsRead, block},
    },
    state::App,
};

/// A stage of a closed funnel. Always `reached` of a stage less that of the next is `lost` plus `open`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedFunnelStage {
    #[schema(example = "prospecting")]
    pub stage_key: String,
    #[schema(example = "Prospecting")]
    pub name: String,
    pub position: i16,
    /// Deals that were in this stage or a later one, or were won: skipped stages count as reached.
    pub reached: i64,
    /// Deals that were in the stage itself.
    pub touched: i64,
    /// Deals that reached the next stage, or were won.
    pub passed: i64,
    /// Lost deals whose furthest stage this was.
    pub lost: i64,
    /// Lost deals that were in this stage when they were lost.
    pub lost_from: i64,
    /// Open deals whose furthest stage this is; 0 on the basis `closed`.
    pub open: i64,
    #[schema(example = "10005534.00")]
    pub reached_amount: String,
    pub passed_amount: String,
    pub lost_amount: String,
    pub open_amount: String,
    /// passed / reached; null where none reached the stage.
    #[schema(example = 0.631501)]
    pub conversion_to_next: Option<f64>,
    /// reached / reached of the first stage.
    pub conversion_from_first: Option<f64>,
    /// Median length of the visits that are over, in seconds, without time on hold.
    pub median_seconds: Option<f64>,
    pub visits: i64,
    /// Visits that are not over, and so not in the median.
    pub open_visits: i64,
    /// Visits that began by going back to this stage.
    pub back_moves: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedFunnelTotals {
    pub deals: i64,
    #[schema(example = 4238)]
    pub won: i64,
    #[schema(example = 2473)]
    pub lost: i64,
    pub open: i64,
    #[schema(example = "10005534.00")]
    pub won_amount: String,
    pub lost_amount: String,
    pub open_amount: String,
    /// won / (won + lost).
    #[schema(example = 0.631501)]
    pub win_rate: Option<f64>,
    pub win_rate_by_amount: Option<f64>,
    pub average_won_amount: Option<String>,
    /// Seconds from opening to winning, on average.
    pub mean_won_cycle_seconds: Option<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedFunnelGroup {
    /// Id or word of the group; null for deals without one.
    pub key: Option<String>,
    #[schema(example = "Anna Vermeer")]
    pub name: String,
    pub stages: Vec<ClosedFunnelStage>,
    pub totals: ClosedFunnelTotals,
}

/// The same funnel of another period.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClosedFunnelComparison {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub stages: Vec<ClosedFunnelStage>,
    pub totals: ClosedFunnelTotals,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ClosedFunnel)]
pub struct ClosedFunnelBody {
    pub deal_type_id: Uuid,
    /// First day of the period, in the workspace's time zone.
    pub from: NaiveDate,
    /// Last day of the period.
    pub to: NaiveDate,
    /// `closed`: deals closed in the period; `created`: deals opened in it, closed or not.
    #[schema(example = "closed")]
    pub basis: String,
    /// Of all amounts: the workspace's base currency.
    #[schema(example = "USD")]
    pub currency: String,
    pub stages: Vec<ClosedFunnelStage>,
    pub totals: ClosedFunnelTotals,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<ClosedFunnelGroup>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<ClosedFunnelComparison>,
}

fn stage_body(stage: ClosedStage, currency: Currency) -> ClosedFunnelStage {
    let money = |amount| format_amount(amount, currency);
    ClosedFunnelStage {
        stage_key: stage.stage_key,
        name: stage.name,
        position: stage.position,
        reached: stage.reached,
        touched: stage.visits.touched,
        passed: stage.passed,
        lost: stage.lost,
        lost_from: stage.lost_from,
        open: stage.open,
        reached_amount: money(stage.reached_amount),
        passed_amount: money(stage.passed_amount),
        lost_amount: money(stage.lost_amount),
        open_amount: money(stage.open_amount),
        conversion_to_next: stage.conversion_to_next,
        conversion_from_first: stage.conversion_from_first,
        median_seconds: stage.visits.median_seconds,
        visits: stage.visits.visits,
        open_visits: stage.visits.open_visits,
        back_moves: stage.visits.back_moves,
    }
}

fn totals_body(totals: ClosedTotals, currency: Currency) -> ClosedFunnelTotals {
    let money = |amount| format_amount(amount, currency);
    ClosedFunnelTotals {
        deals: totals.deals,
        won: totals.won,
        lost: totals.lost,
        open: totals.open,
        won_amount: money(totals.won_amount),
        lost_amount: money(totals.lost_amount),
        open_amount: money(totals.open_amount),
        win_rate: totals.win_rate,
        win_rate_by_amount: totals.win_rate_by_amount,
        // A mean is rounded like the amounts that it is of.
        average_won_amount: totals
            .average_won_amount
            .map(|amount| money(amount.round_dp(currency.decimals()))),
        mean_won_cycle_seconds: totals.mean_won_cycle_seconds,
    }
}

const GROUPS: &[(&str, GroupBy)] = &[
    ("owner", GroupBy::Owner),
    ("source", GroupBy::Source),
    ("client_type", GroupBy::ClientType),
    ("region", GroupBy::Region),
    ("month", GroupBy::Month),
];

/// A request, understood.
struct Request {
    deal_type_id: Uuid,
    from: NaiveDate,
    to: NaiveDate,
    basis: Basis,
    group_by: Option<GroupBy>,
    compare: Option<(NaiveDate, NaiveDate)>,
    format: Format,
}

impl Request {
    fn read(call: &Call<ReportsRead>) -> Result<Self, crate::http::Problem> {
        let known = ["deal_type_id", "from", "to", "basis", "group_by", "compare", "format"];
        let mut parameters = Parameters::new(call.pairs()?, &known);
        let day = |text: &str| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            let (first, last) =
                (NaiveDate::from_ymd_opt(1970, 1, 1)?, NaiveDate::from_ymd_opt(9998, 12, 31)?);
            (first..=last).contains(&day).then_some(day)
        };
        let today = call.caller.settings.day(now());
        let to = parameters.read("to", "a day such as 2017-12-31", day);
        let to = to.unwrap_or(today);
        let from = parameters.read("from", "a day such as 2017-01-01", day);
        let from = from.unwrap_or_else(|| year_before(to));
        if from > to {
            parameters.fault("from", "out_of_range", "Must not be after `to`.");
        }
        let basis = parameters.read("basis", "one of closed, created", |text| match text {
            "closed" => Some(Basis::Closed),
            "created" => Some(Basis::Created),
            _ => None,
        });
        let compare =
            parameters.read(
                "compare",
                "one of previous_period, previous_year",
                |text| match text {
                    "previous_period" => {
                        let days = u64::try_from((to - from).num_days()).ok()?.checked_add(1)?;
                        Some((from.checked_sub_days(Days::new(days))?, from.pred_opt()?))
                    }
                    "previous_year" => {
                        let year = Months::new(12);
                        Some((from.checked_sub_months(year)?, to.checked_sub_months(year)?))
                    }
                    _ => None,
                },
            );
        let request = Self {
            deal_type_id: parameters.deal_type_id(),
            from,
            to,
            basis: basis.unwrap_or(Basis::Closed),
            group_by: parameters.group_by(GROUPS),
            compare,
            format: parameters.format(&call.accept)?,
        };
        parameters.finish()?;
        Ok(request)
    }

    fn period(&self, caller: &Caller, from: NaiveDate, to: NaiveDate) -> Period {
        let (start, until) = caller.settings.days(from, to);
        Period {
            deal_type_id: self.deal_type_id,
            from: start,
            until,
            basis: self.basis,
            time_zone: caller.settings.time_zone,
        }
    }
}

fn year_before(day: NaiveDate) -> NaiveDate {
    day.checked_sub_months(Months::new(12)).and_then(|day| day.succ_opt()).unwrap_or(day)
}

/// Read the closed funnel
///
/// Of the deals that were closed in the period: how many reached, passed and were lost at each stage, in
/// number and in amount. `basis=created` takes the deals that were opened in the period, with those still
/// open. Days are those of the workspace's time zone. As JSON, as CSV, or as a picture (SVG), by `format`
/// or the Accept header. Callers see the deals that they may see.
#[utoipa::path(tag = "Reports", operation_id = "getClosedFunnel", security(("bearer" = ["reports:read"])),
    params(("deal_type_id" = Uuid, Query, description = "The deal type."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("basis" = Option<String>, Query, description = "`closed` (the default) or `created`.", example = "closed"),
        ("group_by" = Option<String>, Query, description = "`owner`, `source`, `client_type`, `region` or `month`.", example = "owner"),
        ("compare" = Option<String>, Query, description = "`previous_period` or `previous_year`.", example = "previous_year"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `svg`.", example = "json")),
    responses((status = 200, description = "The funnel.", content(
        (ClosedFunnelBody = "application/json"), (String = "text/csv"), (String = "image/svg+xml")))))]
#[get("/v1/reports/funnel/closed")]
pub async fn closed_funnel(call: Call<ReportsRead>) -> Responded {
    let request = Request::read(&call)?;
    let (app, caller, format) = (call.app.clone(), call.caller.clone(), request.format);
    let body = block(move || {
        app.store.snapshot(&caller, |tenant| render(tenant, &app, &caller, &request))
    })
    .await?;
    Ok(format.respond(body))
}

fn render(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    request: &Request,
) -> Result<Vec<u8>, Error> {
    let alignment = Alignment::load(&app.store, tenant, request.deal_type_id)?;
    let of = |counts: &ClosedCounts| {
        funnel::closed(&alignment.process, &counts.progress, &counts.visits)
    };
    let total = |tenant: &mut Tenant<'_>, from, to| {
        let period = request.period(caller, from, to);
        let counts = closed::counts(tenant, &caller.visibility, &alignment, &period, None)?;
        Ok::<_, Error>(of(&counts.into_iter().next().unwrap_or_default()))
    };
    let all = total(tenant, request.from, request.to)?;
    let comparison = match request.compare {
        Some((from, to)) => Some((from, to, total(tenant, from, to)?)),
        None => None,
    };
    let groups = match request.group_by {
        None => None,
        Some(group_by) => {
            let period = request.period(caller, request.from, request.to);
            let counts =
                closed::counts(tenant, &caller.visibility, &alignment, &period, Some(group_by))?;
            let keys: Vec<_> = counts.iter().map(|group| group.key.clone()).collect();
            let names = name_groups(tenant, group_by, &keys)?;
            let funnels = counts.iter().map(of);
            Some(keys.into_iter().zip(names).zip(funnels).map(|((k, n), f)| (k, n, f)).collect())
        }
    };
    let report = Report { request, currency: caller.settings.currency, all, groups, comparison };
    match request.format {
        Format::Json => json(&report.into_body()),
        Format::Csv => report.into_csv(),
        Format::Svg => Ok(report.draw(&alignment.name).into_bytes()),
    }
}

struct Report<'a> {
    request: &'a Request,
    currency: Currency,
    all: ClosedFunnel,
    groups: Option<Vec<(Option<String>, String, ClosedFunnel)>>,
    comparison: Option<(NaiveDate, NaiveDate, ClosedFunnel)>,
}

impl Report<'_> {
    fn into_body(self) -> ClosedFunnelBody {
        let currency = self.currency;
        let stages = |stages: Vec<ClosedStage>| {
            stages.into_iter().map(|stage| stage_body(stage, currency)).collect()
        };
        ClosedFunnelBody {
            deal_type_id: self.request.deal_type_id,
            from: self.request.from,
            to: self.request.to,
            basis: basis_word(self.request.basis).to_owned(),
            currency: currency.code().to_owned(),
            stages: stages(self.all.stages),
            totals: totals_body(self.all.totals, currency),
            groups: self.groups.map(|groups| {
                let body = |(key, name, funnel): (_, _, ClosedFunnel)| ClosedFunnelGroup {
                    key,
                    name,
                    stages: stages(funnel.stages),
                    totals: totals_body(funnel.totals, currency),
                };
                groups.into_iter().map(body).collect()
            }),
            comparison: self.comparison.map(|(from, to, funnel)| ClosedFunnelComparison {
                from,
                to,
                stages: stages(funnel.stages),
                totals: totals_body(funnel.totals, currency),
            }),
        }
    }

    /// A row a stage; of a grouped report, a row a stage and group.
    fn into_csv(self) -> Result<Vec<u8>, Error> {
        let currency = self.currency;
        let funnels = match self.groups {
            Some(groups) => groups,
            None => vec![(None, String::new(), self.all)],
        };
        let rows = funnels.into_iter().flat_map(|(key, name, funnel)| {
            funnel.stages.into_iter().map(move |stage| {
                let mut row = vec![optional(key.clone()), name.clone()];
                row.extend(csv_row(stage_body(stage, currency), currency));
                row
            })
        });
        csv(rows, CSV_HEADER)
    }

    fn draw(&self, deal_type: &str) -> String {
        let period = format!(
            "{} – {}, by {} date",
            self.request.from.format("%-d %b %Y"),
            self.request.to.format("%-d %b %Y"),
            if self.request.basis == Basis::Closed { "close" } else { "opening" }
        );
        let heading = format!("{deal_type}: closed funnel");
        let groups = self.groups.iter().flatten().map(|(_, name, funnel)| (name.as_str(), funnel));
        let sections: Vec<_> = std::iter::once((heading.as_str(), &self.all))
            .chain(groups)
            .map(|(heading, funnel)| section(heading, &period, self.currency, funnel))
            .collect();
        funnel_svg::closed(&sections)
    }
}

fn section<'a>(
    heading: &'a str,
    period: &str,
    currency: Currency,
    funnel: &'a ClosedFunnel,
) -> funnel_svg::ClosedFunnel<'a> {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    funnel_svg::ClosedFunnel {
        heading,
        period: period.to_owned(),
        currency: currency.code(),
        stages: funnel
            .stages
            .iter()
            .map(|stage| funnel_svg::ClosedStage {
                name: &stage.name,
                reached: count(stage.reached),
                passed: count(stage.passed),
                lost: count(stage.lost),
                open: count(stage.open),
                reached_amount: stage.reached_amount,
                passed_amount: stage.passed_amount,
                lost_amount: stage.lost_amount,
                open_amount: stage.open_amount,
                conversion_to_next: stage.conversion_to_next,
            })
            .collect(),
        won: count(funnel.totals.won),
        lost: count(funnel.totals.lost),
        open: count(funnel.totals.open),
        won_amount: funnel.totals.won_amount,
        win_rate: funnel.totals.win_rate,
    }
}

const CSV_HEADER: &[&str] = &[
    "group_key",
    "group_name",
    "stage_key",
    "name",
    "position",
    "reached",
    "touched",
    "passed",
    "lost",
    "lost_from",
    "open",
    "currency",
    "reached_amount",
    "passed_amount",
    "lost_amount",
    "open_amount",
    "conversion_to_next",
    "conversion_from_first",
    "median_seconds",
    "visits",
    "open_visits",
    "back_moves",
];

fn csv_row(stage: ClosedFunnelStage, currency: Currency) -> Vec<String> {
    vec![
        stage.stage_key,
        stage.name,
        stage.position.to_string(),
        stage.reached.to_string(),
        stage.touched.to_string(),
        stage.passed.to_string(),
        stage.lost.to_string(),
        stage.lost_from.to_string(),
        stage.open.to_string(),
        currency.code().to_owned(),
        stage.reached_amount,
        stage.passed_amount,
        stage.lost_amount,
        stage.open_amount,
        optional(stage.conversion_to_next),
        optional(stage.conversion_from_first),
        optional(stage.median_seconds),
        stage.visits.to_string(),
        stage.open_visits.to_string(),
        stage.back_moves.to_string(),
    ]
}

fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Closed => "closed",
        Basis::Created => "created",
    }
}
