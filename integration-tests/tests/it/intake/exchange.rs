//! An exchange that posts the canonical form.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_api::telephony::standard_webhooks;
use voronka_integration_tests::{Api, Reply, process::until};

/// The client's number, and the company's line.
pub const CLIENT: &str = "+31201234567";
pub const LINE: &str = "+31201110000";

/// An integration, with what it is known by to the server.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub admin: Api,
    pub id: String,
    pub secret: String,
}

impl Exchange {
    /// Phones 101 and 102 are those of the users; 900 is nobody's.
    pub async fn open(admin: &Api, users: [&Api; 2]) -> Self {
        let extensions = json!({ "101": users[0].user_id, "102": users[1].user_id, "900": null });
        let body = json!({ "adapter": "canonical", "name": "Office", "lines": [LINE],
            "extensions": extensions, "country": "NL", "access_digit": "9" });
        let made = admin.post("/v1/integrations", body).await.expect(201);
        let secret = made.json["secret"].as_str().expect("a secret").to_owned();
        Self { admin: admin.clone(), id: made.id(), secret }
    }

    pub fn path(&self) -> String {
        format!("/webhooks/v1/telephony/{}", self.id)
    }

    /// Posts a body as it is, signed with a secret.
    pub async fn post_signed(&self, secret: &str, id: &str, sent: i64, body: &[u8]) -> Reply {
        let sent = sent.to_string();
        let signature = standard_webhooks::signature(secret, id, &sent, body).expect("a secret");
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", sent.as_str()),
            ("webhook-signature", signature.as_str()),
            ("content-type", "application/json"),
        ];
        let stranger = self.admin.without_token();
        stranger.send(Method::POST, &self.path(), &headers, Some(body.to_vec())).await
    }

    pub async fn post(&self, event: &Value) -> Reply {
        let id = format!("msg_{}", Uuid::now_v7());
        let now = chrono::Utc::now().timestamp();
        self.post_signed(&self.secret, &id, now, event.to_string().as_bytes()).await
    }

    pub async fn tell(&self, events: &[Value]) {
        for event in events {
            self.post(event).await.expect(204);
        }
    }

    pub async fn raw(&self, state: &str) -> Vec<Value> {
        let path = format!("/v1/integrations/{}/raw-events?state={state}", self.id);
        self.admin.get(&path).await.expect(200).json["items"].as_array().unwrap().clone()
    }

    /// Waits until all that was posted is interpreted.
    pub async fn interpreted(&self) {
        until("all is interpreted", async || self.raw("waiting").await.is_empty()).await;
    }

    /// The activities of calls, in the order of their calls.
    pub async fn activities(&self) -> Vec<Value> {
        self.interpreted().await;
        let path = "/v1/activities?kind=call&sort=happened_at";
        self.admin.get(path).await.expect(200).json["items"].as_array().unwrap().clone()
    }
}

fn at(minute: u32, second: u32) -> String {
    format!("2026-03-02T10:{minute:02}:{second:02}Z")
}

pub fn started(call: &str, minute: u32, from: &str, to: &str) -> Value {
    json!({ "call_id": call, "type": "started", "at": at(minute, 0), "from": from, "to": to })
}

/// What happens to a phone.
pub fn leg(call: &str, what: &str, (minute, second): (u32, u32), party: &str) -> Value {
    json!({ "call_id": call, "type": what, "at": at(minute, second), "party": party })
}

pub fn left(call: &str, (minute, second): (u32, u32), party: &str, reason: &str) -> Value {
    json!({ "call_id": call, "type": "left", "at": at(minute, second), "party": party, "reason": reason })
}

pub fn ended(call: &str, (minute, second): (u32, u32)) -> Value {
    json!({ "call_id": call, "type": "ended", "at": at(minute, second) })
}

/// A call that rings two phones, one of which is faster: a minute and ten seconds of talk.
pub fn answered(call: &str, minute: u32) -> Vec<Value> {
    vec![
        started(call, minute, CLIENT, LINE),
        leg(call, "ringing", (minute, 1), "101"),
        leg(call, "ringing", (minute, 1), "102"),
        leg(call, "answered", (minute, 10), "102"),
        left(call, (minute, 10), "101", "answered_elsewhere"),
        left(call, (minute + 1, 20), "102", "hung_up"),
        ended(call, (minute + 1, 20)),
    ]
}
