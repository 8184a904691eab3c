//! Others that are told the news: they are told each, and news that they could not heed are old.
//!
//! Must not know: what the others hold in memory.

use std::sync::Mutex;

use futures_util::future::BoxFuture;

use super::*;
use crate::keys::testing::{Bench, every};
use crate::store::StoreError;

/// Notes what it is told, and fails as often as it is made to.
#[derive(Default)]
struct Listener {
    told: Mutex<Vec<News>>,
    failures: Mutex<u32>,
}

impl Heed for Listener {
    fn heed<'a>(&'a self, news: &'a News) -> BoxFuture<'a, Result<(), StoreError>> {
        self.told.lock().unwrap().push(news.clone());
        let mut failures = self.failures.lock().unwrap();
        let fails = *failures > 0;
        *failures = failures.saturating_sub(1);
        Box::pin(async move {
            match fails {
                true => Err(StoreError::TooLarge("obviously")),
                false => Ok(()),
            }
        })
    }
}

#[tokio::test]
async fn others_hear_the_same_news_and_again_what_they_could_not_heed() {
    let bench = Bench::new().await;
    let listener = Arc::new(Listener::default());
    let others: [Arc<dyn Heed>; 1] = [listener.clone()];
    let told = || std::mem::take(&mut *listener.told.lock().unwrap());

    let stream = bench.register("live/a", every(10)).await;
    bench.hear_with(&others).await.unwrap();
    let changes = News::Changes(vec![Change::Stream(stream)]);
    assert_eq!(told(), [changes]);

    *listener.failures.lock().unwrap() = 1;
    bench.register("live/b", every(10)).await;
    bench.clock.let_pass(Duration::from_secs(20));
    assert!(bench.hear_with(&others).await.is_err());
    assert_eq!(told().len(), 1);
    let age = bench.keys.news_age().unwrap();
    assert_eq!(age, Duration::from_secs(20), "they do not count as heard");

    bench.hear_with(&others).await.unwrap();
    assert_eq!(told(), [News::Lost], "not known which ones were missed");
    assert_eq!(bench.keys.news_age().unwrap(), Duration::ZERO);
    bench.hear_with(&others).await.unwrap();
    assert_eq!(told(), [News::Changes(Vec::new())]);
}
