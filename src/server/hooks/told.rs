//! What a media server tells of somebody who publishes or plays, whichever it is.
//!
//! Must not know: any media server, or what is decided.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::access::{Credential, TOKEN_PARAMETER, Target};
use crate::crypto::SecretText;
use crate::server::query::Parameters;

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To send a stream.
    Publish,
    /// To watch one.
    Play,
    /// Nothing: it is over.
    Done,
}

/// A question of a media server.
pub(super) struct Told {
    pub(super) wish: Wish,
    /// As the media server calls it: `live/news`.
    pub(super) stream: String,
    /// Everything behind `?` in the URL that somebody published to or played.
    pub(super) query: SecretText,
    /// The user and the password, where the protocol has them.
    pub(super) basic: Option<(SecretText, SecretText)>,
    /// Whose address.
    pub(super) ip: Option<IpAddr>,
}

/// The same as a request that shows it.
pub(super) struct Shown {
    headers: Vec<(String, String)>,
    query: SecretText,
    path: String,
    ip: Option<IpAddr>,
}

impl Told {
    /// The credential that was shown. A user and a password, or a token, stand in the URL where the
    /// protocol has no place for them: `?user=…&password=…`, `?token=…`. A publisher's token counts as if a
    /// header had it, for its URL is nobody's playlist; a viewer's stays one of a URL.
    pub(super) fn shown(self) -> Shown {
        let pairs = Parameters::of(self.query.expose());
        let in_url = || {
            let password = pairs.text("password").or_else(|| pairs.text("pass"))?;
            Some(basic(pairs.text("user")?, password))
        };
        let told = self.basic.as_ref();
        let told = told.map(|(user, password)| basic(user.expose(), password.expose()));
        let is_publishers = self.wish == Wish::Publish;
        let token = || {
            let token = pairs.text(TOKEN_PARAMETER).filter(|_| is_publishers);
            token.map(|token| format!("Bearer {token}"))
        };
        let value = told.or_else(in_url).or_else(token);
        Shown {
            headers: value
                .map(|value| ("authorization".to_owned(), value))
                .into_iter()
                .collect(),
            path: format!("/{}", self.stream),
            query: self.query,
            ip: self.ip,
        }
    }
}

/// RFC 7617.
fn basic(user: &str, password: &str) -> String {
    let pair = SecretText::new(format!("{user}:{password}"));
    format!("Basic {}", STANDARD.encode(pair.expose()))
}

impl Shown {
    pub(super) fn credential(&self) -> Credential<'_> {
        Credential {
            headers: &self.headers,
            query: self.query.expose(),
            method: "GET",
            target: Target {
                scheme: "https",
                authority: "",
                path: &self.path,
                token: None,
            },
            alpn: None,
            ip: self.ip,
            certificate: None,
        }
    }
}
