//! API keys, refresh tokens and tokens for a password: a prefix, 256 random bits, the workspace and the id. Only the hash is kept.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub const API_KEY: &str = "vk_";
pub const REFRESH_TOKEN: &str = "vr_";
/// Sets a password, once. Its id is the user's.
pub const PASSWORD_TOKEN: &str = "vp_";

/// A secret as it was presented or made.
#[derive(Debug, Clone)]
pub struct Secret {
    pub workspace_id: Uuid,
    pub id: Uuid,
    pub text: String,
}

impl Secret {
    pub fn generate(prefix: &str, workspace_id: Uuid, id: Uuid) -> Self {
        let mut bytes = [0_u8; 64];
        rand::rng().fill_bytes(&mut bytes);
        let ids = workspace_id.as_bytes().iter().chain(id.as_bytes());
        for (to, from) in bytes.iter_mut().skip(32).zip(ids) {
            *to = *from;
        }
        Self { workspace_id, id, text: format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    pub fn parse(prefix: &str, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
        let (_, ids) = bytes.split_first_chunk::<32>()?;
        let (workspace, id) = ids.split_first_chunk::<16>()?;
        Some(Self {
            workspace_id: Uuid::from_bytes(*workspace),
            id: Uuid::from_bytes(id.try_into().ok()?),
            text: text.to_owned(),
        })
    }

    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.text).to_vec()
    }
}
