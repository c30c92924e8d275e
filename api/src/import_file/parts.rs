//! A workbook's parts, looked through before anybody believes them: whoever reads a workbook holds some of its
//! parts whole, and of the others a tag, a text or a cell at a time.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek},
};

use super::{Fault, invalid, limits::CELL};

/// All parts, unpacked.
const UNPACKED: u64 = 256 << 20;
const PARTS: usize = 10_000;
/// A tag, a text or a cell as it is written: what it says is at most a sixth.
const TOKEN: usize = 8 * CELL;
/// Texts that the sheets share: bytes, and tags, of which each text has at least one.
const TEXTS: (u64, u64) = (96 << 20, 6_000_000);
/// Of every other part that is held: styles have many fields for each tag.
const HELD: (u64, u64) = (16 << 20, 250_000);
/// A picture, or what else is not XML.
const PICTURE: u64 = 32 << 20;

/// Unpacks everything once: what a part says of its own size may be wrong.
pub fn check(file: &mut File, limit: u64) -> Result<(), Fault> {
    let broken = |_| invalid("The file is neither CSV nor an XLSX workbook.");
    if entries(file)? > PARTS {
        return Err(invalid(format!("The workbook has more than {PARTS} parts.")));
    }
    file.rewind()?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let limit = limit.min(UNPACKED);
    let mut left = limit;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(broken)?;
        let name = part.name().map_err(broken)?.to_ascii_lowercase();
        let mut part = BufReader::with_capacity(64 << 10, part);
        let damaged = |_| invalid("The workbook is damaged.");
        let is_xml = held(&name).is_some() || is_xml(part.fill_buf().map_err(damaged)?);
        let others = if is_xml { limit } else { PICTURE };
        let (most, tags) = held(&name).unwrap_or((others, u64::MAX));
        let mut scan = Scan { tags, is_root: name == "_rels/.rels", ..Scan::default() };
        let mut rest = most.min(left);
        loop {
            let stretch = part.fill_buf().map_err(damaged)?;
            let count = stretch.len();
            if count == 0 {
                break;
            }
            rest = rest.checked_sub(count as u64).ok_or(Fault::TooLarge(most.min(limit)))?;
            left = left.saturating_sub(count as u64);
            if is_xml {
                stretch.iter().try_for_each(|byte| scan.take(*byte))?;
            }
            part.consume(count);
        }
    }
    Ok(())
}

fn is_xml(start: &[u8]) -> bool {
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start().starts_with(b"<")
}

/// Entries of the archive's list, and whatever looks like one.
fn entries(file: &mut File) -> Result<usize, Fault> {
    file.rewind()?;
    let mut file = BufReader::with_capacity(64 << 10, file);
    let (mut count, mut matched) = (0, 0);
    loop {
        let stretch = file.fill_buf()?;
        for byte in stretch {
            matched = match (matched, byte) {
                (1, b'K') => 2,
                (2, 1) => 3,
                (3, 2) => {
                    count += 1;
                    0
                }
                (_, byte) => usize::from(*byte == b'P'),
            };
        }
        match stretch.len() {
            0 => return Ok(count),
            length => file.consume(length),
        }
    }
}

