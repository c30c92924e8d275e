//! Primary demand: what clients first wanted, and what of it was not met.

use std::collections::BTreeMap;

use actix_web::get;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{Currency, analytics::funnel::decimal_ratio, kernel::money::format_amount};
use voronka_persistence::{
    Caller, Error, Tenant,
    analytics::{
        Basis, Group, GroupBy,
        demand::{self, Counted, DemandCount, DemandFigure},
    },
};

use super::{
    behind,
    closed::word,
    report::{self, Report},
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

/// What deals wanted, in all or of one group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DemandFigures {
    /// Deals whose demand was written down; in the group of an item, those that wanted it.
    #[schema(example = 42)]
    pub deals: i64,
    /// What all that they wanted would cost.
    #[schema(example = "96000.00")]
    pub amount: String,
    /// Deals that did not get all of it: closed ones, and open ones where it is said why not.
    #[schema(example = 7)]
    pub unmet: i64,
    /// What the part that they did not get would cost, line by line: amount × (quantity − met) / quantity.
    #[schema(example = "14400.00")]
    pub unmet_amount: String,
    /// unmet_amount / amount.
    #[schema(example = 0.15)]
    pub unmet_share: Option<f64>,
    /// For each number the list of its deals.
    pub drill_down: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DemandGroup {
    /// Id of the owner or product, the name of an item or a reason in lower case, a month; null for what has
    /// none.
    pub key: Option<String>,
    #[schema(example = "Rack server")]
    pub name: String,
    #[serde(flatten)]
    pub figures: DemandFigures,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PrimaryDemand)]
pub struct DemandReportBody {
    /// Null for all deal types.
    pub deal_type_id: Option<Uuid>,
    /// First day of the period, in the workspace's time zone.
    pub from: NaiveDate,
    /// Last day of the period.
    pub to: NaiveDate,
    /// Of all amounts: the workspace's base currency.
    #[schema(example = "USD")]
    pub currency: String,
    pub totals: DemandFigures,
    /// The largest unmet amount first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub groups: Option<Vec<DemandGroup>>,
}

const GROUPS: &[(&str, GroupBy)] = &[
    ("reason", GroupBy::UnmetReason),
    ("owner", GroupBy::Owner),
    ("item", GroupBy::Item),
    ("source", GroupBy::Source),
    ("client_type", GroupBy::ClientType),
    ("region", GroupBy::Region),
    ("month", GroupBy::Month),
    ("segment", GroupBy::Segment),
];

/// Where the deals behind its numbers are listed.
const LIST: &str = "/v1/reports/primary-demand/deals";

/// The numbers of the report, by their field.
const FIGURES: &[(&str, Counted)] = &[("deals", Counted::Deals), ("unmet", Counted::Unmet)];

