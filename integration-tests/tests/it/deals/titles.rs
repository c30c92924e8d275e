//! A part of a title is found however the deal came to have it, and no longer once it has another one.

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

use crate::import::imports::{counts, import};

/// Titles of the deals that `q` finds, and the same of a search by condition; both tell alike.
async fn found(api: &Api, part: &str) -> Vec<String> {
    let titles = |page: Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|deal| deal["title"].as_str().unwrap().to_owned()).collect()
    };
    let encoded: String = part.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let q = api.get(&format!("/v1/deals?sort=title&q={encoded}")).await.expect(200).json;
    let condition = json!({ "op": "contains", "field": "deal.title", "value": part });
    let body = json!({ "condition": condition, "sort": "title" });
    let search = api.post("/v1/deals/search", body).await.expect(200).json;
    let (q, search) = (titles(q), titles(search));
    assert_eq!(q, search, "{part}");
    q
}

/// An import of twelve deals with the titles.
async fn file(server: &TestServer, deal_type: &str, title: &str) -> [i64; 4] {
    let rows = (10..22).map(|n| format!("{n},{title} {n}\n")).collect::<String>();
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "external_source": "erp",
        "mapping": { "external_id": { "column": "no" }, "title": { "column": "title" } } });
    counts(&import(server, &server.admin, format!("no,title\n{rows}"), spec).await)
}

#[tokio::test]
async fn parts_of_titles_are_found_as_these_are_now() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let body = |title: &str| json!({ "title": title, "deal_type_id": deal_type });
    let one = api.post("/v1/deals", body("Линзы Ørsted 75%")).await.expect(201).id();
    let mut items = vec![];
    for n in 0..12 {
        let mut item = body(&format!("Granite {n:02}"));
        item["op"] = json!("create");
        items.push(item);
    }
    api.post("/v1/deals/batch", json!({ "items": items, "atomic": true })).await.expect(207);
    assert_eq!(file(&server, &deal_type, "Marble").await, [12, 0, 0, 0]);

    for (part, titles) in [("ЛИНЗЫ", 1), ("ørSTED", 1), ("75%", 1), ("7_%", 0), ("ranite 0", 10)]
    {
        assert_eq!(found(api, part).await.len(), titles, "{part}");
    }
    // At the end of a word, a capital sigma has a small letter of its own.
    api.post("/v1/deals", body("ΟΔΥΣΣΕΥΣΑ ΤΑΣΟΣ")).await.expect(201);
    for part in ["ΣΕΥΣ", "σευς", "ΤΑΣ", "ΤΑΣΟΣ", "τασος", "οσ"] {
        assert_eq!(found(api, part).await.len(), 1, "{part}");
    }
    assert_eq!(found(api, "marble 1").await.len(), 10);
    assert_eq!(found(api, "ma").await.len(), 12);

    api.patch(&format!("/v1/deals/{one}"), json!({ "title": "Basalt" })).await.expect(200);
    let granite = api.get("/v1/deals?q=granite").await.expect(200).json;
    let items = granite["items"].as_array().unwrap().iter();
    let items: Vec<_> =
        items.map(|deal| json!({ "op": "update", "id": deal["id"], "title": "Slate" })).collect();
    let body = json!({ "items": items, "atomic": true });
    api.post("/v1/deals/batch", body).await.expect(207);
    assert_eq!(file(&server, &deal_type, "Flint").await, [0, 12, 0, 0]);
    for gone in ["Линзы", "granite", "marble"] {
        assert_eq!(found(api, gone).await, Vec::<String>::new(), "{gone}");
    }
    for (part, titles) in [("basalt", 1), ("slate", 12), ("flint 2", 2)] {
        assert_eq!(found(api, part).await.len(), titles, "{part}");
    }
    let other = server.workspace("Other", "EUR", "Europe/Berlin").await;
    assert_eq!(found(&other, "slate").await, Vec::<String>::new());
}
