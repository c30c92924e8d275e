//! Version 1 of the API: one module a noun.

pub mod activities;
pub mod api_keys;
pub mod auth;
pub mod calendar;
pub mod catalogue;
pub mod clients;
pub mod contacts;
pub mod custom_fields;
pub mod deal_types;
pub mod deals;
pub mod departments;
pub mod documents;
pub mod events;
pub mod exchange_rates;
pub mod export;
pub mod hand_overs;
pub mod health;
pub mod import_preview;
pub mod imports;
pub mod payments;
pub mod products;
pub mod reports;
pub mod segments;
pub mod tasks;
pub mod users;
pub mod workspace;

use utoipa_actix_web::service_config::ServiceConfig;

use catalogue::{competitors, loss_reasons, sources};

/// Every operation of the specification. What is not here does not exist.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(auth::create_token)
        .service(auth::refresh_token)
        .service(auth::revoke_token)
        .service(workspace::read)
        .service(workspace::update)
        .service(calendar::read)
        .service(calendar::replace)
        .service(calendar::list_holidays)
        .service(calendar::put_holidays)
        .service(calendar::delete_holiday)
        .service(users::me)
        .service(users::list)
        .service(users::create)
        .service(users::read)
        .service(users::update)
        .service(departments::list)
        .service(departments::create)
        .service(departments::read)
        .service(departments::update)
        .service(api_keys::list)
        .service(api_keys::create)
        .service(api_keys::read)
        .service(api_keys::revoke)
        .service(clients::list)
        .service(clients::search)
        .service(clients::create)
        .service(clients::facets)
        .service(clients::duplicates_of_base)
        .service(clients::duplicates_of_new)
        .service(clients::many)
        .service(clients::upsert)
        .service(clients::read)
        .service(clients::update)
        .service(clients::duplicates_of_client)
        .service(clients::merge_duplicate)
        .service(clients::client_history)
        .service(contacts::list)
        .service(contacts::create)
        .service(contacts::read)
        .service(contacts::update)
        .service(sources::list)
        .service(sources::create)
        .service(sources::read)
        .service(sources::update)
        .service(competitors::list)
        .service(competitors::create)
        .service(competitors::read)
        .service(competitors::update)
        .service(loss_reasons::list)
        .service(loss_reasons::create)
        .service(loss_reasons::read)
        .service(loss_reasons::update)
        .service(custom_fields::list)
        .service(custom_fields::create)
        .service(custom_fields::read)
        .service(custom_fields::update)
        .service(products::list)
        .service(products::create)
        .service(products::read)
        .service(products::update)
        .service(exchange_rates::list)
        .service(exchange_rates::create)
        .service(exchange_rates::put_all)
        .service(exchange_rates::read)
        .service(exchange_rates::update)
        .service(segments::list)
        .service(segments::create)
        .service(segments::read)
        .service(segments::update)
        .service(deal_types::list)
        .service(deal_types::create)
        .service(deal_types::presets)
        .service(deal_types::read)
        .service(deal_types::update)
        .service(deal_types::versions)
        .service(deal_types::publish_version)
        .service(deal_types::migrate)
        .service(deal_types::read_draft)
        .service(deal_types::put_draft)
        .service(deal_types::delete_draft)
        .service(deal_types::publish_draft)
        .service(deals::list)
        .service(deals::search)
        .service(deals::many)
        .service(deals::upsert)
        .service(deals::create)
        .service(deals::read)
        .service(deals::update)
        .service(deals::transition)
        .service(deals::available)
        .service(deals::history)
        .service(deals::route_map)
        .service(deals::read_demand)
        .service(deals::put_demand)
        .service(tasks::list)
        .service(tasks::create)
        .service(tasks::counters)
        .service(tasks::gantt_chart)
        .service(tasks::read)
        .service(tasks::update)
        .service(tasks::transition)
        .service(hand_overs::list)
        .service(hand_overs::create)
        .service(hand_overs::read)
        .service(hand_overs::give_back)
        .service(activities::list)
        .service(activities::create)
        .service(activities::read)
        .service(activities::update)
        .service(documents::list)
        .service(documents::create)
        .service(documents::read)
        .service(documents::update)
        .service(documents::transition)
        .service(payments::list)
        .service(payments::create)
        .service(payments::read)
        .service(import_preview::preview)
        .service(imports::list)
        .service(imports::create)
        .service(imports::read)
        .service(imports::cancel)
        .service(imports::rejected)
        .service(reports::demand_report)
        .service(reports::demand_deals)
        .service(reports::closed_funnel)
        .service(reports::closed_funnel_deals)
        .service(reports::open_funnel)
        .service(reports::open_funnel_deals)
        .service(reports::losses_report)
        .service(reports::losses_deals)
        .service(reports::stage_durations)
        .service(reports::stage_durations_deals)
        .service(events::list);
}
