//! Version 1 of the API: one module a noun, by context. Contexts know nothing of each other.

pub mod analytics;
pub mod bodies;
pub mod clients;
pub mod deals;
pub mod events;
pub mod health;
pub mod import;
pub mod intake;
pub mod people;
pub mod process;
pub mod work;
pub mod workspace;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

use self::{
    clients::contacts,
    import::{imports, preview as import_preview},
    intake::{hooks, integrations, raw_events, status as integration_status},
    people::{api_keys, auth, departments, passwords, users},
    process::deal_types,
    work::{activities, documents, hand_overs, payments, tasks},
    workspace::{
        calendar,
        catalogue::{competitors, loss_reasons, sources},
        custom_fields, exchange_rates, jobs, products, segments, settings,
    },
};

/// Tells a server and the specification of the same operations. A server does not put the specification
/// together in each of its threads.
macro_rules! operations {
    ($($operation:path,)+) => {
        /// Every operation: what is not here does not exist.
        pub fn serve(config: &mut web::ServiceConfig) {
            config$(.service($operation))+;
        }

        /// The same, for the specification.
        pub fn describe(config: &mut ServiceConfig<'_>) {
            config$(.service($operation))+;
        }
    };
}

operations! {
    // Routes are tried one after the other: these are asked for most.
    deals::list,
    deals::create,
    deals::search,
    deals::read,
    deals::update,
    deals::transition,
    tasks::list,
    tasks::transition,
    auth::create_token,
    auth::refresh_token,
    auth::revoke_token,
    passwords::set_by_token,
    settings::read,
    settings::update,
    calendar::read,
    calendar::replace,
    calendar::list_holidays,
    calendar::put_holidays,
    calendar::delete_holiday,
    users::me,
    passwords::change,
    users::list,
    users::create,
    users::read,
    users::update,
    passwords::create_reset,
    departments::list,
    departments::create,
    departments::read,
    departments::update,
    api_keys::list,
    api_keys::create,
    api_keys::read,
    api_keys::revoke,
    api_keys::take_over,
    clients::list,
    clients::search,
    clients::create,
    clients::facets,
    clients::duplicates_of_base,
    clients::duplicates_of_new,
    clients::many,
    clients::upsert,
    clients::read,
    clients::update,
    clients::duplicates_of_client,
    clients::merge_duplicate,
    clients::client_history,
    contacts::list,
    contacts::create,
    contacts::read,
    contacts::update,
    sources::list,
    sources::create,
    sources::read,
    sources::update,
    competitors::list,
    competitors::create,
    competitors::read,
    competitors::update,
    loss_reasons::list,
    loss_reasons::create,
    loss_reasons::read,
    loss_reasons::update,
    custom_fields::list,
    custom_fields::create,
    custom_fields::read,
    custom_fields::update,
    products::list,
    products::create,
    products::read,
    products::update,
    exchange_rates::list,
    exchange_rates::create,
    exchange_rates::put_all,
    exchange_rates::read,
    exchange_rates::update,
    jobs::list,
    jobs::read,
    jobs::update,
    jobs::runs,
    jobs::start,
    jobs::drop_run,
    segments::list,
    segments::create,
    segments::read,
    segments::update,
    deal_types::list,
    deal_types::create,
    deal_types::presets,
    deal_types::read,
    deal_types::update,
    deal_types::versions,
    deal_types::publish_version,
    deal_types::withdraw_version,
    deal_types::migrate,
    deal_types::read_draft,
    deal_types::put_draft,
    deal_types::delete_draft,
    deal_types::publish_draft,
    deals::many,
    deals::upsert,
    deals::available,
    deals::history,
    deals::route_map,
    deals::read_demand,
    deals::put_demand,
    tasks::create,
    tasks::counters,
    tasks::gantt_chart,
    tasks::read,
    tasks::update,
    hand_overs::list,
    hand_overs::create,
    hand_overs::read,
    hand_overs::give_back,
    activities::list,
    activities::create,
    activities::read,
    activities::update,
    documents::list,
    documents::create,
    documents::read,
    documents::update,
    documents::transition,
    payments::list,
    payments::create,
    payments::read,
    import_preview::preview,
    imports::list,
    imports::create,
    imports::read,
    imports::cancel,
    imports::rejected,
    analytics::demand_report,
    analytics::demand_deals,
    analytics::closed_funnel,
    analytics::closed_funnel_deals,
    analytics::open_funnel,
    analytics::open_funnel_deals,
    analytics::losses_report,
    analytics::losses_deals,
    analytics::stage_durations,
    analytics::stage_durations_deals,
    events::list,
    integrations::list,
    integrations::create,
    integrations::read,
    integrations::update,
    integrations::rotate,
    raw_events::list,
    raw_events::reprocess,
    integration_status::read,
    integration_status::try_call,
    hooks::post_telephony,
    hooks::greet_telephony,
    hooks::call_telephony,
}
