//! Files that make much of a few bytes: refused before they have, in every format, whoever reads them.

use diesel::{RunQueryDsl, sql_query, sql_types::Binary};
use serde_json::json;
use voronka_integration_tests::{
    Api, TestServer,
    process::{Process, import_until},
};

const BINARY: &str = env!("CARGO_BIN_EXE_voronka-under-test");
const MIB: usize = 1 << 20;
/// What a server may take while it refuses them all, and while it carries out the widest that it takes.
const MEMORY: usize = 300 * MIB;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, bytes).unwrap();
    packer.finish().unwrap()
}

/// A header, and then so many MiB of the same, packed.
fn packed(header: &str, what: &str, mib: usize) -> Vec<u8> {
    let stretch = gzip(&what.as_bytes().repeat(MIB / what.len()));
    [gzip(header.as_bytes()), stretch.repeat(mib)].concat()
}

/// Followed by what is no gzip.
fn then_none(packed: Vec<u8>) -> Vec<u8> {
    [packed, b"not packed".repeat(10)].concat()
}

struct Book {
    sheet: String,
    strings: String,
    styles: String,
    target: &'static str,
    /// What cannot be packed: the more is sent, the more may be made of it.
    picture: Vec<u8>,
}

impl Book {
    fn new() -> Self {
        let strings = "<sst><si><t>id</t></si></sst>".to_owned();
        let styles = "<styleSheet><cellXfs><xf/></cellXfs></styleSheet>".to_owned();
        Self {
            sheet: String::new(),
            strings,
            styles,
            target: "xl/workbook.xml",
            picture: Vec::new(),
        }
    }

    fn row(cells: &str) -> Self {
        let id = "<row><c t=\"s\"><v>0</v></c></row>";
        Self { sheet: format!("{id}<row>{cells}</row>"), ..Self::new() }
    }

    fn packed(self) -> Vec<u8> {
        let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let relation = |kind: &str, target: &str| {
            format!("<Relationship Id=\"r1\" Type=\"{relations}/{kind}\" Target=\"{target}\"/>")
        };
        let sheet = format!("<worksheet><sheetData>{}</sheetData></worksheet>", self.sheet);
        let root =
            format!("<Relationships>{}</Relationships>", relation("officeDocument", self.target));
        let book = format!(
            "<workbook xmlns:r=\"{relations}\"><sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
        );
        let sheets = format!(
            "<Relationships>{}</Relationships>",
            relation("worksheet", "worksheets/sheet1.xml")
        );
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in [
            ("_rels/.rels", root),
            (self.target, book),
            ("xl/_rels/workbook.xml.rels", sheets),
            ("xl/sharedStrings.xml", self.strings),
            ("xl/styles.xml", self.styles),
            ("xl/worksheets/sheet1.xml", sheet),
        ] {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
        }
        writer.start_file("xl/media/a.png", zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut writer, &self.picture).unwrap();
        writer.finish().unwrap().into_inner()
    }
}

