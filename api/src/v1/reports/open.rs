//! The open funnel: where the open deals stood at an instant.

use actix_web::get;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use voronka_domain::{
    Currency,
    funnel::{self, OpenCount},
    money::format_amount,
    process::{Process, Stage},
};
use voronka_persistence::{
    Caller, Error, Tenant, now,
    reports::{self, Alignment, GroupBy},
};

use super::format::{Format, Parameters, csv, json, name_groups, optional};
use crate::{
    funnel_svg,
    http::{
        Call, Problem, Responded,
        call::{ReportsRead, block},
    },
    state::App,
};

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenFunnelStage {
    #[schema(example = "engaging")]
    pub stage_key: String,
    #[schema(example = "Engaging")]
    pub name: String,
    pub position: i16,
    /// Deals in the stage.
    #[schema(example = 1589)]
    pub deals: i64,
    pub amount: String,
    /// Sum of the amounts, each by its stage's probability.
    pub weighted_amount: String,
    /// Deals that are in the stage for longer than its norm.
    pub overdue: i64,
    /// Deals on hold.
    pub held: i64,
    /// Median time in the stage so far, in seconds, without time on hold.
    pub median_age_seconds: Option<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenFunnelTotals {
    pub deals: i64,
    pub amount: String,
    pub weighted_amount: String,
    pub overdue: i64,
    pub held: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenFunnelGroup {
    /// Id of the group; null for deals without one.
    pub key: Option<String>,
    #[schema(example = "Anna Vermeer")]
    pub name: String,
    pub stages: Vec<OpenFunnelStage>,
    pub totals: OpenFunnelTotals,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = OpenFunnel)]
pub struct OpenFunnelBody {
    pub deal_type_id: Uuid,
    pub as_of: DateTime<Utc>,
    /// Of all amounts: the workspace's base currency.
    #[schema(example = "USD")]
    pub currency: String,
    pub stages: Vec<OpenFunnelStage>,
    pub totals: OpenFunnelTotals,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<OpenFunnelGroup>>,
}

const GROUPS: &[(&str, GroupBy)] = &[
    ("owner", GroupBy::Owner),
    ("source", GroupBy::Source),
    ("client_type", GroupBy::ClientType),
    ("region", GroupBy::Region),
];

struct Request {
    deal_type_id: Uuid,
    as_of: DateTime<Utc>,
    group_by: Option<GroupBy>,
    format: Format,
}

impl Request {
    fn read(call: &Call<ReportsRead>) -> Result<Self, Problem> {
        let known = ["deal_type_id", "as_of", "group_by", "format"];
        let mut parameters = Parameters::new(call.pairs()?, &known);
        let now = now();
        let as_of = parameters.instant("as_of").unwrap_or(now);
        if as_of > now {
            parameters.fault("as_of", "in_the_future", "The future is not known.");
        }
        let request = Self {
            deal_type_id: parameters.deal_type_id(),
            as_of,
            group_by: parameters.group_by(GROUPS),
            format: parameters.format(&call.accept)?,
        };
        parameters.finish()?;
        Ok(request)
    }
}

/// Read the open funnel
///
/// How many deals were open in each stage at an instant, with their amounts, owners and stages as they
/// were then: later moves, and changes of amount or owner, leave it as it was. As JSON, as CSV, or as a
/// picture (SVG). Callers see the deals that they may see.
#[utoipa::path(tag = "Reports", operation_id = "getOpenFunnel", security(("bearer" = ["reports:read"])),
    params(("deal_type_id" = Uuid, Query, description = "The deal type."),
        ("as_of" = Option<DateTime<Utc>>, Query, description = "The instant; now by default.", example = "2017-06-30T00:00:00Z"),
        ("group_by" = Option<String>, Query, description = "`owner`, `source`, `client_type` or `region`.", example = "owner"),
        ("format" = Option<String>, Query, description = "`json`, `csv` or `svg`.", example = "json")),
    responses((status = 200, description = "The funnel.", content(
        (OpenFunnelBody = "application/json"), (String = "text/csv"), (String = "image/svg+xml")))))]
#[get("/v1/reports/funnel/open")]
pub async fn open_funnel(call: Call<ReportsRead>) -> Responded {
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
    let count = |tenant: &mut Tenant<'_>, group_by| {
        let Request { deal_type_id, as_of, .. } = *request;
        reports::open::counts(tenant, &caller.visibility, &alignment, deal_type_id, as_of, group_by)
    };
    let all = count(tenant, None)?.into_iter().next().map(|(_, counts)| counts);
    let groups = match request.group_by {
        None => None,
        Some(group_by) => {
            let groups = count(tenant, Some(group_by))?;
            let keys: Vec<_> = groups.iter().map(|(key, _)| key.clone()).collect();
            let names = name_groups(tenant, group_by, &keys)?;
            Some(groups.into_iter().zip(names).map(|((k, c), n)| (k, n, c)).collect())
        }
    };
    let report = Report {
        request,
        process: &alignment.process,
        currency: caller.settings.currency,
        zone: caller.settings.time_zone,
        all: all.unwrap_or_default(),
        groups,
    };
    match request.format {
        Format::Json => json(&report.body()),
        Format::Csv => report.csv(),
        Format::Svg => Ok(report.draw(&alignment.name).into_bytes()),
    }
}

