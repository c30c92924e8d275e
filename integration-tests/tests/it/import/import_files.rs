//! Files as programs write them: ends of lines, and names whose capitals are no simple matter.

use serde_json::json;
use voronka_integration_tests::TestServer;

/// What an import of a file of sources says and leaves behind.
#[tokio::test]
async fn lines_are_numbered_as_an_editor_numbers_them() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": {"column": "id"}, "amount": {"column": "amount"} } });
    for end in ["\n", "\r\n", "\r"] {
        let lines = ["id,amount", "a,1", "b,x", "\"c\",2", "d,y", ""];
        let import = api.import(lines.join(end), spec.clone()).await.expect(202);
        let done = server.finished(api, &import.id()).await;
        assert_eq!((&done["state"], &done["rejected"]), (&json!("done"), &json!(2)), "{done}");
        let rejected = api.get(&format!("/v1/imports/{}/rejected.csv", import.id())).await;
        let rejected = rejected.expect(200).text;
        let lines: Vec<_> =
            rejected.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!(lines, ["3", "5"], "{end:?}");
    }
}

#[tokio::test]
async fn spellings_of_one_name_are_one_name() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "create_missing": true,
        "mapping": { "external_id": {"column": "id"}, "source": {"column": "source"} } });
    // The small letter of the Turkish capital is one thing here and another in the database.
    let file = "id,source\na,İnternet\nb,FAIR\nc,fair\nd,Ярмарка\ne,ЯРМАРКА\n";
    for (created, sources) in [(5, 3), (0, 3)] {
        let import = api.import(file, spec.clone()).await.expect(202);
        let done = server.finished(api, &import.id()).await;
        assert_eq!((&done["state"], &done["created"]), (&json!("done"), &json!(created)), "{done}");
        let list = api.get("/v1/sources").await.expect(200).json;
        assert_eq!(list["items"].as_array().unwrap().len(), sources);
    }
}

const TABLE: &str =
    "номер;клиент;сумма;открыта\nА-1;Ромашка;1 999,95;20.10.2026\nА-2;Лютик;5;01.11.2026\n";

/// A workbook of one sheet: texts shared and in place, numbers, a date, an empty row.
fn workbook(sheet: &str) -> Vec<u8> {
    let strings = "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><si><t>номер</t></si>\
        <si><t>клиент</t></si><si><t>сумма</t></si><si><t>открыта</t></si><si><t>А-1</t></si><si><t>Ромашка</t></si></sst>";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned(),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
                 <Relationship Id=\"r1\" Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"{relations}\">\
                 <sheets><sheet name=\"{sheet}\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
                 <Relationship Id=\"r1\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
                 <Relationship Id=\"r2\" Type=\"{relations}/sharedStrings\" Target=\"sharedStrings.xml\"/>\
                 <Relationship Id=\"r3\" Type=\"{relations}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        ("xl/sharedStrings.xml", strings.to_owned()),
        (
            "xl/styles.xml",
            "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><cellXfs>\
             <xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
                .to_owned(),
        ),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>\
             <row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c>\
             <c r=\"C1\" t=\"s\"><v>2</v></c><c r=\"D1\" t=\"s\"><v>3</v></c></row>\
             <row r=\"2\"><c r=\"A2\" t=\"s\"><v>4</v></c><c r=\"B2\" t=\"s\"><v>5</v></c>\
             <c r=\"C2\"><v>1999.95</v></c><c r=\"D2\" s=\"1\"><v>46315</v></c></row>\
             <row r=\"4\"><c r=\"A4\" t=\"inlineStr\"><is><t>А-2</t></is></c><c r=\"B4\" t=\"inlineStr\"><is><t>Лютик</t></is></c>\
             <c r=\"C4\"><v>5</v></c><c r=\"D4\" s=\"1\"><v>46327</v></c></row>\
             <row r=\"5\"><c r=\"B5\" t=\"inlineStr\"><is><t>Без номера</t></is></c></row>\
             </sheetData></worksheet>"
                .to_owned(),
        ),
    ];
    zipped(&parts.map(|(name, text)| (name, text.into_bytes())))
}

fn zipped(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        std::io::Write::write_all(&mut writer, bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, bytes).unwrap();
    packer.finish().unwrap()
}

#[tokio::test]
async fn a_table_is_the_same_in_every_format() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let utf16 = |to: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(0xfeff).chain(TABLE.encode_utf16()).flat_map(to).collect()
    };
    // By the table of code points: А is C0 and я FF.
    let cyrillic: Vec<u8> = TABLE
        .chars()
        .map(|letter| match u32::from(letter) {
            code if code < 0x80 => code as u8,
            code => u8::try_from(code - 0x410 + 0xc0).unwrap(),
        })
        .collect();
    let commas = TABLE.replace("1 999,95", "1999.95").replace(';', ",");
    for (number, (file, rejected)) in [
        (TABLE.as_bytes().to_vec(), 0),
        (["\u{feff}", TABLE].concat().into_bytes(), 0),
        (utf16(u16::to_le_bytes), 0),
        (utf16(u16::to_be_bytes), 0),
        (cyrillic.clone(), 0),
        (TABLE.replace(' ', "\u{a0}").replace(';', "\t").into_bytes(), 0),
        (commas.into_bytes(), 0),
        (gzipped(TABLE.as_bytes()), 0),
        (gzipped(&cyrillic), 0),
        (workbook("Deals"), 1),
    ]
    .into_iter()
    .enumerate()
    {
        let source = format!("file {number}");
        let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "create_missing": true,
            "external_source": source, "date_format": "DD.MM.YYYY",
            "mapping": { "external_id": {"column": "номер"}, "client": {"column": "Клиент"},
                "amount": {"column": "сумма"}, "opened_at": {"column": "открыта"} } });
        let import = api.import(file, spec).await.expect(202);
        let done = server.finished(api, &import.id()).await;
        assert_eq!((&done["created"], &done["rejected"]), (&json!(2), &json!(rejected)), "{done}");
        let list = format!("/v1/deals?external_source={source}&sort=-amount").replace(' ', "%20");
        let deals = api.get(&list).await.expect(200).json["items"].clone();
        let told: Vec<_> = (0..2)
            .map(|at| {
                (&deals[at]["title"], &deals[at]["amount"]["amount"], &deals[at]["opened_at"])
            })
            .map(|(title, amount, at)| [title, amount, at].map(|text| text.as_str().unwrap()))
            .collect();
        let first = ["А-1", "1999.95", "2026-10-19T22:00:00Z"];
        assert_eq!(told, [first, ["А-2", "5.00", "2026-10-31T23:00:00Z"]], "{source}");
        if rejected > 0 {
            let path = format!("/v1/imports/{}/rejected.csv", import.id());
            let text = api.get(&path).await.expect(200).text;
            assert!(
                text.ends_with("\n5,external_id,required,The field is empty.,,Без номера,,\n"),
                "{text}"
            );
        }
    }
    let clients = api.get("/v1/clients").await.expect(200).json;
    assert_eq!(clients["items"].as_array().unwrap().len(), 3 - 1);
}

