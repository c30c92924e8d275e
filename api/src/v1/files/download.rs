//! A file on its way out.

use actix_web::{HttpResponse, body::SizedStream, http::header};
use futures_util::StreamExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use voronka_persistence::files::File;

use crate::{
    http::{Call, Problem, Responded, call::FilesRead},
    objects::Key,
};

/// What RFC 5987 leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The bytes, never to be shown: nothing in them is run by whoever opens them.
pub(super) async fn answer(call: &Call<FilesRead>, file: File) -> Responded {
    let etag = format!("\"{}\"", hex::encode(&file.sha256));
    if call.knows(&etag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish());
    }
    let workspace_id = call.caller.workspace_id;
    let place = call.app.downloads.one(workspace_id).await?;
    let key = Key { workspace_id, id: file.stored_id };
    let bytes = call.app.objects.read(key, None).await.map_err(Problem::from)?;
    let bytes = bytes.map(move |piece| {
        let _place = &place;
        piece
    });
    let length = u64::try_from(file.bytes).unwrap_or(0);
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CONTENT_DISPOSITION, disposition(&file.name)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        // As long as it says, so it is not packed.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header((header::ETAG, etag))
        .body(SizedStream::new(length, bytes)))
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
