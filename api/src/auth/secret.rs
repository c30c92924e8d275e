//! API keys and refresh tokens: a prefix, the workspace, the id, and 256 random bits. Only the hash is kept.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub const API_KEY: &str = "vk_";
pub const REFRESH_TOKEN: &str = "vr_";

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
        for (to, from) in bytes.iter_mut().zip(workspace_id.as_bytes().iter().chain(id.as_bytes()))
        {
            *to = *from;
        }
        Self { workspace_id, id, text: format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    pub fn parse(prefix: &str, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
        let (workspace, rest) = bytes.split_first_chunk::<16>()?;
        let (id, secret) = rest.split_first_chunk::<16>()?;
        (secret.len() == 32).then(|| Self {
            workspace_id: Uuid::from_bytes(*workspace),
            id: Uuid::from_bytes(*id),
            text: text.to_owned(),
        })
    }

    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.text).to_vec()
    }
}
