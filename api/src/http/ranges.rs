//! Files that are sent whole or in part (RFC 9110, 14).

use std::{io, ops::Range};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::SizedStream,
    http::{
        StatusCode,
        header::{self, ContentEncoding, HeaderMap},
    },
    web::Bytes,
};
use futures_util::{Stream, StreamExt};

use super::{problem::Problem, request_headers::is_known};

/// What is asked for of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Whole,
    Part(Range<u64>),
    /// It is known already.
    Known,
}

impl Asked {
    /// Of a file that is so long, and this one: by `Range`, unless `If-Range` is of another. `etag` is strong.
    pub fn of(request: &HttpRequest, length: u64, etag: &str) -> Result<Self, Problem> {
        Self::by(request.headers(), length, etag).ok_or_else(|| {
            let detail = format!("There is no such part of {length} bytes.");
            let length = format!("bytes */{length}");
            Problem::new("range_not_satisfiable", detail).header("Content-Range", length)
        })
    }

    /// None of a part that there is not.
    fn by(headers: &HeaderMap, length: u64, etag: &str) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if is_known(etag, text(header::IF_NONE_MATCH)) {
            return Some(Self::Known);
        }
        // A date tells less than a tag: two files may be of one second.
        let same = text(header::IF_RANGE).is_none_or(|tag| tag.trim() == etag);
        match text(header::RANGE).filter(|_| same) {
            Some(range) => Self::range(range, length),
            None => Some(Self::Whole),
        }
    }

    /// What is no range of bytes is not heard, and several are answered with the whole.
    fn range(text: &str, length: u64) -> Option<Self> {
        let whole = Some(Self::Whole);
        let Some((unit, range)) = text.split_once('=') else { return whole };
        let Some((first, last)) = range.trim().split_once('-') else { return whole };
        if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
            return whole;
        }
        let part = match (number(first), number(last)) {
            (Some(Some(first)), Some(None)) => first..length,
            (Some(Some(first)), Some(Some(last))) if first <= last => {
                first..last.saturating_add(1).min(length)
            }
            (Some(None), Some(Some(most))) => length.saturating_sub(most)..length,
            _ => return whole,
        };
        if part.is_empty() { None } else { Some(Self::Part(part)) }
    }

    /// The part that is to be read; none of the whole.
    pub fn part(&self) -> Option<Range<u64>> {
        match self {
            Self::Part(part) => Some(part.clone()),
            Self::Whole | Self::Known => None,
        }
    }

    /// The bytes that are to be sent; none if none are.
    pub fn bytes(&self, length: u64) -> Option<Range<u64>> {
        match self {
            Self::Whole => Some(0..length),
            Self::Part(part) => Some(part.clone()),
            Self::Known => None,
        }
    }
}

/// A number, none where nothing stands; what is neither is no answer. One that is too large is the largest.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

/// The head of an answer with what was asked for; the caller says what the file is.
pub fn head(asked: &Asked, length: u64, etag: &str) -> HttpResponseBuilder {
    let (status, part) = match asked {
        Asked::Whole => (StatusCode::OK, None),
        Asked::Part(part) => {
            let last = part.end.saturating_sub(1);
            (StatusCode::PARTIAL_CONTENT, Some(format!("bytes {}-{last}/{length}", part.start)))
        }
        Asked::Known => (StatusCode::NOT_MODIFIED, None),
    };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::ETAG, etag.to_owned()))
        // It is sent as it is: the bytes of a range are those of the file.
        .insert_header(ContentEncoding::Identity);
    if let Some(part) = part {
        response.insert_header((header::CONTENT_RANGE, part));
    }
    response
}

/// The bytes behind the head, and a place that is held as long as they are on their way. A stream that ends early closes
/// the connection: nobody takes a part for the whole.
pub fn send<E: std::error::Error + Send + Sync + 'static>(
    mut response: HttpResponseBuilder,
    bytes: &Range<u64>,
    stream: impl Stream<Item = Result<Bytes, E>> + 'static,
    place: impl Sized + 'static,
) -> HttpResponse {
    let length = bytes.end.saturating_sub(bytes.start);
    let stream = stream.map(move |piece| {
        let _place = &place;
        piece.map_err(io::Error::other)
    });
    response.body(SizedStream::new(length, Box::pin(stream)))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const TAG: &str = "\"a\"";

    fn asked(length: u64, headers: &[(HeaderName, &'static str)]) -> Option<Asked> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.clone(), HeaderValue::from_static(value));
        }
        Asked::by(&map, length, TAG)
    }

    #[test]
    fn ranges_are_those_of_the_rfc() {
        for (range, expected) in [
            ("bytes=0-0", Some(Asked::Part(0..1))),
            ("bytes=0-499", Some(Asked::Part(0..500))),
            ("bytes=500-999", Some(Asked::Part(500..1_000))),
            ("bytes=500-", Some(Asked::Part(500..1_000))),
            ("bytes=-500", Some(Asked::Part(500..1_000))),
            ("bytes=-5000", Some(Asked::Part(0..1_000))),
            ("bytes=999-5000", Some(Asked::Part(999..1_000))),
            ("Bytes=1-2", Some(Asked::Part(1..3))),
            ("bytes= 1 - 2 ", Some(Asked::Part(1..3))),
            ("bytes=0-99999999999999999999999", Some(Asked::Part(0..1_000))),
            ("bytes=0-18446744073709551615", Some(Asked::Part(0..1_000))),
            ("bytes=1000-", None),
            ("bytes=1000-2000", None),
            ("bytes=99999999999999999999999-", None),
            ("bytes=-0", None),
            ("bytes=5-4", Some(Asked::Whole)),
            ("bytes=-", Some(Asked::Whole)),
            ("bytes=a-b", Some(Asked::Whole)),
            ("bytes=+1-2", Some(Asked::Whole)),
            ("bytes=1", Some(Asked::Whole)),
            ("bytes=0-1,5-6", Some(Asked::Whole)),
            ("seconds=0-1", Some(Asked::Whole)),
            ("nonsense", Some(Asked::Whole)),
        ] {
            assert_eq!(asked(1_000, &[(header::RANGE, range)]), expected, "{range}");
        }
        assert_eq!(asked(0, &[(header::RANGE, "bytes=0-")]), None);
        assert_eq!(asked(0, &[(header::RANGE, "bytes=-5")]), None);
        assert_eq!(asked(0, &[]), Some(Asked::Whole));
    }

    #[test]
    fn a_part_is_of_the_same_file() {
        let range = (header::RANGE, "bytes=1-2");
        let part = Some(Asked::Part(1..3));
        for (tag, expected) in [
            ("\"a\"", &part),
            ("\"b\"", &Some(Asked::Whole)),
            ("W/\"a\"", &Some(Asked::Whole)),
            ("Sat, 28 Nov 2026 12:00:00 GMT", &Some(Asked::Whole)),
        ] {
            let asked = asked(10, &[range.clone(), (header::IF_RANGE, tag)]);
            assert_eq!(&asked, expected, "{tag}");
        }
        assert_eq!(
            asked(10, &[range.clone(), (header::IF_NONE_MATCH, "\"a\"")]),
            Some(Asked::Known)
        );
        assert_eq!(asked(10, &[range, (header::IF_NONE_MATCH, "\"b\"")]), part);
    }
}
