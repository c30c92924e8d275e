//! Lists as sheets: whole, as CSV or XLSX, with a column for each custom field.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value as Json;
use voronka_domain::{
    Currency,
    workspace::custom_field::{CustomField, Entity, FieldType},
};
use voronka_persistence::{
    Caller, Error, Tenant,
    core::list::{Page, Query, Spec},
};

use super::{
    format::{Format, TABLES},
    spool,
    table::Cell,
};
use crate::{
    http::{
        Call, Problem, Responded, call::Needs, page::with_customs, search::Search, work::reading,
    },
    state::App,
};

/// Rows that are read at once.
const ROWS: i64 = 1_000;

/// How the things of a list are rows of a sheet.
pub struct Sheet<R: 'static> {
    pub list: &'static Spec,
    pub entity: Entity,
    pub header: &'static [&'static str],
    pub page: fn(&mut Tenant<'_>, &Caller, Query) -> Result<Page<R>, Error>,
    pub custom: fn(&R) -> &Json,
    pub cells: fn(R, Currency) -> Vec<Cell>,
}

impl<P: Needs> Call<P> {
    /// Answers a list: a page of it as JSON, or all of it as a sheet.
    pub async fn page_or_sheet<T: Serialize + Send + 'static, R>(
        mut self,
        page: impl FnOnce(&mut Tenant<'_>, &App, &Caller, Query) -> Result<Page<T>, Error>
        + Send
        + 'static,
        sheet: &'static Sheet<R>,
    ) -> Responded {
        let format = self.table_or_json()?;
        if format == Format::Json {
            return self.page(sheet.list, page).await;
        }
        let pairs = self.pairs()?;
        self.whole(format, sheet, move |tenant, app, caller| {
            with_customs(tenant, app, caller, sheet.list, &pairs)
        })
        .await
    }

    /// Answers a search: a page of what it finds as JSON, or all of it as a sheet.
    pub async fn search_or_sheet<T: Serialize + Send + 'static, R>(
        mut self,
        search: Search,
        page: impl FnOnce(&mut Tenant<'_>, &App, &Caller, Query) -> Result<Page<T>, Error>
        + Send
        + 'static,
        sheet: &'static Sheet<R>,
    ) -> Responded {
        let format = self.table_or_json()?;
        self.no_parameters()?;
        if format == Format::Json {
            return self.search(sheet.list, search, page).await;
        }
        let search = Search { count: false, ..search };
        self.whole(format, sheet, move |tenant, app, caller| {
            Ok(search.query(tenant, app, caller, sheet.list)?.0)
        })
        .await
    }

    fn table_or_json(&mut self) -> Result<Format, Problem> {
        match self.take("format")? {
            Some(word) => Format::choose(TABLES, Some(&word), ""),
            // Whoever asks for something else altogether gets JSON, as from every list.
            None => Ok(Format::choose(TABLES, None, &self.accept).unwrap_or(Format::Json)),
        }
    }

    async fn whole<R>(
        self,
        format: Format,
        sheet: &'static Sheet<R>,
        read: impl FnOnce(&mut Tenant<'_>, &App, &Caller) -> Result<Query, Error> + Send + 'static,
    ) -> Responded {
        let Self { app, caller, .. } = self;
        // What can be wrong is found before the answer begins.
        let (shares, workspace_id) = (app.shares.clone(), caller.workspace_id);
        let (app, caller, mut query, customs) = reading(&shares, workspace_id, move || {
            let (query, customs) = app.store.read(&caller, |tenant| {
                let query = read(tenant, &app, &caller)?;
                Ok::<_, Error>((query, Customs::load(tenant, &app, sheet.entity)?))
            })?;
            Ok((app, caller, query, customs))
        })
        .await?;
        query.limit = ROWS;
        let header = customs.header(sheet.header).collect();
        let (base, zone) = (caller.settings.currency, caller.settings.time_zone);
        let store = app.store.clone();
        spool::answer(&app, workspace_id, (format, zone), header, move |row| {
            store.snapshot(&caller, |tenant| {
                let mut next = Some(query);
                while let Some(query) = next {
                    let page = (sheet.page)(tenant, &caller, query.clone())?;
                    for item in page.items {
                        let custom = customs.cells((sheet.custom)(&item));
                        row((sheet.cells)(item, base).into_iter().chain(custom).collect())?;
                    }
                    next = page.next.and_then(|cursor| query.after(sheet.list, &cursor));
                }
                Ok(())
            })
        })
        .await
    }
}

/// The custom fields that are columns: those in use.
pub struct Customs(Vec<CustomField>);

impl Customs {
    pub fn load(tenant: &mut Tenant<'_>, app: &App, entity: Entity) -> Result<Self, Error> {
        let fields = app.store.load_custom_fields(tenant)?;
        let live = fields.iter().filter(|field| field.entity == entity && !field.archived);
        Ok(Self(live.cloned().collect()))
    }

    pub fn header(&self, own: &'static [&'static str]) -> impl Iterator<Item = String> {
        let own = own.iter().map(|name| (*name).to_owned());
        own.chain(self.0.iter().map(|field| format!("custom.{}", field.key)))
    }

    pub fn cells(&self, values: &Json) -> Vec<Cell> {
        self.0.iter().map(|field| cell(field.field_type, &values[&field.key])).collect()
    }
}

/// A value as it is kept. Several choices are separated by commas.
fn cell(field_type: FieldType, value: &Json) -> Cell {
    let text = value.as_str();
    match (field_type, value) {
        (_, Json::Null) => Cell::Empty,
        (FieldType::Date, _) => {
            text.and_then(|day| day.parse::<NaiveDate>().ok()).map_or(Cell::Empty, Cell::Day)
        }
        (FieldType::Number, _) => {
            text.and_then(|n| n.parse::<Decimal>().ok()).map_or(Cell::Empty, Cell::Number)
        }
        (_, Json::Object(money)) => {
            let part = |name| money.get(name).and_then(Json::as_str).unwrap_or_default();
            format!("{} {}", part("amount"), part("currency")).into()
        }
        (_, Json::Array(choices)) => {
            let choices: Vec<_> = choices.iter().filter_map(Json::as_str).collect();
            choices.join(", ").into()
        }
        (_, value) => text.map_or_else(|| value.to_string(), str::to_owned).into(),
    }
}