/// Key, name and counts.
type Group = (Option<String>, String, Vec<OpenCount>);

struct Report<'a> {
    request: &'a Request,
    process: &'a Process,
    currency: Currency,
    zone: chrono_tz::Tz,
    all: Vec<OpenCount>,
    groups: Option<Vec<Group>>,
}

impl Report<'_> {
    fn stage(&self, (stage, count): (&Stage, OpenCount)) -> OpenFunnelStage {
        OpenFunnelStage {
            stage_key: stage.key.clone(),
            name: stage.name.clone(),
            position: stage.position,
            deals: count.deals,
            amount: format_amount(count.amount, self.currency),
            weighted_amount: self.rounded(count.weighted_amount),
            overdue: count.overdue,
            held: count.held,
            median_age_seconds: count.median_age_seconds,
        }
    }

    fn stages(&self, counts: &[OpenCount]) -> Vec<OpenFunnelStage> {
        let rows = funnel::open(self.process, counts);
        rows.into_iter().map(|row| self.stage(row)).collect()
    }

    /// A weighted amount is no sum of money that anybody pays: it is rounded to the currency's decimals.
    fn rounded(&self, amount: Decimal) -> String {
        format_amount(amount.round_dp(self.currency.decimals()), self.currency)
    }

    fn totals(&self, counts: &[OpenCount]) -> OpenFunnelTotals {
        let sum = |of: fn(&OpenCount) -> i64| counts.iter().map(of).fold(0, i64::saturating_add);
        let money = |of: fn(&OpenCount) -> Decimal| {
            counts.iter().map(of).fold(Decimal::ZERO, Decimal::saturating_add)
        };
        OpenFunnelTotals {
            deals: sum(|count| count.deals),
            amount: format_amount(money(|count| count.amount), self.currency),
            weighted_amount: self.rounded(money(|count| count.weighted_amount)),
            overdue: sum(|count| count.overdue),
            held: sum(|count| count.held),
        }
    }

    fn body(&self) -> OpenFunnelBody {
        let groups = self.groups.as_ref().map(|groups| {
            let groups = groups.iter().map(|(key, name, counts)| OpenFunnelGroup {
                key: key.clone(),
                name: name.clone(),
                stages: self.stages(counts),
                totals: self.totals(counts),
            });
            groups.collect()
        });
        OpenFunnelBody {
            deal_type_id: self.request.deal_type_id,
            as_of: self.request.as_of,
            currency: self.currency.code().to_owned(),
            stages: self.stages(&self.all),
            totals: self.totals(&self.all),
            groups,
        }
    }

    fn csv(&self) -> Result<Vec<u8>, Error> {
        let whole = (None, String::new(), self.all.clone());
        let groups = self.groups.clone().unwrap_or_else(|| vec![whole]);
        let rows = groups.into_iter().flat_map(|(key, name, counts)| {
            self.stages(&counts).into_iter().map(move |stage| {
                vec![
                    optional(key.clone()),
                    name.clone(),
                    stage.stage_key,
                    stage.name,
                    stage.position.to_string(),
                    stage.deals.to_string(),
                    self.currency.code().to_owned(),
                    stage.amount,
                    stage.weighted_amount,
                    stage.overdue.to_string(),
                    stage.held.to_string(),
                    optional(stage.median_age_seconds),
                ]
            })
        });
        let header = [
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
        csv(rows, &header)
    }

    fn draw(&self, deal_type: &str) -> String {
        let local = self.request.as_of.with_timezone(&self.zone);
        let as_of = local.format("%-d %b %Y, %H:%M %Z").to_string();
        let heading = format!("{deal_type}: open funnel");
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
        let rounded = |amount: Decimal| amount.round_dp(self.currency.decimals());
        let rows = funnel::open(self.process, counts);
        let stages: Vec<_> = rows
            .into_iter()
            .map(|(stage, row)| funnel_svg::OpenStage {
                name: &stage.name,
                deals: count(row.deals),
                amount: row.amount,
                weighted_amount: rounded(row.weighted_amount),
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
            weighted_amount: rounded(sum(|row| row.weighted_amount)),
            stages,
        }
    }
}
