//! Files that hang on other things: on what, and what is believed of what they say of themselves.

pub mod name;

use serde::{Deserialize, Serialize};

use crate::people::access::Permission;

/// How many files one thing may have.
pub const MOST: i64 = 1_000;

/// What files hang on. Whoever sees it sees its files, and whoever may change it adds and deletes them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ObjectKind {
    Deal,
    Client,
    Activity,
    Document,
}

impl ObjectKind {
    pub const ALL: [Self; 4] = [Self::Deal, Self::Client, Self::Activity, Self::Document];

    /// What it takes to read its files.
    pub fn read(self) -> Permission {
        match self {
            Self::Deal => Permission::DealsRead,
            Self::Client => Permission::ClientsRead,
            Self::Activity => Permission::ActivitiesRead,
            Self::Document => Permission::DocumentsRead,
        }
    }

    /// What it takes to add and delete them.
    pub fn write(self) -> Permission {
        match self {
            Self::Deal => Permission::DealsWrite,
            Self::Client => Permission::ClientsWrite,
            Self::Activity => Permission::ActivitiesWrite,
            Self::Document => Permission::DocumentsWrite,
        }
    }
}

/// Types that a browser only shows or saves, whatever is in the file. All others are answered as bytes.
const HARMLESS: [&str; 24] = [
    "application/pdf",
    "application/zip",
    "application/gzip",
    "application/msword",
    "application/rtf",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
    "audio/wav",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
    "video/mp4",
    "video/webm",
];

/// The type as which a file is answered: what it was said to be if that is harmless, else bytes.
pub fn answered_type(said: Option<&str>) -> &'static str {
    let said = said.unwrap_or_default();
    let known = HARMLESS.into_iter().find(|harmless| harmless.eq_ignore_ascii_case(said));
    known.unwrap_or("application/octet-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_would_run_is_bytes() {
        for wild in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "text/javascript",
            "text/plain; charset=utf-7",
            "",
        ] {
            assert_eq!(answered_type(Some(wild)), "application/octet-stream", "{wild}");
        }
        assert_eq!(answered_type(None), "application/octet-stream");
        assert_eq!(answered_type(Some("Image/PNG")), "image/png");
    }

    #[test]
    fn rights_are_those_of_the_thing() {
        let scopes = ObjectKind::ALL.map(|kind| (kind.read().scope(), kind.write().scope()));
        let expected = [
            ("deals:read", "deals:write"),
            ("clients:read", "clients:write"),
            ("activities:read", "activities:write"),
            ("documents:read", "documents:write"),
        ];
        assert_eq!(scopes, expected);
    }
}