/// Read what clients first wanted, and what of it was not met
///
/// The primary demand of the deals that were opened in the period: what it would cost, and the part that was
/// not met; with `group_by` the same by reason, manager or item. The groups of `reason` are of the unmet lines
/// alone; reasons and items that differ only in case are one, and an item that is a product is that product. A
/// deal with several items is in the group of each. As JSON, CSV or XLSX.
#[utoipa::path(tag = "Reports", operation_id = "getPrimaryDemand", security(("bearer" = ["reports:read"])),
    params(("deal_type_id" = Option<Uuid>, Query, description = "The deal type; all of them by default."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`reason`, `owner`, `item`, `source`, `client_type`, `region`, `month` or `segment`.", example = "reason"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "The demand.", content(
        (DemandReportBody = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/primary-demand")]
pub async fn demand_report(call: Call<ReportsRead>) -> Responded {
    report::answer::<Request>(call).await
}

/// List the deals behind a figure of the primary demand
///
/// The deals that a number of the report counts, with the report's parameters; of a group with `group_by` and
/// `group`; without `group`, of what has none. CSV and XLSX have all deals, JSON a page of them.
#[utoipa::path(tag = "Reports", operation_id = "listPrimaryDemandDeals", security(("bearer" = ["deals:read"])),
    params(("deal_type_id" = Option<Uuid>, Query, description = "The deal type; all of them by default."),
        ("from" = Option<NaiveDate>, Query, description = "First day; a year before `to` by default.", example = "2017-01-01"),
        ("to" = Option<NaiveDate>, Query, description = "Last day; today by default.", example = "2017-12-31"),
        ("segment_id" = Option<Uuid>, Query, description = "A segment, of deals or of clients: only deals that it holds for, or whose client it holds for, today."),
        ("group_by" = Option<String>, Query, description = "`reason`, `owner`, `item`, `source`, `client_type`, `region`, `month` or `segment`.", example = "reason"),
        ("group" = Option<String>, Query, min_length = 1, description = "Key of the group; goes with `group_by`."),
        ("figure" = String, Query, description = "`deals` or `unmet`.", example = "unmet"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `xlsx`.", example = "json")),
    responses((status = 200, description = "The deals.", content(
        (behind::FigureDealPage = "application/json"), (String = "text/csv"),
        (Workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/reports/primary-demand/deals")]
pub async fn demand_deals(call: Call<DealsRead>) -> Responded {
    report::deals::<Request>(call).await
}

pub(super) struct Request(Stretch);

impl Report for Request {
    const SCOPE: &'static [&'static str] =
        &["deal_type_id", "from", "to", "segment_id", "group_by", "format"];

    type Number = Counted;
    type Figure = DemandFigure;

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

    fn number(&self, parameters: &mut Parameters) -> Counted {
        parameters.word("figure", FIGURES).unwrap_or(Counted::Deals)
    }

    fn figure(
        self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        what: Counted,
        group: Option<Group>,
    ) -> Result<DemandFigure, Error> {
        let period = self.0.period(tenant, app, caller, Basis::Created)?;
        Ok(DemandFigure { period, group, what })
    }
}

fn render(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    request: &Stretch,
    format: Format,
) -> Result<Vec<u8>, Error> {
    let period = request.period(tenant, app, caller, Basis::Created)?;
    let all = demand::counts(tenant, &caller.visibility, &period, None)?;
    let groups = match request.group_by {
        Some(by) => {
            let counts = demand::counts(tenant, &caller.visibility, &period, Some(by))?;
            let keys: Vec<_> = counts.iter().map(|count| count.key.clone()).collect();
            let names = name_groups(tenant, by, &keys)?;
            Some(counts.into_iter().zip(names).collect())
        }
        None => None,
    };
    let all = all.into_iter().next().unwrap_or_default();
    let found = Found { request, currency: caller.settings.currency, all, groups };
    match format {
        Format::Json => json(&found.body()),
        _ => found.table(format, caller.settings.time_zone),
    }
}

struct Found<'a> {
    request: &'a Stretch,
    currency: Currency,
    all: DemandCount,
    groups: Option<Vec<(DemandCount, String)>>,
}

fn share(count: &DemandCount) -> Option<f64> {
    decimal_ratio(count.unmet_amount, count.amount)
}

/// Items and reasons are called what they were called when they were written down.
fn name<'a>(count: &'a DemandCount, name: &'a str) -> &'a str {
    match &count.key {
        Some(_) => count.label.as_deref().unwrap_or(name),
        None => NO_GROUP,
    }
}

impl Found<'_> {
    fn figures(&self, count: &DemandCount, links: &Links) -> DemandFigures {
        let amount = |amount: Decimal| format_amount(amount, self.currency);
        DemandFigures {
            deals: count.deals,
            amount: amount(count.amount),
            unmet: count.unmet,
            unmet_amount: amount(count.unmet_amount),
            unmet_share: share(count),
            drill_down: links.all(FIGURES.iter().map(|(figure, _)| *figure)),
        }
    }

    fn body(&self) -> DemandReportBody {
        let (request, links) = (self.request, self.request.links(LIST));
        let by = request.group_by.map_or("", |by| word(GROUPS, by));
        let group = |(count, named): &(DemandCount, String)| DemandGroup {
            key: count.key.clone(),
            name: name(count, named).to_owned(),
            figures: self.figures(count, &links.group(by, count.key.as_deref())),
        };
        DemandReportBody {
            deal_type_id: request.deal_type_id,
            from: request.from,
            to: request.to,
            currency: self.currency.code().to_owned(),
            totals: self.figures(&self.all, &links),
            groups: self.groups.as_ref().map(|groups| groups.iter().map(group).collect()),
        }
    }

    /// A row a group; of a report without groups, one row.
    fn table(&self, format: Format, zone: chrono_tz::Tz) -> Result<Vec<u8>, Error> {
        let whole = vec![(self.all.clone(), String::new())];
        let rows = self.groups.as_ref().unwrap_or(&whole).iter().map(|(count, named)| {
            let name = if self.groups.is_some() { name(count, named) } else { "" };
            vec![
                count.key.clone().into(),
                name.into(),
                count.deals.into(),
                self.currency.code().into(),
                Cell::Money(count.amount, self.currency),
                count.unmet.into(),
                Cell::Money(count.unmet_amount, self.currency),
                Cell::ratio(share(count)),
            ]
        });
        table::write(format, zone, HEADER, rows)
    }
}

const HEADER: &[&str] = &[
    "group_key",
    "group_name",
    "deals",
    "currency",
    "amount",
    "unmet",
    "unmet_amount",
    "unmet_share",
];
