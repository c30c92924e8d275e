//! The open funnel: where the open deals stood at an instant.

use actix_web::get;
use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;
use voronka_domain::{
    Currency,
    analytics::funnel::{self, OpenCount},
    kernel::money::{format_amount, rounded},
    process::alignment::{Alignment as Stages, Shown},
};
use voronka_persistence::{
    Caller, Error, Tenant,
    analytics::{
        Alignment, Group, GroupBy, Wanted,
        open::{self, Counted, Moment, OpenCounts, OpenFunnelFigure},
        overdue::Overdue,
    },
    now,
};

use super::{
    behind,
    closed::word,
    open_body::{OpenFunnelBody, OpenFunnelGroup, OpenFunnelStage, OpenFunnelTotals},
    report::{self, Report},
    shown::{FoldedStage, ReportVersion, folded},
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
    ("segment", GroupBy::Segment),
];

/// The numbers of a stage and of the totals, by their field.
const FIGURES: &[(&str, Counted)] =
    &[("deals", Counted::Deals), ("overdue", Counted::Overdue), ("held", Counted::Held)];

const HEADER: &[&str] = &[
    "group_key",
    "group_name",
    "stage_key",
    "name",
    "position",
    "deals",
    "currency",
    "amount",
    "weighted_amount",
    "overdue",
    "held",
    "median_age_seconds",
];

pub(super) struct Request {
    deal_type_id: Uuid,
    version_id: Option<Uuid>,
    as_of: DateTime<Utc>,
    group_by: Option<GroupBy>,
    segments: Wanted,
}

impl Request {
    fn alignment(&self, tenant: &mut Tenant<'_>, app: &App) -> Result<Alignment, Error> {
        Alignment::load(&app.store, tenant, self.deal_type_id, self.version_id, self.as_of)
    }

    fn moment(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        alignment: &Alignment,
    ) -> Result<Moment, Error> {
        let &Self { deal_type_id, as_of, .. } = self;
        let segments = self.segments.load(&app.store, tenant)?;
        let overdue = Overdue::load(tenant, alignment, &caller.calendar, as_of)?;
        Ok(Moment { deal_type_id, as_of, segments, overdue })
    }
}