/// What it is, how it is made, and how it is refused: the code of the problem or of its fault.
fn bombs() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let noise = (0..600_000_u64)
        .map(|n| (n.wrapping_mul(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8);
    let texts = Book {
        strings: format!("<sst>{}</sst>", "<si/>".repeat(6_100_000)),
        picture: noise.collect(),
        ..Book::row("")
    };
    let shared = |cells: &str, text: usize| Book {
        strings: format!("<sst><si><t>id</t></si><si><t>{}</t></si></sst>", "x".repeat(text)),
        ..Book::row(cells)
    };
    let reference = "<c t=\"s\"><v>1</v></c>";
    let inline = |text: &str| format!("<c t=\"inlineStr\"><is>{text}</is></c>");
    let run = |text: &str| format!("<r><t>{}</t></r>", text.repeat(100_000)).repeat(20);
    vec![
        ("250 million cells", packed("id\n", ",", 250), "body_too_large"),
        ("1 GiB", packed("id\n", "x\n", 1_024), "body_too_large"),
        // Who unpacked it to its end would come upon what follows it.
        ("1 GiB, and no gzip", then_none(packed("id\n", "x\n", 1_024)), "body_too_large"),
        ("little, and no gzip", then_none(gzip(b"id\n1\n")), "invalid_file"),
        ("cells", packed("id\n", ",", 12), "too_many_cells"),
        ("cells of the header", packed("id,", ",", 12), "too_many_cells"),
        ("a cell", packed("id\n", "x", 12), "row_too_long"),
        ("a quoted cell", packed("id\n\"", "\n", 12), "row_too_long"),
        ("a cell after a quote", packed("id\na\"b,\"", "\n", 12), "row_too_long"),
        ("a long cell", gzip(format!("id\n{}\n", "x".repeat(200_000)).as_bytes()), "cell_too_long"),
        ("not packed", ",".repeat(12 * MIB).into_bytes(), "too_many_cells"),
        ("a text", shared(reference, 200_000).packed(), "cell_too_long"),
        ("a longer text", shared(&reference.repeat(2_000), 2 * MIB).packed(), "invalid_file"),
        ("a row", shared(&reference.repeat(900), 20_000).packed(), "row_too_long"),
        (
            "a text for each of 2,000 rows",
            shared(&format!("{reference}</row><row>").repeat(2_000), 100_000).packed(),
            "body_too_large",
        ),
        ("columns", Book::row("<c r=\"AMM2\"><v>1</v></c>").packed(), "too_many_cells"),
        ("a text in place", Book::row(&inline(&run("x"))).packed(), "invalid_file"),
        ("a nested one", Book::row(&inline(&run("<c></c>"))).packed(), "invalid_file"),
        ("a comment", Book::row(&format!("<!--{}-->", "<c>".repeat(MIB))).packed(), "invalid_file"),
        (
            "a quoted tag",
            Book::row(&format!("<c r=\"{}\"/>", ">".repeat(2 * MIB))).packed(),
            "invalid_file",
        ),
        ("texts", texts.packed(), "invalid_file"),
        (
            "texts that are announced",
            Book {
                strings: "<sst uniqueCount=\"99999999999999\"></sst>".to_owned(),
                ..Book::row("")
            }
            .packed(),
            "invalid_file",
        ),
        (
            "styles",
            Book {
                styles: format!(
                    "<styleSheet><cellXfs>{}</cellXfs></styleSheet>",
                    "<xf/>".repeat(300_000)
                ),
                ..Book::row("")
            }
            .packed(),
            "invalid_file",
        ),
        (
            "a workbook by another name",
            Book { target: "xl/worksheets/book.xml", ..Book::row("") }.packed(),
            "invalid_file",
        ),
    ]
}

fn peak(process: &Process) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

async fn refused(api: &Api, file: &[u8], spec: &serde_json::Value) -> [String; 2] {
    let replies = [api.preview(file, &[]).await, api.import(file, spec.clone()).await];
    replies.map(|reply| match reply.status {
        413 => reply.problem(413, "body_too_large").code().to_owned(),
        _ => reply.problem(422, "validation_failed").faults()[0].1.clone(),
    })
}

#[tokio::test]
async fn a_file_makes_no_more_of_itself_than_it_may() {
    let mut process = Process::new(BINARY);
    let mut api = process.serve();
    process.create_workspace();
    api.token = Some(process.token());
    let deal_type = api.deal_type(&["first"]).await;
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": {"column": "id"} } });
    // A book with nothing wrong is taken: the bombs are refused for what they are.
    let good = Book::row("<c><v>7</v></c>").packed();
    let done = api.import(good, spec.clone()).await.expect(202).id();
    let done = import_until(&api, &done, |import| import["state"] == "done").await;
    assert_eq!(done["created"], 1, "{done}");
    for (what, bomb, code) in bombs() {
        assert_eq!(refused(&api, &bomb, &spec).await, [code, code], "{what}");
        assert!(peak(&process) < MEMORY, "{what}: {}", peak(&process));
    }
    // As wide as it may be: every row is rejected, and is kept with its cells.
    let wide = packed("id\n", &format!("{}\n", ",".repeat(999)), 15);
    assert!(wide.len() < 100_000);
    let log = packed("case,what,at\n", "1,first,2020-01-01,\n", 1);
    let events = json!({ "kind": "stage_events", "deal_type_id": deal_type, "mapping": {
        "case_id": {"column": "case"}, "activity": {"column": "what"}, "occurred_at": {"column": "at"} } });
    for (file, spec) in [(wide, &spec), (log, &events)] {
        let import = api.import(file, spec.clone()).await.expect(202).id();
        let done = import_until(&api, &import, |import| import["state"] == "done").await;
        assert_eq!(done["rejected"], done["rows_total"], "{done}");
        assert!(peak(&process) < MEMORY, "{}", peak(&process));
    }
    // One case of a log is looked at as a whole.
    let case = packed("case,what,at\n", "1,first,2020-01-01\n", 1);
    let import = api.import(case, events).await.expect(202).id();
    let failed = import_until(&api, &import, |import| import["state"] == "failed").await;
    assert!(failed["error"].as_str().unwrap().contains("more than 5000 events"), "{failed}");
}

#[tokio::test]
async fn the_worker_reads_within_the_same_limits() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": {"column": "id"} } });
    let id = api.import("id\na\n", spec).await.expect(202).id();
    server.finished(api, &id).await;
    // As a release without limits may have taken it in.
    let mut connection = server.connection();
    let file = format!("id\na\n{}\nb\n", ",".repeat(2_000)).into_bytes();
    let again = "WITH import AS (UPDATE imports SET state = 'queued', rows_total = NULL, rows_done = 0, \
                 finished_at = NULL RETURNING workspace_id, id) \
                 INSERT INTO import_chunks (workspace_id, import_id, number, bytes) \
                 SELECT workspace_id, id, 0, $1 FROM import \
                 ON CONFLICT (workspace_id, import_id, number) DO UPDATE SET bytes = excluded.bytes";
    sql_query(again).bind::<Binary, _>(file).execute(&mut connection).unwrap();
    let run = "UPDATE jobs SET state = 'waiting', holder = NULL, finished_at = NULL";
    sql_query(run).execute(&mut connection).unwrap();
    let failed = server.finished(api, &id).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    let why = "/file: The row of line 3 has more than 1000 cells.";
    assert_eq!(failed["error"], why);
}
