//! Sheets and pictures by the ending of their path: each is what `format` answers at the operation's own path.

use reqwest::Method;
use serde_json::{Value, json};
use voronka_api::openapi;
use voronka_integration_tests::{Reply, TestServer};

fn said(reply: &Reply) -> (u16, &str, &str, &str) {
    let first = reply.text.lines().next().unwrap_or_default();
    let is_packed = reply.text.starts_with("PK");
    let header = |name| reply.header(name);
    let line = if is_packed { "" } else { first };
    (reply.status, header("content-type"), header("content-disposition"), line)
}

/// What an operation cannot do without.
fn query(operation: &Value, deal_type: &str) -> String {
    let required = operation["parameters"].as_array().into_iter().flatten();
    let pairs = required.filter(|one| one["required"] == true).map(|one| match &one["name"] {
        name if name == "deal_type_id" => format!("deal_type_id={deal_type}"),
        name if name == "stage_key" => "stage_key=first".to_owned(),
        name if name == "figure" => {
            let words = one["schema"]["$ref"].as_str().and_then(|at| at.strip_prefix('#'));
            let words = openapi::whole().pointer(words.expect("a named enum")).expect("it");
            let words = words["enum"].as_array().expect("words");
            let of_all = words.iter().find(|word| *word == "deals").unwrap_or(&words[0]);
            format!("figure={}", of_all.as_str().expect("a word"))
        }
        name => panic!("what is {name}?"),
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[tokio::test]
async fn a_path_with_an_ending_is_a_form_of_its_operation() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    api.deal(&deal_type, "1").await;
    let mut tried = 0;
    for (path, item) in openapi::whole()["paths"].as_object().unwrap() {
        let Some((plain, ending)) = path.rsplit_once('.').filter(|(plain, _)| !plain.contains('{'))
        else {
            continue;
        };
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let query = query(operation, &deal_type);
            let body = || (method == Method::POST).then(|| b"{}".to_vec());
            let named = api.send(method.clone(), &format!("{path}?{query}"), &[], body()).await;
            let chosen = format!("{plain}?{query}&format={ending}");
            let chosen = api.send(method.clone(), &chosen, &[], body()).await;
            assert_eq!(said(&named), said(&chosen), "{path}");
            assert_eq!(named.status, 200, "{method} {path}: {}", named.text);
            let content = operation["responses"]["200"]["content"].as_object().unwrap();
            assert_eq!(content.len(), 1, "{path}");
            let kind = content.keys().next().unwrap();
            assert!(named.header("content-type").starts_with(kind), "{path}");
            tried += 1;
        }
    }
    // Four lists and searches, and five reports with their deals, as CSV and as workbooks; three pictures.
    assert_eq!(tried, 4 * 2 + 10 * 2 + 3);
}

#[tokio::test]
async fn other_endings_and_methods_are_not_taken() {
    let server = TestServer::start().await;
    let api = &server.admin;
    api.get("/v1/deals.pdf").await.problem(404, "not_found");
    api.get("/v1/users.csv").await.problem(404, "not_found");
    api.get("/v1/deals.csv?format=xlsx").await.problem(400, "invalid_parameters");
    let wrong = api.post("/v1/deals.csv", json!({ "title": "Deal" })).await;
    let wrong = wrong.problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "GET");
    api.with_token("nobody").get("/v1/deals.csv").await.problem(401, "unauthenticated");
    let list = api.get("/v1/deals.csv?status=open&limit=1").await.expect(200);
    assert!(list.text.starts_with("id,"), "{}", list.text);
}
