//! The terms in force at one listener, and the look at their files every few seconds.
//!
//! What is incomplete or wrong changes nothing: the terms in force stay until the files make good
//! ones. Connections keep the terms that they were made under. Must not know: who connects.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::TlsError;
use super::clients::Shown;
use super::files::{Contents, Files, Stamp};
use super::terms::Terms;
use crate::domain::{Clock, Timestamp};
use crate::telemetry::ListenerMeasures;

/// How often the files are looked at. A link that was turned, a file that was written over and one
/// that was renamed into place are all seen, for it is the bytes that are compared.
const LOOK: Duration = Duration::from_secs(2);

/// A listener's terms.
pub(in crate::server) struct Certificates {
    files: Files,
    clock: Arc<dyn Clock>,
    measures: ListenerMeasures,
    current: ArcSwap<Terms>,
    /// What was last said of files that are not taken, so that it is said once.
    said: Mutex<Option<(Option<Stamp>, String)>>,
}

impl Certificates {
    /// Reads the files. A certificate whose time is over is taken all the same, with a warning:
    /// to serve nobody at all would help nobody.
    pub(in crate::server) fn load(
        files: Files,
        clock: Arc<dyn Clock>,
        measures: ListenerMeasures,
    ) -> Result<Self, TlsError> {
        let terms = Terms::new(&files, &files.read()?)?;
        if let Err(error) = terms.check_time(&files, clock.now()) {
            tracing::warn!(listener = measures.listener, %error, "clients will refuse the certificate");
        }
        measures.not_after.set(terms.not_after.seconds());
        measures.good.set(1);
        Ok(Self {
            files,
            clock,
            measures,
            current: ArcSwap::from_pointee(terms),
            said: Mutex::new(None),
        })
    }

    /// The terms of a handshake that begins now.
    pub(in crate::server) fn current(&self) -> Arc<Terms> {
        self.current.load_full()
    }

    /// Whether only holders of a certificate get in.
    pub(in crate::server) fn asks_for_certificates(&self) -> bool {
        self.files.clients.is_some()
    }

    /// Whether a client's certificate is as good now as it was at its handshake: not past its time,
    /// and verified under these terms, which is done again if they are new.
    pub(in crate::server) fn still_accept(&self, shown: &Shown) -> bool {
        let current = self.current.load();
        let chain: &[CertificateDer<'_>] = &shown.chain;
        let now = self.clock.now();
        now <= shown.certificate.expires
            && (Arc::ptr_eq(&current, &shown.under) || current.accept(chain, now))
    }

    /// Takes what the files hold now, if that is new and good.
    fn look(&self) {
        let contents = self.files.read();
        let stamp = contents.as_ref().ok().map(Contents::stamp);
        if stamp == Some(self.current.load().stamp) {
            return self.forget();
        }
        match contents.and_then(|contents| self.good_terms(&contents)) {
            Ok(terms) => self.take(terms),
            Err(error) => self.keep(stamp, &error),
        }
    }

    fn good_terms(&self, contents: &Contents) -> Result<Terms, TlsError> {
        let terms = Terms::new(&self.files, contents)?;
        terms.check_time(&self.files, self.clock.now())?;
        Ok(terms)
    }

    fn take(&self, terms: Terms) {
        let until = terms.not_after;
        self.measures.not_after.set(until.seconds());
        self.current.store(Arc::new(terms));
        self.measures.taken.inc();
        self.forget();
        tracing::info!(listener = self.measures.listener, %until, "new certificate files are in force");
    }

    fn keep(&self, stamp: Option<Stamp>, error: &TlsError) {
        self.measures.good.set(0);
        let what = Some((stamp, error.to_string()));
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != what {
            *said = what;
            self.measures.kept.inc();
            tracing::error!(listener = self.measures.listener, %error, "the certificate files are not taken; those before stay in force");
        }
    }

    fn forget(&self) {
        self.measures.good.set(1);
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Whether a listener could start with what the files hold, and be believed at `now`.
pub(in crate::server) fn check(files: &Files, now: Timestamp) -> Result<(), TlsError> {
    Terms::new(files, &files.read()?)?.check_time(files, now)
}

/// SIGHUP, from now on. Before, it ends the process.
pub(in crate::server) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Looks at the files of each of `listeners` every two seconds, and at once on SIGHUP. Never ends.
pub(in crate::server) async fn renew(listeners: Vec<Arc<Certificates>>, mut hangups: Signal) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = hangups.recv() => {}
        }
        for listener in listeners.iter().map(Arc::clone) {
            // Files may lie on a disk that is slow or away.
            if let Err(error) = spawn_blocking(move || listener.look()).await {
                tracing::error!(%error, "the certificate files could not be looked at");
            }
        }
    }
}

#[cfg(test)]
mod tests;
