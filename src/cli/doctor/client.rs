//! The four clients: what each can show, from where it asks, and what it may read.
//!
//! Must not know: what is asked for.

use std::net::IpAddr;
use std::sync::Mutex;

use anyhow::Context as _;
use reqwest::Url;
use serde::Serialize;

use super::DoctorArgs;
use super::jar::Jar;
use crate::crypto::SecretText;
use crate::domain::Network;
use crate::outbound::{self, Terms};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
pub(super) enum Client {
    /// Safari and AVPlayer: no headers of a page's, cookies by their scope.
    #[serde(rename = "native")]
    Native,
    /// A page's script: reads what CORS lets it read.
    #[serde(rename = "hls.js")]
    #[value(name = "hls.js")]
    HlsJs,
    /// AirPlay and Chromecast: no cookies, no headers, another address.
    #[serde(rename = "casting")]
    Casting,
    /// A player in an app: headers of its own.
    #[serde(rename = "app")]
    App,
}

impl Client {
    pub(super) const ALL: [Self; 4] = [Self::Native, Self::HlsJs, Self::Casting, Self::App];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::HlsJs => "hls.js",
            Self::Casting => "casting",
            Self::App => "app",
        }
    }

    fn has_headers(self) -> bool {
        matches!(self, Self::HlsJs | Self::App)
    }
}

/// One client, ready to ask.
pub(super) struct Kit {
    pub(super) client: Client,
    pub(super) http: outbound::Client,
    /// The multivariant playlist, as this client was given it.
    pub(super) top: Url,
    /// The page that the stream is on.
    pub(super) page: Option<Url>,
    /// The token in the query of `top`, if one was given apart.
    pub(super) token: Option<SecretText>,
    bearer: Option<SecretText>,
    jar: Mutex<Jar>,
    /// Cookies were given: a page asks with them.
    pub(super) with_cookies: bool,
}

/// What one request shows.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) bearer: Option<SecretText>,
    pub(super) cookies: Option<String>,
}

impl Kit {
    pub(super) fn new(client: Client, args: &DoctorArgs, top: &Url) -> anyhow::Result<Self> {
        let token = args.token_file.as_deref().map(super::secret).transpose()?;
        let bearer = args.bearer_file.as_deref().filter(|_| client.has_headers());
        let mut with = top.clone();
        if let Some(token) = &token {
            with.query_pairs_mut()
                .append_pair(&args.token_name, token.expose());
        }
        let mut jar = Jar::default();
        if let Some(path) = &args.cookie_file {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let from = args.cookie_from.as_ref().unwrap_or(top);
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                let line = line.trim();
                jar.set(
                    line.strip_prefix("Set-Cookie:").unwrap_or(line).trim(),
                    from,
                );
            }
        }
        let from = args.from.filter(|_| client == Client::Casting);
        Ok(Self {
            client,
            http: http(args, top, from)?,
            page: args.origin.clone(),
            token,
            bearer: bearer.map(super::secret).transpose()?,
            with_cookies: !jar.is_empty(),
            jar: Mutex::new(jar),
            top: with,
        })
    }

    /// What it would show at `url`; a bearer only if that is wanted there.
    pub(super) fn shows(&self, url: &Url, wants_bearer: bool) -> Shown {
        let cookies = match self.client {
            Client::Casting | Client::App => None,
            Client::Native => {
                self.cookies(|jar| jar.header(url, Some(&self.top), self.page.as_ref()))
            }
            Client::HlsJs => self.cookies(|jar| jar.header(url, None, Some(self.origin()))),
        };
        Shown {
            // What goes in the clear is not ours to give away.
            bearer: self
                .bearer
                .clone()
                .filter(|_| wants_bearer && url.scheme() == "https"),
            cookies,
        }
    }

    pub(super) fn has_bearer(&self) -> bool {
        self.bearer.is_some()
    }

    /// Takes what an answer sets; only a client of a page or of the system keeps it.
    pub(super) fn take_cookies<'a>(&self, lines: impl Iterator<Item = &'a str>, url: &Url) {
        if let Ok(mut jar) = self.jar.lock() {
            lines.for_each(|line| jar.set(line, url));
        }
    }

    /// Whether a cookie for `url` exists that this client does not send: `true` for the page's
    /// site, `false` for its scope.
    pub(super) fn held_back(&self, url: &Url) -> bool {
        let page = match self.client {
            Client::Casting | Client::App => return false,
            Client::Native => self.page.as_ref(),
            Client::HlsJs => Some(self.origin()),
        };
        let jar = self.jar.lock();
        page.is_some_and(|page| jar.is_ok_and(|jar| jar.is_held_back(url, page)))
    }

    /// The page's origin; without one said, the page lies where the playlist does.
    pub(super) fn origin(&self) -> &Url {
        self.page.as_ref().unwrap_or(&self.top)
    }

    /// Whether reading `url` takes CORS.
    pub(super) fn is_foreign(&self, url: &Url) -> bool {
        self.client == Client::HlsJs && url.origin() != self.origin().origin()
    }

    fn cookies(&self, header: impl Fn(&Jar) -> Option<String>) -> Option<String> {
        self.jar.lock().ok().and_then(|jar| header(&jar))
    }
}

fn http(args: &DoctorArgs, top: &Url, from: Option<IpAddr>) -> anyhow::Result<outbound::Client> {
    let allow: Vec<Network> = args.allow.clone();
    let authorities: Vec<_> = args.ca.as_deref().into_iter().collect();
    Ok(outbound::Client::new(&Terms {
        hosts: &[top.host_str().unwrap_or_default()],
        allow: &allow,
        authorities: &authorities,
        from,
        total: args.patience.into(),
        ..Terms::default()
    })?)
}
