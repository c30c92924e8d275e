//! Files of clients, of people at them, and of users.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use crate::import::{
    import_custom::{TYPES, fields},
    import_kinds::spec,
    imports::{counts, expect, faults, import, notes},
};

const CLIENT: [&str; 12] = [
    "external_id",
    "external_source",
    "name",
    "kind",
    "type",
    "class",
    "region",
    "tags",
    "consent",
    "phones",
    "emails",
    "tax_id",
];

fn clients() -> Value {
    let mut spec = spec("clients", &CLIENT);
    spec["external_source"] = json!("erp");
    spec
}

/// A file of rows that name their cells.
fn file(columns: &[&str], rows: &[&[(&str, &str)]]) -> String {
    let row = |row: &&[(&str, &str)]| {
        assert!(row.iter().all(|(name, _)| columns.contains(name)));
        let cell = |column: &&str| row.iter().find(|(name, _)| name == column);
        let cells: Vec<_> = columns.iter().map(|c| cell(c).map_or("", |(_, cell)| *cell)).collect();
        format!("{}\n", cells.join("|"))
    };
    format!("{}\n", columns.join("|")) + &rows.iter().map(row).collect::<String>()
}

async fn all(api: &Api, path: &str) -> Vec<Value> {
    let list = api.get(&format!("{path}?limit=200&sort=name")).await.expect(200);
    list.json["items"].as_array().unwrap().clone()
}

async fn client(api: &Api, filter: &str) -> Value {
    let list = api.get(&format!("/v1/clients?{filter}")).await.expect(200);
    let items = list.json["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "{filter}");
    items[0].clone()
}

#[tokio::test]
async fn clients_come_from_a_file() {
    let server = TestServer::start().await;
    let api = &server.admin;
    api.patch("/v1/workspace", json!({ "country": "NL" })).await.expect(200);
    fields(api, "client").await;
    let mut spec = clients();
    for (key, _) in TYPES {
        spec["mapping"][format!("custom.{key}")] = json!({ "column": key });
    }
    let columns: Vec<_> = CLIENT.into_iter().chain(TYPES.map(|(key, _)| key)).collect();
    let text = file(
        &columns,
        &[
            &[
                ("external_id", "1"),
                ("name", "Isdom Engineering"),
                ("kind", "Organisation"),
                ("type", "current"),
                ("class", "A"),
                ("region", "North"),
                ("tags", "steel; export"),
                ("consent", "yes"),
                ("phones", "020 123 4567; +7 (495) 123-45-67"),
                ("emails", "Office@Isdom.EXAMPLE"),
                ("tax_id", "nl 1234.56789 b01"),
                ("weight", "12,50"),
                ("colour", "Blue"),
            ],
            &[("external_id", "1"), ("external_source", "crm"), ("name", "Betasoloin")],
            &[("external_id", "2"), ("name", "Anna Vermeer"), ("kind", "person")],
        ],
    );
    let mut dry = spec.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(counts(&import(&server, api, &*text, dry).await), [3, 0, 0, 0]);
    assert_eq!(all(api, "/v1/clients").await, [] as [Value; 0]);

    assert_eq!(counts(&import(&server, api, &*text, spec.clone()).await), [3, 0, 0, 0]);
    let one = client(api, "external_id=1&external_source=erp").await;
    let expected = json!({ "name": "Isdom Engineering", "kind": "organisation", "type": "current",
        "class": "A", "region": "North", "tags": ["steel", "export"], "consent": true,
        "phones": ["+31201234567", "+74951234567"], "emails": ["Office@isdom.example"],
        "tax_id": "NL123456789B01", "external_id": { "source": "erp", "id": "1" },
        "custom": { "weight": "12.5", "colour": "blue" }, "version": 1 });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(one[field], *value, "{field}");
    }
    assert_eq!(client(api, "external_source=crm").await["name"], "Betasoloin");
    assert_eq!(client(api, "kind=person").await["type"], "new");
    assert_eq!(client(api, "custom.colour=blue").await["id"], one["id"]);

    assert_eq!(counts(&import(&server, api, &*text, spec.clone()).await), [0, 0, 3, 0]);
    assert_eq!(client(api, "tax_id=NL123456789B01").await, one);

    // What differs is changed, and an empty cell changes nothing.
    let text = file(
        &columns,
        &[
            &[("external_id", "1"), ("class", "B"), ("weight", "13")],
            &[("external_id", "2"), ("phones", "+31201234567")],
        ],
    );
    assert_eq!(counts(&import(&server, api, &*text, spec.clone()).await), [0, 2, 0, 0]);
    let changed = client(api, "custom.weight[gte]=13").await;
    for (field, value) in expected.as_object().unwrap() {
        match field.as_str() {
            "class" => assert_eq!(changed[field], "B"),
            "custom" => {
                assert_eq!(changed[field], json!({ "weight": "13", "colour": "blue" }));
            }
            "version" => assert_eq!(changed[field], 2),
            _ => assert_eq!(changed[field], *value, "{field}"),
        }
    }
    let feed = api.get("/v1/events?type=client.updated,client.created").await.expect(200);
    let mut types: Vec<_> = feed.json["items"].as_array().unwrap().iter().collect();
    types.retain(|event| event["actor"]["kind"] == "import");
    assert_eq!(types.len(), 5);
}

