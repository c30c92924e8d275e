//! Clients are merged by whoever sees all their deals, and may write them.

use serde_json::json;
use voronka_integration_tests::{Api, sql};

use super::{Company, company};

#[tokio::test]
async fn clients_are_merged_by_who_sees_all_their_deals() {
    let company = company().await;
    let Company { anna, ben, server, .. } = &company;
    let merge = |[one, two]: [String; 2]| {
        (format!("/v1/clients/{one}/merge"), json!({ "duplicate_id": two }))
    };
    let (path, body) = merge(company.clients(&[anna, ben], &[anna, ben]).await);
    let before = company.deals();
    let told = anna.post(&path, body.clone()).await.problem(403, "forbidden");
    let detail = told.json["detail"].as_str().unwrap();
    assert!(!detail.contains(char::is_numeric), "{detail}");
    assert_eq!(company.deals(), before);
    server.admin.post(&path, body).await.expect(200);
    let (path, body) = merge(company.clients(&[anna], &[anna]).await);
    anna.post(&path, body).await.expect(200);
}

/// Whichever side the deal is on that one does not see, and whichever client stays.
#[tokio::test]
async fn an_unseen_deal_on_either_side_keeps_clients_apart() {
    let company = company().await;
    let Company { anna, ben, server, .. } = &company;
    let mut connection = server.connection();
    let mut all = || {
        let all = "SELECT jsonb_build_object( \
             'clients', (SELECT jsonb_agg(to_jsonb(c) ORDER BY id) FROM clients c), \
             'deals', (SELECT jsonb_agg(to_jsonb(d) ORDER BY id) FROM deals d), \
             'events', (SELECT count(*) FROM events))::text";
        sql::json(&mut connection, all)
    };
    for (of_one, of_other) in
        [(&[anna, ben][..], &[anna][..]), (&[ben], &[anna]), (&[anna, ben], &[]), (&[ben], &[])]
    {
        for turned in [false, true] {
            let mut clients = company.clients(of_one, of_other).await;
            if turned {
                clients.reverse();
            }
            let [one, other] = clients;
            let (path, body) =
                (format!("/v1/clients/{one}/merge"), json!({ "duplicate_id": other }));
            let before = all();
            let told = anna.post(&path, body.clone()).await.problem(403, "forbidden");
            let detail = told.json["detail"].as_str().unwrap();
            assert!(!detail.contains(char::is_numeric), "{detail}");
            assert_eq!(all(), before);
            server.admin.post(&path, body).await.expect(200);
        }
    }
}

/// The deals of a merged client change, on whichever side they are: a key for clients is none for that.
#[tokio::test]
async fn a_key_for_clients_merges_none_that_have_deals() {
    let company = company().await;
    let anna = &company.anna;
    let clients = company.key(&["clients:write"]).await;
    let both = company.key(&["clients:write", "deals:write"]).await;
    let all = "SELECT jsonb_agg(to_jsonb(c) ORDER BY id)::text FROM clients c";
    let mut connection = company.server.connection();
    for (of_one, of_other) in [(&[anna][..], &[][..]), (&[], &[anna]), (&[anna], &[anna])] {
        let [one, other] = company.clients(of_one, of_other).await;
        let (path, body) = (format!("/v1/clients/{one}/merge"), json!({ "duplicate_id": other }));
        let before = (company.deals(), sql::json(&mut connection, all));
        clients.post(&path, body.clone()).await.problem(403, "forbidden");
        assert_eq!((company.deals(), sql::json(&mut connection, all)), before);
        both.post(&path, body).await.expect(200);
    }
    // Where there are none, nothing but clients changes.
    let [one, other] = company.clients(&[], &[]).await;
    let body = json!({ "duplicate_id": other });
    clients.post(&format!("/v1/clients/{one}/merge"), body).await.expect(200);
}

/// How many deals moved with a client is told to those who see all deals.
#[tokio::test]
async fn the_history_of_a_client_counts_no_deals_that_one_does_not_see() {
    let company = company().await;
    let Company { anna, ben, head, server, .. } = &company;
    let admin = &server.admin;
    let [one, other] = company.clients(&[anna], &[anna, ben]).await;
    let contact = json!({ "client_id": other, "name": "Joris" });
    anna.post("/v1/contacts", contact).await.expect(201);
    let merge = json!({ "duplicate_id": other });
    admin.post(&format!("/v1/clients/{one}/merge"), merge).await.expect(200);
    // A hand-over changes the client, and is no reason to count either.
    let owner = json!({ "owner_id": ben.user_id });
    admin.patch(&format!("/v1/clients/{one}"), owner).await.expect(200);
    let over = json!({ "from_id": ben.user_id, "to_id": anna.user_id, "reason": "holiday" });
    let over = admin.post("/v1/hand-overs", over).await.expect(201).json;
    assert_eq!([&over["handed_over"]["deals"], &over["handed_over"]["clients"]], [1, 1]);
    let analyst = admin.colleague("analyst", None).await;
    let reader = company.key(&["clients:read"]).await;
    let reader_of_both = company.key(&["clients:read", "deals:read"]).await;
    let history = async |who: &Api, id: &str| {
        let history = who.get(&format!("/v1/clients/{id}/history")).await.expect(200).json;
        history["items"].as_array().unwrap().clone()
    };
    let whole = history(admin, &one).await;
    let types: Vec<_> = whole.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "client.created",
        "client.created",
        "client.merged",
        "client.updated",
        "client.updated",
        "client.updated",
    ];
    assert_eq!(types, expected);
    let mut without = whole.clone();
    assert_eq!(without[2]["change"].as_object_mut().unwrap().remove("deals"), Some(json!(2)));
    assert_eq!(without[2]["change"]["contacts"], 1);
    for id in [&one, &other] {
        for (who, sees_all) in [
            (admin, true),
            (&analyst, true),
            (&reader_of_both, true),
            (head, false),
            (anna, false),
            (ben, false),
            (&reader, false),
        ] {
            let expected = if sees_all { &whole } else { &without };
            assert_eq!(&history(who, id).await, expected, "{}", who.email);
        }
    }
}
