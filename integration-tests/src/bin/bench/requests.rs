//! The requests that are measured.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use serde_json::json;

use crate::{
    Options, http,
    intake::{self, Exchange},
    server::Server,
    twin::Script,
    world::{BLOCK, SEQUENCE, World, led, spare, task},
};

pub struct Request<'r> {
    pub name: &'static str,
    /// The next one of a client.
    pub next: Box<dyn Fn(usize) -> Vec<u8> + 'r>,
    /// What pgbench does beside it.
    pub twin: Option<Script>,
    /// If not as many as there are.
    pub connections: Option<usize>,
}

struct Making<'m> {
    world: &'m World,
    server: &'m Server,
    options: &'m Options,
    token: Rc<str>,
}

pub fn all<'m>(
    world: &'m World,
    server: &'m Server,
    options: &'m Options,
) -> impl Iterator<Item = Request<'m>> {
    let token: Rc<str> = world.token(server).into();
    let making = Making { world, server, options, token };
    let day = |days| chrono::Utc::now().date_naive() - chrono::TimeDelta::days(days);
    let quarter = format!(
        "/v1/reports/funnel/closed?deal_type_id={}&from={}&to={}",
        world.deal_type,
        day(100),
        day(9)
    );
    let open = format!("/v1/reports/funnel/open?deal_type_id={}", world.deal_type);
    let list = format!("/v1/deals?stage_id={}&sort=-updated_at", world.stages[3]);
    let kinds: Vec<(&'static str, Kind<'m>)> = vec![
        ("/healthz", Box::new(|making| making.nothing())),
        (LIST, Box::new(move |making| making.get(LIST, list, None))),
        (SEARCH, Box::new(move |making| making.search(Some(1)))),
        (SEARCH, Box::new(move |making| making.search(None))),
        (QUARTER, {
            let quarter = quarter.clone();
            Box::new(move |making| making.get(QUARTER, quarter, Some(1)))
        }),
        (QUARTER, Box::new(move |making| making.get(QUARTER, quarter, None))),
        ("open funnel", Box::new(move |making| making.get("open funnel", open, None))),
        // They make deals, a hundred thousands of them, and come after what looks at the company's.
        ("create a deal", Box::new(|making| making.create())),
        ("move a deal", Box::new(|making| making.transition())),
        ("finish a task that a deal waits for", Box::new(|making| making.finish())),
        (intake::NAME, Box::new(|making| making.post())),
    ];
    let wanted = kinds.into_iter().filter(|(name, _)| options.wants(name));
    wanted.map(move |(_, kind)| kind(&making))
}

/// Made when its turn comes: what it sends is looked at then.
type Kind<'m> = Box<dyn FnOnce(&Making<'m>) -> Request<'m> + 'm>;

const LIST: &str = "list 50 deals of a stage";
const SEARCH: &str = "search 50 deals by condition";
const QUARTER: &str = "closed funnel of a quarter";

impl<'m> Making<'m> {
    fn send(&self, request: &[u8]) {
        let (status, text) = http::once(self.server.address, request);
        assert!(status < 300, "{status}: {text}");
    }

    /// The twin of a kind of request, from two of them that answer what the script's variables stand for.
    fn twin(&self, head: &str, request: impl Fn() -> Vec<(String, &'static str)>) -> Script {
        // What is looked up once is not a part of it.
        for _ in 0..20 {
            request();
        }
        let log = self.world.log();
        let script = (0..5).find_map(|_| {
            let (one, known) = log.of(&request);
            let (mut other, known_too) = log.of(&request);
            // Each its own values for the same variables: those of the first are put into the second.
            for ((value, _), (value_too, _)) in known.iter().zip(&known_too) {
                other.iter_mut().for_each(|sent| sent.replace(value_too, value));
            }
            // Not so where the server had to look its caller up again in one of them.
            Script::new(&one, &other, head, &known)
        });
        let script = script.expect("two requests of a kind send the same statements");
        if self.options.scripts {
            eprintln!("{script}");
        }
        script
    }

    /// The yardstick: a request that does nothing.
    fn nothing(&self) -> Request<'m> {
        let request = http::request("GET", "/healthz", &self.token, "");
        Request {
            name: "/healthz",
            next: Box::new(move |_| request.clone()),
            twin: None,
            connections: None,
        }
    }

    fn get(&self, name: &'static str, path: String, connections: Option<usize>) -> Request<'m> {
        let request = http::request("GET", &path, &self.token, "");
        Request { connections, ..self.same(name, "", request) }
    }

    fn search(&self, connections: Option<usize>) -> Request<'m> {
        let condition = json!({ "all": [
            { "field": "deal.status", "op": "eq", "value": "open" },
            { "field": "deal.amount", "op": "gte", "value": "20000" },
            { "field": "client.class", "op": "eq", "value": "A" },
        ] });
        let search = json!({ "condition": condition, "sort": "-amount" });
        let search = http::request("POST", "/v1/deals/search", &self.token, &search.to_string());
        Request { connections, ..self.same(SEARCH, "", search) }
    }