#[tokio::test]
async fn clients_without_an_id_are_known_by_tax_id_and_name() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let new = async |body: Value| api.post("/v1/clients", body).await.expect(201).id();
    let taxed = new(json!({ "name": "Isdom", "tax_id": "T1" })).await;
    let named = new(json!({ "name": "Betasoloin" })).await;
    let theirs =
        new(json!({ "name": "Zoomit", "external_id": { "source": "erp", "id": "z" } })).await;
    for _ in 0..2 {
        new(json!({ "name": "Plussunin" })).await;
        new(json!({ "name": "Cancity", "tax_id": "T9" })).await;
    }
    // A client that has become part of another one is that one.
    let old = new(json!({ "name": "Old", "external_id": { "source": "erp", "id": "old" } })).await;
    let merge = json!({ "duplicate_id": old });
    api.post(&format!("/v1/clients/{named}/merge"), merge).await.expect(200);

    let text = file(
        &CLIENT,
        &[
            &[("name", "Isdom Renamed"), ("tax_id", "t-1"), ("class", "A")],
            &[("name", "betasoloin"), ("class", "B")],
            &[("external_id", "old"), ("class", "C")],
            &[("external_id", "y"), ("name", "Zoomit"), ("class", "D")],
            &[("external_id", "n"), ("name", "Isdom Renamed"), ("tax_id", "T2")],
            &[("name", "Plussunin")],
            &[("name", "Whatever"), ("tax_id", "T9")],
            &[("external_id", "b"), ("name", "Betasoloin")],
            &[("name", "New"), ("class", "E")],
            &[("name", "NEW"), ("region", "North")],
        ],
    );
    let done = import(&server, api, &*text, clients()).await;
    let told = [(7, "name", "ambiguous"), (8, "tax_id", "ambiguous")];
    assert_eq!(faults(api, &done).await, expect(&told));
    assert_eq!(counts(&done), [3, 5, 0, 2], "{done}");
    let of = async |id: &str| api.get(&format!("/v1/clients/{id}")).await.expect(200).json;
    let isdom = of(&taxed).await;
    assert_eq!((&isdom["name"], &isdom["class"]), (&json!("Isdom Renamed"), &json!("A")));
    let beta = of(&named).await;
    assert_eq!((&beta["name"], &beta["class"]), (&json!("Betasoloin"), &json!("C")));
    assert_eq!(beta["external_id"], json!({ "source": "erp", "id": "b" }));
    assert_eq!(of(&theirs).await["class"], Value::Null, "another id is another client");
    assert_eq!(client(api, "external_id=y").await["class"], "D");
    assert_eq!(client(api, "external_id=n").await["tax_id"], "T2");
    let new = client(api, "region=North").await;
    assert_eq!((&new["name"], &new["class"]), (&json!("NEW"), &json!("E")));

    let count = all(api, "/v1/clients").await.len();
    let again = import(&server, api, &*text, clients()).await;
    assert_eq!(counts(&again)[0], 0, "{again}");
    assert_eq!(all(api, "/v1/clients").await.len(), count);
}

