//! What a file may make of itself: the same for every format, when it is looked at, taken in and carried out. A
//! few bytes can be made to unpack to as much as one likes.

use voronka_persistence::Error;

/// Bytes of a cell: all that a cell of a workbook can hold.
pub const CELL: usize = 128 << 10;
pub const CELLS: usize = 1_000;
/// Bytes of all cells of a row.
pub const ROW: usize = 1 << 20;
/// Bytes of rows that are in memory at a time, with what their cells cost beside.
pub const ROWS: usize = 8 << 20;
/// Bytes of a row of an event log, and rows of one case: they are in memory together.
pub const EVENT: usize = 16 << 10;
pub const EVENTS: i64 = 5_000;
/// How much larger than it may come a file may be once it is CSV in UTF-8, and than it has come.
const UNPACKED: u64 = 8;
const RATIO: u64 = 100;
/// So much is no bomb, whatever it was made of.
const SMALL: u64 = 16 << 20;

/// Bytes that may be made of a file of one size where files of another are taken.
pub fn unpacked(size: u64, most: usize) -> u64 {
    let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_mul(UNPACKED);
    size.saturating_mul(RATIO).max(SMALL).min(most)
}

/// Refuses the row of a line by how many cells it has, the bytes of its longest and those of all.
pub fn check(line: u64, cells: usize, longest: usize, all: usize) -> Result<(), Error> {
    if cells > CELLS {
        Err(excess(line, "too_many_cells", &format!("more than {CELLS} cells")))
    } else if longest > CELL {
        Err(excess(line, "cell_too_long", &format!("a cell of more than {CELL} bytes")))
    } else if all > ROW {
        Err(row_too_long(line))
    } else {
        Ok(())
    }
}

pub fn row_too_long(line: u64) -> Error {
    let what = format!("more than {ROW} bytes; a quote may have no end");
    excess(line, "row_too_long", &what)
}

pub fn too_many_events(case: &str) -> Error {
    let detail = format!("The case {case} has more than {EVENTS} events.");
    Error::invalid("/file", "too_many_events", detail)
}

fn excess(line: u64, code: &'static str, what: &str) -> Error {
    Error::invalid("/file", code, format!("The row of line {line} has {what}."))
}
