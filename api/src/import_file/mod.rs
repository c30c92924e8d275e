//! Files as people have them, made into what the import reads: CSV in UTF-8. A file goes from disk to disk;
//! only a workbook's shared texts are held in memory.

mod encoding;
pub(crate) mod limits;
mod parts;
pub(crate) mod records;
pub mod upload;
mod workbook;

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, Write},
};

use voronka_domain::import::{Encoding, Spec};
use voronka_persistence::Error;

use crate::http::Problem;
use records::Records;

/// Where the delimiter is looked for.
const FIRST_LINE: usize = 64 << 10;
/// Delimiters that are found by themselves, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    CsvGzip,
    Xlsx,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvGzip => "csv.gz",
            Self::Xlsx => "xlsx",
        }
    }
}

/// What is said of a file, if anything.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub encoding: Option<Encoding>,
    pub delimiter: Option<u8>,
    pub sheet: Option<String>,
}

impl Hints {
    pub fn of(spec: &Spec) -> Self {
        let delimiter = spec.delimiter.and_then(|c| u8::try_from(c).ok());
        Self { encoding: spec.encoding, delimiter, sheet: spec.sheet.clone() }
    }
}

/// A file as CSV in UTF-8, without a mark at its beginning.
pub struct Text {
    pub file: File,
    pub format: Format,
    pub encoding: Encoding,
    pub delimiter: u8,
    pub header: Vec<String>,
}

/// What is wrong with a file: the client's fault or ours.
pub enum Fault {
    Refused(Error),
    TooLarge(u64),
    Io(io::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error.into(),
            Fault::TooLarge(limit) => {
                let detail = format!("Unpacked, a file like this has at most {limit} bytes.");
                Self::new("body_too_large", &*detail).with(
                    "/file",
                    "body_too_large",
                    detail.clone(),
                )
            }
            Fault::Io(error) if error.kind() == ErrorKind::StorageFull => {
                Error::Disk(error.to_string()).into()
            }
            Fault::Io(error) => Error::Internal(error.to_string()).into(),
        }
    }
}

fn invalid(detail: impl Into<String>) -> Fault {
    invalid_at("/file", detail)
}

fn invalid_at(pointer: &str, detail: impl Into<String>) -> Fault {
    Error::invalid(pointer, "invalid_file", detail).into()
}

/// Opens a file that was sent, and looks whether all of it is within the limits; `most` is how many bytes may be
/// sent.
pub fn open(mut sent: File, hints: &Hints, most: usize) -> Result<Text, Fault> {
    let limit = limits::unpacked(sent.metadata()?.len(), most);
    let mut start = [0_u8; 4];
    sent.rewind()?;
    let count = sent.read(&mut start)?;
    sent.rewind()?;
    let start = start.get(..count).unwrap_or_default();
    let (plain, format) = if start.starts_with(b"\x1f\x8b") {
        (unpack(sent, limit)?, Format::CsvGzip)
    } else if start.starts_with(b"PK\x03\x04") {
        (workbook::to_csv(sent, hints.sheet.as_deref(), limit)?, Format::Xlsx)
    } else {
        (sent, Format::Csv)
    };
    if hints.sheet.is_some() && format != Format::Xlsx {
        return Err(invalid_at("/sheet", "Only a workbook has sheets."));
    }
    let hinted = hints.encoding.filter(|_| format != Format::Xlsx);
    let (mut file, encoding) = encoding::to_utf8(plain, hinted, limit)?;
    let delimiter = match hints.delimiter {
        Some(delimiter) if format != Format::Xlsx => delimiter,
        _ if format == Format::Xlsx => b',',
        _ => find_delimiter(&mut file)?,
    };
    file.rewind()?;
    let mut rows = Records::of(&mut file, delimiter);
    let header = header(rows.next().transpose()?)?;
    rows.try_for_each(|row| row.map(|_| ()))?;
    Ok(Text { file, format, encoding, delimiter, header })
}

fn unpack(packed: File, limit: u64) -> Result<File, Fault> {
    let mut unpacked = flate2::read::MultiGzDecoder::new(BufReader::new(packed));
    written(limit, |writer| match io::copy(&mut unpacked, writer) {
        Ok(_) => Ok(()),
        // The decoder's complaints about what it reads.
        Err(error) => match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                Err(invalid("The file is not a whole gzip file."))
            }
            _ => Err(error.into()),
        },
    })
}

/// The delimiter that the first line has most of, outside of quotes.
fn find_delimiter(file: &mut File) -> Result<u8, Fault> {
    file.rewind()?;
    let mut line = Vec::new();
    Read::by_ref(file).take(FIRST_LINE as u64).read_to_end(&mut line)?;
    let mut quoted = false;
    let mut counts = [0_usize; DELIMITERS.len()];
    for byte in line {
        quoted ^= byte == b'"';
        if !quoted && (byte == b'\n' || byte == b'\r') {
            break;
        }
        for (count, delimiter) in counts.iter_mut().zip(DELIMITERS) {
            *count += usize::from(!quoted && byte == delimiter);
        }
    }
    // Of equals the first one: `max_by_key` would take the last.
    let best = counts.into_iter().zip(DELIMITERS).rev().max_by_key(|(count, _)| *count);
    Ok(best.map_or(b',', |(_, delimiter)| delimiter))
}

/// The names of the file's columns.
fn header(first: Option<csv::ByteRecord>) -> Result<Vec<String>, Fault> {
    let header = csv::StringRecord::from_byte_record(first.unwrap_or_default());
    let header = header.map_err(|_| invalid("The file's first line is not UTF-8."))?;
    let header: Vec<_> = header.iter().map(str::to_owned).collect();
    if header.iter().all(|name| name.trim().is_empty()) {
        return Err(invalid("The file has no header line."));
    }
    if header.iter().any(|name| name.contains('\0')) {
        return Err(invalid("The file is neither CSV nor an XLSX workbook."));
    }
    Ok(header)
}

/// A new file on disk, written and rewound, of at most so many bytes.
fn written(
    limit: u64,
    write: impl FnOnce(&mut BufWriter<Bounded>) -> Result<(), Fault>,
) -> Result<File, Fault> {
    let mut writer = BufWriter::new(Bounded { file: tempfile::tempfile()?, left: limit });
    let done = write(&mut writer).and_then(|()| Ok(writer.flush()?));
    match (done, writer.into_parts().0) {
        (Err(Fault::Io(error)), Bounded { left: 0, .. })
            if error.kind() == ErrorKind::FileTooLarge =>
        {
            Err(Fault::TooLarge(limit))
        }
        (done, Bounded { mut file, .. }) => {
            done?;
            file.rewind()?;
            Ok(file)
        }
    }
}

/// A file that takes so many bytes and no more.
struct Bounded {
    file: File,
    left: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        if most == 0 && !bytes.is_empty() {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let count = self.file.write(bytes.get(..most).unwrap_or(bytes))?;
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