/// Most bytes and tags of a part that is held whole.
fn held(name: &str) -> Option<(u64, u64)> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    match last {
        "sharedstrings.xml" => Some(TEXTS),
        "styles.xml" | "theme1.xml" => Some(HELD),
        _ => (last.starts_with("workbook") || last.ends_with(".rels")).then_some(HELD),
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Within {
    #[default]
    Text,
    Tag,
    Quotes(u8),
    /// Ends with this, or with the next `>`.
    Until(&'static [u8]),
}

/// Where in a part one is, as its reader will see it.
#[derive(Default)]
struct Scan {
    within: Within,
    /// Bytes of the tag, text or cell so far.
    length: usize,
    /// The tag so far.
    tag: Vec<u8>,
    /// Cells, texts in cells, shared texts that are open.
    open: Vec<Vec<u8>>,
    /// They are nested as no program nests them: who knows what a reader takes for a cell.
    confused: bool,
    tags: u64,
    is_root: bool,
}

impl Scan {
    fn take(&mut self, byte: u8) -> Result<(), Fault> {
        self.length += 1;
        if self.length > TOKEN {
            return Err(invalid("A cell or another piece of the workbook is too long."));
        }
        if self.within == Within::Text {
            if byte == b'<' {
                self.within = Within::Tag;
                self.tag.clear();
                self.tags = self.tags.checked_sub(1).ok_or_else(|| {
                    invalid("The workbook has too many texts or styles. Save the sheet as CSV.")
                })?;
                self.pause();
            }
            return Ok(());
        }
        self.tag.push(byte);
        match (self.within, byte) {
            (Within::Quotes(quote), byte) if byte == quote => self.within = Within::Tag,
            (Within::Tag, b'"' | b'\'') => self.within = Within::Quotes(byte),
            (Within::Tag, b'-') if self.tag == b"!-" => self.within = Within::Until(b"--"),
            (Within::Tag, b'[') if self.tag == b"![" => self.within = Within::Until(b"]]"),
            (Within::Tag, b'?') if self.tag == b"?" => self.within = Within::Until(b"?"),
            (Within::Tag, b'/') if self.tag == b"/" => self.within = Within::Until(b""),
            (Within::Tag, _) if self.tag.eq_ignore_ascii_case(b"!d") => {
                return Err(invalid("The workbook is damaged."));
            }
            (Within::Tag, b'>') => self.end()?,
            (Within::Until(end), b'>') if self.ends_with(end) => self.end()?,
            _ => {}
        }
        Ok(())
    }

    /// A comment's own dashes are not its end.
    fn ends_with(&self, end: &[u8]) -> bool {
        let told = self.tag.strip_suffix(b">").unwrap_or_default();
        let after = if end == b"--" { 3 } else { end.len() };
        told.get(after..).is_some_and(|told| told.ends_with(end)) || end.is_empty()
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.within = Within::Text;
        let tag = std::mem::take(&mut self.tag);
        self.look(&tag)?;
        self.tag = tag;
        self.pause();
        Ok(())
    }

    /// Something has ended, unless it is a piece of a cell.
    fn pause(&mut self) {
        if self.open.is_empty() && !self.confused {
            self.length = 0;
        }
    }

    fn look(&mut self, tag: &[u8]) -> Result<(), Fault> {
        let tag = tag.strip_suffix(b">").unwrap_or(tag);
        let closes = tag.starts_with(b"/");
        let is_whole = tag.ends_with(b"/");
        let name = tag.strip_prefix(b"/").unwrap_or(tag);
        let end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'/';
        let name = name.split(end).next().unwrap_or_default();
        let local = name.splitn(2, |byte| *byte == b':').last().unwrap_or_default();
        match local {
            b"c" | b"is" | b"si" if closes => {
                self.confused |= self.open.pop().as_deref() != Some(name);
            }
            b"c" | b"is" | b"si" if !is_whole => {
                let outer = self.open.last().map(|name| name.ends_with(b"c"));
                self.confused |=
                    if local == b"is" { outer == Some(false) } else { outer.is_some() };
                self.open.push(name.to_vec());
            }
            b"sst" => self.believable(tag)?,
            b"Relationship" if self.is_root => self.known(tag)?,
            _ => {}
        }
        Ok(())
    }

    /// Room is made for as many texts as are announced.
    fn believable(&self, tag: &[u8]) -> Result<(), Fault> {
        let count = attribute(tag, b"uniqueCount").map(String::from_utf8_lossy);
        let is_little = |count: &str| count.trim().parse::<u64>().is_ok_and(|n| n <= TEXTS.1);
        match count {
            Some(count) if !is_little(&count) => Err(invalid("The workbook is damaged.")),
            _ => Ok(()),
        }
    }

    /// The workbook's own part is one that is held, and called so.
    fn known(&self, tag: &[u8]) -> Result<(), Fault> {
        let is_workbook = attribute(tag, b"Type").is_none_or(|t| t.ends_with(b"/officeDocument"));
        let target = attribute(tag, b"Target").unwrap_or_default().to_ascii_lowercase();
        let target = String::from_utf8_lossy(&target);
        let name = target.rsplit('/').next().unwrap_or_default();
        if is_workbook && (!name.starts_with("workbook") || target.contains('&')) {
            return Err(invalid("The file is neither CSV nor an XLSX workbook."));
        }
        Ok(())
    }
}

/// What stands in quotes after a name and an equals sign.
fn attribute<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = tag.windows(name.len()).position(|window| window == name)?;
    let rest = tag.get(at + name.len()..)?.trim_ascii_start().strip_prefix(b"=")?;
    let (quote, rest) = rest.trim_ascii_start().split_first()?;
    rest.split(|byte| byte == quote).next()
}
