//! Packagers' credentials: `/v1/credentials…` of the ops listener.
//!
//! Must not know: whose credential may do what, or what is kept of a password.

use serde::{Deserialize, Serialize};

use super::Text;
use crate::crypto::SecretText;
use crate::domain::{Action, StreamPattern, Timestamp};

/// A new user with a password, or the holder of a client certificate: `POST /v1/credentials`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRequest {
    /// What to call the credential: 1 to 64 bytes without spaces and slashes; unique.
    pub name: String,
    /// What the packager calls itself: 1 to 64 bytes without a colon; unique. Without it there is `certificate`.
    #[serde(default)]
    pub user: Option<String>,
    /// 12 to 512 bytes, of which a verifier alone is kept.
    #[serde(default)]
    pub password: Option<SecretText>,
    /// Whose client certificate speaks for it, instead: `sha256:FINGERPRINT`, `dns:HOST` or `uri:URI`; unique.
    #[serde(default)]
    pub certificate: Option<String>,
    /// Whether HTTP's digest is taken of this user, at SPEKE's routes. Legacy: by what is kept for it, sealed by the
    /// master key, somebody would be let in as by the password. Default: false.
    #[serde(default)]
    pub digest_legacy: bool,
    /// Patterns of streams, 1 to 64.
    pub streams: Vec<Text<StreamPattern>>,
    /// What it may do with them: what packagers do, and `publish`.
    pub actions: Vec<Text<Action>>,
    /// When it ends. Default: when it is removed.
    #[serde(default)]
    pub expires: Option<Text<Timestamp>>,
}

/// A credential without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialView {
    /// What it is called.
    pub name: String,
    /// By what a revocation calls it.
    pub id: String,
    /// The user; absent where it is an API key or a certificate.
    pub user: Option<String>,
    /// Whether HTTP's digest is taken of the user.
    pub digest_legacy: bool,
    /// Whose client certificate it is for.
    pub certificate: Option<String>,
    /// Patterns of streams.
    pub streams: Vec<Text<StreamPattern>>,
    /// What it may do with them.
    pub actions: Vec<Text<Action>>,
    /// When it was made.
    pub created: Text<Timestamp>,
    /// When it ends.
    pub expires: Option<Text<Timestamp>>,
}

/// `GET /v1/credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialList {
    /// By name.
    pub credentials: Vec<CredentialView>,
}
