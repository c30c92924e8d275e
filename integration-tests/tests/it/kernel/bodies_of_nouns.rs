//! How each noun is answered, as a whole: what a client reads today it reads tomorrow.

use serde_json::{Map, Value};
use uuid::Uuid;
use voronka_integration_tests::TestServer;

use crate::people::access::world::World;

/// Ids, instants and what is made up differ from one run to the next.
fn settled(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, settled(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(settled).collect(),
        Value::String(text) if text.parse::<Uuid>().is_ok() => "[id]".into(),
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(&text).is_ok() => {
            "[instant]".into()
        }
        Value::String(text) if text.parse::<chrono::NaiveDate>().is_ok() => "[day]".into(),
        Value::String(text) => {
            let word = |word: &str| {
                let name = word.split('@').next().unwrap_or_default().trim_start_matches("f_");
                if Uuid::try_parse(name).is_ok() {
                    word.replace(name, "[made up]")
                } else {
                    word.to_owned()
                }
            };
            text.split(' ').map(word).collect::<Vec<_>>().join(" ").into()
        }
        value => value,
    }
}

#[tokio::test]
async fn every_noun_is_answered_whole() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let world = World::furnish(&server, api).await;
    let mut bodies = Map::new();
    for (path, id) in [
        ("users", &world.user),
        ("departments", &world.department),
        ("clients", &world.client),
        ("contacts", &world.contact),
        ("documents", &world.document),
        ("payments", &world.payment),
        ("activities", &world.activity),
        ("files", &world.file),
        ("sources", &world.source),
        ("competitors", &world.competitor),
        ("loss-reasons", &world.loss_reason),
        ("deal-types", &world.deal_type),
        ("deals", &world.deal),
        ("custom-fields", &world.custom_field),
        ("exchange-rates", &world.exchange_rate),
        ("products", &world.product),
        ("segments", &world.segment),
        ("tasks", &world.task),
        ("hand-overs", &world.hand_over),
    ] {
        let reply = api.get(&format!("/v1/{path}/{id}")).await.expect(200);
        let etag = reply.header("etag").to_owned();
        bodies.insert(
            path.to_owned(),
            serde_json::json!({ "etag": etag, "body": settled(reply.json) }),
        );
    }
    insta::assert_json_snapshot!(bodies);
}
