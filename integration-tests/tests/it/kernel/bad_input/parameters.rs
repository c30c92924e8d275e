//! Malformed parameters, headers and files, one a line.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Bad, table::NOBODY, world::World};

pub async fn all(world: &World) -> Vec<Bad> {
    let mut table = lists(world);
    table.extend(cursors(world).await);
    table.extend(reports(world));
    table.extend(gantt());
    table.extend(headers(world));
    table.extend(imports(world));
    table
}

/// Parameters and paths.
fn lists(world: &World) -> Vec<Bad> {
    let mut rows = Vec::new();
    for path in [
        "users",
        "departments",
        "api-keys",
        "clients",
        "contacts",
        "sources",
        "competitors",
        "loss-reasons",
        "deal-types",
        "deals",
        "imports",
    ] {
        for limit in ["0", "-1", "201", "abc", "", "1.5", "99999999999999999999"] {
            rows.push(Bad::get(format!("/v1/{path}?limit={limit}"), "/limit"));
        }
        rows.push(Bad::get(format!("/v1/{path}?limit=5&limit=6"), "/limit"));
        rows.push(Bad::get(format!("/v1/{path}?colour=red"), "/colour"));
        rows.push(Bad::get(format!("/v1/{path}?sort=colour"), "/sort"));
        rows.push(Bad::get(format!("/v1/{path}?sort=id;DROP%20TABLE%20deals"), "/sort"));
        rows.push(Bad::get(format!("/v1/{path}?created_at[gte]=2026-02-30"), "/created_at[gte]"));
        rows.push(Bad::get(format!("/v1/{path}?created_at[like]=x"), "/created_at[like]"));
        rows.push(Bad::get(format!("/v1/{path}?sort=%FF%FE"), "/"));
        rows.push(Bad::get(format!("/v1/{path}?sort=a%00b"), "/"));
        for id in
            ["7", "%00", "%FF", "null", "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b1z", "'%20OR%201=1"]
        {
            rows.push(Bad::get(format!("/v1/{path}/{id}"), "/id"));
        }
        let path = format!("/v1/{path}");
        rows.push(Bad::get(format!("{path}/{}?limit=5", world.id_for(&path)), "/limit"));
    }
    let deal = &world.deal;
    rows.extend([
        Bad::get("/v1/deals?status=moon", "/status"),
        Bad::get("/v1/deals?stage_id=a,b", "/stage_id"),
        Bad::get("/v1/deals?stage_id='%20OR%20''='", "/stage_id"),
        Bad::get("/v1/deals?amount[gte]=1e400", "/amount[gte]"),
        Bad::get("/v1/deals?amount=1,2", "/amount"),
        Bad::get("/v1/deals?expected_close_on=2026-02-30", "/expected_close_on"),
        Bad::get("/v1/deals?title[gte]=a", "/title[gte]"),
        Bad::get("/v1/deals?overdue=maybe", "/overdue"),
        Bad::get("/v1/deals?overdue=true,false", "/overdue"),
        Bad::get("/v1/deals?overdue[gte]=true", "/overdue[gte]"),
        Bad::get("/v1/deals?sort=overdue", "/sort"),
        Bad::get("/v1/deals?opened_at=%2B99999-01-01T00:00:00Z", "/opened_at"),
        Bad::get("/v1/clients?archived=maybe", "/archived"),
        Bad::get("/v1/imports?q=a", "/q"),
        Bad::get("/v1/me?x=1", "/x"),
        Bad::get("/v1/workspace?x=1", "/x"),
        Bad::get(format!("/v1/deals/{deal}/history?limit=0"), "/limit"),
        Bad::get(format!("/v1/deals/{deal}/history?limit=1&limit=2"), "/limit"),
        Bad::get(format!("/v1/deals/{deal}/history?cursor=x"), "/cursor"),
        Bad::get(format!("/v1/deals/{deal}/history?sort=x"), "/sort"),
        Bad::get(format!("/v1/deals/{deal}/route-map?x=1"), "/x"),
        Bad::get(format!("/v1/deals/{deal}/transitions/available?x=1"), "/x"),
        Bad::get(format!("/v1/deal-types/{}/versions?x=1", world.deal_type), "/x"),
        Bad::get(format!("/v1/imports/{}/rejected.csv?x=1", world.import), "/x"),
        Bad::get("/v1/events?limit=0", "/limit"),
        Bad::get("/v1/events?after=-1", "/after"),
        Bad::get("/v1/events?after=1&after=2", "/after"),
        Bad::get("/v1/events?after=99999999999999999999", "/after"),
        Bad::get("/v1/events?object_id=x", "/object_id"),
        Bad::get("/v1/events?x=1", "/x"),
    ]);
    for path in [
        "/v1/sources",
        "/v1/deals",
        "/v1/auth/token",
        "/v1/auth/refresh",
        "/v1/auth/revoke",
        "/v1/auth/password",
    ] {
        let (email, token) = ("a@example.com", "vr_x");
        let body = match path {
            "/v1/deals" => json!({ "title": "A", "deal_type_id": world.deal_type }),
            "/v1/sources" => json!({ "name": "A" }),
            "/v1/auth/token" => json!({ "email": email, "password": "x" }),
            "/v1/auth/password" => json!({ "token": token, "new_password": "twelve blue herons" }),
            _ => json!({ "refresh_token": token }),
        };
        let row = Bad::post(format!("{path}?dry_run=true"), body, "/dry_run");
        rows.push(row.gives(400, "invalid_parameters"));
    }
    rows
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

async fn cursors(world: &World) -> Vec<Bad> {
    let api = &world.api;
    for name in ["B", "C"] {
        api.post("/v1/clients", json!({ "name": name })).await.expect(201);
    }
    let page = api.get("/v1/clients?limit=1").await.expect(200);
    let other = page.json["page"]["next_cursor"].as_str().expect("a cursor").to_owned();
    let nonsense = [
        String::new(),
        "zz".into(),
        "abc".into(),
        "%F0%9F%98%80".into(),
        "00".repeat(100),
        hex("nonsense"),
        hex(&format!("{NOBODY}|clients.-updated_at|+yesterday")),
        hex(&format!("{NOBODY}|clients.-updated_at|-")),
        hex("'; DROP TABLE deals; --"),
        "ff".repeat(20),
        "30".repeat(5_000),
    ];
    let cursor = |cursor: &str| Bad::get(format!("/v1/clients?cursor={cursor}"), "/cursor");
    let mut rows: Vec<_> = nonsense.iter().map(|text| cursor(text)).collect();
    rows.push(Bad::get(format!("/v1/contacts?cursor={other}"), "/cursor"));
    rows.push(Bad::get(format!("/v1/deals?cursor={other}"), "/cursor"));
    rows.push(Bad::get(format!("/v1/clients?sort=name&cursor={other}"), "/cursor"));
    rows
}

fn reports(world: &World) -> Vec<Bad> {
    let id = &world.deal_type;
    let closed = |rest: &str, pointer| {
        Bad::get(format!("/v1/reports/funnel/closed?deal_type_id={id}&{rest}"), pointer)
    };
    let open = |rest: &str, pointer| {
        Bad::get(format!("/v1/reports/funnel/open?deal_type_id={id}&{rest}"), pointer)
    };
    let losses = |rest: &str, pointer| {
        Bad::get(format!("/v1/reports/losses?deal_type_id={id}&{rest}"), pointer)
    };
    let durations = |rest: &str, pointer| {
        Bad::get(format!("/v1/reports/stage-durations?deal_type_id={id}&{rest}"), pointer)
    };
    let deals = |report: &str, rest: &str, pointer| {
        Bad::get(format!("/v1/reports/{report}/deals?deal_type_id={id}&{rest}"), pointer)
    };
    let none = "/v1/reports/funnel";
    vec![
        closed("from=2026-02-30", "/from"),
        closed("to=tomorrow", "/to"),
        closed("to=99999-01-01", "/to"),
        closed("from=-0001-01-01", "/from"),
        closed("from=2026-02-01&to=2026-01-01", "/from"),
        closed("basis=moon", "/basis"),
        closed("group_by=moon", "/group_by"),
        closed("group_by=owner;DROP%20TABLE%20deals", "/group_by"),
        closed("compare=moon", "/compare"),
        closed("format=pdf", "/format"),
        closed("colour=red", "/colour"),
        closed("deal_type_id=x", "/deal_type_id"),
        open("as_of=2999-01-01T00:00:00Z", "/as_of"),
        open("as_of=2026-02-30T00:00:00Z", "/as_of"),
        open("as_of=2026-01-01", "/as_of"),
        open("group_by=month", "/group_by"),
        open("format=xml", "/format"),
        open("as_of=%FF", "/"),
        open("group_by=stage", "/group_by"),
        losses("from=2026-02-30", "/from"),
        losses("from=2026-02-01&to=2026-01-01", "/from"),
        losses("group_by=moon", "/group_by"),
        losses("basis=created", "/basis"),
        losses("format=svg", "/format"),
        Bad::get("/v1/reports/losses?group_by=stage", "/deal_type_id"),
        Bad::get("/v1/reports/losses?deal_type_id=7", "/deal_type_id"),
        Bad::any(
            Method::GET,
            format!("/v1/reports/losses?deal_type_id={NOBODY}"),
            404,
            "not_found",
        ),
        Bad::get("/v1/deals?format=svg", "/format"),
        Bad::get("/v1/deals?format=csv&format=csv", "/format"),
        Bad::get("/v1/deals?format=xlsx&custom.nothing=1", "/custom.nothing"),
        Bad::get("/v1/clients?format=csv&colour=red", "/colour"),
        closed("segment_id=7", "/segment_id"),
        open("segment_id=", "/segment_id"),
        losses(&format!("segment_id={NOBODY}&segment_id={NOBODY}"), "/segment_id"),
        Bad::any(
            Method::GET,
            format!("/v1/reports/stage-durations?deal_type_id={id}&segment_id={NOBODY}"),
            404,
            "not_found",
        ),
        deals("losses", "figure=deals&segment_id=moon", "/segment_id"),
        durations("to=tomorrow", "/to"),
        durations("group_by=stage", "/group_by"),
        durations("format=svg", "/format"),
        Bad::get("/v1/reports/stage-durations", "/deal_type_id"),
        Bad::any(
            Method::GET,
            format!("/v1/reports/stage-durations?deal_type_id={NOBODY}"),
            404,
            "not_found",
        ),
        deals("funnel/closed", "stage_key=first", "/figure"),
        deals("funnel/closed", "figure=moon", "/figure"),
        deals("funnel/closed", "figure=reached", "/figure"),
        deals("funnel/closed", "figure=won&stage_key=first", "/figure"),
        deals("funnel/closed", "figure=won&group=x", "/group"),
        deals("funnel/closed", "figure=won&compare=previous_year", "/compare"),
        deals("funnel/closed", "figure=won&limit=0", "/limit"),
        deals("funnel/closed", "figure=won&sort=moon", "/sort"),
        deals("funnel/closed", "figure=won&cursor=moon", "/cursor"),
        deals("funnel/closed", "figure=won&status=won", "/status"),
        deals("funnel/closed", "figure=won&format=svg", "/format"),
        deals("funnel/closed", "figure=lost&stage_key=moon", "").gives(404, "not_found").anywhere(),
        deals("funnel/open", "", "/figure"),
        deals("funnel/open", "figure=won", "/figure"),
        deals("funnel/open", "figure=held&as_of=2999-01-01T00:00:00Z", "/as_of"),
        deals("losses", "figure=won", "/figure"),
        deals("losses", "figure=deals&loss_reason_id=x", "/loss_reason_id"),
        deals(
            "losses",
            &format!("figure=reopened_from_review&loss_reason_id={NOBODY}"),
            "/loss_reason_id",
        ),
        deals("losses", "figure=reopened_from_review&group_by=owner", "/group_by"),
        deals("stage-durations", "figure=visits", "/stage_key"),
        deals("stage-durations", "figure=moon&stage_key=first", "/figure"),
        Bad::get(format!("{none}/open"), "/deal_type_id"),
        Bad::get(format!("{none}/closed?deal_type_id=7"), "/deal_type_id"),
        Bad::any(Method::GET, format!("{none}/open?deal_type_id={NOBODY}"), 404, "not_found"),
        closed("", "").gives(406, "not_acceptable").header("accept", "image/png").anywhere(),
    ]
}

fn gantt() -> Vec<Bad> {
    let chart = |rest: &str, pointer| Bad::get(format!("/v1/tasks/gantt?{rest}"), pointer);
    vec![
        chart("from=2026-02-30", "/from"),
        chart("from=2026-02-02&from=2026-02-03", "/from"),
        chart("to=tomorrow", "/to"),
        chart("to=9999-12-31", "/to"),
        chart("from=2026-02-02&to=2026-02-01", "/from"),
        chart("from=2025-01-01&to=2026-01-02", "/from"),
        chart("group_by=moon", "/group_by"),
        chart("limit=0", "/limit"),
        chart("limit=201", "/limit"),
        chart("format=csv", "/format"),
        // Filtered like the list of tasks, and neither paged nor sorted like it.
        chart("status=moon", "/status"),
        chart("responsible_id=me", "/responsible_id"),
        chart("due_at[like]=x", "/due_at[like]"),
        chart("sort=title", "/sort"),
        chart("cursor=00", "/cursor"),
        chart("colour=red", "/colour"),
        chart("", "").gives(406, "not_acceptable").header("accept", "text/csv").anywhere(),
    ]
}

fn headers(world: &World) -> Vec<Bad> {
    let name = json!({ "name": "A" });
    let keyed = |key: Vec<u8>| {
        let row = Bad::post("/v1/sources", name.clone(), "/idempotency-key");
        row.header("idempotency-key", key).gives(400, "invalid_parameters")
    };
    let source = format!("/v1/sources/{}", world.source);
    let matched = |tag: &[u8]| {
        let row = Bad::patch(&source, name.clone(), "/if-match");
        row.header("if-match", tag).gives(412, "version_mismatch")
    };
    let as_who = |who: &[u8]| {
        Bad::any(Method::GET, "/v1/deals", 401, "unauthenticated").header("authorization", who)
    };
    let broken = Bad::patch(&source, name.clone(), "/if-match").header("if-match", &b"\xff"[..]);
    vec![
        keyed(Vec::new()),
        keyed(b"   ".to_vec()),
        keyed(vec![b'k'; 256]),
        keyed(vec![0xc3, 0xa9]),
        matched(b"\"99\""),
        matched(b"\"-1\""),
        matched(b"moon"),
        matched(b""),
        matched(b"\"2\", \"3\""),
        matched(b"\"99999999999999999999\""),
        broken.gives(400, "invalid_parameters"),
        as_who(b""),
        as_who(b"Bearer"),
        as_who(b"Bearer "),
        as_who(b"Bearer x.y.z"),
        as_who(b"Bearer vk_x"),
        as_who(b"Bearer vr_x"),
        as_who(b"Bearer eyJhbGciOiJub25lIn0.e30."),
        as_who(b"Basic YTpi"),
        as_who(b"\xff\xfe"),
        as_who(&[b'B'; 5_000]),
    ]
}

fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

fn imports(world: &World) -> Vec<Bad> {
    const FILE: &[u8] = b"id,stage\n1,first\n";
    let raw = |body: Vec<u8>, pointer| {
        let row = Bad::any(Method::POST, "/v1/imports", 422, "validation_failed").raw(body);
        row.header("content-type", "multipart/form-data; boundary=b").at(pointer)
    };
    let base = json!({ "kind": "deals", "deal_type_id": world.deal_type,
        "mapping": { "external_id": { "column": "id" }, "stage": { "column": "stage" } } });
    let text = base.to_string();
    let spec = |field: &str, value: Value, pointer| {
        let mut spec = base.clone();
        spec[field] = value;
        raw(multipart(&[("spec", spec.to_string().as_bytes()), ("file", FILE)]), pointer)
    };
    let file = |file: &[u8], pointer| {
        raw(multipart(&[("spec", text.as_bytes()), ("file", file)]), pointer)
    };
    let mapping = |field: &str, value: Value, pointer| {
        spec("mapping", json!({ "external_id": { "column": "id" }, field: value }), pointer)
    };
    let thing = |kind: &str, mapping: Value, pointer| {
        let spec = json!({ "kind": kind, "mapping": mapping }).to_string();
        raw(multipart(&[("spec", spec.as_bytes()), ("file", FILE)]), pointer)
    };
    let map = |target: Value, pointer| spec("stage_map", json!({ "x": target }), pointer);
    let json = |text: &str| raw(multipart(&[("spec", text.as_bytes()), ("file", FILE)]), "");
    let huge = vec![b'a'; 20_001];
    let preview = |parts: &[(&str, &[u8])], pointer| {
        let row = Bad::any(Method::POST, "/v1/imports/preview", 422, "validation_failed");
        let row = row.raw(multipart(parts));
        row.header("content-type", "multipart/form-data; boundary=b").at(pointer)
    };
    vec![
        preview(&[("kind", b"moons"), ("file", FILE)], "/kind"),
        preview(&[("deal_type_id", b"x"), ("file", FILE)], "/deal_type_id"),
        preview(&[("kind", b"deals")], "/file"),
        spec("kind", json!("moons"), "/kind"),
        spec("kind", json!("clients"), "/deal_type_id"),
        thing("contacts", json!({ "client": { "column": "id" } }), "/mapping/name"),
        thing("contacts", json!({ "name": { "column": "moon" } }), "/mapping/name/column"),
        thing("clients", json!({ "email": { "column": "id" } }), "/mapping/email"),
        thing("clients", json!({ "custom.moon": { "column": "id" } }), "/mapping/custom.moon"),
        thing("users", json!({ "name": { "column": "id" } }), "/mapping/email"),
        thing("products", json!({ "name": { "column": "id" } }), "/mapping/sku"),
        thing("users", json!({ "custom.moon": { "column": "id" } }), "/mapping/custom.moon"),
        mapping("custom.moon", json!({ "column": "id" }), "/mapping/custom.moon"),
        mapping("custom.", json!({ "column": "id" }), "/mapping/custom."),
        spec("deal_type_id", json!(NOBODY), "/deal_type_id"),
        spec("deal_type_id", json!(null), "/deal_type_id"),
        spec("mapping", json!({}), "/mapping/external_id"),
        spec("mapping", json!([]), "/mapping"),
        mapping("moon", json!({ "column": "id" }), "/mapping/moon"),
        mapping("title", json!({ "column": "moon" }), "/mapping/title/column"),
        mapping("title", json!({ "row": "id" }), "/mapping/title"),
        mapping("title", json!("id"), "/mapping/title"),
        mapping("title", json!({ "column": 1 }), "/mapping/title"),
        map(json!({ "stage": "moon" }), "/stage_map/x/stage"),
        map(json!({}), "/stage_map/x"),
        map(json!({ "won": true, "lost": "a" }), "/stage_map/x"),
        map(json!({ "lost": "" }), "/stage_map/x/lost"),
        map(json!({ "moon": true }), "/stage_map/x/moon"),
        map(json!("first"), "/stage_map/x"),
        spec("date_format", json!("yesterday"), "/date_format"),
        spec("date_format", json!("%Y-%m-%d"), "/date_format"),
        spec("date_format", json!("D/M"), "/date_format"),
        spec("delimiter", json!(";;"), "/delimiter"),
        spec("delimiter", json!("\n"), "/delimiter"),
        spec("delimiter", json!("é"), "/delimiter"),
        spec("delimiter", json!(""), "/delimiter"),
        spec("encoding", json!("koi8-r"), "/encoding"),
        spec("decimal", json!(";"), "/decimal"),
        spec("sheet", json!("Deals"), "/sheet"),
        spec("currency", json!("XYZ"), "/currency"),
        spec("time_zone", json!("Mars/Olympus"), "/time_zone"),
        spec("external_source", json!(""), "/external_source"),
        spec("create_missing", json!("yes"), "/create_missing"),
        spec("colour", json!("red"), "/colour"),
        file(b"", "/file"),
        file(b"\n\n", "/file"),
        file(b",,,\n1,2,3\n", "/file"),
        file(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0", "/file"),
        file(b"i\0d\0\n\0", "/file"),
        file(b"PK\x03\x04nothing", "/file"),
        file(b"\x1f\x8bnothing", "/file"),
        file(b"a,b\n1,2\n", "/mapping/external_id/column"),
        file(&huge, "").gives(413, "body_too_large"),
        json("{").gives(400, "malformed_json"),
        json("").gives(400, "malformed_json"),
        json("[]"),
        raw(multipart(&[("file", FILE)]), "/spec"),
        raw(multipart(&[("spec", text.as_bytes())]), "/file"),
        raw(multipart(&[]), "/file"),
        raw(multipart(&[("spec", text.as_bytes()), ("file", FILE), ("moon", FILE)]), "/moon"),
        raw(multipart(&[("spec", text.as_bytes()), ("file", FILE), ("file", FILE)]), "/file"),
        raw(
            multipart(&[("spec", text.as_bytes()), ("spec", text.as_bytes()), ("file", FILE)]),
            "/spec",
        ),
        raw(b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nid".to_vec(), ""),
        raw(b"nothing of the kind".to_vec(), ""),
        raw(Vec::new(), ""),
        raw(multipart(&[("file", FILE)]), "").header("content-type", "multipart/form-data"),
        Bad::text("/v1/imports", text.as_str())
            .gives(415, "unsupported_media_type")
            .at("/content-type"),
    ]
}
