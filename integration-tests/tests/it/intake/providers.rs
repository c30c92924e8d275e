//! Exchanges of each kind at the server itself: what they post becomes a call, what they ask is answered.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use voronka_integration_tests::{Reply, sql};

use super::{
    exchange::Exchange,
    office::{Office, office},
};

const CLIENT: &str = "+79161234567";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

impl Office {
    /// Another exchange of the same phones.
    async fn exchange_of(&self, adapter: &str, more: Value) -> Exchange {
        let extensions = json!({ "101": self.anna.user_id, "102": self.ben.user_id });
        let mut body = json!({ "adapter": adapter, "name": adapter, "lines": ["+74951110000"],
            "extensions": extensions, "country": "RU", "time_zone": "Europe/Moscow" });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let admin = self.server.admin.clone();
        let made = admin.post("/v1/integrations", body).await.expect(201);
        let secret = made.json["secret"].as_str().unwrap_or_default().to_owned();
        Exchange { id: made.id(), admin, secret }
    }
}

impl Exchange {
    async fn send(
        &self,
        method: Method,
        rest: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let body = Some(body.as_bytes().to_vec()).filter(|body| !body.is_empty());
        let path = format!("{}{rest}", self.path());
        self.admin.without_token().send(method, &path, headers, body).await
    }

    async fn form(&self, rest: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Reply {
        let mut headers = headers.to_vec();
        headers.push(FORM);
        let body = serde_urlencoded::to_string(fields).unwrap();
        self.send(Method::POST, rest, &headers, &body).await
    }

    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("voronka:{}", self.secret)))
    }

    /// The one activity that there is.
    async fn only(&self) -> Value {
        let activities = self.activities().await;
        let failed = self.raw("failed").await;
        assert!(failed.is_empty(), "{failed:?}");
        let [one] = activities.try_into().expect("one activity");
        one
    }
}

fn told(activity: &Value) -> Value {
    json!([
        activity["direction"],
        activity["call_status"],
        activity["duration_seconds"],
        activity["user_id"]
    ])
}

#[tokio::test]
async fn asterisk_posts_by_its_dialplan() {
    let office = office().await;
    let exchange = office.exchange_of("asterisk", json!({})).await;
    let basic = exchange.basic();
    let own = [("authorization", basic.as_str())];
    let event = |event: &'static str, second: u32, more: [(&'static str, &'static str); 2]| {
        let at = format!("17643000{second:02}.000");
        let fixed =
            [("event", event), ("linkedid", "1.1"), ("caller", CLIENT), ("called", "+74951110000")];
        let fixed =
            fixed.into_iter().chain([("line", "+74951110000"), ("direction", "in")]).chain(more);
        fixed.map(|(a, b)| (a, b.to_owned())).chain([("at", at)]).collect::<Vec<_>>()
    };
    let posts = [
        event("started", 0, [("uniqueid", "1.1"), ("channel", "PJSIP/trunk-01")]),
        event("ringing", 2, [("channel", "PJSIP/101-02"), ("party", "101")]),
        event("ringing", 2, [("channel", "PJSIP/102-03"), ("party", "102")]),
        event("answered", 9, [("channel", "PJSIP/102-03"), ("party", "102")]),
        event("left", 49, [("channel", "PJSIP/102-03"), ("answered", "1")]),
        event("ended", 49, [("uniqueid", "1.1"), ("channel", "PJSIP/trunk-01")]),
    ];
    for post in posts.iter().rev().chain(&posts) {
        let fields: Vec<_> = post.iter().map(|(name, value)| (*name, value.as_str())).collect();
        exchange.form("", &own, &fields).await.expect(204);
        exchange.form("", &[], &fields).await.problem(401, "invalid_signature");
    }
    assert_eq!(told(&exchange.only().await), json!(["in", "answered", 40, office.ben.user_id]));
}