#[tokio::test]
async fn faulty_rows_of_clients_are_told_and_the_others_taken() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let long = "x".repeat(201);
    let text = file(
        &CLIENT,
        &[
            &[("class", "A")],
            &[("external_id", "1")],
            &[("name", &long)],
            &[("name", "a"), ("kind", "firm"), ("type", "old"), ("consent", "perhaps")],
            &[("name", "a"), ("phones", "020 123 4567; +31201234567"), ("emails", "me;you@")],
            &[("name", "a"), ("tax_id", "%")],
            &[("name", "a"), ("tags", &format!("x;{long}"))],
            &[("name", "Good"), ("tax_id", "X1")],
        ],
    );
    let done = import(&server, api, &*text, clients()).await;
    assert_eq!(counts(&done), [1, 0, 0, 7], "{done}");
    let told = [
        (2, "name", "required"),
        (3, "name", "required"),
        (4, "name", "too_long"),
        (5, "consent", "invalid_value"),
        (5, "kind", "invalid_value"),
        (5, "type", "invalid_value"),
        (6, "emails", "invalid_email"),
        (6, "emails", "invalid_email"),
        (6, "phones", "invalid_phone"),
        (7, "tax_id", "invalid_tax_id"),
        (8, "tags", "too_long"),
    ];
    let mut found = faults(api, &done).await;
    found.sort();
    assert_eq!(found, expect(&told));
}

#[tokio::test]
async fn contacts_come_from_a_file() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let new = async |body: Value| api.post("/v1/clients", body).await.expect(201).id();
    let isdom =
        new(json!({ "name": "Isdom", "external_id": { "source": "erp", "id": "1" } })).await;
    let gone = new(json!({ "name": "Gone", "external_id": { "source": "erp", "id": "9" } })).await;
    api.patch(&format!("/v1/clients/{gone}"), json!({ "archived": true })).await.expect(200);
    for email in ["one@example.com", "two@example.com"] {
        let twin = json!({ "client_id": isdom, "name": "Twin", "emails": [email] });
        api.post("/v1/contacts", twin).await.expect(201);
    }
    let columns = ["client_external_id", "client", "name", "position", "phones", "emails"];
    let mut spec = spec("contacts", &columns);
    spec["external_source"] = json!("erp");
    let text = file(
        &columns,
        &[
            &[("client_external_id", "1"), ("name", "Joris"), ("phones", "+31 20 123 4567")],
            &[
                ("client", "isdom"),
                ("name", "Ida"),
                ("emails", "Ida@EXAMPLE.com"),
                ("position", "CFO"),
            ],
            &[("client", "New one"), ("name", "Joris")],
            &[
                ("client_external_id", "1"),
                ("name", "twin"),
                ("emails", "two@example.com"),
                ("position", "COO"),
            ],
            &[("client_external_id", "1"), ("name", "Twin"), ("position", "CEO")],
            &[("client_external_id", "2"), ("client", "Isdom"), ("name", "Nobody")],
            &[("client_external_id", "9"), ("name", "Nobody")],
            &[("name", "Nobody")],
            &[("client", "Isdom")],
            &[("client", "Isdom"), ("name", "Nobody"), ("phones", "123")],
        ],
    );
    let done = import(&server, api, &*text, spec.clone()).await;
    assert_eq!(counts(&done), [2, 1, 0, 7], "{done}");
    let told = [
        (4, "client", "unknown_reference"),
        (6, "name", "ambiguous"),
        (7, "client_external_id", "unknown_reference"),
        (8, "client_external_id", "unknown_reference"),
        (9, "client", "required"),
        (10, "name", "required"),
        (11, "phones", "invalid_phone"),
    ];
    assert_eq!(faults(api, &done).await, expect(&told));
    spec["create_missing"] = json!(true);
    let done = import(&server, api, &*text, spec.clone()).await;
    assert_eq!(counts(&done), [1, 0, 3, 6], "{done}");
    assert_eq!(notes(&done), [("created_client".to_owned(), 1)]);
    let people = all(api, "/v1/contacts").await;
    let figures: Vec<_> = people
        .iter()
        .map(|one| {
            (
                one["name"].as_str().unwrap(),
                one["position"].as_str(),
                &one["phones"],
                &one["emails"],
            )
        })
        .collect();
    let (none, phone) = (json!([]), json!(["+31201234567"]));
    let mail = |text: &str| json!([text]);
    let (ida, first, second) =
        (mail("Ida@example.com"), mail("one@example.com"), mail("two@example.com"));
    assert!(figures.contains(&("Ida", Some("CFO"), &none, &ida)), "{figures:?}");
    assert!(figures.contains(&("Joris", None, &phone, &none)));
    assert!(figures.contains(&("Joris", None, &none, &none)));
    assert!(figures.contains(&("Twin", None, &none, &first)));
    assert!(figures.contains(&("twin", Some("COO"), &none, &second)));
    assert_eq!(figures.len(), 5);
}

