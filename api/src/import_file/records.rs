//! The rows of a CSV file in UTF-8: ragged ones are for the import to judge, those beyond the limits end the file.

use std::io::{self, BufRead, BufReader, Read};

use csv::{ByteRecord, Position};
use csv_core::ReadRecordResult;
use voronka_persistence::Error;

use super::limits::{CELLS, ROW, check, row_too_long};
use crate::formula::restored;

/// What is read at a time, and the room for a row to begin with.
const STRETCH: usize = 64 << 10;

/// Rows with their lines, as editors count them; the header is the first. After an error there is nothing more.
pub struct Records<R> {
    file: BufReader<R>,
    csv: csv_core::Reader,
    lines: Lines,
    text: Vec<u8>,
    ends: Vec<usize>,
    ended: bool,
}

impl<R: Read> Records<R> {
    pub fn of(file: R, delimiter: u8) -> Self {
        let (file, lines) = (BufReader::with_capacity(STRETCH, file), Lines::default());
        let csv = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Self { file, csv, lines, text: vec![0; STRETCH], ends: vec![0; CELLS + 1], ended: false }
    }

    /// The rows after the header.
    pub fn rows(self) -> impl Iterator<Item = Result<ByteRecord, Error>> {
        let all = self.enumerate();
        all.filter(|(place, row)| *place > 0 || row.is_err()).map(|(_, row)| row)
    }

    fn read(&mut self) -> Result<Option<ByteRecord>, Error> {
        self.skip_empty_lines()?;
        let line = self.lines.count.saturating_add(1);
        let (mut written, mut count) = (0, 0);
        loop {
            let input = self.file.fill_buf().map_err(unread)?;
            let text = self.text.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(count..).unwrap_or_default();
            let (result, taken, wrote, ended) = self.csv.read_record(input, text, ends);
            self.lines.pass(input.get(..taken).unwrap_or_default());
            self.file.consume(taken);
            written += wrote;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if written > ROW => return Err(row_too_long(line)),
                ReadRecordResult::OutputFull => self.text.resize((written * 2).min(ROW + 1), 0),
                ReadRecordResult::OutputEndsFull => check(line, count, 0, 0)?,
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        let mut record = ByteRecord::with_capacity(written, count);
        let (mut start, mut longest) = (0, 0);
        for end in self.ends.iter().take(count) {
            let cell = self.text.get(start..*end).unwrap_or_default();
            record.push_field(as_it_was(cell));
            longest = longest.max(cell.len());
            start = *end;
        }
        check(line, count, longest, written)?;
        let mut position = Position::new();
        position.set_line(line);
        record.set_position(Some(position));
        Ok(Some(record))
    }

    /// They are no rows, but count.
    fn skip_empty_lines(&mut self) -> Result<(), Error> {
        loop {
            let input = self.file.fill_buf().map_err(unread)?;
            let empty = input.iter().take_while(|byte| b"\r\n".contains(byte)).count();
            let all = empty == input.len();
            self.lines.pass(input.get(..empty).unwrap_or_default());
            self.file.consume(empty);
            if !all || empty == 0 {
                return Ok(());
            }
        }
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<ByteRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.read();
        self.ended = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

/// A cell without what our own sheets make it harmless by.
fn as_it_was(cell: &[u8]) -> &[u8] {
    match cell.first() {
        Some(b'\'') => std::str::from_utf8(cell).map_or(cell, |text| restored(text).as_bytes()),
        _ => cell,
    }
}

/// A piece of the file did not come.
fn unread(error: io::Error) -> Error {
    let text = error.to_string();
    error.downcast::<Error>().unwrap_or(Error::Unavailable(text))
}

/// Lines that have ended, however they do.
#[derive(Default)]
struct Lines {
    count: u64,
    after_return: bool,
}

impl Lines {
    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let ends = *byte == b'\r' || *byte == b'\n' && !self.after_return;
            self.count = self.count.saturating_add(u64::from(ends));
            self.after_return = *byte == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::limits::CELL, *};

    fn read(file: &[u8]) -> Vec<Result<(u64, usize), String>> {
        let records = Records::of(file, b',');
        let told = |record: ByteRecord| (record.position().unwrap().line(), record.len());
        let code =
            |error: Error| error.faults().first().map_or(String::new(), |f| f.code.to_string());
        records.map(|record| record.map(told).map_err(code)).collect()
    }

    #[test]
    fn rows_have_the_lines_that_editors_show() {
        let file = b"a,b\n\n\n1,2\n\"x\ny\",3\n4,5,6\n\n7";
        assert_eq!(read(file), [(1, 2), (4, 2), (5, 2), (7, 3), (9, 1)].map(Ok));
        for end in ["\r", "\r\n"] {
            let text = String::from_utf8_lossy(file).replace('\n', end);
            assert_eq!(read(text.as_bytes()), read(file), "{end:?}");
        }
        assert_eq!(read(b"\n\n"), []);
        assert_eq!(read(b""), []);
    }

    #[test]
    fn what_is_too_much_ends_the_file() {
        let row = |cells: usize, cell: usize| vec!["x".repeat(cell); cells].join(",");
        for (good, bad, code) in [
            (row(CELLS, 0), row(CELLS + 1, 0), "too_many_cells"),
            (row(1, CELL), row(1, CELL + 1), "cell_too_long"),
            (row(8, CELL), format!("{},x", row(8, CELL)), "row_too_long"),
        ] {
            let file = format!("a\n{good}\n{bad}\nb\n");
            let told = read(file.as_bytes());
            assert_eq!(
                told[1..],
                [Ok((2, good.split(',').count())), Err(code.to_owned())],
                "{code}"
            );
        }
        // Whatever it is made of, and whether it looks quoted or not.
        for (start, what) in [("", ","), ("", "x"), ("\"", "\n"), ("a\"b,\"", "\n"), ("\"", "\"\"")]
        {
            let told = read([start, &what.repeat(2 << 20)].concat().as_bytes());
            assert!(matches!(told[..], [Err(_)]), "{start}{what}");
        }
    }
}
