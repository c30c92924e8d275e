//! Everything is held in one order, and a decision writes only what it has changed. Looked at from beside it:
//! somebody holds a row, a command waits for it, and what the command holds meanwhile is tried.

use diesel::{PgConnection, connection::SimpleConnection};
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer, histories::count, process::until_so, sql};

/// Whether nobody holds the row.
fn is_free(connection: &mut PgConnection, table: &str, id: &str) -> bool {
    let hold = format!("SELECT FROM {table} WHERE id = '{id}' FOR UPDATE NOWAIT");
    connection.batch_execute(&hold).is_ok()
}

/// Holds a row, sends a request, and calls what looks around while the request waits for the row.
async fn while_it_waits(
    server: &TestServer,
    (table, id): (&str, &str),
    request: impl Future<Output = Reply> + Send + 'static,
    look: impl FnOnce(&mut PgConnection),
) -> Reply {
    let (mut holder, mut beside) = (server.connection(), server.connection());
    holder
        .batch_execute(&format!("BEGIN; SELECT FROM {table} WHERE id = '{id}' FOR UPDATE"))
        .unwrap();
    let request = tokio::spawn(request);
    until_so("the request waits", || sql::waiting(&mut beside) == 1).await;
    look(&mut beside);
    holder.batch_execute("COMMIT").unwrap();
    request.await.unwrap()
}

fn sent(api: &Api, path: String, body: Value) -> impl Future<Output = Reply> + Send + 'static {
    let api = api.clone();
    async move { api.post(&path, body).await }
}

/// Three deals of a client in a type with a second version; their rows lie in the table the other way round.
struct Three {
    server: TestServer,
    anna: Api,
    deal_type: String,
    client: String,
    deals: [String; 3],
}

async fn three() -> Three {
    let server = TestServer::start().await;
    let api = &server.admin;
    let anna = api.colleague("seller", None).await;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let client = api.post("/v1/clients", json!({ "name": "Alder Mill" })).await.expect(201).id();
    let mut deals = Vec::new();
    for title in ["One", "Two", "Three"] {
        let body = json!({ "title": title, "deal_type_id": deal_type, "client_id": client,
            "owner_id": anna.user_id });
        deals.push(api.post("/v1/deals", body).await.expect(201).id());
    }
    let stages = json!({ "stages": [{ "key": "first", "name": "First" }, { "key": "second", "name": "Second" }] });
    api.post(&format!("/v1/deal-types/{deal_type}/versions"), stages).await.expect(201);
    let mut connection = server.connection();
    for deal in deals.iter().rev() {
        connection
            .batch_execute(&format!("UPDATE deals SET title = title WHERE id = '{deal}'"))
            .unwrap();
    }
    Three { deals: deals.try_into().unwrap(), anna, deal_type, client, server }
}

#[tokio::test]
async fn deals_are_held_in_the_order_of_their_ids() {
    for way in ["batch", "migrate", "hand over", "merge"] {
        let there = three().await;
        let api = &there.server.admin;
        let [first, second, third] = &there.deals;
        let (path, body) = match way {
            "batch" => {
                let item = |id: &String| json!({ "op": "update", "id": id, "title": "Other" });
                (
                    "/v1/deals/batch".into(),
                    json!({ "items": [item(third), item(second), item(first)] }),
                )
            }
            "migrate" => (format!("/v1/deal-types/{}/migrate", there.deal_type), json!({})),
            "hand over" => {
                let to = api.colleague("seller", None).await;
                let body = json!({ "from_id": there.anna.user_id, "to_id": to.user_id, "reason": "holiday" });
                ("/v1/hand-overs".into(), body)
            }
            _ => {
                let other = json!({ "name": "Birch Ltd" });
                let survivor = api.post("/v1/clients", other).await.expect(201).id();
                (format!("/v1/clients/{survivor}/merge"), json!({ "duplicate_id": there.client }))
            }
        };
        let look = |beside: &mut PgConnection| {
            assert!(!is_free(beside, "deals", first), "{way}: the first is held already");
            assert!(is_free(beside, "deals", third), "{way}: the last is held before its turn");
        };
        let request = sent(api, path, body);
        let reply = while_it_waits(&there.server, ("deals", second), request, look).await;
        assert!(reply.status < 300, "{way}: {}", reply.text);
        let of = "SELECT count(*) AS number FROM events WHERE event_type LIKE 'deal.%'";
        assert_eq!(count(&mut there.server.connection(), of), 6, "{way}: each has changed once");
    }
}

/// Whoever gives a deal to a client, or a client away with its deals, holds the client first.
#[tokio::test]
async fn clients_are_held_before_deals() {
    for way in ["update", "batch", "hand over"] {
        let there = three().await;
        let api = &there.server.admin;
        let [first, second, _] = &there.deals;
        let firm = json!({ "name": "Birch Ltd", "owner_id": there.anna.user_id });
        let firm = api.post("/v1/clients", firm).await.expect(201).id();
        let change = json!({ "op": "update", "id": second, "client_id": firm });
        let (path, body) = match way {
            "batch" => {
                let other = json!({ "op": "update", "id": first, "title": "Other" });
                ("/v1/deals/batch".into(), json!({ "items": [other, change] }))
            }
            "hand over" => {
                let to = api.colleague("seller", None).await;
                let body = json!({ "from_id": there.anna.user_id, "to_id": to.user_id, "reason": "holiday" });
                ("/v1/hand-overs".into(), body)
            }
            _ => (format!("/v1/deals/{second}"), json!({ "client_id": firm })),
        };
        let look = |beside: &mut PgConnection| {
            for deal in [first, second] {
                assert!(is_free(beside, "deals", deal), "{way}: a deal is held before the client");
            }
        };
        let api = api.clone();
        let request = async move {
            let is_update = path.starts_with("/v1/deals/") && !path.ends_with("batch");
            if is_update { api.patch(&path, body).await } else { api.post(&path, body).await }
        };
        let reply = while_it_waits(&there.server, ("clients", &firm), request, look).await;
        assert!(reply.status < 300, "{way}: {}", reply.text);
    }
}

/// The clock is set by somebody else between a request's look at the deal and its writing.
#[tokio::test]
async fn an_alarm_that_is_set_meanwhile_stays() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let deal = api.deal(&deal_type, "1").await;
    let change = |body: Value, path: &str| {
        let (api, path) = (api.clone(), format!("/v1/deals/{deal}{path}"));
        async move {
            let is_move = path.ends_with("transition");
            if is_move { api.post(&path, body).await } else { api.patch(&path, body).await }
        }
    };
    let requests = [
        (json!({ "title": "Other" }), ""),
        (json!({ "to": "next" }), "/transition"),
        (json!({ "to": "hold", "reason": "Holidays" }), "/transition"),
    ];
    for (number, (body, path)) in requests.into_iter().enumerate() {
        let alarm = format!("2999-01-0{} 00:00:00+00", number + 1);
        let (mut holder, mut beside) = (server.connection(), server.connection());
        holder.batch_execute("UPDATE deals SET alarm_at = NULL").unwrap();
        let set = format!("BEGIN; UPDATE deals SET alarm_at = '{alarm}' WHERE id = '{deal}'");
        holder.batch_execute(&set).unwrap();
        let request = tokio::spawn(change(body, path));
        until_so("the request waits", || sql::waiting(&mut beside) == 1).await;
        holder.batch_execute("COMMIT").unwrap();
        request.await.unwrap().expect(200);
        let stays = format!("SELECT count(*) AS number FROM deals WHERE alarm_at = '{alarm}'");
        assert_eq!(count(&mut beside, &stays), 1, "{path}");
    }
}
