//! How long deals stay in the stages.

use std::collections::BTreeMap;

use actix_web::get;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    analytics::survival::{Curve, Observation},
    process::alignment::Shown,
};
use voronka_persistence::{
    Caller, Error, Tenant,
    analytics::{
        Alignment, Basis, Group, GroupBy, Period, Segments, Wanted,
        closed::Visits,
        durations::{self, DurationFigure, Stay, Stays},
    },
    now,
};

use super::{
    behind,
    closed::word,
    report::{self, Report},
    shown::{FoldedStage, ReportVersion, folded, last_instant},
};
use crate::{
    http::{
        Call, Responded,
        call::{DealsRead, ReportsRead},
        format::{Format, Workbook},
        parameters::{Choice, Links, Parameters, json, name_groups},
        table::{self, Cell},
    },
    state::App,
};

/// How long visits to a stage last, without time on hold. Estimated by Kaplan and Meier: visits that are
/// not over count for as long as they have lasted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StageDuration {
    #[schema(example = "prospecting")]
    pub stage_key: String,
    #[schema(example = "Prospecting")]
    pub name: String,
    pub position: i16,
    /// Visits that began in the period.
    #[schema(example = 120)]
    pub visits: i64,
    /// Those of them that are over.
    pub ended_visits: i64,
    /// Those that are not.
    pub open_visits: i64,
    /// Half of the visits are over within it; null where too many are open to know.
    #[schema(example = 518400.0)]
    pub median_seconds: Option<f64>,
    /// Null where none is over; a lower bound where the longest visit is open.
    pub mean_seconds: Option<f64>,
    /// Nine of ten visits are over within it; null where too many are open to know.
    pub p90_seconds: Option<f64>,
    /// The same in working time: Monday to Friday, whole days of the workspace's zone.
    pub median_working_seconds: Option<f64>,
    pub mean_working_seconds: Option<f64>,
    pub p90_working_seconds: Option<f64>,
    /// For each number the list of its deals.
    pub drill_down: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StageDurationGroup {
    /// Id or word of the group; null for deals without one.
    pub key: Option<String>,
    #[schema(example = "Anna Vermeer")]
    pub name: String,
    pub stages: Vec<StageDuration>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = StageDurations)]
pub struct StageDurationsBody {
    pub deal_type_id: Uuid,
    pub version: ReportVersion,
    /// First day of the period, in the workspace's time zone.
    pub from: NaiveDate,
    /// Last day of the period.
    pub to: NaiveDate,
    /// Up to when open visits have lasted: the time of the request.
    pub as_of: DateTime<Utc>,
    pub stages: Vec<StageDuration>,
    /// Stages of other versions whose visits are counted in one of these.
    pub folded: Vec<FoldedStage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub groups: Option<Vec<StageDurationGroup>>,
}

const GROUPS: &[(&str, GroupBy)] = &[
    ("owner", GroupBy::Owner),
    ("source", GroupBy::Source),
    ("client_type", GroupBy::ClientType),
    ("region", GroupBy::Region),
    ("month", GroupBy::Month),
    ("segment", GroupBy::Segment),
];

/// The numbers of a stage, by their field.
const FIGURES: &[(&str, Visits)] =
    &[("visits", Visits::All), ("ended_visits", Visits::Ended), ("open_visits", Visits::Open)];

pub(super) struct Request {
    deal_type_id: Uuid,
    version_id: Option<Uuid>,
    from: NaiveDate,
    to: NaiveDate,
    group_by: Option<GroupBy>,
    segments: Wanted,
}

