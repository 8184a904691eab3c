//! The gate hears the store's news, before its first answer and from then on.
//!
//! Must not know: who reads the news, or when.

use futures_util::future::{BoxFuture, FutureExt as _};

use super::Gate;
use crate::store::{Heed, News, StoreError};

impl Heed for Gate {
    fn heed<'a>(&'a self, news: &'a News) -> BoxFuture<'a, Result<(), StoreError>> {
        self.entitlement().heed(news);
        self.revocations().heed(news).boxed()
    }
}
