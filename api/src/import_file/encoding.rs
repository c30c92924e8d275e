//! Encodings of text files: as they are named, or as they show.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
};

use encoding_rs_io::DecodeReaderBytesBuilder;
use voronka_domain::import::Encoding;

use super::{Fault, invalid, written};

const STRETCH: usize = 64 << 10;

/// The file in UTF-8, without a byte order mark, and what it was in.
pub fn to_utf8(
    mut file: File,
    named: Option<Encoding>,
    limit: u64,
) -> Result<(File, Encoding), Fault> {
    file.rewind()?;
    let mut start = [0_u8; 3];
    let count = file.read(&mut start)?;
    let start = start.get(..count).unwrap_or_default();
    let marked = if start.starts_with(b"\xef\xbb\xbf") {
        Some(Encoding::Utf8)
    } else if start.starts_with(b"\xff\xfe") {
        Some(Encoding::Utf16Le)
    } else if start.starts_with(b"\xfe\xff") {
        Some(Encoding::Utf16Be)
    } else {
        None
    };
    let encoding = match marked.or(named) {
        Some(encoding) => encoding,
        None => match guess(&mut file)? {
            Encoding::Windows1251 if has_controls(&mut file)? => {
                return Err(invalid("The file is neither CSV nor an XLSX workbook."));
            }
            encoding => encoding,
        },
    };
    file.rewind()?;
    if marked.is_none() && encoding == Encoding::Utf8 {
        return Ok((file, encoding));
    }
    let label = match encoding {
        Encoding::Utf8 => None,
        Encoding::Utf16Le => Some(encoding_rs::UTF_16LE),
        Encoding::Utf16Be => Some(encoding_rs::UTF_16BE),
        Encoding::Windows1251 => Some(encoding_rs::WINDOWS_1251),
    };
    let mut decoder = DecodeReaderBytesBuilder::new()
        .encoding(label)
        .bom_override(true)
        .strip_bom(true)
        // What is not UTF-8 stays as it is: its rows are refused, and the others taken.
        .utf8_passthru(true)
        .build(BufReader::with_capacity(STRETCH, file));
    let text = written(limit, |writer| Ok(io::copy(&mut decoder, writer).map(|_| ())?))?;
    Ok((text, encoding))
}

/// UTF-8 if it is that, or has at least more letters of UTF-8 than faults: then some of its rows are broken.
/// Everything else is Windows-1251.
fn guess(file: &mut File) -> io::Result<Encoding> {
    file.rewind()?;
    let (mut letters, mut faults) = (0_u64, 0_u64);
    let mut buffer = vec![0_u8; STRETCH];
    let mut kept = 0;
    loop {
        let count = file.read(buffer.get_mut(kept..).unwrap_or_default())?;
        let end = kept + count;
        let mut stretch = buffer.get(..end).unwrap_or_default();
        loop {
            let (valid, error) = match std::str::from_utf8(stretch) {
                Ok(_) => (stretch.len(), None),
                Err(error) => (error.valid_up_to(), Some(error.error_len())),
            };
            let (text, rest) = stretch.split_at(valid);
            letters += text.iter().filter(|byte| **byte >= 0xc0).count() as u64;
            stretch = match error {
                // A character that the stretch cuts off, unless the file does.
                Some(None) if count > 0 => rest,
                Some(length) => {
                    faults += 1;
                    rest.get(length.unwrap_or(rest.len())..).unwrap_or_default()
                }
                None => &[],
            };
            if error.is_none() || error == Some(None) {
                break;
            }
        }
        kept = stretch.len();
        if count == 0 {
            break;
        }
        buffer.copy_within(end - kept..end, 0);
    }
    let utf8 = faults == 0 || letters > faults;
    Ok(if utf8 { Encoding::Utf8 } else { Encoding::Windows1251 })
}

/// No text begins so, but a picture or a program may.
fn has_controls(file: &mut File) -> io::Result<bool> {
    file.rewind()?;
    let mut start = Vec::new();
    file.take(STRETCH as u64).read_to_end(&mut start)?;
    Ok(start.iter().any(|byte| byte.is_ascii_control() && !b"\t\r\n".contains(byte)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8], named: Option<Encoding>) -> (String, Encoding) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let Ok((mut file, encoding)) = to_utf8(file, named, 1 << 20) else { panic!("not read") };
        let mut text = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut text).unwrap();
        (String::from_utf8_lossy(&text).into_owned(), encoding)
    }

    #[test]
    fn encodings_are_told_apart() {
        let text = "сумма;Ё\n1;é\n";
        let utf16 = |to: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(to).collect()
        };
        let cyrillic = b"\xf1\xf3\xec\xec\xe0;\xa8\n";
        for (bytes, encoding, expected) in [
            (text.as_bytes().to_vec(), Encoding::Utf8, text),
            ([b"\xef\xbb\xbf", text.as_bytes()].concat(), Encoding::Utf8, text),
            (utf16(u16::to_le_bytes), Encoding::Utf16Le, text),
            (utf16(u16::to_be_bytes), Encoding::Utf16Be, text),
            (cyrillic.to_vec(), Encoding::Windows1251, "сумма;Ё\n"),
            (b"plain".to_vec(), Encoding::Utf8, "plain"),
            (Vec::new(), Encoding::Utf8, ""),
        ] {
            assert_eq!(read(&bytes, None), (expected.to_owned(), encoding));
        }
        // One broken letter among good ones does not make another encoding of the whole file.
        let broken = ["сумма\n".as_bytes(), b"\xff\n"].concat();
        assert_eq!(read(&broken, None), ("сумма\n\u{fffd}\n".to_owned(), Encoding::Utf8));
        assert_eq!(read(b"Caf\xe9", None), ("Cafй".to_owned(), Encoding::Windows1251));
        let named = Some(Encoding::Utf8);
        assert_eq!(read(b"Caf\xe9", named), ("Caf\u{fffd}".to_owned(), Encoding::Utf8));
    }

    #[test]
    fn a_letter_may_lie_across_two_stretches() {
        for before in STRETCH - 4..STRETCH + 2 {
            let text = format!("{}яя\n", "a".repeat(before));
            assert_eq!(read(text.as_bytes(), None), (text, Encoding::Utf8));
        }
    }
}
