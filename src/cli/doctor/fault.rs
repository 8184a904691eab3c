//! What is wrong: each fault once, with where, what was seen, and which clients met it.
//!
//! Must not know: how it was found.

use std::collections::BTreeSet;

use serde::Serialize;

use super::client::Client;
use super::code::{Code, Severity};
use super::shown::shown;
use reqwest::Url;

/// One fault, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    #[serde(flatten)]
    pub(super) code: &'static Code,
    /// The media playlist's path below the multivariant one; `null` if it is about no one.
    pub(super) rendition: Option<String>,
    /// Without what may be secret.
    pub(super) url: Option<String>,
    pub(super) seen: String,
    /// Those that met it; empty where that makes no difference.
    pub(super) clients: BTreeSet<Client>,
    /// How often; the place is that of the first.
    pub(super) times: usize,
    /// Whose answer it was.
    #[serde(skip)]
    server: Option<String>,
}

/// Where something was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub(super) rendition: Option<&'a str>,
    pub(super) url: Option<&'a Url>,
    pub(super) client: Option<Client>,
}

impl<'a> Place<'a> {
    pub(super) fn of_rendition(rendition: &'a str, url: &'a Url) -> Self {
        Self {
            rendition: Some(rendition),
            url: Some(url),
            client: None,
        }
    }

    pub(super) fn of_url(url: &'a Url) -> Self {
        Self {
            url: Some(url),
            ..Self::default()
        }
    }
}

/// All that were found.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Notes one. The same kind in the same rendition, or at the same server, is one fault, met several times.
    pub(super) fn add(&mut self, code: &'static Code, place: Place<'_>, seen: impl Into<String>) {
        let rendition = place.rendition.filter(|it| !it.is_empty());
        let server = place.url.map(|url| url.origin().ascii_serialization());
        let known = self.0.iter_mut().find(|fault| {
            let is_there = rendition.is_some() || fault.server == server;
            fault.code == code && fault.rendition.as_deref() == rendition && is_there
        });
        if let Some(fault) = known {
            fault.times += 1;
            fault.clients.extend(place.client);
            return;
        }
        self.0.push(Fault {
            code,
            rendition: rendition.map(str::to_owned),
            url: place.url.map(shown),
            seen: seen.into(),
            clients: place.client.into_iter().collect(),
            times: 1,
            server,
        });
    }

    /// Whether one of this kind was found.
    pub(super) fn has(&self, code: &Code) -> bool {
        self.0.iter().any(|fault| fault.code == code)
    }

    /// The worst first.
    pub(super) fn sorted(mut self) -> Vec<Fault> {
        self.0.sort_by_key(|fault| fault.code.severity);
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
