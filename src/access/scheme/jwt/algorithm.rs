//! The algorithms of RFC 7518 §3.1 that tokens may have, and the one of them that `jsonwebtoken` has not.
//!
//! Must not know: keys.

use std::str::FromStr;

use jsonwebtoken::AlgorithmFamily;

/// By the name that it has in tokens and in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// Ed25519 (RFC 8037).
    EdDSA,
}

/// No algorithm has the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown;

impl Algorithm {
    const ALL: [Self; 13] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
    ];

    /// As `jsonwebtoken` has it; `None` for ES512, which `p521` verifies and signs.
    pub(super) fn of_library(self) -> Option<jsonwebtoken::Algorithm> {
        use jsonwebtoken::Algorithm as Library;
        Some(match self {
            Self::HS256 => Library::HS256,
            Self::HS384 => Library::HS384,
            Self::HS512 => Library::HS512,
            Self::RS256 => Library::RS256,
            Self::RS384 => Library::RS384,
            Self::RS512 => Library::RS512,
            Self::PS256 => Library::PS256,
            Self::PS384 => Library::PS384,
            Self::PS512 => Library::PS512,
            Self::ES256 => Library::ES256,
            Self::ES384 => Library::ES384,
            Self::ES512 => return None,
            Self::EdDSA => Library::EdDSA,
        })
    }

    /// The sort of its keys.
    pub(super) fn family(self) -> AlgorithmFamily {
        self.of_library()
            .map_or(AlgorithmFamily::Ec, jsonwebtoken::Algorithm::family)
    }

    /// All that keys of a sort may be for.
    pub(super) fn of_family(family: AlgorithmFamily) -> Vec<Self> {
        let all = Self::ALL.into_iter();
        all.filter(|it| it.family() == family).collect()
    }
}

/// Case matters (RFC 7518 §3.1).
impl FromStr for Algorithm {
    type Err = Unknown;

    fn from_str(name: &str) -> Result<Self, Unknown> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| format!("{it:?}") == name).ok_or(Unknown)
    }
}