/// Read the open funnel
///
/// How many deals were open in each stage at an instant, with their amounts, owners and stages as they
/// were then: later moves, and changes of amount or owner, leave it as it was. As JSON, CSV, XLSX or a
/// picture (SVG). Callers see the deals that they may see.
/// Of a report by `segment`, groups overlap: a deal is in that of each segment that holds for it or for its client.
/// `drill_down` links each number to its deals.
#[utoipa::path(tag = "Reports", operation_id = "getOpenFunnel", security(("bearer" = ["reports:read"])),
    params(("deal_type_id" = Uuid, Query, description = "The deal type."),
        ("version_id" = Option<Uuid>, Query, description = "The version of the process whose stages are shown; the last that was published by then and not withdrawn by default."),
        ("as_of" = Option<DateTime<Utc>>, Query, description = "The instant; now by default.", example = "2017-06-30T00:00:00Z"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`owner`, `source`, `client_type`, `region` or `segment`.", example = "owner"),
        ("format" = Option<String>, Query, description = "`json`, `csv`, `xlsx` or `svg`.", example = "json")),
    responses((status = 200, description = "The funnel.", content(
        (OpenFunnelBody = "application/json"), (String = "text/csv"), (String = "image/svg+xml"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/funnel/open")]
pub async fn open_funnel(call: Call<ReportsRead>) -> Responded {
    report::answer::<Request>(call).await
}

/// List the deals behind a figure of the open funnel
///
/// The deals that a number of the report counts, with the report's parameters and the name of the number
/// in `figure`: of a stage with `stage_key`, of the totals without. Of a group with `group_by` and `group`;
/// without `group`, of the deals that have none. `counted_amount` is the amount at the instant, the rest of a deal
/// as it is now. A deal that the caller no longer sees is not listed. CSV and XLSX have all deals, JSON a page of them.
#[utoipa::path(tag = "Reports", operation_id = "listOpenFunnelDeals", security(("bearer" = ["deals:read"])),
    params(("deal_type_id" = Uuid, Query, description = "The deal type."),
        ("version_id" = Option<Uuid>, Query, description = "The version of the process whose stages are shown; the last that was published by then and not withdrawn by default."),
        ("as_of" = Option<DateTime<Utc>>, Query, description = "The instant; now by default.", example = "2017-06-30T00:00:00Z"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`owner`, `source`, `client_type`, `region` or `segment`.", example = "owner"),
        ("group" = Option<String>, Query, min_length = 1, description = "Key of the group; goes with `group_by`."),
        ("stage_key" = Option<String>, Query, description = "The stage.", example = "engaging"),
        ("figure" = String, Query, description = "`deals`, `overdue` or `held`.", example = "deals"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "The deals.", content(
        (behind::FigureDealPage = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/funnel/open/deals")]
pub async fn open_funnel_deals(call: Call<DealsRead>) -> Responded {
    report::deals::<Request>(call).await
}

impl Report for Request {
    const SCOPE: &'static [&'static str] =
        &["deal_type_id", "version_id", "as_of", "segment_id", "group_by", "format"];
    const PLACE: &'static [&'static str] = &["stage_key"];
    const FORMATS: &'static [Format] = FUNNELS;

    /// Of a stage, or of all.
    type Number = (Option<String>, Counted);
    type Figure = OpenFunnelFigure;

    fn choices() -> Vec<Choice> {
        vec![Choice::of("group_by", GROUPS), Choice::of("figure", FIGURES)]
    }

    fn ask(parameters: &mut Parameters, caller: &Caller) -> Self {
        let now = now();
        let as_of = parameters.instant("as_of").unwrap_or(now);
        if as_of > now {
            parameters.fault("as_of", "in_the_future", "The future is not known.");
        }
        let group_by = parameters.word("group_by", GROUPS);
        Self {
            deal_type_id: parameters.deal_type_id(),
            version_id: parameters.id("version_id"),
            as_of,
            group_by,
            segments: parameters.segments(caller, group_by),
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
        (stage_key, parameters.word("figure", FIGURES).unwrap_or(Counted::Deals))
    }

    fn figure(
        self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        (stage_key, what): Self::Number,
        group: Option<Group>,
    ) -> Result<OpenFunnelFigure, Error> {
        let alignment = self.alignment(tenant, app)?;
        let moment = self.moment(tenant, app, caller, &alignment)?;
        let position = match stage_key {
            Some(key) => Some(behind::position(&alignment, Some(&key))?),
            None => None,
        };
        Ok(OpenFunnelFigure { alignment, moment, position, group, what })
    }
}

fn find<'a>(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    request: &'a Request,
) -> Result<Funnel<'a>, Error> {
    let alignment = request.alignment(tenant, app)?;
    let moment = request.moment(tenant, app, caller, &alignment)?;
    let OpenCounts { all, groups: by_group } =
        open::counts(tenant, &caller.visibility, &alignment, &moment, request.group_by)?;
    let groups = match request.group_by {
        None => None,
        Some(group_by) => {
            let keys: Vec<_> = by_group.iter().map(|(key, _)| key.clone()).collect();
            let names = name_groups(tenant, group_by, &keys)?;
            Some(by_group.into_iter().zip(names).map(|((k, c), n)| (k, n, c)).collect())
        }
    };
    let folds = open::folds(tenant, &caller.visibility, &alignment, &moment)?;
    Ok(Funnel {
        request,
        version: ReportVersion::from(&alignment),
        folded: folded(&folds),
        deal_type: alignment.name,
        alignment: alignment.stages,
        currency: caller.settings.currency,
        zone: caller.settings.time_zone,
        all,
        groups,
    })
}

/// Key, name and counts.
type Counts = (Option<String>, String, Vec<OpenCount>);

struct Funnel<'a> {
    request: &'a Request,
    version: ReportVersion,
    folded: Vec<FoldedStage>,
    deal_type: String,
    alignment: Stages,
    currency: Currency,
    zone: chrono_tz::Tz,
    all: Vec<OpenCount>,
    groups: Option<Vec<Counts>>,
}

impl Funnel<'_> {
    fn write(self, format: Format) -> Result<Vec<u8>, Error> {
        match format {
            Format::Json => json(&self.body()),
            Format::Csv | Format::Xlsx => self.table(format),
            Format::Svg => Ok(self.draw().into_bytes()),
        }
    }

    fn stage(&self, (stage, count): (&Shown, OpenCount), links: &Links) -> OpenFunnelStage {
        let links = links.clone().with("stage_key", &stage.key);
        OpenFunnelStage {
            stage_key: stage.key.clone(),
            name: stage.name.clone(),
            position: stage.position,
            deals: count.deals,
            amount: format_amount(count.amount, self.currency),
            weighted_amount: format_amount(self.rounded(count.weighted_amount), self.currency),
            overdue: count.overdue,
            held: count.held,
            median_age_seconds: count.median_age_seconds,
            drill_down: links.all(FIGURES.iter().map(|(word, _)| *word)),
        }
    }

    fn stages(&self, counts: &[OpenCount], links: &Links) -> Vec<OpenFunnelStage> {
        let rows = funnel::open(&self.alignment, counts);
        rows.into_iter().map(|row| self.stage(row, links)).collect()
    }

    fn rounded(&self, amount: Decimal) -> Decimal {
        rounded(amount, self.currency)
    }

    fn totals(&self, counts: &[OpenCount], links: &Links) -> OpenFunnelTotals {
        let sum = |of: fn(&OpenCount) -> i64| counts.iter().map(of).fold(0, i64::saturating_add);
        let money = |of: fn(&OpenCount) -> Decimal| {
            counts.iter().map(of).fold(Decimal::ZERO, Decimal::saturating_add)
        };
        OpenFunnelTotals {
            deals: sum(|count| count.deals),
            amount: format_amount(money(|count| count.amount), self.currency),
            weighted_amount: format_amount(
                self.rounded(money(|count| count.weighted_amount)),
                self.currency,
            ),
            overdue: sum(|count| count.overdue),
            held: sum(|count| count.held),
            drill_down: links.all(FIGURES.iter().map(|(word, _)| *word)),
        }
    }

    fn body(&self) -> OpenFunnelBody {
        let request = self.request;
        let links = Links::new("/v1/reports/funnel/open/deals")
            .with("deal_type_id", request.deal_type_id)
            .with("version_id", self.version.id)
            .with("as_of", request.as_of.to_rfc3339_opts(SecondsFormat::Micros, true))
            .segment(&request.segments);
        let by = request.group_by.map_or("", |by| word(GROUPS, by));
        let groups = self.groups.as_ref().map(|groups| {
            let groups = groups.iter().map(|(key, name, counts)| {
                let links = links.group(by, key.as_deref());
                OpenFunnelGroup {
                    key: key.clone(),
                    name: name.clone(),
                    stages: self.stages(counts, &links),
                    totals: self.totals(counts, &links),
                }
            });
            groups.collect()
        });
        OpenFunnelBody {
            deal_type_id: request.deal_type_id,
            version: self.version.clone(),
            as_of: request.as_of,
            currency: self.currency.code().to_owned(),
            folded: self.folded.clone(),
            stages: self.stages(&self.all, &links),
            totals: self.totals(&self.all, &links),
            groups,
        }
    }

    fn table(&self, format: Format) -> Result<Vec<u8>, Error> {
        let whole = (None, String::new(), self.all.clone());
        let groups = self.groups.clone().unwrap_or_else(|| vec![whole]);
        let rows = groups.into_iter().flat_map(|(key, name, counts)| {
            funnel::open(&self.alignment, &counts)
                .into_iter()
                .map(move |(stage, count)| {
                    vec![
                        key.clone().into(),
                        name.as_str().into(),
                        stage.key.as_str().into(),
                        stage.name.as_str().into(),
                        i64::from(stage.position).into(),
                        count.deals.into(),
                        self.currency.code().into(),
                        Cell::Money(count.amount, self.currency),
                        Cell::Money(self.rounded(count.weighted_amount), self.currency),
                        count.overdue.into(),
                        count.held.into(),
                        Cell::seconds(count.median_age_seconds),
                    ]
                })
                .collect::<Vec<_>>()
        });
        table::write(format, self.zone, HEADER, rows)
    }

    fn draw(&self) -> String {
        let local = self.request.as_of.with_timezone(&self.zone);
        let as_of = local.format("%-d %b %Y, %H:%M %Z").to_string();
        let heading = format!("{}: open funnel", self.deal_type);
        let groups = self.groups.iter().flatten();
        let groups = groups.map(|(_, name, counts)| (name.as_str(), counts.as_slice()));
        let sections: Vec<_> = std::iter::once((heading.as_str(), self.all.as_slice()))
            .chain(groups)
            .map(|(heading, counts)| self.section(heading, &as_of, counts))
            .collect();
        funnel_svg::open(&sections)
    }

    fn section<'s>(
        &'s self,
        heading: &'s str,
        as_of: &str,
        counts: &[OpenCount],
    ) -> funnel_svg::OpenFunnel<'s> {
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        let rows = funnel::open(&self.alignment, counts);
        let stages: Vec<_> = rows
            .into_iter()
            .map(|(stage, row)| funnel_svg::OpenStage {
                name: &stage.name,
                deals: count(row.deals),
                amount: row.amount,
                weighted_amount: self.rounded(row.weighted_amount),
                overdue: count(row.overdue),
                median_age_days: row.median_age_seconds.map(|seconds| seconds / 86_400.0),
            })
            .collect();
        let sum = |of: fn(&OpenCount) -> Decimal| {
            counts.iter().map(of).fold(Decimal::ZERO, Decimal::saturating_add)
        };
        funnel_svg::OpenFunnel {
            heading,
            as_of: as_of.to_owned(),
            currency: self.currency.code(),
            deals: counts.iter().map(|row| count(row.deals)).fold(0, u64::saturating_add),
            amount: sum(|row| row.amount),
            weighted_amount: self.rounded(sum(|row| row.weighted_amount)),
            stages,
        }
    }
}
