//! Why deals were lost.

use std::collections::BTreeMap;

use actix_web::get;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    Currency,
    analytics::funnel::{decimal_ratio, ratio},
    kernel::money::format_amount,
};
use voronka_persistence::{
    Caller, Error, Tenant,
    analytics::{
        Alignment, Basis, Group, GroupBy,
        losses::{self, Counted, LossCount, LossFigure, Losses},
    },
};

use super::{
    behind,
    closed::word,
    report::{self, Report},
    shown::{FoldedStage, ReportVersion, folded},
    stretch::Stretch,
};
use crate::{
    http::{
        Call, Responded,
        call::{DealsRead, ReportsRead},
        format::{Format, Workbook},
        parameters::{Choice, Links, NO_GROUP, Parameters, json, name_groups},
        table::{self, Cell},
    },
    state::App,
};

/// Deals that were lost for one reason.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReasonLosses {
    pub loss_reason_id: Uuid,
    #[schema(example = "Price")]
    pub name: String,
    #[schema(example = 12)]
    pub deals: i64,
    /// Those of them whose loss was reviewed: its task is done.
    #[schema(example = 9)]
    pub reviewed: i64,
    #[schema(example = "48210.00")]
    pub amount: String,
    /// deals / deals of the whole, or of the group.
    #[schema(example = 0.24)]
    pub share: Option<f64>,
    /// The same by amount.
    pub share_by_amount: Option<f64>,
    /// For each number the list of its deals.
    pub drill_down: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LossTotals {
    pub deals: i64,
    pub reviewed: i64,
    /// How often the review of a loss has brought a deal back in the period, whatever has become of the deal
    /// since.
    pub reopened_from_review: i64,
    pub amount: String,
    pub drill_down: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LossGroup {
    /// Id or word of the group, the key of a stage; null for deals without one.
    pub key: Option<String>,
    #[schema(example = "Anna Vermeer")]
    pub name: String,
    pub deals: i64,
    pub reviewed: i64,
    pub amount: String,
    /// deals / deals of the whole.
    pub share: Option<f64>,
    pub share_by_amount: Option<f64>,
    pub drill_down: BTreeMap<String, String>,
    /// The most frequent first.
    pub reasons: Vec<ReasonLosses>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Losses)]
pub struct LossesBody {
    /// Null for all deal types.
    pub deal_type_id: Option<Uuid>,
    /// Of groups of stages only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<ReportVersion>,
    /// First day of the period, in the workspace's time zone.
    pub from: NaiveDate,
    /// Last day of the period.
    pub to: NaiveDate,
    /// Of all amounts: the workspace's base currency.
    #[schema(example = "USD")]
    pub currency: String,
    pub totals: LossTotals,
    /// The most frequent first.
    pub reasons: Vec<ReasonLosses>,
    /// Of groups of stages: those of other versions whose deals are counted in one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub folded: Option<Vec<FoldedStage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub groups: Option<Vec<LossGroup>>,
}

const GROUPS: &[(&str, GroupBy)] = &[
    ("stage", GroupBy::Stage),
    ("deepest_stage", GroupBy::DeepestStage),
    ("owner", GroupBy::Owner),
    ("competitor", GroupBy::Competitor),
    ("source", GroupBy::Source),
    ("client_type", GroupBy::ClientType),
    ("region", GroupBy::Region),
    ("month", GroupBy::Month),
    ("segment", GroupBy::Segment),
];

/// Where the deals behind its numbers are listed.
const LIST: &str = "/v1/reports/losses/deals";

/// The numbers of the report, by their field.
const FIGURES: &[(&str, Counted)] = &[
    ("deals", Counted::Deals),
    ("reviewed", Counted::Reviewed),
    ("reopened_from_review", Counted::ReopenedFromReview),
];
/// Of them those that reasons and groups have, too.
const OF_REASONS: [&str; 2] = ["deals", "reviewed"];