#[tokio::test]
async fn users_come_from_a_file() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let north = api.post("/v1/departments", json!({ "name": "North" })).await.expect(201).id();
    let admin = api.get("/v1/me").await.expect(200).json;
    let columns = ["email", "name", "role", "position", "department"];
    let spec = spec("users", &columns);
    let own = admin["email"].as_str().unwrap().to_uppercase();
    let text = file(
        &columns,
        &[
            &[
                ("email", "ida@example.com"),
                ("name", "Ida"),
                ("role", "Seller"),
                ("department", "north"),
            ],
            &[("email", "IDA@example.com"), ("position", "Lawyer")],
            &[("email", "otto@example.com"), ("name", "Otto")],
            &[("email", "otto"), ("name", "Otto"), ("role", "boss")],
            &[("name", "Otto"), ("role", "head")],
            &[("email", "x@example.com"), ("name", "X"), ("role", "head"), ("department", "South")],
            &[("email", &own), ("role", "seller")],
        ],
    );
    let done = import(&server, api, &*text, spec.clone()).await;
    assert_eq!(counts(&done), [1, 1, 0, 5], "{done}");
    let told = [
        (4, "role", "required"),
        (5, "email", "invalid_email"),
        (5, "role", "invalid_value"),
        (6, "email", "required"),
        (7, "department", "unknown_reference"),
        (8, "role", "last_admin"),
    ];
    assert_eq!(faults(api, &done).await, expect(&told));
    let users = all(api, "/v1/users").await;
    let ida = users.iter().find(|user| user["name"] == "Ida").unwrap();
    let expected = json!({ "email": "ida@example.com", "role": "seller", "position": "Lawyer",
        "department_id": north, "active": true, "version": 1 });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(ida[field], *value, "{field}");
    }
    assert_eq!(users.len(), 2);
    // Another administrator first, then the last one may step down.
    let text = file(
        &columns,
        &[&[("email", "ida@example.com"), ("role", "admin")], &[("email", &own), ("role", "head")]],
    );
    let scopes = json!(["imports:read", "imports:write", "users:write"]);
    let key = json!({ "name": "Loader", "scopes": scopes });
    let key = api.post("/v1/api-keys", key).await.expect(201).json["key"].clone();
    let loader = api.with_token(key.as_str().unwrap());
    assert_eq!(counts(&import(&server, &loader, &*text, spec).await), [0, 2, 0, 0]);
    api.get("/v1/imports").await.problem(403, "forbidden");
}

