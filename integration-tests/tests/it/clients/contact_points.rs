//! Phones, emails and taxpayer numbers have one spelling, by which they are found.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

async fn found(api: &Api, path: &str) -> Vec<String> {
    let page = api.get(path).await.expect(200).json;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_number_is_kept_in_one_spelling_and_found_by_it() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let workspace = api.get("/v1/workspace").await.expect(200);
    assert_eq!(workspace.json["country"], Value::Null);
    let national = json!({ "name": "Isdom", "phones": ["020 123 45 67"] });
    let refused = api.post("/v1/clients", national.clone()).await;
    let refused = refused.problem(422, "validation_failed");
    assert_eq!(refused.faults(), [("/phones/0".to_owned(), "invalid_phone".to_owned())]);

    api.patch("/v1/workspace", json!({ "country": "NL" })).await.expect(200);
    let body = json!({ "name": "Isdom", "tax_id": " nl 1234.56.789.b01 ",
        "phones": ["020 123 45 67", "+31 (20) 123-45-67", "+7 495 123-45-67"],
        "emails": [" Info@Isdom.EXAMPLE", "Info@isdom.example", "info@isdom.example"],
        "external_id": { "source": "erp", "id": "A/1" } });
    let isdom = api.post("/v1/clients", body).await.expect(201);
    assert_eq!(isdom.json["phones"], json!(["+31201234567", "+74951234567"]));
    assert_eq!(isdom.json["emails"], json!(["Info@isdom.example", "info@isdom.example"]));
    assert_eq!(isdom.json["tax_id"], "NL123456789B01");
    assert_eq!(isdom.json["external_id"], json!({ "source": "erp", "id": "A/1" }));
    let contact = json!({ "client_id": isdom.id(), "name": "Joris", "phones": ["06 12345678"],
        "emails": ["joris@Isdom.example"] });
    let contact = api.post("/v1/contacts", contact).await.expect(201);
    assert_eq!(contact.json["phones"], json!(["+31612345678"]));
    api.post("/v1/clients", json!({ "name": "Other", "phones": ["020 7654321"] }))
        .await
        .expect(201);

    for (path, expected) in [
        ("/v1/clients?phone=%2B31201234567", &["Isdom"][..]),
        ("/v1/clients?phone=+31201234567", &["Isdom"]),
        ("/v1/clients?phone=31201234567", &["Isdom"]),
        ("/v1/clients?phone=%2B31%2020%20765%204321", &["Other"]),
        ("/v1/clients?phone=%2B31207654322", &[]),
        ("/v1/clients?email=Info@ISDOM.example", &["Isdom"]),
        ("/v1/clients?email=INFO@isdom.example", &["Isdom"]),
        ("/v1/clients?email=nobody@isdom.example", &[]),
        ("/v1/clients?tax_id=NL123456789B01", &["Isdom"]),
        ("/v1/clients?tax_id=null", &["Other"]),
        ("/v1/clients?external_source=erp&external_id=A%2F1", &["Isdom"]),
        ("/v1/contacts?phone=%2B31612345678", &["Joris"]),
        ("/v1/contacts?email=joris@isdom.example", &["Joris"]),
        ("/v1/contacts?email=x@isdom.example", &[]),
    ] {
        assert_eq!(found(api, path).await, expected, "{path}");
    }
    for path in ["/v1/clients?phone=x", "/v1/clients?email=x", "/v1/contacts?phone=%2B31"] {
        api.get(path).await.problem(400, "invalid_parameters");
    }

    // What is not named stays, though the country that it was read with has changed.
    api.patch("/v1/workspace", json!({ "country": null })).await.expect(200);
    let path = format!("/v1/clients/{}", isdom.id());
    let renamed = api.patch(&path, json!({ "name": "Isdom BV" })).await.expect(200);
    assert_eq!(renamed.json["phones"], isdom.json["phones"]);
    api.patch(&path, json!({ "phones": ["020 123 45 67"] }))
        .await
        .problem(422, "validation_failed");
    let cleared = json!({ "phones": [], "tax_id": null, "external_id": null });
    let cleared = api.patch(&path, cleared).await.expect(200).json;
    assert_eq!((&cleared["phones"], &cleared["tax_id"]), (&json!([]), &Value::Null));
    assert_eq!(cleared["external_id"], Value::Null);
}

#[tokio::test]
async fn an_external_id_is_one_clients() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let client = |id: &str| json!({ "name": "A", "external_id": { "source": "erp", "id": id } });
    api.post("/v1/clients", client("1")).await.expect(201);
    let second = api.post("/v1/clients", client("2")).await.expect(201).id();
    let taken = api.post("/v1/clients", client("1")).await.problem(409, "external_id_taken");
    assert_eq!(taken.faults(), [("/external_id".to_owned(), "external_id_taken".to_owned())]);
    let change = json!({ "external_id": { "source": "erp", "id": "1" } });
    api.patch(&format!("/v1/clients/{second}"), change).await.problem(409, "external_id_taken");
    // Another workspace has its own.
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    other.post("/v1/clients", client("1")).await.expect(201);
}

#[tokio::test]
async fn facets_count_the_clients_in_use() {
    let server = TestServer::start().await;
    let api = &server.admin;
    for (name, class, region, tags) in [
        ("A", json!("A"), json!("North"), json!(["vip", "fair"])),
        ("B", json!("B"), json!("North"), json!(["vip"])),
        ("C", json!("B"), Value::Null, json!([])),
        ("D", json!("C"), json!("South"), json!(["old"])),
    ] {
        let body = json!({ "name": name, "class": class, "region": region, "tags": tags });
        let id = api.post("/v1/clients", body).await.expect(201).id();
        if name == "D" {
            let path = format!("/v1/clients/{id}");
            api.patch(&path, json!({ "archived": true })).await.expect(200);
        }
    }
    let value = |value: Value, count: i64| json!({ "value": value, "count": count });
    let facets = api.get("/v1/clients/facets").await.expect(200).json;
    let expected = json!({
        "kind": [value(json!("organisation"), 3)],
        "type": [value(json!("new"), 3)],
        "class": [value(json!("B"), 2), value(json!("A"), 1)],
        "region": [value(json!("North"), 2), value(Value::Null, 1)],
        "tag": [value(json!("vip"), 2), value(json!("fair"), 1)],
    });
    assert_eq!(facets, expected);
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    assert_eq!(other.get("/v1/clients/facets").await.expect(200).json["class"], json!([]));
}
