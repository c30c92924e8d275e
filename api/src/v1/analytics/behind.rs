//! The deals behind a figure: a page of them as JSON, all of them as CSV or XLSX.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_domain::workspace::custom_field::Entity;
use voronka_persistence::{
    Caller, Error, Tenant,
    analytics::{
        Alignment,
        behind::{self, Counted, Figure},
    },
    core::list::{self, Page},
    now,
};

use crate::http::{format::Format, table::Cell};
use crate::{
    http::{Call, Responded, call::DealsRead, sheets::Customs, spool, work::reading},
    page_of,
    state::App,
    v1::bodies::{
        deal::DealBody,
        deal_line::{LINE, line_cells},
        money::MoneyBody,
    },
};

/// A deal that a figure counts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = FigureDeal)]
pub struct FigureDealBody {
    /// How often it counts: once, or with each of its visits.
    #[schema(example = 1)]
    pub counted: i64,
    /// Its amount in the figure: in an open funnel that of the instant.
    pub counted_amount: MoneyBody,
    /// The deal as it is now.
    #[serde(flatten)]
    pub deal: DealBody,
}

page_of!(FigureDealPage, FigureDealBody);

impl FigureDealBody {
    fn all(
        tenant: &mut Tenant<'_>,
        caller: &Caller,
        items: Vec<Counted>,
    ) -> Result<Vec<Self>, Error> {
        let counts: Vec<_> = items.iter().map(|one| (one.times, one.amount)).collect();
        let deals = items.into_iter().map(|one| one.stored).collect();
        let bodies = DealBody::all(tenant, caller, now(), deals)?;
        let base = caller.settings.currency;
        let body = |(deal, (counted, amount))| Self {
            counted,
            counted_amount: MoneyBody::new(amount, base),
            deal,
        };
        Ok(bodies.into_iter().zip(counts).map(body).collect())
    }
}

/// The position of a stage in the version that is shown.
pub fn position(alignment: &Alignment, stage_key: Option<&str>) -> Result<i16, Error> {
    let stage = stage_key.and_then(|key| alignment.stages.by_key(key));
    stage.map(|stage| stage.position).ok_or(Error::NotFound("stage"))
}

/// Answers the deals of a figure. `figure` reads what it takes from the database.
pub async fn answer<F: Figure + Send + 'static>(
    call: Call<DealsRead>,
    format: Format,
    query: list::Query,
    figure: impl FnOnce(&mut Tenant<'_>, &App) -> Result<F, Error> + Send + 'static,
) -> Responded {
    if format == Format::Json {
        return call
            .page_of(query, |tenant, app, caller, query| {
                let figure = figure(tenant, app)?;
                figure.require(caller)?;
                let Page { items, next } =
                    app.store.deals_behind(tenant, &caller.visibility, &figure, query)?;
                Ok(Page { items: FigureDealBody::all(tenant, caller, items)?, next })
            })
            .await;
    }
    let (app, caller) = (call.app.clone(), call.caller.clone());
    // What can be wrong is found before the answer begins.
    let (shares, workspace_id) = (app.shares.clone(), caller.workspace_id);
    let (app, caller, figure, customs) = reading(&shares, workspace_id, move || {
        let read = |tenant: &mut Tenant<'_>| {
            let figure = figure(tenant, &app)?;
            figure.require(&caller)?;
            Ok((figure, Customs::load(tenant, &app, Entity::Deal)?))
        };
        let (figure, customs) = app.store.read(&caller, read)?;
        Ok((app, caller, figure, customs))
    })
    .await?;
    let header = customs.header(LINE).chain(COUNTED.map(str::to_owned)).collect();
    let (base, zone) = (caller.settings.currency, caller.settings.time_zone);
    let store = app.store.clone();
    spool::answer(&app, workspace_id, (format, zone), header, move |row| {
        store.snapshot(&caller, |tenant| {
            behind::each(tenant, &caller.visibility, &figure, &query, |counted| {
                let custom = customs.cells(&counted.line.custom);
                let own = [counted.times.into(), Cell::Money(counted.amount, base)];
                row(line_cells(counted.line, base).into_iter().chain(custom).chain(own).collect())
            })
        })
    })
    .await
}

const COUNTED: [&str; 2] = ["counted", "counted_amount"];
