//! Access tokens: our own (HS256), and those of an external issuer (RS256, ES256, EdDSA by JWKS).

use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voronka_persistence::Error;

use super::jwks::Keys;

const ISSUER: &str = "voronka";

pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    pub access_seconds: i64,
    pub refresh_seconds: i64,
    external: Option<External>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: Uuid,
    workspace_id: Uuid,
    iat: i64,
    exp: i64,
    /// That of the user when it was made: once all tokens of the user have ended, another one is asked for.
    #[serde(default)]
    token_version: i32,
}

/// Of an external token, who it speaks of.
#[derive(Debug, Deserialize)]
struct ExternalClaims {
    workspace_id: Uuid,
    #[serde(default)]
    email: Option<String>,
    /// Where the issuer says nothing of it, all its emails are taken for verified.
    #[serde(default)]
    email_verified: Option<serde_json::Value>,
    #[serde(default)]
    sub: Option<String>,
}

/// Who a token speaks of.
#[derive(Debug, PartialEq, Eq)]
pub enum Subject {
    /// One of our own tokens says of which version it is.
    User {
        workspace_id: Uuid,
        user_id: Uuid,
        token_version: Option<i32>,
    },
    Email {
        workspace_id: Uuid,
        email: String,
    },
}

struct External {
    keys: Keys,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Tokens {
    pub fn new(secret: &[u8], access_seconds: i64, refresh_seconds: i64) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            access_seconds,
            refresh_seconds,
            external: None,
        }
    }

    /// Also takes the tokens of an issuer whose keys are at a URL or in a file.
    pub fn with_issuer(
        mut self,
        jwks: Option<String>,
        issuer: Option<String>,
        audience: Option<String>,
    ) -> Self {
        self.external =
            jwks.map(|location| External { keys: Keys::at(location), issuer, audience });
        self
    }

    pub fn issue(
        &self,
        workspace_id: Uuid,
        user_id: Uuid,
        token_version: i32,
        now: DateTime<Utc>,
    ) -> Result<String, Error> {
        let iat = now.timestamp();
        let exp = iat.saturating_add(self.access_seconds);
        let iss = ISSUER.to_owned();
        let claims = Claims { iss, sub: user_id, workspace_id, iat, exp, token_version };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| Error::Internal(format!("access token: {error}")))
    }

    /// Who one of our own tokens speaks of, and of which version it is, if it is good.
    pub fn verify_own(&self, token: &str) -> Option<(Uuid, Uuid, i32)> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.leeway = 5;
        let claims = decode::<Claims>(token, &self.decoding, &validation).ok()?.claims;
        Some((claims.workspace_id, claims.sub, claims.token_version))
    }

    /// Who the token speaks of, if it is good. May fetch the issuer's keys: it blocks.
    pub fn verify(&self, token: &str) -> Option<Subject> {
        let header = decode_header(token).ok()?;
        if header.alg == Algorithm::HS256 {
            let (workspace_id, user_id, version) = self.verify_own(token)?;
            let token_version = Some(version);
            return Some(Subject::User { workspace_id, user_id, token_version });
        }
        self.external.as_ref()?.verify(token, &header)
    }
}

/// Some issuers write it as a text.
fn is_true(value: &serde_json::Value) -> bool {
    *value == true || *value == "true"
}

impl External {
    fn verify(&self, token: &str, header: &Header) -> Option<Subject> {
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA) {
            return None;
        }
        // What has to be understood to judge the token is not understood here.
        if header.crit.is_some() {
            return None;
        }
        let key = self.keys.of(header)?;
        let validation = self.validation(header.alg);
        let claims = decode::<ExternalClaims>(token, &key, &validation).ok()?.claims;
        let workspace_id = claims.workspace_id;
        if let Some(email) = claims.email {
            if !claims.email_verified.is_none_or(|verified| is_true(&verified)) {
                return None;
            }
            return Some(Subject::Email { workspace_id, email });
        }
        let user_id = claims.sub?.parse().ok()?;
        Some(Subject::User { workspace_id, user_id, token_version: None })
    }

    /// An issuer and an audience that are configured must be there: a claim that is absent is not checked.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = 5;
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        match &self.issuer {
            Some(issuer) => {
                validation.set_issuer(&[issuer]);
                required.push("iss");
            }
            None => validation.iss = None,
        }
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        validation.set_required_spec_claims(&required);
        validation
    }
}
