//! A file on its way out.

use actix_web::{HttpRequest, http::header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use voronka_persistence::files::File;

use crate::{
    http::{
        Call, Responded,
        call::FilesRead,
        ranges::{self, Asked},
    },
    objects::Key,
};

/// What RFC 5987 leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The bytes, never to be shown: nothing in them is run by whoever opens them.
pub(super) async fn answer(call: &Call<FilesRead>, request: &HttpRequest, file: File) -> Responded {
    let etag = format!("\"{}\"", hex::encode(&file.sha256));
    let length = u64::try_from(file.bytes).unwrap_or(0);
    let asked = Asked::of(request, length, &etag)?;
    let mut response = ranges::head(&asked, length, &etag);
    let Some(bytes) = asked.bytes(length) else { return Ok(response.finish()) };
    let workspace_id = call.caller.workspace_id;
    let place = call.app.downloads.one(workspace_id).await?;
    let key = Key { workspace_id, id: file.stored_id };
    let stream = call.app.objects.read(key, asked.part()).await?;
    response
        .content_type("application/octet-stream")
        .insert_header((header::CONTENT_DISPOSITION, disposition(&file.name)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"));
    Ok(ranges::send(response, &bytes, stream, place))
}

/// RFC 6266: the name for those who read UTF-8, and what is left of it for all others.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| match letter {
            '"' | '\\' | '%' => '_',
            ' '..='~' => letter,
            _ => '_',
        })
        .collect();
    format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        utf8_percent_encode(name, PLAIN)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_twice() {
        for (name, told) in [
            ("offer.pdf", "attachment; filename=\"offer.pdf\"; filename*=UTF-8''offer.pdf"),
            ("a \"b\".txt", "attachment; filename=\"a _b_.txt\"; filename*=UTF-8''a%20%22b%22.txt"),
            // RFC 5987, 3.2.2.
            (
                "£ and € rates",
                "attachment; filename=\"_ and _ rates\"; filename*=UTF-8''%C2%A3%20and%20%E2%82%AC%20rates",
            ),
        ] {
            assert_eq!(disposition(name), told);
        }
    }
}
