//! The claim `catu`: which URLs a token is for.
//!
//! A viewer asks for a key by a URL that the issuer cannot foresee (`/v1/keys/…`), with a token that
//! was made for the stream's playlists. On a key request, therefore, the claim may match the URL
//! asked for, or the same URL with the path of what the key is for: the stream's
//! (`/live/news`), its folder (`/live/news/`), or a playlist in it (`/live/news/playlist.m3u8`).
//! All other parts are those of the URL asked for, and every part must match the same one.
//!
//! Must not know: other claims.

use std::borrow::Cow;

use super::cbor::Item;
use super::explain::shown;
use super::rule::Rule;
use crate::access::TOKEN_PARAMETER;
use crate::access::scheme::explain::Hint;
use crate::access::scheme::request::{Request, Target};

/// The parameter that holds the token, which is no part of what is matched.
pub(super) const PARAMETER: &str = "cat";

/// Rules for parts of a URL, at least one; each must be met.
#[derive(Debug)]
pub(super) struct UriRule(Vec<(Part, Rule)>);

/// A part of a URL (RFC 3986 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Scheme,
    Host,
    Port,
    Path,
    Query,
    /// The path up to its last slash, without it.
    Parent,
    /// What stands behind the path's last slash.
    FileName,
    /// The file's name up to its last dot, without it.
    Stem,
    /// The file's name from its last dot on.
    Extension,
}

impl Part {
    fn read(label: &Item<'_>) -> Option<Self> {
        Some(match label.int()? {
            0 => Self::Scheme,
            1 => Self::Host,
            2 => Self::Port,
            3 => Self::Path,
            4 => Self::Query,
            5 => Self::Parent,
            6 => Self::FileName,
            7 => Self::Stem,
            8 => Self::Extension,
            _ => return None,
        })
    }
}

impl Part {
    /// Its number and name in the claim, and the word for programs where it is not met.
    fn names(self) -> (u8, &'static str, &'static str) {
        match self {
            Self::Scheme => (0, "scheme", "catu_scheme"),
            Self::Host => (1, "host", "catu_host"),
            Self::Port => (2, "port", "catu_port"),
            Self::Path => (3, "path", "catu_path"),
            Self::Query => (4, "query", "catu_query"),
            Self::Parent => (5, "parent path", "catu_parent"),
            Self::FileName => (6, "file name", "catu_filename"),
            Self::Stem => (7, "stem", "catu_stem"),
            Self::Extension => (8, "extension", "catu_extension"),
        }
    }
}

impl UriRule {
    /// `None` if a part or a condition is not known, or there is none.
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        let rule = |(label, rule): &(Item<'_>, Item<'_>)| {
            let (part, rule) = (Part::read(label)?, Rule::read(rule)?);
            Some(match part {
                // A host has no case.
                Part::Host => (part, rule.in_lower_case()),
                _ => (part, rule),
            })
        };
        let rules: Option<Vec<_>> = item.map()?.iter().map(rule).collect();
        rules.filter(|some| !some.is_empty()).map(Self)
    }

    /// Whether the token is for what `request` asks.
    pub(super) fn takes(&self, request: &Request<'_>) -> bool {
        let rest = Rest::of(request);
        let mut paths = paths(request).into_iter();
        paths.any(|path| self.unmet_at(&rest.url(request, &path)).next().is_none())
    }

    /// What is not met, component by component, under the path that meets most.
    pub(super) fn unmet(&self, request: &Request<'_>) -> Vec<Hint> {
        let rest = Rest::of(request);
        let hints = |path: Cow<'_, str>| {
            let url = rest.url(request, &path);
            let unmet = self.unmet_at(&url);
            unmet.map(|(part, rule)| told(*part, rule, &url)).collect()
        };
        let all = paths(request).into_iter().map(hints);
        all.min_by_key(Vec::len).unwrap_or_default()
    }

    fn unmet_at<'a>(&'a self, url: &'a Url<'a>) -> impl Iterator<Item = &'a (Part, Rule)> {
        let is_met = |(part, rule): &(Part, Rule)| url.texts(*part).any(|text| rule.takes(&text));
        self.0.iter().filter(move |it| !is_met(it))
    }

    pub(super) fn weight(&self) -> usize {
        self.0.iter().map(|(_, rule)| rule.weight()).sum()
    }
}

