//! Searches: lists narrowed by a condition of the request's body.

use super::words;
use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;
use voronka_domain::{
    Fault, Refusal,
    process::condition::{Condition, Schema},
    workspace::custom_field::{CustomField, Entity},
};
use voronka_persistence::{
    Caller, Error, Look, Noun, Tenant,
    core::list,
    now,
    workspace::segments::{self, Segment},
};

use super::{
    call::{Call, Needs, Responded},
    page::PageInfo,
    work::reading,
};
use crate::state::App;

/// What to look for. Without a condition and a segment it is everything.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"condition": {"all": [{"field": "deal.status", "op": "eq", "value": "open"},
    {"any": [{"field": "deal.amount", "op": "gte", "value": "100000"}, {"field": "client.class", "op": "eq", "value": "A"}]},
    {"not": {"field": "deal.title", "op": "contains", "value": "test"}}]},
    "sort": "-amount", "limit": 50, "count": true}))]
pub struct Search {
    /// A condition over the fields that there are, e.g. `{"field":"deal.amount","op":"gte","value":"100000"}`.
    #[schema(value_type = Option<words::Condition>)]
    pub condition: Option<Json>,
    /// A saved condition that has to hold, too.
    pub segment_id: Option<Uuid>,
    /// As `?sort=` of the list.
    pub sort: Option<String>,
    /// Items on a page: 1 to 200, 50 by default.
    #[schema(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
    /// The page to read: `next_cursor` of the page before, of the same search.
    pub cursor: Option<String>,
    /// Whether to count all that is found.
    #[serde(default)]
    pub count: bool,
}

/// A page of what was found, for the specification.
#[macro_export]
macro_rules! found_of {
    ($name:ident, $item:ty) => {
        /// A page of what was found.
        #[derive(Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub struct $name {
            pub items: Vec<$item>,
            pub page: $crate::http::page::PageInfo,
            /// How many there are in all, where `count` asked for it.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(example = 17, nullable = false)]
            pub total: Option<i64>,
        }
    };
}

#[derive(Serialize)]
struct FoundBody<T> {
    items: Vec<T>,
    page: PageInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

impl Search {
    /// The page that it asks for, and its condition.
    fn read(
        &self,
        fields: &[CustomField],
        look: &Look,
        spec: &list::Spec,
    ) -> Result<(list::Query, Option<Condition>), Refusal> {
        let mut pairs = Vec::new();
        let mut pair = |name: &str, value: Option<String>| {
            pairs.extend(value.map(|value| (name.to_owned(), value)));
        };
        pair("limit", self.limit.map(|limit| limit.to_string()));
        pair("sort", self.sort.clone());
        pair("cursor", self.cursor.clone());
        let customs = list::Customs { fields, look: look.clone() };
        let query = spec.parse_search(&pairs, &customs).map_err(Refusal::Invalid)?;
        let schema = Schema { over: spec.entity().unwrap_or(Entity::Deal), custom: fields };
        let own = self.condition.as_ref();
        let own = own.map(|json| Condition::read("/condition", json, &schema)).transpose();
        Ok((query, own.map_err(Refusal::Invalid)?))
    }

    /// The list that it asks for, and how many there are in all where it wants that counted.
    pub fn query(
        &self,
        tenant: &mut Tenant<'_>,
        app: &App,
        caller: &Caller,
        spec: &list::Spec,
    ) -> Result<(list::Query, Option<i64>), Error> {
        let over = spec.entity().unwrap_or(Entity::Deal);
        let look = Look::of(caller, now());
        let (mut query, own) = match self.read(&app.store.custom_fields(tenant)?, &look, spec) {
            // What is not known may be new.
            Err(_) => self.read(&app.store.load_custom_fields(tenant)?, &look, spec)?,
            Ok(read) => read,
        };
        let mut conditions: Vec<_> = own.into_iter().collect();
        if let Some(id) = self.segment_id {
            let segment = Segment::get(tenant, id);
            let segment = segment.map_err(|error| error.or_unknown("/segment_id", "segment"))?;
            if segment.over()? != over {
                let fault =
                    Fault::new("/segment_id", "invalid_value", "A segment of other things.");
                return Err(Refusal::Invalid(vec![fault]).into());
            }
            conditions.push(app.store.segment_condition(tenant, &segment)?);
        }
        let trees: Vec<_> = conditions.iter().map(|condition| condition.tree().clone()).collect();
        for tree in &trees {
            caller.require_to_read("/condition", tree.needs(over))?;
        }
        let total = match self.count {
            true => Some(segments::count(tenant, &look, over, &trees)?),
            false => None,
        };
        for tree in trees {
            query = query.with(tree, look.clone());
        }
        Ok((query, total))
    }
}

impl<P: Needs> Call<P> {
    /// Answers a page of what a search finds.
    pub async fn search<T: Serialize + Send + 'static>(
        self,
        spec: &'static list::Spec,
        search: Search,
        find: impl FnOnce(&mut Tenant<'_>, &App, &Caller, list::Query) -> Result<list::Page<T>, Error>
        + Send
        + 'static,
    ) -> Responded {
        self.no_parameters()?;
        let Self { app, caller, .. } = self;
        let (shares, workspace_id) = (app.shares.clone(), caller.workspace_id);
        let search_of = app.searches.one(workspace_id).await?;
        let found = reading(&shares, workspace_id, move || {
            let _search_of = search_of;
            app.store.read(&caller, |tenant| {
                let (query, total) = search.query(tenant, &app, &caller, spec)?;
                let page = find(tenant, &app, &caller, query)?;
                Ok(FoundBody {
                    items: page.items,
                    page: PageInfo { next_cursor: page.next },
                    total,
                })
            })
        })
        .await?;
        Ok(HttpResponse::Ok().json(found))
    }
}
