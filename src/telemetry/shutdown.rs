//! The two signals that ask a process to stop.
//!
//! Must not know: what has to be stopped.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports of a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Resolves at the first SIGTERM or SIGINT after this call; a service manager sends the one, a
/// person at a terminal the other. The next one ends the process where it stands: whatever it was
/// doing survives a `kill -9` too.
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    Ok(async move {
        signals.next().await;
        tokio::spawn(async move {
            signals.next().await;
            std::process::exit(INTERRUPTED);
        });
    })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
