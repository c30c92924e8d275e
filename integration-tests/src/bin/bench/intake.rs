//! Telephony: how fast posts are taken, and how soon a call is the activity of its deal.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use diesel::{PgConnection, RunQueryDsl, connection::SimpleConnection, sql_types::Text};
use serde_json::{Value, json};
use tokio::task::LocalSet;
use uuid::Uuid;
use voronka_api::telephony::standard_webhooks::signature;

use crate::{
    Options,
    http::{self, Connection},
    server::Server,
    world::World,
};

pub const NAME: &str = "take a post of telephony";
/// The company's own number, and those that call it.
const LINE: &str = "+31203000000";
const CALLERS: usize = 2_000;
/// Calls a second, of four events each.
const CALLS: usize = 125;

fn caller(number: usize) -> String {
    format!("+31201{:06}", number % CALLERS)
}

/// An exchange of the measured company.
#[derive(Debug, Clone)]
pub struct Exchange {
    id: String,
    secret: String,
}

impl Exchange {
    pub fn open(server: &Server, token: &str) -> Self {
        let body = json!({ "adapter": "canonical", "name": "Office", "lines": [LINE], "country": "NL",
            "extensions": { "101": null } });
        let request = http::request("POST", "/v1/integrations", token, &body.to_string());
        let (status, text) = http::once(server.address, &request);
        assert_eq!(status, 201, "{text}");
        let made: Value = serde_json::from_str(&text).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { id: text("id"), secret: text("secret") }
    }

    /// A post of some id, signed.
    pub fn post(&self, id: &str, event: &Value) -> Vec<u8> {
        let (sent, body) = (chrono::Utc::now().timestamp().to_string(), event.to_string());
        let signed = signature(&self.secret, id, &sent, body.as_bytes()).unwrap();
        let (path, length) = (format!("/webhooks/v1/telephony/{}", self.id), body.len());
        format!(
            "POST {path} HTTP/1.1\r\nhost: voronka\r\ncontent-type: application/json\r\n\
             webhook-id: {id}\r\nwebhook-timestamp: {sent}\r\nwebhook-signature: {signed}\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// Has what was posted wait, or be interpreted again.
pub fn interprets(server: &Server, token: &str, enabled: bool) {
    let body = json!({ "enabled": enabled }).to_string();
    let request = http::request("PATCH", "/v1/jobs/interpret-events", token, &body);
    let (status, text) = http::once(server.address, &request);
    assert_eq!(status, 200, "{text}");
}

pub fn event(call: &str, what: &str, more: Value) -> Value {
    let mut event = json!({ "call_id": call, "type": what, "at": chrono::Utc::now() });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// When to post, the call that ends with it, and the post as it is made then.
type Planned = (Duration, String, Box<dyn Fn() -> Vec<u8>>);

/// The four events of a call that is answered, with the moments at which they are told.
fn events(exchange: &Exchange, number: usize) -> [Planned; 4] {
    let begins =
        Duration::from_secs(1) * u32::try_from(number).unwrap() / u32::try_from(CALLS).unwrap();
    let parts = [
        ("started", 0, json!({ "from": caller(number), "to": LINE })),
        ("ringing", 300, json!({ "party": "101" })),
        ("answered", 700, json!({ "party": "101" })),
        ("ended", 1_500, json!({})),
    ];
    let call = format!("call-{number}");
    parts.map(|(what, after, more)| {
        let (exchange, call, of) = (exchange.clone(), call.clone(), call.clone());
        let post =
            move || exchange.post(&Uuid::now_v7().to_string(), &event(&call, what, more.clone()));
        let ends = if what == "ended" { of } else { String::new() };
        (begins + Duration::from_millis(after), ends, Box::new(post) as Box<dyn Fn() -> Vec<u8>>)
    })
}

/// Calls at an even pace, and how long after the acknowledgement of its end each was an activity of its deal.
pub fn run(options: &Options, world: &World, server: &Server) {
    let token = world.token(server);
    let mut connection: PgConnection = diesel::Connection::establish(&world.url).unwrap();
    connection.batch_execute(&format!(
        "TRUNCATE raw_events; \
         UPDATE clients c SET phones = ARRAY['+31201' || lpad((n - 1)::text, 6, '0')] FROM ( \
            SELECT d.workspace_id, client_id, row_number() OVER (ORDER BY client_id) AS n \
            FROM bench_workspaces w JOIN deals d USING (workspace_id) \
            WHERE w.measured AND d.status = 'open' AND client_id IS NOT NULL GROUP BY 1, 2) AS open \
         WHERE c.workspace_id = open.workspace_id AND c.id = open.client_id AND n <= {CALLERS}; \
         ANALYZE clients"
    )).unwrap();
    let exchange = Exchange::open(server, &token);
    interprets(server, &token, true);
    let seconds = usize::try_from(options.seconds).unwrap() * 4;
    let calls = seconds * CALLS;
    let mut plan: Vec<_> = (0..calls).flat_map(|number| events(&exchange, number)).collect();
    plan.sort_by_key(|(at, ..)| *at);
    let over = AtomicBool::new(false);
    let (acknowledged, seen) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&world.url, &exchange.id, calls, &over));
        let acknowledged = tell(server, options.connections, plan);
        over.store(true, Ordering::Relaxed);
        (acknowledged, watcher.join().expect("a watcher"))
    });
    assert_eq!(seen.len(), calls, "calls that are activities of a deal");
    let mut times: Vec<Duration> =
        acknowledged.iter().map(|(call, at)| seen[call].saturating_duration_since(*at)).collect();
    times.sort_unstable();
    let at = |per_mille: usize| times[times.len() * per_mille / 1_000].as_secs_f64() * 1_000.0;
    println!(
        "{} events a second of {calls} calls: from the acknowledgement to the activity on the deal \
         p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms",
        CALLS * 4,
        at(500),
        at(950),
        at(990)
    );
}

