//! Of the process that the deal goes through, of the calendar and of the rates.

use serde_json::{Value, json};

use super::{Body, Deal, Need, Operation, Request};

fn of_type(deal: &Deal, rest: &str) -> String {
    format!("/v1/deal-types/{}{rest}", deal.deal_type)
}

fn holiday(day: &str) -> Value {
    json!({ "from": day, "to": day, "holidays": [{ "day": day, "name": "Holiday" }] })
}

pub const ALL: &[Operation] = &[
    Operation::new("updateDealType", "switches", &[], &[], |deal| {
        let back = deal.number % 2 == 0;
        Request::patch(of_type(deal, ""), json!({ "allow_back": back, "allow_skip": !back }))
    }),
    Operation::new("publishProcessVersion", "the same again", &[], &[], |deal| {
        Request::post(of_type(deal, "/versions"), deal.process.clone())
    }),
    Operation::new("publishProcessDraft", "the same again", &[], &[Need::Draft], |deal| {
        let path = of_type(deal, "/draft/publish");
        Request { body: Body::Nothing, ..Request::post(path, Value::Null) }
    }),
    Operation::new("withdrawProcessVersion", "the newest", &[], &[Need::Version], |deal| {
        let path = format!("/versions/{}/withdraw", deal.thing(Need::Version));
        Request { body: Body::Nothing, ..Request::post(of_type(deal, &path), Value::Null) }
    }),
    Operation::new("migrateDeals", "all", &[], &[Need::Version], |deal| {
        Request::post(of_type(deal, "/migrate"), json!({}))
    }),
    Operation::new("putWorkingCalendar", "hours", &[], &[], |deal| {
        let from = if deal.number % 2 == 0 { "08:00" } else { "09:00" };
        let hours = json!({ "monday": [{ "from": from, "to": "17:00" }],
            "tuesday": [{ "from": from, "to": "17:00" }], "friday": [{ "from": from, "to": "12:00" }] });
        Request::put("/v1/workspace/calendar", json!({ "hours": hours }))
    }),
    Operation::new("putHolidays", "a day", &[], &[], |deal| {
        Request::put("/v1/workspace/holidays", holiday(&deal.day(2028)))
    }),
    Operation::new("deleteHoliday", "a day", &[], &[Need::Holiday], |deal| {
        let path = format!("/v1/workspace/holidays/{}", deal.thing(Need::Holiday));
        let delete = Request::post(path, Value::Null);
        Request { method: reqwest::Method::DELETE, body: Body::Nothing, ..delete }
    }),
    Operation::new("updateWorkspace", "zone", &[], &[], |deal| {
        let zone = if deal.number % 2 == 0 { "Europe/Moscow" } else { "Europe/Amsterdam" };
        Request::patch("/v1/workspace", json!({ "time_zone": zone }))
    }),
    Operation::new("createExchangeRate", "a day", &[], &[], |deal| {
        let body = json!({ "currency": "USD", "day": deal.day(2004), "rate": "0.7" });
        Request::post("/v1/exchange-rates", body)
    }),
    Operation::new("putExchangeRates", "a day", &[], &[], |deal| {
        let rate = json!({ "currency": "USD", "day": deal.day(2008), "rate": "0.8" });
        Request::put("/v1/exchange-rates", json!({ "rates": [rate] }))
    }),
    Operation::new("updateExchangeRate", "today's", &[], &[Need::Rate], |deal| {
        let path = format!("/v1/exchange-rates/{}", deal.thing(Need::Rate));
        Request::patch(path, json!({ "rate": format!("0.9{}", deal.number) }))
    }),
    Operation::new("updateCustomField", "name", &[], &[], |deal| {
        let path = format!("/v1/custom-fields/{}", deal.custom_field);
        Request::patch(path, json!({ "name": deal.unique() }))
    }),
];

pub(super) fn a_holiday(day: &str) -> Value {
    holiday(day)
}