#[tokio::test]
async fn importing_things_needs_the_permission_to_write_them() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let key = async |scopes: Value| {
        let body = json!({ "name": "Loader", "scopes": scopes });
        let made = api.post("/v1/api-keys", body).await.expect(201);
        api.with_token(made.json["key"].as_str().unwrap().to_owned())
    };
    let pipeline = api.deal_type(&["first"]).await;
    let made = ["deals:write", "users:write", "clients:write", "catalogues:write"];
    for (count, missing) in made.iter().enumerate() {
        let spec = json!({ "kind": "deals", "deal_type_id": pipeline, "create_missing": true,
            "mapping": { "external_id": { "column": "id" }, "owner": { "column": "owner" },
                "client": { "column": "client" }, "source": { "column": "source" } } });
        let text = "id,owner,client,source\n1,Somebody,Birch Ltd,Fair\n";
        let held = [&["imports:write"][..], &made[..count], &made[count + 1..]].concat();
        let told = key(json!(held)).await.import(text, spec.clone()).await;
        assert!(told.problem(403, "forbidden").text.contains(missing), "{missing}");
        let all = [&held[..], &[missing]].concat();
        key(json!(all)).await.import(text, spec).await.expect(202);
    }
    for (kind, scope, fields) in [
        ("deals", "deals:write", &["external_id"][..]),
        ("clients", "clients:write", &["name"]),
        ("contacts", "clients:write", &["name", "client"]),
        ("users", "users:write", &["email"]),
        ("products", "catalogues:write", &["sku"]),
        ("exchange_rates", "catalogues:write", &["currency", "day", "rate"]),
    ] {
        let mut spec = spec(kind, fields);
        if kind == "deals" {
            spec["deal_type_id"] = json!(pipeline);
        }
        let text = file(fields, &[]);
        let without = key(json!(["imports:write"])).await;
        let told = without.import(&*text, spec.clone()).await.problem(403, "forbidden");
        assert!(told.text.contains(scope), "{}", told.text);
        let with = key(json!(["imports:write", scope])).await;
        with.import(&*text, spec).await.expect(202);
    }
}

#[tokio::test]
async fn columns_of_things_are_suggested() {
    let server = TestServer::start().await;
    let api = &server.admin;
    for (kind, header, expected) in [
        (
            "clients",
            "Код клиента,Наименование,ИНН,Телефон,Почта,Регион",
            vec![
                ("external_id", "Код клиента"),
                ("name", "Наименование"),
                ("tax_id", "ИНН"),
                ("phones", "Телефон"),
                ("emails", "Почта"),
                ("region", "Регион"),
            ],
        ),
        (
            "contacts",
            "account,Full name,Job title,Mobile,E-mail",
            vec![
                ("client", "account"),
                ("name", "Full name"),
                ("position", "Job title"),
                ("phones", "Mobile"),
                ("emails", "E-mail"),
            ],
        ),
        (
            "users",
            "ФИО,Email,Роль,Должность,Отдел",
            vec![
                ("name", "ФИО"),
                ("email", "Email"),
                ("role", "Роль"),
                ("position", "Должность"),
                ("department", "Отдел"),
            ],
        ),
    ] {
        let mapping = expected.into_iter().map(|(f, c)| (f.to_owned(), json!({ "column": c })));
        let mapping: serde_json::Map<_, _> = mapping.collect();
        let text = format!("{header}\n");
        let reply = api.preview(&*text, &[("kind", kind)]).await.expect(200);
        assert_eq!(reply.json["mapping"], Value::from(mapping), "{kind}");
    }
}