#[tokio::test]
async fn a_file_that_is_none_is_refused() {
    let server = TestServer::with(&["--import-limit", "20000"]).await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let mapping = json!({ "external_id": {"column": "номер"} });
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "mapping": mapping });
    let named = |name: &str, value: &str| {
        let mut spec = spec.clone();
        spec[name] = json!(value);
        spec
    };
    for (file, spec) in [
        (gzipped(TABLE.as_bytes())[..40].to_vec(), spec.clone()),
        (b"\x1f\x8bnothing".to_vec(), spec.clone()),
        (b"PK\x03\x04nothing".to_vec(), spec.clone()),
        (zipped(&[("readme.txt", b"no workbook".to_vec())]), spec.clone()),
        (workbook("Deals"), named("sheet", "Orders")),
        (TABLE.as_bytes().to_vec(), named("sheet", "Deals")),
        (TABLE.encode_utf16().flat_map(u16::to_le_bytes).collect(), spec.clone()),
    ] {
        let reply = api.import(file, spec).await.problem(422, "validation_failed");
        assert_eq!(reply.faults()[0].1, "invalid_file", "{}", reply.text);
    }
    // What is small packed and large unpacked is not unpacked to its end.
    let zeros = vec![0_u8; 200_000];
    for bomb in [gzipped(&zeros), zipped(&[("xl/workbook.xml", zeros.clone())])] {
        assert!(bomb.len() < 2_000);
        api.import(bomb, spec.clone()).await.problem(413, "body_too_large");
    }
    assert_eq!(api.get("/v1/imports").await.expect(200).json["items"], json!([]));
}

#[tokio::test]
async fn a_preview_says_what_a_file_is_and_what_its_columns_may_be() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first", "second"]).await;
    let file = "Opportunity ID;Account;Deal Value;Deal Stage;Colour\n1;Acme;1,5;SECOND;red\n2;Acme;2;Closed Won;red\n3;;3;second;\n";
    let seen = api.preview(gzipped(file.as_bytes()), &[("deal_type_id", &deal_type)]).await;
    let seen = seen.expect(200).json;
    assert_eq!(
        (&seen["format"], &seen["encoding"], &seen["delimiter"], &seen["kind"]),
        (&json!("csv.gz"), &json!("utf-8"), &json!(";"), &json!("deals"))
    );
    assert_eq!(seen["header"][4], "Colour");
    assert_eq!(seen["rows"][2], json!(["3", "", "3", "second", ""]));
    let mapping = json!({ "external_id": {"column": "Opportunity ID"}, "client": {"column": "Account"},
        "amount": {"column": "Deal Value"}, "stage": {"column": "Deal Stage"} });
    assert_eq!(seen["mapping"], mapping);
    let amount = seen["fields"].as_array().unwrap().iter().find(|field| field["field"] == "amount");
    let amount = amount.unwrap();
    assert_eq!((&amount["column"], &amount["required"]), (&json!("Deal Value"), &json!(false)));
    assert!((0.9..=1.0).contains(&amount["confidence"].as_f64().unwrap()));
    let stage = |value: &str, stage: Option<&str>, outcome: Option<&str>| json!({ "value": value, "rows": 1, "stage_key": stage, "outcome": outcome });
    let second = Some("second");
    let stages = [
        stage("Closed Won", None, Some("won")),
        stage("SECOND", second, None),
        stage("second", second, None),
    ];
    assert_eq!(seen["stages"], json!(stages));
    // The mapping can be sent back as it is.
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "create_missing": true,
        "mapping": seen["mapping"],
        "stage_map": { "SECOND": {"stage": "second"}, "second": {"stage": "second"}, "Closed Won": {"won": true} } });
    assert_eq!(api.get("/v1/imports").await.expect(200).json["items"], json!([]));
    let done = server.finished(api, &api.import(file, spec).await.expect(202).id()).await;
    assert_eq!(done["created"], 3, "{done}");
    for (parts, pointer) in [
        ([("kind", "moons")], "/kind"),
        ([("deal_type_id", "x")], "/deal_type_id"),
        ([("deal_type_id", "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11")], "/deal_type_id"),
        ([("moon", "x")], "/moon"),
        ([("sheet", "Deals")], "/sheet"),
    ] {
        let reply = api.preview(file, &parts).await.problem(422, "validation_failed");
        assert_eq!(reply.faults()[0].0, pointer, "{}", reply.text);
    }
}
