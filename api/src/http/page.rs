//! Pages of lists.

use actix_web::{HttpResponse, http::header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use voronka_domain::workspace::custom_field::CustomField;
use voronka_persistence::{Caller, Error, Look, Tenant, core::list, now};

use super::{
    call::{Call, Needs, Responded},
    problem::Problem,
    work::reading,
};
use crate::state::App;

/// Where the list goes on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PageInfo {
    /// For `?cursor=`; null on the last page.
    #[schema(example = "3031396332")]
    pub next_cursor: Option<String>,
}

#[derive(Serialize)]
struct PageBody<T> {
    items: Vec<T>,
    page: PageInfo,
}

impl<P: Needs> Call<P> {
    /// Answers a page of a list, with a link to the next.
    pub async fn page<T: Serialize + 'static>(
        self,
        spec: &'static list::Spec,
        query: impl FnOnce(&mut Tenant<'_>, &App, &Caller, list::Query) -> Result<list::Page<T>, Error>
        + Send
        + 'static,
    ) -> Responded {
        // Custom fields are known to the database only; a list without them is read before it is asked.
        if !names_custom(spec, &self.pairs()?) {
            let list = self.list(spec)?;
            return self.page_of(list, query).await;
        }
        let pairs = self.pairs()?;
        self.answer_page(move |tenant, app, caller| {
            let list = with_customs(tenant, app, caller, spec, &pairs)?;
            query(tenant, app, caller, list)
        })
        .await
    }

    /// The same for a list that has been read already.
    pub async fn page_of<T: Serialize + 'static>(
        self,
        list: list::Query,
        query: impl FnOnce(&mut Tenant<'_>, &App, &Caller, list::Query) -> Result<list::Page<T>, Error>
        + Send
        + 'static,
    ) -> Responded {
        self.answer_page(move |tenant, app, caller| query(tenant, app, caller, list)).await
    }

    async fn answer_page<T: Serialize + 'static>(
        self,
        page: impl FnOnce(&mut Tenant<'_>, &App, &Caller) -> Result<list::Page<T>, Error>
        + Send
        + 'static,
    ) -> Responded {
        let pairs = self.pairs()?;
        let path = self.path().to_owned();
        let Self { app, caller, .. } = self;
        let (shares, workspace_id) = (app.shares.clone(), caller.workspace_id);
        // What is read is written down by the same thread: memory that another one frees is slow to get again.
        let read = move || {
            let list::Page { items, next } =
                app.store.read(&caller, |tenant| page(tenant, &app, &caller))?;
            let body = PageBody { items, page: PageInfo { next_cursor: next.clone() } };
            let json = serde_json::to_vec(&body);
            Ok((json.map_err(|error| Error::Internal(error.to_string()))?, next))
        };
        let (json, next) = reading(&shares, workspace_id, read).await?;
        let mut response = HttpResponse::Ok();
        if let Some(cursor) = &next {
            let rest = pairs.into_iter().filter(|(name, _)| name != "cursor");
            let next: Vec<_> = rest.chain([("cursor".to_owned(), cursor.clone())]).collect();
            let next =
                serde_urlencoded::to_string(next).map_err(|_| Problem::of("internal_error"))?;
            response.insert_header((header::LINK, format!("<{path}?{next}>; rel=\"next\"")));
        }
        Ok(response.content_type(header::ContentType::json()).body(json))
    }
}

fn names_custom(spec: &list::Spec, pairs: &[(String, String)]) -> bool {
    let custom = |text: &str| text.trim_start_matches('-').starts_with("custom.");
    let named = |(name, value): &(String, String)| custom(name) || name == "sort" && custom(value);
    spec.entity().is_some() && pairs.iter().any(named)
}

/// A list's query, custom fields among its filters and sorts.
pub fn with_customs(
    tenant: &mut Tenant<'_>,
    app: &App,
    caller: &Caller,
    spec: &list::Spec,
    pairs: &[(String, String)],
) -> Result<list::Query, Error> {
    let look = Look::of(caller, now());
    let parse = |fields: &[CustomField]| {
        spec.parse_with(pairs, Some(&list::Customs { fields, look: look.clone() }))
    };
    let query = match parse(&app.store.custom_fields(tenant)?) {
        // What is not known may be new.
        Err(_) => parse(&app.store.load_custom_fields(tenant)?),
        read => read,
    };
    query.map_err(Error::Parameters)
}

/// A concrete page of a noun, for the specification.
#[macro_export]
macro_rules! page_of {
    ($name:ident, $item:ty) => {
        /// A page of the list.
        #[derive(Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub struct $name {
            pub items: Vec<$item>,
            pub page: $crate::http::page::PageInfo,
        }
    };
}
