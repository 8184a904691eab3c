//! A connection on which HTTP is spoken: TLS with a client that is waited for with patience.
//!
//! Must not know: HTTP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::bounds::Place;
use super::patience::Patience;
use crate::server::tls::{Shown, TlsStream};
use crate::telemetry::{ListenerMeasures, Turned};

/// The connection, which is counted and has its place as long as it lives.
pub(in crate::server) struct Connection {
    tls: TlsStream,
    patience: Patience,
    /// What the client showed, where it is asked.
    pub(in crate::server) shown: Option<Shown>,
    measures: ListenerMeasures,
    _place: Option<Place>,
}

impl Connection {
    pub(super) fn new(
        tls: TlsStream,
        shown: Option<Shown>,
        place: Option<Place>,
        measures: ListenerMeasures,
    ) -> Self {
        measures.open.inc();
        Self {
            tls,
            patience: Patience::new(),
            shown,
            measures,
            _place: place,
        }
    }

    /// What there is to say when nothing can be done now.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.patience.poll(context).map(|()| {
            self.measures.turned(Turned::Slow).inc();
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.measures.open.dec();
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.tls).poll_read(context, into) {
            Poll::Pending => self.wait(context),
            ready => {
                if into.filled().len() > before {
                    self.patience.asked();
                }
                ready
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.tls).poll_write(context, bytes) {
            Poll::Pending => {
                self.patience.stalled();
                self.wait(context)
            }
            ready => {
                self.patience.answered();
                ready
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.tls).poll_flush(context) {
            Poll::Pending => {
                self.patience.stalled();
                self.wait(context)
            }
            ready => ready,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.tls).poll_shutdown(context) {
            Poll::Pending => {
                self.patience.stalled();
                self.wait(context)
            }
            ready => ready,
        }
    }
}
