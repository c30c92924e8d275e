//! The closed funnel: of the deals that were closed (or opened) in a period, how far they came.

use actix_web::get;
use chrono::{Days, Months, NaiveDate};
use uuid::Uuid;
use voronka_domain::{
    Currency,
    analytics::funnel::{self, ClosedFunnel, ClosedStage},
};
use voronka_persistence::{
    Caller, Error, Tenant,
    analytics::{
        Alignment, Basis, Group, GroupBy, Period, Segments, Wanted,
        closed::{self, ClosedCounts, ClosedFunnelFigure, Counted},
    },
};

use super::{
    behind,
    closed_body::{
        ClosedFunnelBody, ClosedFunnelComparison, ClosedFunnelGroup, HEADER, STAGE_FIGURES,
        TOTAL_FIGURES, cells, stage_body, totals_body,
    },
    report::{self, Report},
    shown::{FoldedStage, ReportVersion, folded, last_instant, notes},
};
use crate::{
    funnel_svg,
    http::{
        Call, Responded,
        call::{DealsRead, ReportsRead},
        format::{FUNNELS, Format, Workbook},
        parameters::{Choice, Links, Parameters, json, name_groups},
        table::{self, Cell},
    },
    state::App,
};

const GROUPS: &[(&str, GroupBy)] = &[
    ("owner", GroupBy::Owner),
    ("source", GroupBy::Source),
    ("client_type", GroupBy::ClientType),
    ("region", GroupBy::Region),
    ("month", GroupBy::Month),
    ("segment", GroupBy::Segment),
];

const BASES: &[(&str, Basis)] = &[("closed", Basis::Closed), ("created", Basis::Created)];

#[derive(Clone, Copy)]
enum Compare {
    PreviousPeriod,
    PreviousYear,
}

impl Compare {
    fn days(self, from: NaiveDate, to: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        match self {
            Self::PreviousPeriod => {
                let days = u64::try_from((to - from).num_days()).ok()?.checked_add(1)?;
                Some((from.checked_sub_days(Days::new(days))?, from.pred_opt()?))
            }
            Self::PreviousYear => {
                let year = Months::new(12);
                Some((from.checked_sub_months(year)?, to.checked_sub_months(year)?))
            }
        }
    }
}

const COMPARISONS: &[(&str, Compare)] =
    &[("previous_period", Compare::PreviousPeriod), ("previous_year", Compare::PreviousYear)];

/// A request, understood.
pub(super) struct Request {
    deal_type_id: Uuid,
    version_id: Option<Uuid>,
    from: NaiveDate,
    to: NaiveDate,
    basis: Basis,
    group_by: Option<GroupBy>,
    segments: Wanted,
    /// The days of the period beside it.
    compare: Option<(NaiveDate, NaiveDate)>,
}

impl Request {
    fn period(
        &self,
        caller: &Caller,
        (from, to): (NaiveDate, NaiveDate),
        segments: Segments,
    ) -> Period {
        let (start, until) = caller.settings.days(from, to);
        Period {
            deal_type_id: Some(self.deal_type_id),
            from: start,
            until,
            basis: self.basis,
            time_zone: caller.settings.time_zone,
            segments,
        }
    }

    /// The stages as of the end of the days.
    fn alignment(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
    ) -> Result<Alignment, Error> {
        let (_, until) = caller.settings.days(self.from, self.to);
        let as_of = last_instant(until);
        Alignment::load(&app.store, tenant, self.deal_type_id, self.version_id, as_of)
    }

    fn links(&self, version: Uuid, from: NaiveDate, to: NaiveDate) -> Links {
        Links::new("/v1/reports/funnel/closed/deals")
            .with("deal_type_id", self.deal_type_id)
            .with("version_id", version)
            .with("from", from)
            .with("to", to)
            .with("basis", word(BASES, self.basis))
            .segment(&self.segments)
    }
}

