//! The primary demand of a deal: what the client first wanted.

use actix_web::{get, put};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{Currency, deals::demand::MOST_LINES, kernel::fault::Faults};
use voronka_persistence::deals::demands::{self, Demand, DemandLine};

use crate::{
    http::{
        Body, Call, Id, Reply, Responded,
        call::{DealsRead, DealsWrite},
    },
    v1::bodies::{
        demand::{NewDemandLine, read_lines},
        money::MoneyBody,
    },
};

/// A thing that was wanted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DemandLine)]
pub struct DemandLineBody {
    #[schema(example = "Rack server")]
    pub item: String,
    /// The product that it is, if it is one of the catalogue.
    pub product_id: Option<Uuid>,
    #[schema(example = "4")]
    pub quantity: String,
    /// What all of the quantity would cost.
    pub amount: MoneyBody,
    /// The amount in the base currency, by the rate of the day on which the demand was first written down.
    pub base_amount: MoneyBody,
    /// How many of them the client got.
    #[schema(example = "3")]
    pub met_quantity: String,
    /// Why not all.
    #[schema(example = "Out of stock")]
    pub unmet_reason: Option<String>,
}

/// What the client of a deal first wanted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Demand)]
pub struct DemandBody {
    pub deal_id: Uuid,
    pub lines: Vec<DemandLineBody>,
    /// 0 while nothing was written down.
    pub version: i32,
    /// When it was first written down.
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
}

impl DemandLineBody {
    fn new(line: DemandLine, base: Currency) -> Self {
        Self {
            item: line.item,
            product_id: line.product_id,
            quantity: line.quantity.normalize().to_string(),
            amount: MoneyBody::kept(line.amount, &line.currency, base),
            base_amount: MoneyBody::new(line.base_amount, base),
            met_quantity: line.met_quantity.normalize().to_string(),
            unmet_reason: line.unmet_reason,
        }
    }
}

impl DemandBody {
    fn new(deal_id: Uuid, demand: Option<Demand>, base: Currency) -> Self {
        let head = demand.as_ref().map(|demand| &demand.head);
        Self {
            deal_id,
            version: head.map_or(0, |head| head.version),
            created_at: head.map(|head| head.created_at),
            updated_at: head.map(|head| head.updated_at),
            lines: demand
                .into_iter()
                .flat_map(|demand| demand.lines)
                .map(|line| DemandLineBody::new(line, base))
                .collect(),
        }
    }
}

/// What the client wants, in place of what was written down before.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"lines": [{"item": "Rack server", "quantity": "4",
    "amount": {"amount": "9600.00", "currency": "EUR"}, "met_quantity": "3", "unmet_reason": "Out of stock"}]}))]
pub struct DemandPut {
    #[schema(max_items = 200)]
    pub lines: Vec<NewDemandLine>,
}

const _: () = assert!(MOST_LINES == 200);

/// Read the primary demand of a deal
///
/// What its client first wanted, and what of it was met. Without lines if that was never written down.
#[utoipa::path(tag = "Deals", operation_id = "getDemand", security(("bearer" = ["deals:read"])),
    params(("id" = Uuid, Path, description = "Id of the deal.")),
    responses((status = 200, description = "The demand.", body = DemandBody)))]
#[get("/v1/deals/{id}/demand")]
pub async fn read_demand(call: Call<DealsRead>, id: Id) -> Responded {
    call.no_parameters()?;
    call.read(move |tenant, _, caller| {
        let demand = demands::read(tenant, caller, id.0)?;
        let body = DemandBody::new(id.0, demand, caller.settings.currency);
        let version = body.version;
        Ok(Reply::versioned(body, version))
    })
    .await
}

/// Write the primary demand of a deal
///
/// All lines, in place of those before: also to say later what of them was met, and why not all. A gate that
/// waited for the demand is met by its first line, and in an automatic type the deal goes on in the same moment.
#[utoipa::path(tag = "Deals", operation_id = "putDemand", security(("bearer" = ["deals:write"])),
    request_body = DemandPut,
    params(("id" = Uuid, Path, description = "Id of the deal.")),
    responses((status = 200, description = "The demand.", body = DemandBody)))]
#[put("/v1/deals/{id}/demand")]
pub async fn put_demand(call: Call<DealsWrite>, id: Id, body: Body<DemandPut>) -> Responded {
    call.no_parameters()?;
    let mut faults = Faults::default();
    let lines = read_lines("/lines", body.value.lines, &mut faults);
    faults.into_result().map_err(voronka_persistence::Error::from)?;
    call.write(body.digest, move |unit, if_match| {
        let demand = demands::put(unit, id.0, if_match, "/lines", lines)?;
        let version = demand.head.version;
        let body = DemandBody::new(id.0, Some(demand), unit.caller.settings.currency);
        Ok(Reply::versioned(body, version))
    })
    .await
}
