//! What a media server tells of somebody who publishes or plays, whichever it is.
//!
//! Must not know: any media server, or what is decided.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::access::{Credential, TOKEN_PARAMETER, Target, Way};
use crate::crypto::SecretText;
use crate::server::query::Parameters;

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To send a stream.
    Publish,
    /// To go on with that.
    PublishOn,
    /// To watch one.
    Play,
    /// To go on with that.
    PlayOn,
}

/// What a media server says.
pub(super) enum Said {
    /// Something is over, or was written: nothing is asked.
    News,
    /// A question that was signed too long ago, or by a clock too far from ours.
    Old,
    /// Several want to publish, for whom the media server vouches.
    Batch(Vec<Vouched>),
    /// Somebody is here, and does not say yet what for.
    Connects(Told),
    /// Somebody wants something.
    Asks(Wish, Told),
}

/// A publisher whose signature the media server has verified.
pub(super) struct Vouched {
    /// What the answer is known by.
    pub(super) seq: serde_json::Value,
    pub(super) user: String,
    pub(super) stream: String,
    pub(super) ip: Option<IpAddr>,
}

/// Whom a media server tells of.
pub(super) struct Told {
    /// As the media server calls it: `live/news`; empty of who connects.
    pub(super) stream: String,
    /// Which of the media server's hosts, where its streams are apart from another's.
    pub(super) host: Option<String>,
    /// Everything behind `?` in the URL that somebody published to or played.
    pub(super) query: SecretText,
    /// Users with passwords, where the protocol has them.
    pub(super) basic: Vec<(SecretText, SecretText)>,
    /// What else a browser has sent.
    pub(super) headers: Vec<(String, String)>,
    /// Whose address.
    pub(super) ip: Option<IpAddr>,
}

/// The same as a request that shows it.
pub(super) struct Shown {
    headers: Vec<(String, String)>,
    query: SecretText,
    path: String,
    ip: Option<IpAddr>,
    way: Way,
}

/// The most users with passwords of one URL that are tried: each may cost a hash.
const MOST_USERS: usize = 4;

impl Told {
    /// Every credential that was shown, each of which may be the one that is good. Users with passwords, and
    /// tokens, stand in the URL where the protocol has no place for them: `?user=…&password=…`, `?token=…`. A
    /// publisher's token counts as if a header had it, for its URL is nobody's playlist; a viewer's stays one of
    /// a URL. `way` is the media server's.
    pub(super) fn shown(self, is_publishers: bool, way: Way) -> Shown {
        let pairs = Parameters::of(self.query.expose());
        let told = self.basic.iter();
        let told = told.map(|(user, password)| (user.expose(), password.expose()));
        let in_url = pairs.all(&["user"]).zip(pairs.all(&["password", "pass"]));
        // A colon would end the user, and begin another password.
        let users = told.chain(in_url).filter(|(user, _)| !user.contains(':'));
        let users = users
            .take(MOST_USERS)
            .map(|(user, password)| basic(user, password));
        let tokens = pairs.all(&[TOKEN_PARAMETER]).filter(|_| is_publishers);
        let values = users.chain(tokens.map(|token| format!("Bearer {token}")));
        Shown {
            headers: values
                .map(|value| ("authorization".to_owned(), value))
                .chain(self.headers)
                .collect(),
            path: format!("/{}", self.stream),
            query: self.query,
            ip: self.ip,
            way,
        }
    }
}

/// What stands behind `?` in a URL.
pub(super) fn behind(url: &str) -> &str {
    url.split_once('?').unwrap_or_default().1
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
            way: self.way,
        }
    }
}
