//! A bar for whoever watches a finished asset being encrypted at a terminal.
//!
//! Must not know: where the numbers come from.

use std::io::IsTerminal as _;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use crate::encryptor::Event;

/// On standard error; nothing at all where that is no terminal.
#[derive(Clone, Default)]
pub(super) struct Bar(Option<Arc<ProgressBar>>);

const STYLE: &str = "{bar:40} {pos}/{len} segments, {per_sec}, {eta} left";

impl Bar {
    /// A bar, if somebody sees it.
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template(STYLE).ok();
        let style = style.filter(|_| std::io::stderr().is_terminal());
        Self(style.map(|style| Arc::new(ProgressBar::new(0).with_style(style))))
    }

    /// Follows an event. Says whether it shows it, or what the event would say.
    pub(super) fn shows(&self, event: &Event) -> bool {
        match (&self.0, event) {
            (Some(bar), Event::Advanced { done, total }) => {
                bar.set_length(*total);
                bar.set_position(*done);
                true
            }
            (Some(bar), Event::Stopped { .. }) => {
                bar.finish_and_clear();
                false
            }
            (Some(_), Event::Encrypted { .. }) => true,
            _ => false,
        }
    }

    /// Runs `print` while the bar is out of the way.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}
