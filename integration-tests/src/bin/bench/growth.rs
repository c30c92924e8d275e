//! How the requests grow with a company: each of them alone, in companies of several sizes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Options, http, machine, server::Server, world::World};

/// A request, how it is called in the table, and how long it may take in the largest company.
struct Asked {
    name: &'static str,
    request: Vec<u8>,
    most: Option<Most>,
}

/// What is wanted at 300,000 deals.
#[derive(Clone, Copy)]
enum Most {
    /// So many times the page by `-updated_at`.
    Pages(f64),
    Milliseconds(f64),
}

const PAGE: Option<Most> = Some(Most::Pages(4.0));
const QUARTER: Option<Most> = Some(Most::Milliseconds(100.0));
const QUARTER_OF_VISITS: Option<Most> = Some(Most::Milliseconds(250.0));
const ALL_TIME: Option<Most> = Some(Most::Milliseconds(1_000.0));
const ALL_TIME_OF_VISITS: Option<Most> = Some(Most::Milliseconds(3_000.0));

/// One after the other until so many, or so long.
const TIMES: usize = 15;
const LONGEST: Duration = Duration::from_secs(4);

/// The page that the others are compared with.
const YARDSTICK: &str = "deals";

pub fn run(options: &Options) {
    let mut table: Vec<(&'static str, Option<Most>, Vec<f64>)> = Vec::new();
    println!("{}; load {} before", machine::describe(), machine::load());
    for deals in &options.growth {
        let sizes =
            Options { companies: 1, deals: *deals, connections: 1, rounds: 1, ..options.clone() };
        let world = World::build_with(&sizes, deals * 3 / 10, 100, include_str!("growth.sql"));
        let server = world.serve();
        let token = world.token(&server);
        for (index, asked) in requests(&world, &server, &token).into_iter().enumerate() {
            if !options.wants(asked.name) {
                continue;
            }
            let times = measured(&server, &asked);
            match table.iter_mut().find(|(name, ..)| *name == asked.name) {
                Some((.., medians)) => medians.push(times),
                None => table.push((asked.name, asked.most, vec![times])),
            }
            eprintln!("{deals} {index} {} {times:.1} ms", asked.name);
        }
        println!("{deals} deals: server {:.0} MiB", server.resident());
    }
    println!(
        "\n| Request, alone, median in ms | {} | of the page by `-updated_at` |",
        heads(&options.growth)
    );
    println!("|---|{}---|", "---|".repeat(options.growth.len()));
    let yardstick = table.iter().find(|(name, ..)| *name == YARDSTICK);
    let yardstick = yardstick.and_then(|(.., medians)| medians.last()).copied().unwrap_or(1.0);
    let mut beyond = Vec::new();
    for (name, most, medians) in &table {
        let cells: Vec<_> = medians.iter().map(|median| format!("{median:.1}")).collect();
        let last = medians.last().copied().unwrap_or_default();
        println!("| {name} | {} | {:.1} |", cells.join(" | "), last / yardstick);
        match most {
            Some(Most::Pages(pages)) if last > pages * yardstick => {
                beyond.push(format!("{name}: {:.1} times the page for {pages}", last / yardstick));
            }
            Some(Most::Milliseconds(most)) if last > *most => {
                beyond.push(format!("{name}: {last:.0} ms for {most}"));
            }
            _ => {}
        }
    }
    println!("\nBeyond what is wanted: {}", beyond.join("; "));
    println!("\nload {} after", machine::load());
}

fn heads(sizes: &[usize]) -> String {
    let heads: Vec<_> = sizes.iter().map(|deals| format!("{deals} deals")).collect();
    heads.join(" | ")
}

fn measured(server: &Server, asked: &Asked) -> f64 {
    let started = Instant::now();
    let mut times = Vec::new();
    // The first one is a warm-up, where it does not take long.
    while times.len() <= TIMES && (times.len() < 2 || started.elapsed() < LONGEST) {
        let sent = Instant::now();
        let (status, text) = http::once(server.address, &asked.request);
        assert!(status < 300, "{}: {status} {text}", asked.name);
        times.push(sent.elapsed().as_secs_f64() * 1_000.0);
    }
    times.remove(0);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn requests(world: &World, server: &Server, token: &str) -> Vec<Asked> {
    let day = |days| chrono::Utc::now().date_naive() - chrono::TimeDelta::days(days);
    let (deal_type, owner) = (&world.deal_type, owner(server, token));
    let quarter = format!("deal_type_id={deal_type}&from={}&to={}", day(100), day(9));
    let always = format!("deal_type_id={deal_type}&from={}&to={}", day(4_000), day(0));
    let mut all = Vec::new();
    let mut ask = |name: &'static str, path: String, most: Option<Most>| {
        all.push(Asked { name, request: http::request("GET", &path, token, ""), most });
    };
    let mut get = |name: &'static str, path: String| ask(name, path, PAGE);
    get(YARDSTICK, "/v1/deals".into());
    for (name, sort) in [
        ("deals by title", "title"),
        ("deals by -amount", "-amount"),
        ("deals by -opened_at", "-opened_at"),
        ("deals by -closed_at", "-closed_at"),
        ("deals by closed_at", "closed_at"),
        ("deals by -created_at", "-created_at"),
        ("deals by expected_close_on", "expected_close_on"),
        ("deals by -expected_close_on", "-expected_close_on"),
        ("open deals by stage_entered_at", "stage_entered_at&status=open"),
    ] {
        get(name, format!("/v1/deals?sort={sort}"));
    }
    get("open deals", "/v1/deals?status=open".into());
    get("deals of a stage", format!("/v1/deals?stage_id={}", world.stages[3]));
    get(
        "board of a stage",
        format!("/v1/deals?deal_type_id={deal_type}&status=open&stage_key=stage_3"),
    );
    get("deals of an owner", format!("/v1/deals?owner_id={owner}"));
    get("overdue deals", "/v1/deals?overdue=true".into());
    get("deals not overdue", "/v1/deals?overdue=false".into());
    get("deals, q in few titles", "/v1/deals?q=plant%2077".into());
    get("deals, q in many titles", "/v1/deals?q=plant".into());
    get("deals, q in no title", "/v1/deals?q=nothing%20of%20the%20kind".into());
    for (name, list) in [
        ("clients", "clients"),
        ("clients by name", "clients?sort=name"),
        ("clients by -created_at", "clients?sort=-created_at"),
        ("clients, q in few names", "clients?q=ortwe"),
        ("contacts by name", "contacts?sort=name"),
        ("contacts by -updated_at", "contacts?sort=-updated_at"),
        ("contacts, q in none", "contacts?q=nothing%20of%20the%20kind"),
        ("tasks", "tasks"),
        ("tasks by due_at", "tasks?sort=due_at"),
        ("tasks by -done_at", "tasks?sort=-done_at"),
        ("tasks by -created_at", "tasks?sort=-created_at"),
        ("overdue tasks", "tasks?overdue=true"),
        ("tasks, q in none", "tasks?q=nothing%20of%20the%20kind"),
        ("activities", "activities"),
        ("activities by -happened_at", "activities?sort=-happened_at"),
        ("activities by planned_at", "activities?sort=planned_at"),
        ("activities, q in none", "activities?q=nothing%20of%20the%20kind"),
        ("documents by -dated_on", "documents?sort=-dated_on"),
        ("documents, q in none", "documents?q=nothing%20of%20the%20kind"),
        ("payments by -received_at", "payments?sort=-received_at"),
        ("products", "products"),
        ("products by price", "products?sort=price"),
        ("products by sku", "products?sort=sku"),
        ("products by -updated_at", "products?sort=-updated_at"),
        ("products, q in none", "products?q=nothing%20of%20the%20kind"),
        ("users", "users"),
        ("segments", "segments"),
        ("feed", "events?limit=100"),
        ("feed of a rare type", "events?type=deal.held&limit=100"),
    ] {
        get(name, format!("/v1/{list}"));
    }
    let mut get = |name: &'static str, path: String| ask(name, path, None);
    get("Gantt chart of tasks", "/v1/tasks/gantt".into());
    get("an owner's deals as CSV", format!("/v1/deals?owner_id={owner}&format=csv"));
    get(
        "an owner's deals as CSV by title",
        format!("/v1/deals?owner_id={owner}&format=csv&sort=title"),
    );
    let deal = first(server, token, "/v1/deals?status=won&limit=1");
    get("a deal", format!("/v1/deals/{deal}"));
    get("history of a deal", format!("/v1/deals/{deal}/history"));
    get("moves that a deal may make", format!("/v1/deals/{deal}/transitions/available"));
    get("route map of a deal", format!("/v1/deals/{deal}/route-map"));
    let client = first(server, token, "/v1/clients?limit=1");
    get("a client", format!("/v1/clients/{client}"));
    get("duplicates of a client", format!("/v1/clients/{client}/duplicates"));
    for segment in segments(server, token) {
        let name = match segment["name"].as_str() {
            Some("Large") => "a segment of deals, counted",
            Some("Of class A") => "a segment of deals by their clients, counted",
            Some("Optics") => "a segment of clients, counted",
            _ => continue,
        };
        get(name, format!("/v1/segments/{}", segment["id"].as_str().unwrap()));
    }
    get("duplicates, a page", "/v1/clients/duplicates".into());
    get("open funnel", format!("/v1/reports/funnel/open?deal_type_id={deal_type}"));
    get(
        "open funnel by segment",
        format!("/v1/reports/funnel/open?deal_type_id={deal_type}&group_by=segment"),
    );
    get(
        "open funnel by region",
        format!("/v1/reports/funnel/open?deal_type_id={deal_type}&group_by=region"),
    );
    for (name, report, most) in [
        ("closed funnel of a quarter", format!("funnel/closed?{quarter}"), QUARTER),
        (
            "closed funnel of a quarter by region",
            format!("funnel/closed?{quarter}&group_by=region"),
            QUARTER,
        ),
        (
            "closed funnel of a quarter by segment",
            format!("funnel/closed?{quarter}&group_by=segment"),
            QUARTER,
        ),
        ("losses of a quarter", format!("losses?{quarter}"), QUARTER),
        ("stage durations of a quarter", format!("stage-durations?{quarter}"), QUARTER_OF_VISITS),
        (
            "stage durations of a quarter by owner",
            format!("stage-durations?{quarter}&group_by=owner"),
            QUARTER_OF_VISITS,
        ),
        ("primary demand of a quarter", format!("primary-demand?{quarter}"), QUARTER),
        ("closed funnel of all time", format!("funnel/closed?{always}"), ALL_TIME),
        (
            "closed funnel of all time by region",
            format!("funnel/closed?{always}&group_by=region"),
            ALL_TIME,
        ),
        (
            "closed funnel of all time by month",
            format!("funnel/closed?{always}&group_by=month"),
            ALL_TIME,
        ),
        ("losses of all time", format!("losses?{always}"), ALL_TIME),
        (
            "stage durations of a quarter by segment",
            format!("stage-durations?{quarter}&group_by=segment"),
            QUARTER_OF_VISITS,
        ),
        ("stage durations of all time", format!("stage-durations?{always}"), ALL_TIME_OF_VISITS),
        ("primary demand of all time", format!("primary-demand?{always}"), ALL_TIME),
    ] {
        ask(name, format!("/v1/reports/{report}"), most);
    }
    for (name, body) in [
        ("search by client.name, few", contains("client.name", "ortwe")),
        ("search by client.name, none", contains("client.name", "nothing of the kind")),
        ("search by client.name, many", contains("client.name", "optics")),
        ("search by client.name, many, counted", counted(contains("client.name", "optics"))),
        (
            "search by client.class",
            json!({ "condition": { "field": "client.class", "op": "eq", "value": "A" } }),
        ),
        ("search by deal.title, none", contains("deal.title", "nothing of the kind")),
    ] {
        let request = http::request("POST", "/v1/deals/search", token, &body.to_string());
        all.push(Asked { name, request, most: None });
    }
    all
}

fn contains(field: &str, part: &str) -> Value {
    json!({ "condition": { "field": field, "op": "contains", "value": part } })
}

fn counted(mut search: Value) -> Value {
    search["count"] = true.into();
    search
}

fn items(server: &Server, token: &str, path: &str) -> Vec<Value> {
    let (status, text) = http::once(server.address, &http::request("GET", path, token, ""));
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["items"].as_array().unwrap().clone()
}

fn first(server: &Server, token: &str, path: &str) -> String {
    let found = items(server, token, path);
    found[0]["id"].as_str().unwrap().to_owned()
}

fn owner(server: &Server, token: &str) -> String {
    let users = items(server, token, "/v1/users");
    let seller = users.iter().find(|user| user["name"] == "Seller 3").unwrap_or(&users[0]);
    seller["id"].as_str().unwrap().to_owned()
}

fn segments(server: &Server, token: &str) -> Vec<Value> {
    items(server, token, "/v1/segments")
}