impl Request {
    fn period(&self, caller: &Caller, segments: Segments) -> Period {
        let (from, until) = caller.settings.days(self.from, self.to);
        let (basis, time_zone) = (Basis::Created, caller.settings.time_zone);
        Period { deal_type_id: Some(self.deal_type_id), from, until, basis, time_zone, segments }
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
}

/// Read how long deals stay in the stages
///
/// Of the visits to each stage that began in the period: the median, the mean and the 90th percentile of
/// their lengths, without time on hold, in calendar and in working time. Visits that are not over count as
/// far as they have come (Kaplan and Meier), so that a slow stage does not look fast while deals wait in it. With
/// `group_by=owner` the owner is whoever led the deal when the visit ended, or leads it; `month` is that in which
/// visits began. As JSON, CSV or XLSX.
/// Callers see the deals that they may see. Of a report by `segment`, groups overlap: a deal is in that of each segment that holds for it or for its client.
/// `drill_down` links each number to its deals.
#[utoipa::path(tag = "Reports", operation_id = "getStageDurations", security(("bearer" = ["reports:read"])),
    params(("deal_type_id" = Uuid, Query, description = "The deal type."),
        ("version_id" = Option<Uuid>, Query, description = "The version of the process whose stages are shown; the last that was published by then and not withdrawn by default."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`owner`, `source`, `client_type`, `region`, `month` or `segment`.", example = "owner"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "The durations.", content(
        (StageDurationsBody = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/stage-durations")]
pub async fn stage_durations(call: Call<ReportsRead>) -> Responded {
    report::answer::<Request>(call).await
}

/// List the deals behind a figure of the stage durations
///
/// The deals whose visits to the stage a number of the report counts, with the report's parameters; `counted` is
/// the number of visits. Of a group with `group_by` and `group`; without `group`, of the deals that have none. CSV
/// and XLSX have all deals, JSON a page of them.
#[utoipa::path(tag = "Reports", operation_id = "listStageDurationsDeals", security(("bearer" = ["deals:read"])),
    params(("deal_type_id" = Uuid, Query, description = "The deal type."),
        ("version_id" = Option<Uuid>, Query, description = "The version of the process whose stages are shown; the last that was published by then and not withdrawn by default."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`owner`, `source`, `client_type`, `region`, `month` or `segment`.", example = "owner"),
        ("group" = Option<String>, Query, min_length = 1, description = "Key of the group; goes with `group_by`."),
        ("stage_key" = String, Query, description = "The stage.", example = "prospecting"),
        ("figure" = String, Query, description = "`visits`, `ended_visits` or `open_visits`.", example = "visits"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "The deals.", content(
        (behind::FigureDealPage = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/stage-durations/deals")]
pub async fn stage_durations_deals(call: Call<DealsRead>) -> Responded {
    report::deals::<Request>(call).await
}

impl Report for Request {
    const SCOPE: &'static [&'static str] =
        &["deal_type_id", "version_id", "from", "to", "segment_id", "group_by", "format"];
    const PLACE: &'static [&'static str] = &["stage_key"];

    type Number = (Option<String>, Visits);
    type Figure = DurationFigure;

    fn choices() -> Vec<Choice> {
        vec![Choice::of("group_by", GROUPS), Choice::of("figure", FIGURES)]
    }

    fn ask(parameters: &mut Parameters, caller: &Caller) -> Self {
        let (from, to) = parameters.days(caller);
        let group_by = parameters.word("group_by", GROUPS);
        let segments = parameters.segments(caller, group_by);
        let (deal_type_id, version_id) = (parameters.deal_type_id(), parameters.id("version_id"));
        Self { deal_type_id, version_id, from, to, group_by, segments }
    }

    fn write(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        format: Format,
    ) -> Result<Vec<u8>, Error> {
        render(tenant, app, caller, self, format)
    }

    fn group_by(&self) -> Option<GroupBy> {
        self.group_by
    }

    fn number(&self, parameters: &mut Parameters) -> Self::Number {
        parameters.require("stage_key");
        let stage_key = parameters.get("stage_key").map(str::to_owned);
        (stage_key, parameters.word("figure", FIGURES).unwrap_or(Visits::All))
    }

    fn figure(
        self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        (stage_key, visits): Self::Number,
        group: Option<Group>,
    ) -> Result<DurationFigure, Error> {
        let alignment = self.alignment(tenant, app, caller)?;
        let position = behind::position(&alignment, stage_key.as_deref())?;
        let period = self.period(caller, self.segments.load(&app.store, tenant)?);
        Ok(DurationFigure { alignment, period, position, visits, group })
    }
}

fn render(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    request: &Request,
    format: Format,
) -> Result<Vec<u8>, Error> {
    let alignment = request.alignment(tenant, app, caller)?;
    let period = request.period(caller, request.segments.load(&app.store, tenant)?);
    let as_of = now();
    let time = (&*caller.calendar, as_of);
    let by = request.group_by;
    let stays = |tenant: &mut Tenant<'_>, by| {
        durations::stays(tenant, &caller.visibility, &alignment, &period, by, time)
    };
    let by_group = stays(tenant, by)?;
    let groups = match by {
        None => None,
        Some(by) => {
            let keys: Vec<_> = by_group.iter().map(|group| group.key.clone()).collect();
            let names = name_groups(tenant, by, &keys)?;
            let groups = by_group.iter().zip(names);
            Some(
                groups
                    .map(|(group, name)| (group.key.clone(), name, group.stages.clone()))
                    .collect(),
            )
        }
    };
    // Segments overlap, and do not add up to the whole.
    let whole = match by {
        Some(by) if !by.divides() => stays(tenant, None)?,
        _ => by_group,
    };
    let folds = durations::folds(tenant, &caller.visibility, &alignment, &period)?;
    let found = Durations {
        request,
        version: ReportVersion::from(&alignment),
        folded: folded(&folds),
        as_of,
        stages: &alignment.stages.stages,
        all: merged(whole),
        groups,
    };
    match format {
        Format::Json => json(&found.body()),
        _ => found.table(format, caller.settings.time_zone),
    }
}

type ByStage = BTreeMap<i16, Vec<Stay>>;

fn merged(groups: Vec<Stays>) -> ByStage {
    let mut all = ByStage::new();
    for (position, stays) in groups.into_iter().flat_map(|group| group.stages) {
        all.entry(position).or_default().extend(stays);
    }
    all
}

struct Durations<'a> {
    request: &'a Request,
    version: ReportVersion,
    folded: Vec<FoldedStage>,
    as_of: DateTime<Utc>,
    stages: &'a [Shown],
    all: ByStage,
    groups: Option<Vec<(Option<String>, String, ByStage)>>,
}

/// Median, mean and 90th percentile.
fn lengths(stays: &[Stay], seconds: impl Fn(&Stay) -> f64) -> [Option<f64>; 3] {
    let observation = |stay: &Stay| Observation { seconds: seconds(stay), over: stay.over };
    let curve = Curve::estimate(stays.iter().map(observation).collect());
    [curve.quantile(0.5), curve.mean(), curve.quantile(0.9)]
}

impl Durations<'_> {
    fn stage(&self, stage: &Shown, stays: &[Stay], links: &Links) -> StageDuration {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let ended = stays.iter().filter(|stay| stay.over).count();
        let [median_seconds, mean_seconds, p90_seconds] = lengths(stays, |stay| stay.seconds);
        let [median_working_seconds, mean_working_seconds, p90_working_seconds] =
            lengths(stays, |stay| stay.working_seconds);
        StageDuration {
            stage_key: stage.key.clone(),
            name: stage.name.clone(),
            position: stage.position,
            visits: count(stays.len()),
            ended_visits: count(ended),
            open_visits: count(stays.len().saturating_sub(ended)),
            median_seconds,
            mean_seconds,
            p90_seconds,
            median_working_seconds,
            mean_working_seconds,
            p90_working_seconds,
            drill_down: links
                .clone()
                .with("stage_key", &stage.key)
                .all(FIGURES.iter().map(|(word, _)| *word)),
        }
    }

    fn stages(&self, by_stage: &ByStage, links: &Links) -> Vec<StageDuration> {
        let stays = |stage: &Shown| by_stage.get(&stage.position).map_or(&[][..], Vec::as_slice);
        self.stages.iter().map(|stage| self.stage(stage, stays(stage), links)).collect()
    }

    fn body(&self) -> StageDurationsBody {
        let request = self.request;
        let links = Links::new("/v1/reports/stage-durations/deals")
            .with("deal_type_id", request.deal_type_id)
            .with("version_id", self.version.id)
            .with("from", request.from)
            .with("to", request.to)
            .segment(&request.segments);
        let by = request.group_by.map_or("", |by| word(GROUPS, by));
        let groups = self.groups.as_ref().map(|groups| {
            let group =
                |(key, name, stays): &(Option<String>, String, ByStage)| StageDurationGroup {
                    key: key.clone(),
                    name: name.clone(),
                    stages: self.stages(stays, &links.group(by, key.as_deref())),
                };
            groups.iter().map(group).collect()
        });
        StageDurationsBody {
            deal_type_id: request.deal_type_id,
            version: self.version.clone(),
            from: request.from,
            to: request.to,
            as_of: self.as_of,
            stages: self.stages(&self.all, &links),
            folded: self.folded.clone(),
            groups,
        }
    }

    /// A row a stage; of a grouped report, a row a stage and group.
    fn table(&self, format: Format, zone: chrono_tz::Tz) -> Result<Vec<u8>, Error> {
        let body = self.body();
        let groups = body.groups.unwrap_or_else(|| {
            vec![StageDurationGroup { key: None, name: String::new(), stages: body.stages }]
        });
        let rows = groups.into_iter().flat_map(|group| {
            let (key, name) = (group.key, group.name);
            group.stages.into_iter().map(move |stage| {
                vec![
                    key.clone().into(),
                    name.as_str().into(),
                    stage.stage_key.into(),
                    stage.name.into(),
                    i64::from(stage.position).into(),
                    stage.visits.into(),
                    stage.ended_visits.into(),
                    stage.open_visits.into(),
                    Cell::seconds(stage.median_seconds),
                    Cell::seconds(stage.mean_seconds),
                    Cell::seconds(stage.p90_seconds),
                    Cell::seconds(stage.median_working_seconds),
                    Cell::seconds(stage.mean_working_seconds),
                    Cell::seconds(stage.p90_working_seconds),
                ]
            })
        });
        table::write(format, zone, HEADER, rows)
    }
}

const HEADER: &[&str] = &[
    "group_key",
    "group_name",
    "stage_key",
    "name",
    "position",
    "visits",
    "ended_visits",
    "open_visits",
    "median_seconds",
    "mean_seconds",
    "p90_seconds",
    "median_working_seconds",
    "mean_working_seconds",
    "p90_working_seconds",
];
