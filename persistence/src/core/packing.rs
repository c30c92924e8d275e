//! Events packed. What one says is written once and read seldom, and most of it is the names of fields: with a
//! dictionary of them it takes a quarter of the room.
//!
//! The dictionary was trained by `zstd --train` on the events of the sample company, with made up ids in the place of
//! its own. It is part of the data that was packed with it and must never change; a packed event names the one that
//! it needs, so that another can be added.

use std::{cell::RefCell, sync::LazyLock};

use serde::Serialize;
use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
    zstd_safe::get_frame_content_size,
};

use crate::{Error, JsonText, Result};

const DICTIONARY: &[u8] = include_bytes!("events-1.dict");
static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

/// Higher ones take four times as long and save a twentieth.
const LEVEL: i32 = 3;

/// No event is longer: what it says has come in bodies, which are shorter.
const MOST: u64 = 64 << 20;

thread_local! {
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Who did it, what changed, and the object right after.
pub(crate) fn packed(
    actor: &impl Serialize,
    change: &JsonText,
    object: &JsonText,
) -> Result<Vec<u8>> {
    let text = serde_json::to_vec(&(actor, change, object))
        .map_err(|error| Error::Internal(error.to_string()))?;
    PACKER.with_borrow_mut(|packer| {
        let packer = match packer {
            Some(packer) => packer,
            None => packer.insert(Compressor::with_prepared_dictionary(&ENCODER).map_err(fault)?),
        };
        packer.compress(&text).map_err(fault)
    })
}

/// The same three again.
pub fn unpacked(packed: &[u8]) -> Result<(JsonText, JsonText, JsonText)> {
    let size = get_frame_content_size(packed).ok().flatten().filter(|size| *size <= MOST);
    let size = size.and_then(|size| usize::try_from(size).ok());
    let size = size.ok_or_else(|| Error::Internal("what is packed has no length".to_owned()))?;
    let text = UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = match unpacker {
            Some(unpacker) => unpacker,
            None => {
                unpacker.insert(Decompressor::with_prepared_dictionary(&DECODER).map_err(fault)?)
            }
        };
        unpacker.decompress(packed, size).map_err(fault)
    })?;
    serde_json::from_slice(&text).map_err(|error| Error::Internal(error.to_string()))
}

fn fault(error: std::io::Error) -> Error {
    Error::Internal(format!("packing of events: {error}"))
}