#[tokio::test]
async fn a_cloud_exchange_asks_who_calls_and_is_answered() {
    let office = office().await;
    let Office { server, anna, .. } = &office;
    let exchange = office.exchange_of("megafon", json!({})).await;
    let client = json!({ "name": "Alder Mill", "phones": [CLIENT], "owner_id": anna.user_id });
    server.admin.post("/v1/clients", client).await.expect(201);
    let token = exchange.secret.clone();
    let form = async |fields: &[(&str, &str)]| {
        let mut all =
            vec![("crm_token", token.as_str()), ("callid", "c1"), ("diversion", "74951110000")];
        all.extend(fields);
        exchange.form("", &[], &all).await
    };
    let said = form(&[("cmd", "contact"), ("phone", "79161234567")]).await.expect(200);
    assert_eq!(said.json, json!({ "contact_name": "Alder Mill", "responsible": "101" }));
    let unknown =
        form(&[("cmd", "contact"), ("phone", "79160000000"), ("callid", "c0")]).await.expect(200);
    assert_eq!(unknown.json, json!({}));
    for what in ["INCOMING", "ACCEPTED", "COMPLETED"] {
        let event = [
            ("cmd", "event"),
            ("type", what),
            ("phone", "79161234567"),
            ("ext", "101"),
            ("user", "anna"),
        ];
        form(&event).await.expect(204);
    }
    let activity = exchange.only().await;
    assert_eq!(
        (&activity["call_status"], &activity["user_id"]),
        (&json!("answered"), &json!(anna.user_id))
    );
    // What is kept shows no secret.
    for raw in exchange.raw("done").await {
        let body = raw["body"].as_str().unwrap();
        assert!(body.contains("crm_token=(secret)") && !raw.to_string().contains(&token), "{raw}");
    }
    exchange
        .form("", &[], &[("cmd", "event"), ("crm_token", "another")])
        .await
        .problem(401, "invalid_signature");
}

#[tokio::test]
async fn what_knows_bitrix24_is_pointed_here() {
    let office = office().await;
    let exchange = office.exchange_of("bitrix24", json!({})).await;
    let call = async |method: &str, body: Value| {
        let rest = format!("/{}/telephony.externalcall.{method}", exchange.secret);
        exchange
            .send(Method::POST, &rest, &[("content-type", "application/json")], &body.to_string())
            .await
    };
    let new = json!({ "USER_PHONE_INNER": "101", "PHONE_NUMBER": CLIENT, "TYPE": 2 });
    let register = async || {
        let answer = call("register.json", new.clone()).await.expect(200).json;
        answer["result"]["CALL_ID"].as_str().unwrap().to_owned()
    };
    let first = register().await;
    // The same parameters are the same call until it is over.
    exchange.interpreted().await;
    assert_eq!(register().await, first);
    // Its end is acknowledged and cannot be interpreted yet: the next call is another one all the same.
    let mut held = office.server.connection();
    sql::run(&mut held, "BEGIN; SELECT FROM calls FOR UPDATE");
    let done = json!({ "CALL_ID": first, "USER_PHONE_INNER": "101", "DURATION": 60, "STATUS_CODE": "200" });
    call("finish", done).await.expect(200);
    let second = register().await;
    sql::run(&mut held, "COMMIT");
    exchange.interpreted().await;
    assert_ne!(second, first);
    let missed =
        json!({ "CALL_ID": second, "USER_PHONE_INNER": "101", "DURATION": 0, "STATUS_CODE": 304 });
    call("finish", missed).await.expect(200);
    let activities = exchange.activities().await;
    let statuses: Vec<_> = activities.iter().map(|one| one["call_status"].clone()).collect();
    assert_eq!(json!(statuses), json!(["answered", "missed"]));
    assert_eq!(told(&activities[0]), json!(["in", "answered", 60, office.anna.user_id]));
    let unknown = call("unknown", json!({})).await.expect(200);
    assert_eq!(unknown.json["error"], "ERROR_METHOD_NOT_FOUND");
    let rest = "/guess/telephony.externalcall.show";
    exchange.send(Method::POST, rest, &[], "{}").await.problem(401, "invalid_signature");
    // Whoever sets it up sees what was refused.
    let status = exchange
        .admin
        .get(&format!("/v1/integrations/{}/status", exchange.id))
        .await
        .expect(200)
        .json;
    assert!(
        status["last_refusal"]["reason"].is_string() && status["last_event_at"].is_string(),
        "{status}"
    );
}

