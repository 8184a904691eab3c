//! The worker: source → period → encrypt → self-check → sink(segment) → sink(playlist).
//!
//! Must not know: the store, the server; it reaches the key server by HTTPS alone.

#[expect(dead_code, reason = "the pipeline that calls it comes next")]
mod client;
mod error;
mod event;
mod options;

use std::sync::Arc;

pub use client::ClientError;
pub use error::{EncryptorError, Summary};
pub use event::{Event, StallReason};
pub use options::{Options, PlaceError, Sink, Source};

use crate::domain::Clock;

/// Encrypts the source into the sink until `shutdown`, or with `once` until all of it is done.
pub async fn run(
    options: Options,
    clock: Arc<dyn Clock>,
    events: impl Fn(Event) + Send + Sync + 'static,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, EncryptorError> {
    let ca = options.ca.as_deref();
    let _client = client::Client::new(&options.server, ca, &options.credential, &options.stream)?;
    let _ = (clock.now(), options.once);
    shutdown.await;
    let summary = Summary::default();
    events(Event::Stopped { summary });
    Ok(summary)
}