    /// The same request again and again.
    fn same(&self, name: &'static str, head: &str, request: Vec<u8>) -> Request<'m> {
        let twin = self.twin(head, || {
            self.send(&request);
            Vec::new()
        });
        let next = Box::new(move |_| request.clone());
        Request { name, next, twin: Some(twin), connections: None }
    }

    fn create(&self) -> Request<'m> {
        let body = json!({
            "title": "Servers for the new plant",
            "deal_type_id": self.world.deal_type,
            "amount": { "amount": "1999.95", "currency": "EUR" },
            "expected_close_on": "2031-12-15",
        });
        let request = http::request("POST", "/v1/deals", &self.token, &body.to_string());
        let head =
            "\\set fresh 100000000000 + :round * 10000000000 + :client_id * 100000000 + :i\n";
        self.same("create a deal", head, request)
    }

    /// Every client finishes tasks of its own, each once: first those of the server's rounds, then those of
    /// pgbench's, at last those that are looked at.
    fn finish(&self) -> Request<'m> {
        let (clients, block) = (self.options.connections, self.options.led_block());
        let (token, servers) = (self.token.clone(), self.options.rounds + 1);
        let done = move |number: usize| {
            let path = format!("/v1/tasks/{}/transition", task(number));
            http::request("POST", &path, &token, &json!({ "to": "done" }).to_string())
        };
        let round = self.options.led();
        let head = format!(
            "\\set fresh 100000000000 + :round * 10000000000 + :client_id * 100000000 + :i\n\
             \\set n {} + :round * {round} + :client_id * {block} + (:i - 1) % {block}\n",
            servers * round - round
        );
        let looked_at = Cell::new((2 * self.options.rounds + 1) * round);
        let twin = self.twin(&head, || {
            let number = looked_at.replace(looked_at.get() + 1);
            self.send(&done(number));
            let deal = "('01900000-0000-7000-8002-' || lpad(:n::text, 12, '0'))::uuid";
            let task_id = "('01900000-0000-7000-8003-' || lpad(:n::text, 12, '0'))::uuid";
            vec![
                (led(number), deal),
                (
                    format!("{{{}}}", led(number)),
                    "ARRAY[('01900000-0000-7000-8002-' || lpad(:n::text, 12, '0'))::uuid]",
                ),
                (task(number), task_id),
            ]
        });
        let next: RefCell<Vec<usize>> = RefCell::new(vec![0; clients]);
        Request {
            name: "finish a task that a deal waits for",
            next: Box::new(move |client| {
                let mut next = next.borrow_mut();
                let number = next[client];
                next[client] += 1;
                done(number / block * round + client * block + number % block)
            }),
            twin: Some(twin),
            connections: None,
        }
    }

    /// Posts that are verified, kept and acknowledged; interpreting them is measured by itself.
    fn post(&self) -> Request<'m> {
        intake::interprets(self.server, &self.token, false);
        let exchange = Exchange::open(self.server, &self.token);
        let ringing = intake::event("1764300000.17", "ringing", json!({ "party": "101" }));
        let head =
            "\\set fresh 100000000000 + :round * 10000000000 + :client_id * 100000000 + :i\n";
        let twin = self.twin(head, || {
            let id = format!("msg_{}", uuid::Uuid::now_v7());
            self.send(&exchange.post(&id, &ringing));
            vec![(id, "('msg_' || :fresh::text)")]
        });
        let next =
            Box::new(move |_| exchange.post(&format!("msg_{}", uuid::Uuid::now_v7()), &ringing));
        Request { name: intake::NAME, next, twin: Some(twin), connections: None }
    }

    /// Every client moves deals of its own, one after the other, forth and back.
    fn transition(&self) -> Request<'m> {
        let clients = self.options.connections;
        let token = self.token.clone();
        let to = move |deal: usize, times: usize| {
            let stage = if times.is_multiple_of(2) { "stage_3" } else { "stage_2" };
            let body = json!({ "to": "stage", "stage_key": stage }).to_string();
            http::request("POST", &format!("/v1/deals/{}/transition", spare(deal)), &token, &body)
        };
        let block = clients * BLOCK;
        let head = format!(
            "\\set fresh 100000000000 + :round * 10000000000 + :client_id * 100000000 + :i\n\
             \\set n :round * {block} + :client_id * {BLOCK} + (:i - 1) % {BLOCK}\n\
             \\set was {SEQUENCE} + (:i - 1) / {BLOCK}\n\\set is :was + 1\n"
        );
        let looked_at = Cell::new((self.options.rounds + 1) * block);
        let twin = self.twin(&head, || {
            let deal = looked_at.replace(looked_at.get() + 1);
            self.send(&to(deal, 0));
            let id = "('01900000-0000-7000-8001-' || lpad(:n::text, 12, '0'))::uuid";
            vec![
                (spare(deal), id),
                (SEQUENCE.to_string(), ":was"),
                ((SEQUENCE + 1).to_string(), ":is"),
            ]
        });
        let moved: RefCell<Vec<usize>> = RefCell::new(vec![0; clients]);
        Request {
            name: "move a deal",
            next: Box::new(move |client| {
                let mut moved = moved.borrow_mut();
                let number = moved[client];
                moved[client] += 1;
                to(client * BLOCK + number % BLOCK, number / BLOCK)
            }),
            twin: Some(twin),
            connections: None,
        }
    }
}