#[tokio::test]
async fn an_exchange_that_signs_itself_is_believed_by_its_own_secret() {
    let office = office().await;
    let admin = &office.server.admin;
    // Published by twilio-python: the address is the one from outside, whatever the server is called here.
    let more = json!({ "secret": "12345", "external_url": "https://mycompany.com/myapp.php" });
    let twilio = office.exchange_of("twilio", more).await;
    assert_eq!(twilio.secret, "", "a secret that was given is not shown");
    let fields = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
        ("Caller", "+14158675309"),
    ];
    let signed = |signature| [("x-twilio-signature", signature)];
    let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    twilio.form("?foo=1&bar=2", &signed(signature), &fields).await.expect(204);
    twilio
        .form("?foo=1&bar=3", &signed(signature), &fields)
        .await
        .problem(401, "invalid_signature");
    // Its secret changes there first: the one before is taken for a while.
    let path = format!("/v1/integrations/{}", twilio.id);
    admin
        .post(&format!("{path}/rotate-secret"), json!({}))
        .await
        .problem(409, "secret_not_made_here");
    admin.patch(&path, json!({ "secret": "67890" })).await.expect(200);
    twilio.form("?foo=1&bar=2", &signed(signature), &fields).await.expect(204);
    // A greeting is answered before anything is known of the exchange, and nothing that a browser could run.
    let zadarma = office.exchange_of("zadarma", json!({ "secret": "b2f1zadarmasecret" })).await;
    let echo = zadarma.send(Method::GET, "?zd_echo=5f0a5f1c", &[], "").await.expect(200);
    assert_eq!(
        (echo.text.as_str(), echo.header("x-content-type-options")),
        ("5f0a5f1c", "nosniff")
    );
    assert!(echo.header("content-type").starts_with("text/plain"));
    zadarma.send(Method::GET, "?zd_echo=%3Cb%3E", &[], "").await.problem(400, "invalid_parameters");
    let fields = [
        ("event", "NOTIFY_START"),
        ("caller_id", "+31201234567"),
        ("called_did", "+74951110000"),
        ("call_start", "2025-11-28 12:00:00"),
        ("pbx_call_id", "in_1"),
    ];
    let signature = "ZmIxOTdhNWY1YzZkMzAxY2FkNzk2ZmM0MTEyNTQ4OTM4OGYzMzNlYQ==";
    zadarma.form("", &[("signature", signature)], &fields).await.expect(204);
    for (adapter, secret) in [("mango", "nocolon"), ("twilio", ""), ("asterisk", "mine")] {
        let body = json!({ "adapter": adapter, "name": "X", "secret": secret });
        admin.post("/v1/integrations", body).await.problem(422, "validation_failed");
    }
    admin
        .post("/v1/integrations", json!({ "adapter": "mango", "name": "X" }))
        .await
        .problem(422, "validation_failed");
}

/// Ids that change in mid-call are joined: what is told of either is of the one call.
#[tokio::test]
async fn a_call_whose_id_changes_stays_one() {
    let office = office().await;
    let exchange = office.exchange_of("asterisk", json!({})).await;
    let basic = exchange.basic();
    let event = async |event: &str, root: &str, second: u32, more: &[(&str, &str)]| {
        let at = format!("17643000{second:02}");
        let mut fields = vec![
            ("event", event),
            ("linkedid", root),
            ("caller", CLIENT),
            ("called", "+74951110000"),
            ("direction", "in"),
            ("at", at.as_str()),
        ];
        fields.extend(more);
        exchange.form("", &[("authorization", &basic)], &fields).await.expect(204);
        exchange.interpreted().await;
    };
    let (anna, ben) = (
        [("channel", "PJSIP/101-1"), ("party", "101")],
        [("channel", "PJSIP/102-2"), ("party", "102")],
    );
    event("started", "1.1", 0, &[("uniqueid", "1.1")]).await;
    event("answered", "1.1", 5, &anna).await;
    // Told of the new id alone at first, then of both.
    event("ringing", "9.9", 20, &ben).await;
    event("answered", "9.9", 22, &[ben[0], ben[1], ("transferred_from", "1.1")]).await;
    event("left", "1.1", 22, &[anna[0], anna[1], ("answered", "1")]).await;
    event("left", "9.9", 40, &[ben[0], ben[1], ("answered", "1")]).await;
    event("ended", "1.1", 40, &[("uniqueid", "1.1")]).await;
    let activity = exchange.only().await;
    assert_eq!(told(&activity), json!(["in", "answered", 17 + 18, office.ben.user_id]));
}
