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
            None => {
                let mut new = Compressor::with_prepared_dictionary(&ENCODER).map_err(fault)?;
                // A spoiled byte is noticed, and not read as another history. Those from before have none.
                new.include_checksum(true).map_err(fault)?;
                packer.insert(new)
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &serde_json::Value) -> JsonText {
        JsonText::of(json).unwrap()
    }

    #[test]
    fn what_was_packed_is_the_same_again_and_each_spoiled_bit_is_noticed() {
        let actor =
            serde_json::json!({ "kind": "user", "id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11" });
        let change = serde_json::json!({ "type": "updated", "previous": { "title": "Racks" },
            "current": { "title": "Racks for the new plant" } });
        let object = serde_json::json!({ "title": "Racks for the new plant", "status": "open",
            "amount": { "amount": "1999.95", "currency": "EUR" } });
        let packed = packed(&actor, &text(&change), &text(&object)).unwrap();
        let whole = |packed: &[u8]| {
            let (actor, change, object) = unpacked(packed).ok()?;
            serde_json::to_string(&(actor, change, object)).ok()
        };
        let told = whole(&packed);
        assert_eq!(told, serde_json::to_string(&(&actor, &change, &object)).ok());
        for place in 0..packed.len() {
            for bit in 0..8 {
                let mut spoiled = packed.clone();
                spoiled[place] ^= 1 << bit;
                // Bits of the frame's head that mean nothing leave it as it was.
                let read = whole(&spoiled);
                assert!(read.is_none() || read == told, "{place} {bit}: {read:?}");
            }
        }
    }
}
