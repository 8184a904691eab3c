//! A request that nobody sent: what `token verify` and `token explain` are asked about.
//!
//! Must not know: what is made of it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::verify::print_fault;
use crate::access::check::{Asked, Instance, InstanceError, Purpose, Target};
use crate::access::path_token;
use crate::config::{self, TokenSections};
use crate::domain::{Clock as _, SystemClock, Timestamp};

/// The request.
#[derive(Debug, Args)]
pub(in crate::cli) struct AskedArgs {
    /// The instance, `[schemes.NAME]`, or a kind; `grant` and `session` are of `[grants]`.
    #[arg(long, value_name = "NAME")]
    pub(super) scheme: String,
    /// The configuration; a file with that section alone is enough.
    #[arg(
        long,
        value_name = "FILE",
        env = "HLSKEY_CONFIG",
        default_value = "hlskey.toml"
    )]
    config: PathBuf,
    /// The playlist's URL, as the viewer has it.
    #[arg(long, value_parser = page)]
    url: PageUrl,
    /// A header of the request, `Name: value`; may be given several times.
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A cookie of the request, `name=value`; may be given several times.
    #[arg(long = "cookie", value_name = "COOKIE", value_parser = cookie)]
    cookies: Vec<String>,
    /// The client's address.
    #[arg(long)]
    ip: Option<IpAddr>,
    /// When it is asked, in seconds since 1970. Default: now.
    #[arg(long, value_name = "UNIXTIME", allow_hyphen_values = true)]
    at: Option<i64>,
    /// The request's method.
    #[arg(long, default_value = "GET", value_parser = method)]
    method: String,
    /// What the TLS handshake agreed on, such as http/1.1.
    #[arg(long, value_name = "PROTOCOL")]
    alpn: Option<String>,
    /// What the request wants.
    #[arg(long, value_enum, default_value_t = TokenAction::Play)]
    action: TokenAction,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A URL whose path may have held a token.
#[derive(Debug, Clone)]
struct PageUrl {
    /// Without that token.
    plain: String,
    /// The token, with its name.
    token: Option<String>,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TokenAction {
    Play,
    Publish,
}

impl TokenAction {
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Play => Purpose::Play,
            Self::Publish => Purpose::Publish,
        }
    }
}

impl AskedArgs {
    /// The one named, of the sections that it stands in. A fault is a verdict too where programs read it.
    pub(super) fn load(&self) -> anyhow::Result<(TokenSections, Instance)> {
        let loaded = self.loaded();
        if loaded.is_err() && self.json {
            print_fault()?;
        }
        loaded
    }

    fn loaded(&self) -> anyhow::Result<(TokenSections, Instance)> {
        let sections = config::token_sections(&self.config)?;
        let file = || self.config.display().to_string();
        let instance = instance(&sections, &self.scheme).with_context(file)?;
        Ok((sections, instance))
    }

    /// Every header, cookies too.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let cookies = self.cookies.iter();
        let cookies = cookies.map(|cookie| ("cookie".to_owned(), cookie.clone()));
        self.headers.iter().cloned().chain(cookies).collect()
    }

    /// As the gate takes it.
    pub(super) fn asked<'a>(&'a self, headers: &'a Vec<(String, String)>) -> Asked<'a> {
        let (mut target, query) = parts(&self.url.plain);
        target.token = self.url.token.as_deref();
        Asked {
            target,
            stream: None,
            query,
            headers,
            ip: self.ip,
            alpn: self.alpn.as_deref(),
            method: &self.method,
            purpose: self.action.purpose(),
        }
    }

    /// When it is asked.
    pub(super) fn at(&self) -> Timestamp {
        let at = self
            .at
            .map(|at| Timestamp::from_millis(at.saturating_mul(1000)));
        at.unwrap_or_else(|| SystemClock.now())
    }
}

/// The instance of that name or kind, or the scheme of ours.
pub(super) fn instance(sections: &TokenSections, name: &str) -> Result<Instance, InstanceError> {
    let ours = Instance::ours(name, sections.grants.as_ref(), &sections.sessions)?;
    ours.map_or_else(
        || Instance::load(&sections.schemes, &sections.outbound, name),
        Ok,
    )
}

/// The URL's parts and its query; one may come without its host.
fn parts(url: &str) -> (Target<'_>, &str) {
    let url = url.split('#').next().unwrap_or_default();
    let (url, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = match scheme {
        "" => 0,
        _ => rest.find('/').unwrap_or(rest.len()),
    };
    let (authority, path) = rest.split_at(end);
    let target = Target {
        scheme,
        authority,
        path,
        token: None,
    };
    (target, query)
}

/// RTMP's and RTSP's clients write the query behind the application, and the stream behind that:
/// `rtmp://host/app?query/stream`.
fn stream_moved(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let is_such = |begin: &str| {
        scheme
            .get(..4)
            .is_some_and(|it| it.eq_ignore_ascii_case(begin))
    };
    let (place, query) = rest.split_once('?')?;
    let (_, application) = place.split_once('/')?;
    let (query, stream) = query.rsplit_once('/')?;
    // A token's own slashes stand before its end, which a name of a stream is not like.
    let is_name = !stream.is_empty() && !stream.contains(['=', '&', '?']);
    let is_moved = (is_such("rtmp") || is_such("rtsp")) && !application.contains('/') && is_name;
    is_moved.then(|| format!("{scheme}://{place}/{stream}?{query}"))
}

fn page(text: &str) -> Result<PageUrl, Infallible> {
    let moved = stream_moved(text);
    let text = moved.as_deref().unwrap_or(text);
    let (path, rest) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    Ok(match path_token::split(path) {
        None => PageUrl {
            plain: text.to_owned(),
            token: None,
        },
        Some((path, token)) => PageUrl {
            plain: path + rest,
            token: Some(token.to_owned()),
        },
    })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// The gate's are in capitals.
fn method(text: &str) -> Result<String, Infallible> {
    Ok(text.to_ascii_uppercase())
}

fn cookie(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("a cookie is `name=value`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_may_stand_behind_the_query() {
        for (url, moved) in [
            ("rtmp://h/live?a=x/y=/s", Some("rtmp://h/live/s?a=x/y=")),
            ("RTSPS://h:1/live?a=x/s", Some("RTSPS://h:1/live/s?a=x")),
            ("rtmp://h/live/s?a=x/y=", None),
            ("rtmp://h/live/s?a=x/y", None),
            ("rtmp://h/live?a=x/y=", None),
            ("https://h/live?a=x/s", None),
        ] {
            assert_eq!(stream_moved(url).as_deref(), moved, "{url}");
        }
    }

    #[test]
    fn a_url_has_a_path_and_a_query() {
        for (url, expected) in [
            ("https://h:1/a/b?x=1?2#f", ("https", "h:1", "/a/b", "x=1?2")),
            ("/a/b", ("", "", "/a/b", "")),
            ("http://h?x=1", ("http", "h", "", "x=1")),
            ("rtmp://h/live/a?x", ("rtmp", "h", "/live/a", "x")),
            ("/a/b?r=http://x/y", ("", "", "/a/b", "r=http://x/y")),
        ] {
            let (target, query) = parts(url);
            let found = (target.scheme, target.authority, target.path, query);
            assert_eq!(found, expected);
        }
    }
}
