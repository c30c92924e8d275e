//! Files as they are kept: in pieces.

use std::io::{self, Read};

use uuid::Uuid;
use voronka_domain::import::Spec;
use voronka_persistence::{Store, import::imports};

/// What the spec says; the comma by default.
pub fn delimiter(spec: &Spec) -> u8 {
    spec.delimiter.and_then(|c| u8::try_from(c).ok()).unwrap_or(b',')
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
