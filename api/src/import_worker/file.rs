//! Files as they come: in pieces, with any ends of lines.

use std::io::{self, Read};

use uuid::Uuid;
use voronka_domain::import::Spec;
use voronka_persistence::{Store, imports};

/// A CSV reader as imports read files: ragged rows are theirs to judge.
pub fn reader<R: Read>(file: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(file)
}

/// What the spec says; the comma by default.
pub fn delimiter(spec: &Spec) -> u8 {
    spec.delimiter.and_then(|c| u8::try_from(c).ok()).unwrap_or(b',')
}

/// Ends every line with a line feed, whatever ended it before: so that lines are counted as editors do.
/// What stands in quotes stays as it is.
pub struct Newlines<R> {
    file: R,
    after_return: bool,
    quoted: bool,
}

impl<R> Newlines<R> {
    pub fn of(file: R) -> Self {
        Self { file, after_return: false, quoted: false }
    }
}

impl<R: Read> Read for Newlines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.file.read(buffer)?;
            let mut kept = 0;
            for index in 0..count {
                let Some(byte) = buffer.get(index).copied() else { break };
                self.quoted ^= byte == b'"';
                let second = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r' && !self.quoted;
                if second {
                    continue;
                }
                if let Some(place) = buffer.get_mut(kept) {
                    *place = if self.after_return { b'\n' } else { byte };
                }
                kept += 1;
            }
            // Nothing but the second half of a line's end: that is not the end of the file.
            if kept > 0 || count == 0 {
                return Ok(kept);
            }
        }
    }
}

/// The pieces of an import's file, one at a time.
pub struct Pieces {
    store: Store,
    workspace_id: Uuid,
    import_id: Uuid,
    number: i32,
    bytes: io::Cursor<Vec<u8>>,
}

impl Pieces {
    pub fn of(store: &Store, workspace_id: Uuid, import_id: Uuid) -> Self {
        let bytes = io::Cursor::new(Vec::new());
        Self { store: store.clone(), workspace_id, import_id, number: 0, bytes }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.bytes.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let (import_id, number) = (self.import_id, self.number);
            let next = self
                .store
                .tenant(self.workspace_id, |tenant| imports::chunk(tenant, import_id, number))
                .map_err(io::Error::other)?;
            let Some(bytes) = next else { return Ok(0) };
            self.number += 1;
            self.bytes = io::Cursor::new(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_alike() {
        for size in 1..5 {
            let file = &b"a\r\nb\rc\n\n\"d\r\n\"\r\n"[..];
            let mut text = String::new();
            let mut lines = Newlines::of(io::BufReader::with_capacity(size, file));
            lines.read_to_string(&mut text).unwrap();
            assert_eq!(text, "a\nb\nc\n\n\"d\r\n\"\n", "{size}");
        }
    }
}
