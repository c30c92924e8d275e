//! What sixteen callers of one company do to another one. They ask for the most expensive things that they may
//! have, one after the other: some read the answers, some read them slowly, and some hang up.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::LocalSet,
};
use voronka_api::founding;
use voronka_domain::people::access::Role;
use voronka_integration_tests::server::PASSWORD;
use voronka_persistence::Store;

use crate::{Options, http, machine, server::Server, world::World};

const CALLERS: usize = 16;
/// Between two requests of the other company.
const PACE: Duration = Duration::from_millis(20);
/// How long somebody reads who reads slowly.
const SLOWLY: Duration = Duration::from_secs(6);
/// What is wanted: MiB of the server, and how much longer the p99 of another company may be than in peace.
const MOST_MEMORY: f64 = 300.0;
const SLOWER: f64 = 3.0;
const EMAIL: &str = "quiet@example.com";

/// Answers by their status, or by what became of them.
type Answers = Rc<RefCell<BTreeMap<String, usize>>>;

pub fn run(options: &Options, seconds: u64) {
    let sizes = Options { companies: 1, connections: 1, rounds: 1, ..options.clone() };
    let world = World::build_with(&sizes, options.deals * 3 / 10, 100, include_str!("growth.sql"));
    let store = Store::new(&world.url, 1);
    let quiet = founding::new_workspace("Quiet", "EUR", "Europe/Amsterdam").unwrap();
    let admin = founding::new_user("Admin", EMAIL, Role::Admin, Some(PASSWORD)).unwrap();
    founding::create(&store, quiet, admin).unwrap();
    let server = world.serve();
    let requests = quiet_requests(&server);
    println!("{}; load {} before", machine::describe(), machine::load());

    let peace = quietly(server.address, &requests, &until(Duration::from_secs(seconds.min(20))));
    let token = world.token(&server);
    let (over, most) = (AtomicBool::new(false), RefCell::new(server.resident()));
    let (crowd, answers) = thread::scope(|scope| {
        let going_on = || !over.load(Ordering::Relaxed);
        let (address, requests) = (server.address, &requests);
        let quiet = scope.spawn(move || quietly(address, requests, &going_on));
        let asked = expensive(&world, &token);
        let loud = scope.spawn(move || loudly(address, &asked, Duration::from_secs(seconds)));
        while !loud.is_finished() {
            let mut most = most.borrow_mut();
            *most = most.max(server.resident());
            thread::sleep(Duration::from_millis(100));
        }
        over.store(true, Ordering::Relaxed);
        (quiet.join().unwrap(), loud.join().unwrap())
    });
    println!(
        "\n| Another company's requests | median | p99 | longest | number |\n|---|---|---|---|---|"
    );
    for (name, seen) in [("in peace", &peace), ("beside the sixteen", &crowd)] {
        let at = |per_mille| seen.at(per_mille).as_secs_f64() * 1_000.0;
        let longest = seen.times.last().copied().unwrap_or_default().as_secs_f64() * 1_000.0;
        let number = seen.times.len();
        println!("| {name} | {:.1} ms | {:.1} ms | {longest:.1} ms | {number} |", at(500), at(990));
    }
    let ratio = crowd.at(990).as_secs_f64() / peace.at(990).as_secs_f64();
    println!("\np99 {ratio:.1} times that in peace; server at most {:.0} MiB", most.borrow());
    let told: Vec<_> = answers.iter().map(|(what, times)| format!("{what}: {times}")).collect();
    println!("answers to the sixteen: {}; load {} after", told.join(", "), machine::load());
    // Too expensive, too many, or told to narrow it: but nothing that is the server's fault, or the request's.
    let fine =
        |what: &String| ["200", "422", "429", "given up", "hung up"].contains(&what.as_str());
    assert!(answers.keys().all(fine), "{answers:?}");
    assert!(*most.borrow() < MOST_MEMORY, "the server took {:.0} MiB", most.borrow());
    assert!(ratio <= SLOWER, "another company waited {ratio:.1} times as long");
}

fn until(time: Duration) -> impl Fn() -> bool {
    let started = Instant::now();
    move || started.elapsed() < time
}

/// The other company's deals, and what it asks: lists, a deal, a new one, a move.
fn quiet_requests(server: &Server) -> Vec<Vec<u8>> {
    let ask = |method: &str, path: &str, token: &str, body: Value| {
        let request = http::request(method, path, token, &body.to_string());
        let (status, text) = http::once(server.address, &request);
        assert!(status < 300, "{status}: {text}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let told = ask("POST", "/v1/auth/token", "", login);
    let token = told["access_token"].as_str().unwrap();
    let stages: Vec<_> = (1..=4).map(|n| json!({ "name": format!("Stage {n}") })).collect();
    let kind = json!({ "name": "Sale", "mode": "manual", "stages": stages });
    let deal_type = ask("POST", "/v1/deal-types", token, kind);
    let body = json!({ "title": "A quiet deal", "deal_type_id": deal_type["id"] });
    let deals: Vec<Value> =
        (0..200).map(|_| ask("POST", "/v1/deals", token, body.clone())).collect();
    let (mut requests, keys) = (Vec::new(), deal_type["stages"].as_array().unwrap());
    for (index, deal) in deals.iter().enumerate() {
        let id = deal["id"].as_str().unwrap();
        let key = &keys[1 + index % 3]["key"];
        let path = format!("/v1/deals/{id}");
        requests.push(http::request("GET", "/v1/deals", token, ""));
        requests.push(http::request("GET", &path, token, ""));
        requests.push(http::request("POST", "/v1/deals", token, &body.to_string()));
        let to = json!({ "to": "stage", "stage_key": key }).to_string();
        requests.push(http::request("POST", &format!("{path}/transition"), token, &to));
    }
    requests
}

/// One request after the other at its pace. All have to go well; moves may come when the deal is there already.
fn quietly(address: SocketAddr, requests: &[Vec<u8>], going_on: &dyn Fn() -> bool) -> http::Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut connection = http::Connection::open(address).await;
        let (started, mut times) = (Instant::now(), Vec::new());
        for request in requests.iter().cycle() {
            if !going_on() {
                break;
            }
            let sent = Instant::now();
            let (status, body) = connection.send(request).await;
            times.push(sent.elapsed());
            assert!(status < 300 || status == 409, "{status}: {}", String::from_utf8_lossy(body));
            tokio::time::sleep(PACE).await;
        }
        times.sort_unstable();
        http::Seen { elapsed: started.elapsed(), times }
    })
}