/// Posts what is planned when its moment comes; when the ends were acknowledged.
fn tell(server: &Server, connections: usize, plan: Vec<Planned>) -> HashMap<String, Instant> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(server.address).await);
        }
        let plan = RefCell::new(VecDeque::from(plan));
        let acknowledged = RefCell::new(HashMap::new());
        let began = Instant::now();
        let one = async |mut connection: Connection| {
            loop {
                let Some((at, ends, post)) = plan.borrow_mut().pop_front() else { break };
                tokio::time::sleep_until((began + at).into()).await;
                let (status, body) = connection.send(&post()).await;
                assert_eq!(status, 204, "{}", String::from_utf8_lossy(body));
                if !ends.is_empty() {
                    acknowledged.borrow_mut().insert(ends, Instant::now());
                }
            }
        };
        futures_util::future::join_all(open.into_iter().map(one)).await;
        let late = began.elapsed();
        eprintln!("told within {:.1} s", late.as_secs_f64());
        acknowledged.into_inner()
    })
}

#[derive(diesel::QueryableByName)]
struct Activity {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    external_id: String,
}

/// When each call was first seen as an activity of a deal, to some five milliseconds.
fn watch(
    url: &str,
    integration: &str,
    calls: usize,
    over: &AtomicBool,
) -> HashMap<String, Instant> {
    let mut connection: PgConnection = diesel::Connection::establish(url).unwrap();
    let (mut seen, mut last) = (HashMap::new(), Uuid::nil());
    let mut patience = Instant::now() + Duration::from_secs(30);
    while seen.len() < calls && Instant::now() < patience {
        if !over.load(Ordering::Relaxed) {
            patience = Instant::now() + Duration::from_secs(30);
        }
        let new: Vec<Activity> = diesel::sql_query(format!(
            "SELECT a.id, a.external_id FROM activities a JOIN bench_workspaces w USING (workspace_id) \
             WHERE w.measured AND a.id > '{last}' AND a.external_source = 'integration:{integration}' \
             AND a.deal_id IS NOT NULL ORDER BY a.id"
        ))
        .load(&mut connection)
        .unwrap();
        let now = Instant::now();
        for activity in new {
            last = activity.id;
            seen.insert(activity.external_id, now);
        }
        std::thread::sleep(Duration::from_millis(4));
    }
    seen
}
