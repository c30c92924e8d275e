//! A file of an import: bytes of any encoding, packed or not, or a workbook. The first byte chooses: the bytes as
//! they are, or a workbook whose sheet and texts they are. What is taken is CSV, without a byte order mark, whose
//! header is its first line; what is not is told what is wrong.
#![no_main]

use std::{
    fs::File,
    io::{Cursor, Read, Seek, Write},
};

use libfuzzer_sys::fuzz_target;
use voronka_api::import_file::{Fault, Format, Hints, open};
use voronka_domain::import::Encoding;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

const LIMIT: usize = 1 << 16;

const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#;
const BOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;

/// The sheet, and after a NUL the texts that its cells share.
fn workbook(parts: &[u8]) -> Vec<u8> {
    let mut halves = parts.splitn(2, |byte| *byte == 0);
    let (sheet, texts) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let mut book = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, part) in [
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet),
        ("xl/sharedStrings.xml", texts),
    ] {
        book.start_file(name, stored).expect("a part");
        book.write_all(part).expect("a part");
    }
    book.finish().expect("a workbook").into_inner()
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("a file");
    file
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let is_book = choice & 1 == 1;
    let bytes = if is_book { workbook(bytes) } else { bytes.to_vec() };
    let encoding = match choice >> 1 & 7 {
        1 => Some(Encoding::Utf8),
        2 => Some(Encoding::Utf16Le),
        3 => Some(Encoding::Utf16Be),
        4 => Some(Encoding::Windows1251),
        _ => None,
    };
    let delimiter = (choice & 0x40 != 0).then_some(b';');
    let hints = Hints { encoding, delimiter, sheet: None };
    match open(file(&bytes), &hints, LIMIT) {
        Ok(mut text) => {
            assert!(!is_book || text.format == Format::Xlsx);
            let mut plain = Vec::new();
            text.file.rewind().expect("a file");
            text.file.read_to_end(&mut plain).expect("a file");
            assert!(!plain.starts_with(b"\xef\xbb\xbf") || text.encoding == Encoding::Utf8);
            // Only what was said or thought to be UTF-8 may not be it.
            if text.encoding != Encoding::Utf8 {
                assert!(std::str::from_utf8(&plain).is_ok());
            }
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(text.delimiter)
                .flexible(true)
                .has_headers(false)
                .from_reader(plain.as_slice());
            let mut records = reader.records();
            let header = records.next().expect("a header").expect("UTF-8");
            assert_eq!(header.iter().collect::<Vec<_>>(), text.header);
            for record in records.flatten() {
                assert!(record.len() > 0);
            }
        }
        Err(Fault::Refused(error)) => {
            let faults = error.faults();
            let told = |fault: &voronka_domain::Fault| fault.pointer.starts_with('/') && !fault.detail.is_empty();
            assert!(!faults.is_empty() && faults.iter().all(told), "{error}");
        }
        Err(Fault::TooLarge(limit)) => assert!(limit >= LIMIT as u64, "{limit}"),
        Err(Fault::Io(error)) => panic!("{error}"),
    }
});