/// The most expensive things that one may ask for.
fn expensive(world: &World, token: &str) -> Vec<Vec<u8>> {
    let day = |days| chrono::Utc::now().date_naive() - chrono::TimeDelta::days(days);
    let always = format!("deal_type_id={}&from={}&to={}", world.deal_type, day(4_000), day(0));
    let get = |path: String| http::request("GET", &path, token, "");
    let searched = json!({ "count": true, "condition": { "any": [
        { "field": "client.next_activity_at", "op": "lt", "value": { "days": 300 } },
        { "field": "deal.title", "op": "contains", "value": "nothing of the kind" },
    ] } });
    vec![
        get("/v1/deals?format=csv".into()),
        get("/v1/clients/duplicates".into()),
        get("/v1/deals?format=xlsx&sort=title".into()),
        get(format!("/v1/reports/stage-durations?{always}&group_by=segment")),
        http::request("POST", "/v1/deals/search", token, &searched.to_string()),
        get(format!("/v1/reports/funnel/closed?{always}&group_by=segment")),
        get("/v1/clients?format=csv".into()),
        get(format!("/v1/reports/funnel/closed/deals?{always}&figure=deals&format=csv")),
        preview(token),
    ]
}

/// A preview of as many rows as one may have looked at.
fn preview(token: &str) -> Vec<u8> {
    let rows: Vec<_> = (0..100_000).map(|row| format!("{row},Plant {row},{row}.00\n")).collect();
    let body = format!(
        "--part\r\ncontent-disposition: form-data; name=\"file\"; filename=\"deals.csv\"\r\n\r\n\
         id,title,amount\n{}\r\n--part--\r\n",
        rows.concat()
    );
    let length = body.len();
    format!(
        "POST /v1/imports/preview HTTP/1.1\r\nhost: voronka\r\nauthorization: Bearer {token}\r\n\
         content-type: multipart/form-data; boundary=part\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn loudly(address: SocketAddr, requests: &[Vec<u8>], time: Duration) -> BTreeMap<String, usize> {
    let answers = Answers::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let callers = (0..CALLERS).map(|caller| {
            let (going_on, answers) = (until(time), answers.clone());
            async move {
                for (number, request) in requests.iter().cycle().skip(caller).enumerate() {
                    if !going_on() {
                        break;
                    }
                    let became = match caller % 3 {
                        0 => whole(address, request).await,
                        1 => slow(address, request).await,
                        _ => hung_up(address, request, number).await,
                    };
                    *answers.borrow_mut().entry(became).or_default() += 1;
                }
            }
        });
        futures_util::future::join_all(callers).await;
    });
    answers.take()
}

async fn sent(mut stream: TcpStream, request: &[u8]) -> TcpStream {
    let text = String::from_utf8_lossy(request).replacen("\r\n", "\r\nconnection: close\r\n", 1);
    // Who is refused before all of it is read may find the door closed: the answer tells.
    let _ = stream.write_all(text.as_bytes()).await;
    stream
}

fn status(head: &[u8]) -> String {
    String::from_utf8_lossy(head.get(9..12).unwrap_or(b"cut")).into_owned()
}

/// Reads all that comes. Who is told to come again waits a moment.
async fn whole(address: SocketAddr, request: &[u8]) -> String {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let mut stream = sent(stream, request).await;
    let (mut head, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if head.len() < 12 {
            head.extend_from_slice(&buffer[..read]);
        }
    }
    let status = status(&head);
    if status == "429" {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    status
}

async fn slow(address: SocketAddr, request: &[u8]) -> String {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let stream = socket.connect(address).await.expect("the server listens");
    let mut stream = sent(stream, request).await;
    let (mut head, mut buffer, going_on) = (Vec::new(), [0; 1_024], until(SLOWLY));
    while going_on() {
        match tokio::time::timeout(SLOWLY, stream.read(&mut buffer)).await {
            Ok(Ok(read @ 1..)) if head.len() < 12 => head.extend_from_slice(&buffer[..read]),
            Ok(Ok(1..)) => {}
            _ => break,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if head.is_empty() { "given up".to_owned() } else { status(&head) }
}

async fn hung_up(address: SocketAddr, request: &[u8], number: usize) -> String {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let stream = sent(stream, request).await;
    let after = Duration::from_millis(20 + u64::try_from(number % 5).unwrap_or(0) * 60);
    tokio::time::sleep(after).await;
    drop(stream);
    "hung up".to_owned()
}