/// Read why deals were lost
///
/// The deals that were lost in the period, by reason: their number, amount and share; and with `group_by`
/// the same within each group. `stage` is the stage that a deal was lost from, `deepest_stage` the furthest
/// that it ever was in. A deal that was reopened counts once, by its last outcome. `reviewed` are the losses
/// whose review is done, `reopened_from_review` how often a review has brought a deal back in the period. As JSON,
/// CSV or XLSX.
/// Callers see the deals that they may see. Of a report by `segment`, groups overlap: a deal is in that of each segment that holds for it or for its client.
/// `drill_down` links each number to its deals.
#[utoipa::path(tag = "Reports", operation_id = "getLosses", security(("bearer" = ["reports:read"])),
    params(("deal_type_id" = Option<Uuid>, Query, description = "The deal type; all of them by default. Required with `group_by=stage` and `group_by=deepest_stage`."),
        ("version_id" = Option<Uuid>, Query, description = "The version of the process whose stages are shown; the last that was published by then and not withdrawn by default. Goes with `group_by=stage` and `group_by=deepest_stage`."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`stage`, `deepest_stage`, `owner`, `competitor`, `source`, `client_type`, `region`, `month` or `segment`.", example = "owner"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "The losses.", content(
        (LossesBody = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/losses")]
pub async fn losses_report(call: Call<ReportsRead>) -> Responded {
    report::answer::<Request>(call).await
}

/// List the deals behind a figure of the losses
///
/// The lost deals that a number of the report counts, with the report's parameters: of one reason with
/// `loss_reason_id`, of a group with `group_by` and `group`; without `group`, of the deals that have none. CSV and
/// XLSX have all deals, JSON a page of them. `reopened_from_review` is of all reasons and groups.
#[utoipa::path(tag = "Reports", operation_id = "listLossesDeals", security(("bearer" = ["deals:read"])),
    params(("deal_type_id" = Option<Uuid>, Query, description = "The deal type; all of them by default. Required with `group_by=stage` and `group_by=deepest_stage`."),
        ("version_id" = Option<Uuid>, Query, description = "The version of the process whose stages are shown; the last that was published by then and not withdrawn by default. Goes with `group_by=stage` and `group_by=deepest_stage`."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`stage`, `deepest_stage`, `owner`, `competitor`, `source`, `client_type`, `region`, `month` or `segment`.", example = "owner"),
        ("group" = Option<String>, Query, min_length = 1, description = "Key of the group; goes with `group_by`."),
        ("loss_reason_id" = Option<Uuid>, Query, description = "The reason."),
        ("figure" = String, Query, description = "`deals`, `reviewed` or `reopened_from_review`.", example = "deals"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "The deals.", content(
        (behind::FigureDealPage = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/losses/deals")]
pub async fn losses_deals(call: Call<DealsRead>) -> Responded {
    report::deals::<Request>(call).await
}

pub(super) struct Request(Stretch);

impl Report for Request {
    const SCOPE: &'static [&'static str] =
        &["deal_type_id", "version_id", "from", "to", "segment_id", "group_by", "format"];
    const PLACE: &'static [&'static str] = &["loss_reason_id"];

    /// Of one reason, or of all.
    type Number = (Option<Uuid>, Counted);
    type Figure = LossFigure;

    fn choices() -> Vec<Choice> {
        vec![Choice::of("group_by", GROUPS), Choice::of("figure", FIGURES)]
    }

    fn ask(parameters: &mut Parameters, caller: &Caller) -> Self {
        Self(Stretch::read(parameters, caller, GROUPS))
    }

    fn write(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        format: Format,
    ) -> Result<Vec<u8>, Error> {
        render(tenant, app, caller, &self.0, format)
    }

    fn group_by(&self) -> Option<GroupBy> {
        self.0.group_by
    }

    fn number(&self, parameters: &mut Parameters) -> Self::Number {
        let loss_reason_id = parameters.id("loss_reason_id");
        let what = parameters.word("figure", FIGURES).unwrap_or(Counted::Deals);
        let narrowed = if loss_reason_id.is_some() { "loss_reason_id" } else { "group_by" };
        if what == Counted::ReopenedFromReview
            && (loss_reason_id.is_some() || self.0.group_by.is_some())
        {
            parameters.fault(narrowed, "not_allowed", "The figure is of all reasons and groups.");
        }
        (loss_reason_id, what)
    }

    fn figure(
        self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        (loss_reason_id, what): Self::Number,
        group: Option<Group>,
    ) -> Result<LossFigure, Error> {
        let alignment = self.0.alignment(tenant, app, caller)?;
        let period = self.0.period(tenant, app, caller, Basis::Closed)?;
        Ok(LossFigure { alignment, period, loss_reason_id, group, what })
    }
}

fn render(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    request: &Stretch,
    format: Format,
) -> Result<Vec<u8>, Error> {
    let alignment = request.alignment(tenant, app, caller)?;
    let period = request.period(tenant, app, caller, Basis::Closed)?;
    let group_by = request.group_by;
    let Losses { all, groups: by_group, folds } =
        losses::counts(tenant, &caller.visibility, alignment.as_ref(), &period, group_by)?;
    let reasons = losses::names(tenant, all.iter().map(|count| count.loss_reason_id).collect())?;
    let groups = match group_by {
        Some(group_by) => Some(groups(tenant, alignment.as_ref(), group_by, by_group)?),
        None => None,
    };
    let reopened = losses::reopened(tenant, &caller.visibility, &period)?;
    let currency = caller.settings.currency;
    let version = alignment.as_ref().map(ReportVersion::from);
    let folded = version.is_some().then(|| folded(&folds));
    let found = Found { request, version, folded, currency, reasons, all, reopened, groups };
    match format {
        Format::Json => json(&found.body()),
        _ => found.table(format, caller.settings.time_zone),
    }
}

/// Key, name and counts.
type Counts = (Option<String>, String, Vec<LossCount>);

/// Counts that are in the order of their keys, by key.
fn groups(
    tenant: &mut Tenant<'_>,
    alignment: Option<&Alignment>,
    group_by: GroupBy,
    counts: Vec<LossCount>,
) -> Result<Vec<Counts>, Error> {
    let mut keys: Vec<_> = counts.iter().map(|count| count.key.clone()).collect();
    keys.dedup();
    let names = name_groups(tenant, group_by, &keys)?;
    let chunks = counts.chunk_by(|a, b| a.key == b.key).map(<[_]>::to_vec);
    let mut groups: Vec<Counts> = keys
        .into_iter()
        .zip(names)
        .zip(chunks)
        .map(|((key, name), counts)| (key, name, counts))
        .collect();
    if let Some(alignment) = alignment {
        for (key, name, _) in &mut groups {
            let stage = key.as_deref().and_then(|key| alignment.stages.by_key(key));
            *name = stage.map_or(NO_GROUP.to_owned(), |stage| stage.name.clone());
        }
    }
    Ok(groups)
}

struct Found<'a> {
    request: &'a Stretch,
    version: Option<ReportVersion>,
    folded: Option<Vec<FoldedStage>>,
    currency: Currency,
    reasons: Vec<(Uuid, String)>,
    all: Vec<LossCount>,
    reopened: i64,
    groups: Option<Vec<Counts>>,
}

fn reviewed(counts: &[LossCount]) -> i64 {
    counts.iter().map(|count| count.reviewed).fold(0, i64::saturating_add)
}

fn sum(counts: &[LossCount]) -> (i64, Decimal) {
    counts.iter().fold((0, Decimal::ZERO), |(deals, amount), count| {
        (deals.saturating_add(count.deals), amount.saturating_add(count.amount))
    })
}

impl Found<'_> {
    fn name(&self, id: Uuid) -> String {
        let found = self.reasons.iter().find(|(other, _)| *other == id);
        found.map(|(_, name)| name.clone()).unwrap_or_default()
    }

    fn reasons(&self, counts: &[LossCount], links: &Links) -> Vec<ReasonLosses> {
        let (deals, amount) = sum(counts);
        let body = |count: &LossCount| ReasonLosses {
            loss_reason_id: count.loss_reason_id,
            name: self.name(count.loss_reason_id),
            deals: count.deals,
            reviewed: count.reviewed,
            amount: format_amount(count.amount, self.currency),
            share: ratio(count.deals, deals),
            share_by_amount: decimal_ratio(count.amount, amount),
            drill_down: links.clone().with("loss_reason_id", count.loss_reason_id).all(OF_REASONS),
        };
        counts.iter().map(body).collect()
    }

    fn body(&self) -> LossesBody {
        let request = self.request;
        let mut links = request.links(LIST);
        let (deals, amount) = sum(&self.all);
        let by = request.group_by.map_or("", |by| word(GROUPS, by));
        let plain = links.clone();
        if let Some(version) = &self.version {
            links = links.with("version_id", version.id);
        }
        let group = |(key, name, counts): &Counts| {
            let (of_group, group_amount) = sum(counts);
            let links = links.group(by, key.as_deref());
            LossGroup {
                key: key.clone(),
                name: name.clone(),
                deals: of_group,
                reviewed: reviewed(counts),
                amount: format_amount(group_amount, self.currency),
                share: ratio(of_group, deals),
                share_by_amount: decimal_ratio(group_amount, amount),
                drill_down: links.all(OF_REASONS),
                reasons: self.reasons(counts, &links),
            }
        };
        LossesBody {
            deal_type_id: request.deal_type_id,
            version: self.version.clone(),
            from: request.from,
            to: request.to,
            currency: self.currency.code().to_owned(),
            totals: LossTotals {
                deals,
                reviewed: reviewed(&self.all),
                reopened_from_review: self.reopened,
                amount: format_amount(amount, self.currency),
                drill_down: plain.all(FIGURES.iter().map(|(figure, _)| *figure)),
            },
            reasons: self.reasons(&self.all, &plain),
            folded: self.folded.clone(),
            groups: self.groups.as_ref().map(|groups| groups.iter().map(group).collect()),
        }
    }

    /// A row a reason; of a grouped report, a row a reason and group.
    fn table(&self, format: Format, zone: chrono_tz::Tz) -> Result<Vec<u8>, Error> {
        let whole = vec![(None, String::new(), self.all.clone())];
        let groups = self.groups.as_ref().unwrap_or(&whole);
        let rows = groups.iter().flat_map(|(key, name, counts)| {
            let (deals, amount) = sum(counts);
            counts.iter().map(move |count| {
                vec![
                    key.clone().into(),
                    name.as_str().into(),
                    count.loss_reason_id.to_string().into(),
                    self.name(count.loss_reason_id).into(),
                    count.deals.into(),
                    count.reviewed.into(),
                    self.currency.code().into(),
                    Cell::Money(count.amount, self.currency),
                    Cell::ratio(ratio(count.deals, deals)),
                    Cell::ratio(decimal_ratio(count.amount, amount)),
                ]
            })
        });
        table::write(format, zone, HEADER, rows)
    }
}

const HEADER: &[&str] = &[
    "group_key",
    "group_name",
    "loss_reason_id",
    "name",
    "deals",
    "reviewed",
    "currency",
    "amount",
    "share",
    "share_by_amount",
];
