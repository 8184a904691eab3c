//! Who else is told the news: what lower floors hold in memory.
//!
//! Must not know: what that is, or who tells.

use futures_util::future::BoxFuture;

use super::{News, StoreError};

/// Somebody who holds in memory what the news may change.
pub trait Heed: Send + Sync {
    /// Forgets, or reads anew, what `news` call for. Only then do they count as heard; after an error
    /// what was missed is told as [`News::Lost`].
    fn heed<'a>(&'a self, news: &'a News) -> BoxFuture<'a, Result<(), StoreError>>;
}