/// A query may hold what is secret: of it only the kind of condition is told.
fn told(part: Part, rule: &Rule, url: &Url<'_>) -> Hint {
    let (number, name, code) = part.names();
    let text = url.texts(part).next().unwrap_or_default();
    let unmet = match part {
        Part::Query => rule.unmet(&text).map(str::to_owned),
        _ => rule.unmet_in_full(&text),
    };
    let (demand, asked) = (shown(&unmet.unwrap_or_default()), shown(&text));
    let mut why = format!("claim 312 (catu): component {number} ({name}) must {demand}");
    if part != Part::Query {
        why.push_str(&format!("; it is \"{asked}\""));
    }
    Hint::new(code, why)
}

/// The paths under which the claim may match, each with the slash before it.
fn paths<'a>(request: &Request<'a>) -> Vec<Cow<'a, str>> {
    let path = request.target.path;
    let mut paths = vec![Cow::Borrowed(path)];
    match below(path, request.content) {
        // Our own routes put something before the content's path.
        Some(content) if content.len() < path.len() => paths.push(Cow::Borrowed(content)),
        Some(_) => {}
        None => {
            let of_stream = ["", "/", "/playlist.m3u8"];
            let path = |end: &str| Cow::Owned(format!("/{}{end}", request.content));
            paths.extend(of_stream.map(path));
        }
    }
    paths
}

/// The end of `path` that is `/{content}` or something in it; `None` for a path that does not name
/// the content, as a key's.
fn below<'a>(path: &'a str, content: &str) -> Option<&'a str> {
    let mut slashes = path.match_indices('/').map(|(at, _)| &path[at..]);
    slashes.find(|rest| {
        let behind = rest[1..].strip_prefix(content);
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('/'))
    })
}

/// The host in lower case (RFC 3986 §6.2.2.1), and the port if one is named. Who asks (§3.2.1) is no
/// part of either.
fn authority<'a>(target: Target<'a>) -> (String, Option<&'a str>) {
    let authority = target.authority.rsplit_once('@');
    let authority = authority.map_or(target.authority, |(_, rest)| rest);
    let named = authority.rsplit_once(':');
    let named = named.filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let (host, port) = match named {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    (host.to_ascii_lowercase(), port)
}

/// The query as received, without what holds tokens.
fn without_token(query: &str) -> String {
    let holds = |pair: &&str| {
        let name = pair.split('=').next();
        name != Some(PARAMETER) && name != Some(TOKEN_PARAMETER)
    };
    let rest: Vec<_> = query.split('&').filter(holds).collect();
    rest.join("&")
}

/// What of the URL is the same under each path.
struct Rest<'a> {
    host: (String, Option<&'a str>),
    query: String,
}

impl<'a> Rest<'a> {
    fn of(request: &Request<'a>) -> Self {
        Self {
            host: authority(request.target),
            query: without_token(request.query),
        }
    }

    fn url<'b>(&'b self, request: &Request<'b>, path: &'b str) -> Url<'b> {
        Url {
            scheme: request.target.scheme,
            host: &self.host.0,
            port: self.host.1,
            path,
            query: &self.query,
        }
    }
}

struct Url<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Url<'a> {
    /// The texts that `part` may be written as: one, but for the port of the scheme, which may be
    /// left out.
    fn texts(&self, part: Part) -> impl Iterator<Item = Cow<'a, str>> {
        let (parent, name) = self.path.rsplit_once('/').unwrap_or(("", self.path));
        let dot = name.rfind('.').unwrap_or(name.len());
        let (mut second, first) = (
            None,
            match part {
                Part::Scheme => Cow::Owned(self.scheme.to_ascii_lowercase()),
                Part::Host => Cow::Borrowed(self.host),
                Part::Port => Cow::Borrowed(self.port.unwrap_or_default()),
                Part::Path => Cow::Borrowed(self.path),
                Part::Query => Cow::Borrowed(self.query),
                Part::Parent => Cow::Borrowed(parent),
                Part::FileName => Cow::Borrowed(name),
                Part::Stem => Cow::Borrowed(&name[..dot]),
                Part::Extension => Cow::Borrowed(&name[dot..]),
            },
        );
        if part == Part::Port {
            second = self.other_port().map(Cow::Borrowed);
        }
        [Some(first), second].into_iter().flatten()
    }

    /// The other spelling of the scheme's own port.
    fn other_port(&self) -> Option<&'static str> {
        let usual = match self.scheme {
            "https" => "443",
            "http" => "80",
            _ => return None,
        };
        match self.port {
            None | Some("") => Some(usual),
            Some(port) => (port == usual).then_some(""),
        }
    }
}
