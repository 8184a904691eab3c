//! A connection on which HTTP is spoken, with a client that is waited for with patience, heard in
//! small pieces, and let finish its sentence at the end.
//!
//! Must not know: HTTP.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::bounds::Place;
use super::intake::{Intake, May, Questions};
use super::patience::Patience;
use crate::server::tls::Shown;
use crate::telemetry::{ListenerMeasures, Turned};

/// The connection.
pub(in crate::server) struct Connection<S> {
    stream: S,
    patience: Patience,
    intake: Intake,
    /// What the client showed, where it is asked.
    pub(in crate::server) shown: Option<Shown>,
    guest: Guest,
    parting: Option<Pin<Box<Sleep>>>,
    hearing: Hearing,
}

/// What becomes of a client that takes no answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Hearing {
    /// Its connection ends.
    WhileItListens,
    /// What it had sent is read to its end. ffmpeg sends its last files one behind the other, and
    /// closes without a look at the answers.
    ToItsEnd,
    /// It is the second, and answers go nowhere.
    Deaf,
}

/// A connection in the counts: of its listener, and of its address if that is known.
pub(super) struct Guest {
    measures: Option<ListenerMeasures>,
    pub(super) place: Option<Place>,
}

/// How long a client may go on sending what nobody wants any more. Without it the system would
/// answer the rest with a reset, upon which clients forget the answer that they have not read yet.
const PARTING: Duration = Duration::from_secs(1);

impl<S> Connection<S> {
    pub(super) fn new(stream: S, shown: Option<Shown>, guest: Guest, hearing: Hearing) -> Self {
        Self {
            stream,
            patience: Patience::new(),
            intake: Intake::default(),
            shown,
            guest,
            parting: None,
            hearing,
        }
    }

    /// An answer that cannot be given, which may not matter: then `instead` is what came of it.
    fn not_taken<T>(&mut self, error: io::Error, instead: T) -> Poll<io::Result<T>> {
        if self.hearing != Hearing::ToItsEnd {
            return Poll::Ready(Err(error));
        }
        self.hearing = Hearing::Deaf;
        self.patience.answered();
        Poll::Ready(Ok(instead))
    }

    /// For those who answer, to say when they begin and end.
    pub(in crate::server) fn questions(&self) -> Questions {
        self.intake.questions.clone()
    }

    /// What there is to say when nothing can be done now.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.intake.questions.holds() {
            self.patience.held();
        }
        self.patience.poll(context).map(|()| {
            self.guest.turned(Turned::Slow);
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    /// Bytes do not go.
    fn stall<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.patience.stalled();
        self.wait(context)
    }

    /// Bytes go, perhaps again.
    fn flows(&mut self) {
        if self.patience.flows() {
            self.intake.questions.wake();
        }
    }
}

impl Connection<BufReader<TcpStream>> {
    /// Without TLS, without a count: for those who come from this machine. And where from.
    pub(in crate::server) fn plain(socket: TcpStream) -> io::Result<(Self, SocketAddr)> {
        socket.set_nodelay(true)?;
        let client = socket.peer_addr()?;
        let stream = BufReader::new(socket);
        let guest = Guest::new(None);
        let connection = Self::new(stream, None, guest, Hearing::WhileItListens);
        Ok((connection, client))
    }
}

impl Guest {
    /// Counted from now until it is dropped.
    pub(super) fn new(measures: Option<ListenerMeasures>) -> Self {
        if let Some(measures) = &measures {
            measures.open.inc();
        }
        Self {
            measures,
            place: None,
        }
    }

    fn turned(&self, why: Turned) {
        if let Some(measures) = &self.measures {
            measures.turned(why).inc();
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(measures) = &self.measures {
            measures.open.dec();
        }
    }
}

impl<S: AsyncBufRead + Unpin> Connection<S> {
    /// So many bytes at most. What waits for an answer is woken by it.
    fn poll_some(
        &mut self,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<()>> {
        let Poll::Ready(found) = Pin::new(&mut self.stream).poll_fill_buf(context) else {
            self.intake.drained();
            if self.intake.is_busy(self.patience.is_stalled()) {
                self.intake.questions.watch(context.waker());
            }
            return self.wait(context);
        };
        let found = match found {
            // A reset is an end as any other where all that was sent before it is wanted.
            Err(_) if self.hearing != Hearing::WhileItListens => return Poll::Ready(Ok(())),
            found => found?,
        };
        let count = found.len().min(most).min(into.remaining());
        into.put_slice(&found[..count]);
        Pin::new(&mut self.stream).consume(count);
        if count > 0 {
            self.intake.took(count, self.patience.is_stalled());
            // Elsewhere a body is short, and an answer is owed from its question's first byte.
            match self.hearing != Hearing::WhileItListens && self.intake.reads_body() {
                true => self.patience.fed(),
                false => self.patience.asked(),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what is still on its way and drops it, until the client ends too.
    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let parting = self.parting.get_or_insert_with(|| Box::pin(sleep(PARTING)));
        if parting.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        loop {
            match ready!(Pin::new(&mut self.stream).poll_fill_buf(context)) {
                Ok(rest) if !rest.is_empty() => {
                    let count = rest.len();
                    Pin::new(&mut self.stream).consume(count);
                }
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncBufRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_stalled = self.patience.is_stalled();
        match self.intake.next(is_stalled) {
            May::Read(most) => self.poll_some(context, into, most),
            May::Yield => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            May::Wait => {
                self.intake.questions.watch(context.waker());
                self.wait(context)
            }
            May::End => {
                self.guest.turned(Turned::Head);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S: AsyncBufRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hearing == Hearing::Deaf {
            self.patience.answered();
            return Poll::Ready(Ok(bytes.len()));
        }
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.stall(context),
            Poll::Ready(Err(error)) => self.not_taken(error, bytes.len()),
            ready => {
                self.flows();
                self.patience.answered();
                ready
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hearing == Hearing::Deaf {
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.stall(context),
            Poll::Ready(Err(error)) => self.not_taken(error, ()),
            ready => {
                self.flows();
                ready
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Pending => self.stall(context),
            Poll::Ready(Ok(())) => self.poll_part(context).map(Ok),
            failed => failed,
        }
    }
}
