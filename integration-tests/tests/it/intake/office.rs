//! A company with two sellers and an exchange.

use serde_json::json;
use voronka_integration_tests::{Api, TestServer};

use super::exchange::{CLIENT, Exchange};

pub struct Office {
    pub server: TestServer,
    pub anna: Api,
    pub ben: Api,
    pub exchange: Exchange,
}

pub async fn office() -> Office {
    office_in(TestServer::start().await).await
}

pub async fn office_in(server: TestServer) -> Office {
    let admin = &server.admin;
    let anna = admin.colleague("seller", None).await;
    let ben = admin.colleague("seller", None).await;
    let exchange = Exchange::open(admin, [&anna, &ben]).await;
    Office { anna, ben, exchange, server }
}

impl Office {
    pub async fn client(&self, name: &str) -> String {
        let body = json!({ "name": name, "phones": [CLIENT] });
        self.server.admin.post("/v1/clients", body).await.expect(201).id()
    }

    pub async fn deal(&self, client: &str, deal_type: &str, owner: &Api) -> String {
        let body = json!({ "title": "Pumps", "deal_type_id": deal_type, "client_id": client,
            "owner_id": owner.user_id });
        self.server.admin.post("/v1/deals", body).await.expect(201).id()
    }
}