/// Read the closed funnel
///
/// Of the deals that were closed in the period: how many reached, passed and were lost at each stage, in
/// number and in amount. `basis=created` takes the deals that were opened in the period, with those still
/// open. Days are those of the workspace's time zone. As JSON, CSV, XLSX or a picture (SVG), by `format`
/// or the Accept header. Callers see the deals that they may see. Of a report by `segment`, groups overlap: a deal is in that of each segment that holds for it or for its client.
/// `drill_down` links each number to its deals.
#[utoipa::path(tag = "Reports", operation_id = "getClosedFunnel", security(("bearer" = ["reports:read"])),
    params(("deal_type_id" = Uuid, Query, description = "The deal type."),
        ("version_id" = Option<Uuid>, Query, description = "The version of the process whose stages are shown; the last that was published by then and not withdrawn by default."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("basis" = Option<String>, Query, description = "`closed` (the default) or `created`.", example = "closed"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`owner`, `source`, `client_type`, `region`, `month` or `segment`.", example = "owner"),
        ("compare" = Option<String>, Query, description = "`previous_period` or `previous_year`.", example = "previous_year"),
        ("format" = Option<String>, Query, description = "`json`, `csv`, `xlsx` or `svg`.", example = "json")),
    responses((status = 200, description = "The funnel.", content(
        (ClosedFunnelBody = "application/json"), (String = "text/csv"), (String = "image/svg+xml"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/funnel/closed")]
pub async fn closed_funnel(call: Call<ReportsRead>) -> Responded {
    report::answer::<Request>(call).await
}

/// List the deals behind a figure of the closed funnel
///
/// The deals that a number of the report counts, with the report's parameters and the name of the number
/// in `figure`: of a stage with `stage_key`, of the totals without. Of a group with `group_by` and `group`;
/// without `group`, of the deals that have none. CSV and XLSX have all deals, JSON a page of them.
#[utoipa::path(tag = "Reports", operation_id = "listClosedFunnelDeals", security(("bearer" = ["deals:read"])),
    params(("deal_type_id" = Uuid, Query, description = "The deal type."),
        ("version_id" = Option<Uuid>, Query, description = "The version of the process whose stages are shown; the last that was published by then and not withdrawn by default."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("basis" = Option<String>, Query, description = "`closed` (the default) or `created`.", example = "closed"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`owner`, `source`, `client_type`, `region`, `month` or `segment`.", example = "owner"),
        ("group" = Option<String>, Query, min_length = 1, description = "Key of the group; goes with `group_by`."),
        ("stage_key" = Option<String>, Query, description = "The stage.", example = "prospecting"),
        ("figure" = String, Query, description = "Of a stage: `reached`, `touched`, `passed`, `lost`, `lost_from`, `open`, `not_applicable`, \
            `visits`, `ended_visits`, `open_visits` or `back_moves`. Of the totals: `deals`, `won`, `lost` or `open`.", example = "reached"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "The deals.", content(
        (behind::FigureDealPage = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/funnel/closed/deals")]
pub async fn closed_funnel_deals(call: Call<DealsRead>) -> Responded {
    report::deals::<Request>(call).await
}

impl Report for Request {
    const SCOPE: &'static [&'static str] =
        &["deal_type_id", "version_id", "from", "to", "basis", "segment_id", "group_by", "format"];
    const ALONE: &'static [&'static str] = &["compare"];
    const PLACE: &'static [&'static str] = &["stage_key"];
    const FORMATS: &'static [Format] = FUNNELS;

    /// Of a stage, or of all.
    type Number = (Option<String>, Option<fn(i16) -> Counted>, Option<Counted>);
    type Figure = ClosedFunnelFigure;

    fn choices() -> Vec<Choice> {
        let mut figures = Choice::of("figure", STAGE_FIGURES);
        // `lost` and `open` are figures of a stage and of the totals.
        figures.words.extend(TOTAL_FIGURES.iter().map(|(word, _)| *word));
        figures.words.sort_unstable();
        figures.words.dedup();
        let basis = Choice::of("basis", BASES).or(word(BASES, Basis::Closed));
        vec![basis, Choice::of("compare", COMPARISONS), Choice::of("group_by", GROUPS), figures]
    }

    fn ask(parameters: &mut Parameters, caller: &Caller) -> Self {
        let (from, to) = parameters.days(caller);
        let group_by = parameters.word("group_by", GROUPS);
        let compare = parameters.word("compare", COMPARISONS);
        Self {
            deal_type_id: parameters.deal_type_id(),
            version_id: parameters.id("version_id"),
            from,
            to,
            basis: parameters.word("basis", BASES).unwrap_or(Basis::Closed),
            group_by,
            segments: parameters.segments(caller, group_by),
            compare: compare.and_then(|compare| compare.days(from, to)),
        }
    }

    fn write(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        format: Format,
    ) -> Result<Vec<u8>, Error> {
        find(tenant, app, caller, self)?.write(format)
    }

    fn group_by(&self) -> Option<GroupBy> {
        self.group_by
    }

    fn number(&self, parameters: &mut Parameters) -> Self::Number {
        let stage_key = parameters.get("stage_key").map(str::to_owned);
        match stage_key {
            Some(_) => (stage_key, parameters.word("figure", STAGE_FIGURES), None),
            None => (None, None, parameters.word("figure", TOTAL_FIGURES)),
        }
    }

    fn figure(
        self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        (stage_key, at_stage, of_all): Self::Number,
        group: Option<Group>,
    ) -> Result<ClosedFunnelFigure, Error> {
        let alignment = self.alignment(tenant, app, caller)?;
        let segments = self.segments.load(&app.store, tenant)?;
        let period = self.period(caller, (self.from, self.to), segments);
        let what = match (at_stage, of_all) {
            (Some(at), _) => at(behind::position(&alignment, stage_key.as_deref())?),
            (_, what) => what.unwrap_or(Counted::Deals(funnel::Count::Deals)),
        };
        Ok(ClosedFunnelFigure { alignment, period, group, what })
    }
}

fn find<'a>(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    request: &'a Request,
) -> Result<Funnel<'a>, Error> {
    let alignment = request.alignment(tenant, app, caller)?;
    let segments = request.segments.load(&app.store, tenant)?;
    let of = |alignment: &Alignment, counts: &ClosedCounts| {
        funnel::closed(&alignment.stages, &counts.progress, &counts.visits)
    };
    let counts = |tenant: &mut Tenant<'_>, alignment: &Alignment, days, group_by| {
        let period = request.period(caller, days, segments.clone());
        closed::counts(tenant, &caller.visibility, alignment, &period, group_by)
    };
    let days = (request.from, request.to);
    let (all, by_group) = counts(tenant, &alignment, days, request.group_by)?;
    let comparison = match request.compare {
        Some((from, to)) => {
            let (_, until) = caller.settings.days(from, to);
            let then = alignment.clone().until(last_instant(until));
            let (all, _) = counts(tenant, &then, (from, to), None)?;
            Some((from, to, of(&then, &all)))
        }
        None => None,
    };
    let groups = match request.group_by {
        None => None,
        Some(group_by) => {
            let keys: Vec<_> = by_group.iter().map(|group| group.key.clone()).collect();
            let names = name_groups(tenant, group_by, &keys)?;
            let funnels = by_group.iter().map(|counts| of(&alignment, counts));
            Some(keys.into_iter().zip(names).zip(funnels).map(|((k, n), f)| (k, n, f)).collect())
        }
    };
    Ok(Funnel {
        request,
        version: ReportVersion::from(&alignment),
        folded: folded(&alignment.stages.folds(all.touched.iter().cloned())),
        all: of(&alignment, &all),
        deal_type: alignment.name,
        currency: caller.settings.currency,
        zone: caller.settings.time_zone,
        groups,
        comparison,
    })
}

struct Funnel<'a> {
    request: &'a Request,
    version: ReportVersion,
    folded: Vec<FoldedStage>,
    deal_type: String,
    currency: Currency,
    zone: chrono_tz::Tz,
    all: ClosedFunnel,
    groups: Option<Vec<(Option<String>, String, ClosedFunnel)>>,
    comparison: Option<(NaiveDate, NaiveDate, ClosedFunnel)>,
}

impl Funnel<'_> {
    fn write(self, format: Format) -> Result<Vec<u8>, Error> {
        match format {
            Format::Json => json(&self.into_body()),
            Format::Csv | Format::Xlsx => self.into_table(format),
            Format::Svg => Ok(self.draw().into_bytes()),
        }
    }

    fn into_body(self) -> ClosedFunnelBody {
        let (currency, request) = (self.currency, self.request);
        let stages = |stages: Vec<ClosedStage>, links: &Links| {
            stages.into_iter().map(|stage| stage_body(stage, currency, links)).collect()
        };
        let version_id = self.version.id;
        let links = request.links(version_id, request.from, request.to);
        let by = request.group_by.map_or("", |by| word(GROUPS, by));
        ClosedFunnelBody {
            deal_type_id: request.deal_type_id,
            from: request.from,
            to: request.to,
            basis: word(BASES, request.basis).to_owned(),
            version: self.version,
            currency: currency.code().to_owned(),
            folded: self.folded,
            notes: notes(&self.all.stages),
            stages: stages(self.all.stages, &links),
            totals: totals_body(self.all.totals, currency, &links),
            groups: self.groups.map(|groups| {
                let body = |(key, name, funnel): (Option<String>, _, ClosedFunnel)| {
                    let links = links.group(by, key.as_deref());
                    ClosedFunnelGroup {
                        key,
                        name,
                        notes: notes(&funnel.stages),
                        stages: stages(funnel.stages, &links),
                        totals: totals_body(funnel.totals, currency, &links),
                    }
                };
                groups.into_iter().map(body).collect()
            }),
            comparison: self.comparison.map(|(from, to, funnel)| {
                let links = request.links(version_id, from, to);
                ClosedFunnelComparison {
                    from,
                    to,
                    notes: notes(&funnel.stages),
                    stages: stages(funnel.stages, &links),
                    totals: totals_body(funnel.totals, currency, &links),
                }
            }),
        }
    }

    /// A row a stage; of a grouped report, a row a stage and group.
    fn into_table(self, format: Format) -> Result<Vec<u8>, Error> {
        let currency = self.currency;
        let funnels = self.groups.unwrap_or_else(|| vec![(None, String::new(), self.all)]);
        let rows = funnels.into_iter().flat_map(|(key, name, funnel)| {
            funnel.stages.into_iter().map(move |stage| {
                let mut row: Vec<Cell> = vec![key.clone().into(), name.as_str().into()];
                row.extend(cells(&stage, currency));
                row
            })
        });
        table::write(format, self.zone, HEADER, rows)
    }

    fn draw(&self) -> String {
        let period = format!(
            "{} – {}, by {} date",
            self.request.from.format("%-d %b %Y"),
            self.request.to.format("%-d %b %Y"),
            if self.request.basis == Basis::Closed { "close" } else { "opening" }
        );
        let heading = format!("{}: closed funnel", self.deal_type);
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
                not_applicable: count(stage.not_applicable),
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

/// The word of a value, from the table that reads it.
pub fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, other)| *other == value).map_or("", |(word, _)| word)
}
