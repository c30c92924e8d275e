//! Processes to begin with, as bodies of new deal types.

use actix_web::get;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NewDealType;
use crate::http::{
    Call, Problem, Reply, Responded,
    call::DealTypesRead,
    parameters::{Choice, Parameters},
};

const ENGLISH: &str = include_str!("presets/en.json");
const RUSSIAN: &str = include_str!("presets/ru.json");

/// A process to begin with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DealTypePreset {
    /// `typical_sale`: the nine stages of a sale to a company, led by the process; `short_b2c`: four stages,
    /// moved by people; `telemarketing`: from a cold list to a seller.
    #[schema(example = "typical_sale")]
    pub key: String,
    pub description: String,
    /// The body of `POST /v1/deal-types` that makes it.
    #[schema(value_type = NewDealType)]
    pub deal_type: serde_json::Value,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DealTypePresets {
    pub items: Vec<DealTypePreset>,
}

const LANGUAGES: &[(&str, &str)] = &[("en", ENGLISH), ("ru", RUSSIAN)];

/// The words of the parameters of the list.
pub fn choices() -> Vec<Choice> {
    vec![Choice::of("language", LANGUAGES).or("en")]
}

/// The deal type that a preset makes.
pub fn preset(language: &str, key: &str) -> Option<NewDealType> {
    let (_, text) = LANGUAGES.iter().find(|(known, _)| *known == language)?;
    let all: Vec<DealTypePreset> = serde_json::from_str(text).ok()?;
    let found = all.into_iter().find(|preset| preset.key == key)?;
    serde_json::from_value(found.deal_type).ok()
}

/// List processes to begin with
///
/// Each is the body of a new deal type, to be sent as it is or changed before.
#[utoipa::path(tag = "Deal types", operation_id = "listDealTypePresets", security(("bearer" = ["deal_types:read"])),
    params(("language" = Option<String>, Query, description = "`en` (the default) or `ru`.", example = "en")),
    responses((status = 200, description = "The presets.", body = DealTypePresets)))]
#[get("/v1/deal-types/presets")]
pub async fn presets(call: Call<DealTypesRead>) -> Responded {
    let mut parameters = Parameters::new(call.pairs()?, &["language"]);
    let language = parameters.word("language", LANGUAGES).unwrap_or(ENGLISH);
    parameters.finish()?;
    let items = serde_json::from_str(language).map_err(|_| Problem::of("internal_error"))?;
    call.read(move |_, _, _| Ok(Reply::ok(DealTypePresets { items }))).await
}
