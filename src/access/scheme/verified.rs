//! What a verification says, and a bounded memory of those that were costly.
//!
//! Must not know: signatures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::Fault;
use crate::crypto::{SecretText, sha256};
use crate::domain::{Principal, Timestamp};

/// A token whose signature and claims are good. Its time is checked on every use.
#[derive(Debug, Clone)]
pub(in crate::access) struct Verified {
    pub(in crate::access) principal: Arc<Principal>,
    /// The first instant at which it may be used.
    pub(super) not_before: Option<Timestamp>,
}

impl Verified {
    /// Good from `not_before`, that instant included, to the expiry, that instant excluded
    /// (RFC 7519 §4.1.4 and §4.1.5).
    pub(in crate::access) fn check_time(&self, now: Timestamp) -> Result<(), Fault> {
        if !self.principal.is_live(now) {
            return Err(Fault::Expired);
        }
        let has_come = self.not_before.is_none_or(|from| from <= now);
        has_come.then_some(()).ok_or(Fault::NotYet)
    }
}

/// Tokens that verified, by their SHA-256. The whole token is compared all the same.
pub(super) struct VerifiedTokens(Cache<[u8; 32], Kept>);

#[derive(Clone)]
struct Kept {
    token: SecretText,
    verified: Verified,
    life: Duration,
}

/// What the memory may take, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// About what an entry takes besides its token.
const ENTRY_BYTES: usize = 1024;
/// No entry lives longer, however long its token does.
const MAX_LIFE: Duration = Duration::from_secs(3600);

impl VerifiedTokens {
    pub(super) fn new() -> Self {
        let bytes = |_: &[u8; 32], kept: &Kept| {
            u32::try_from(kept.token.expose().len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(bytes)
            .expire_after(DiesWithToken)
            .build();
        Self(cache)
    }

    pub(super) fn find(&self, token: &str) -> Option<Verified> {
        let kept = self.0.get(&sha256(token.as_bytes()))?;
        kept.token.is(token).then_some(kept.verified)
    }

    pub(super) fn keep(&self, token: &str, verified: &Verified, now: Timestamp) {
        let expires = verified.principal.expires;
        let kept = Kept {
            token: SecretText::new(token.to_owned()),
            verified: verified.clone(),
            life: expires.map_or(MAX_LIFE, |end| end.since(now).min(MAX_LIFE)),
        };
        self.0.insert(sha256(token.as_bytes()), kept);
    }
}

/// Frees an entry when its token ends. Only memory hangs on it: the clock of the cache is not
/// the one that decides.
struct DiesWithToken;

impl Expiry<[u8; 32], Kept> for DiesWithToken {
    fn expire_after_create(&self, _: &[u8; 32], kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.life)
    }

    fn expire_after_update(
        &self,
        _: &[u8; 32],
        kept: &Kept,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.life)
    }
}
