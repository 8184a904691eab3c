//! What a verification says, and a bounded memory of those that were costly.
//!
//! Must not know: signatures.

use std::any::Any;
use std::sync::{Arc, Weak};
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
    /// How long what verified it does.
    pub(super) standing: Standing,
}

/// Whether the key behind a verification is still one. A configured key always is; an issuer's is
/// for as long as the issuer serves it. It is copied with each use: cores count together for one
/// token, never for a key.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing(Option<Arc<Weak<dyn Any + Send + Sync>>>);

impl Standing {
    /// For as long as somebody holds `key`.
    pub(super) fn of<T: Any + Send + Sync>(key: &Arc<T>) -> Self {
        let key: Arc<dyn Any + Send + Sync> = key.clone();
        Self(Some(Arc::new(Arc::downgrade(&key))))
    }

    fn holds(&self) -> bool {
        let key = self.0.as_ref();
        key.is_none_or(|key| key.strong_count() > 0)
    }
}

impl Verified {
    /// The first instant at which it may be used.
    pub(in crate::access) fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

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

/// Tokens that verified, and what is known of each, by their SHA-256. The whole token is compared
/// all the same.
pub(super) struct Remembered<T>(Cache<[u8; 32], Kept<T>>);

/// Tokens that stand for themselves.
pub(super) type VerifiedTokens = Remembered<Verified>;

/// What is remembered of a token.
pub(super) trait Weighed: Clone + Send + Sync + 'static {
    /// About what it takes besides the token, in bytes.
    fn weight(&self) -> usize;

    /// Whether it is still so.
    fn holds(&self) -> bool {
        true
    }
}

impl Weighed for Verified {
    fn weight(&self) -> usize {
        ENTRY_BYTES
    }

    fn holds(&self) -> bool {
        self.standing.holds()
    }
}

#[derive(Clone)]
struct Kept<T> {
    token: SecretText,
    value: T,
    life: Duration,
}

/// What the memory may take, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// About what a verified token takes besides its text.
const ENTRY_BYTES: usize = 1024;
/// No entry lives longer, however long its token does.
const MAX_LIFE: Duration = Duration::from_secs(3600);

impl<T: Weighed> Remembered<T> {
    pub(super) fn new() -> Self {
        let bytes = |_: &[u8; 32], kept: &Kept<T>| {
            u32::try_from(kept.token.expose().len() + kept.value.weight()).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(bytes)
            .expire_after(DiesWithToken)
            .build();
        Self(cache)
    }

    pub(super) fn find(&self, token: &str) -> Option<T> {
        let kept = self.0.get(&sha256(token.as_bytes()))?;
        let is_it = kept.token.is(token) && kept.value.holds();
        is_it.then_some(kept.value)
    }

    /// Keeps `value` for as long as anything is kept.
    pub(super) fn keep_long(&self, token: &str, value: &T) {
        self.keep_for(MAX_LIFE, token, value);
    }

    fn keep_for(&self, life: Duration, token: &str, value: &T) {
        let kept = Kept {
            token: SecretText::new(token.to_owned()),
            value: value.clone(),
            life,
        };
        self.0.insert(sha256(token.as_bytes()), kept);
    }
}

impl VerifiedTokens {
    pub(super) fn keep(&self, token: &str, verified: &Verified, now: Timestamp) {
        let expires = verified.principal.expires;
        let life = expires.map_or(MAX_LIFE, |end| end.since(now).min(MAX_LIFE));
        self.keep_for(life, token, verified);
    }
}

/// Frees an entry when its token ends. Only memory hangs on it: the clock of the cache is not
/// the one that decides.
struct DiesWithToken;

impl<T> Expiry<[u8; 32], Kept<T>> for DiesWithToken {
    fn expire_after_create(&self, _: &[u8; 32], kept: &Kept<T>, _: Instant) -> Option<Duration> {
        Some(kept.life)
    }

    fn expire_after_update(
        &self,
        _: &[u8; 32],
        kept: &Kept<T>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.life)
    }
}
