//! What a CPIX document asks for, checked against the dialect's rules before any key is made.
//!
//! The texts of SPEKE v2's errors are the specification's own, to the letter. Must not know: a key,
//! or who may have one.

use std::collections::{HashMap, HashSet};

use crate::domain::{BroughtKid, StreamId, Timestamp};
use crate::keys::BroughtAsk;
use crate::xml::Element;

/// CPIX elements' namespace.
pub(super) const CPIX: &str = "urn:dashif:org:cpix";
/// SPEKE v1's own elements' namespace.
pub(super) const SPEKE: &str = "urn:aws:amazon:com:speke";
/// Keys of one document at most.
const MOST_KEYS: usize = 64;
/// HLS AES-128, as SPEKE v1 has it.
const SYSTEM_V1: &str = "81376844-f976-481e-a84e-cc25d39b0b33";
/// Clear Key AES-128, as DASH-IF has registered it.
const SYSTEM_V2: &str = "3ea8778f-7742-4bf9-b18b-e834b2acbd47";

/// Which SPEKE is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V1,
    V20,
    V21,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Contract {
    pub(super) stream: StreamId,
    pub(super) asks: Vec<BroughtAsk>,
}

/// Why no key is given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("Unsupported SPEKE version")]
    SpekeVersion,
    #[error("Missing CPIX@{0}")]
    NoAttribute(&'static str),
    #[error("Unsupported CPIX@version")]
    Version,
    #[error("Missing ContentKey@commonEncryptionScheme for KID {0}")]
    NoScheme(String),
    #[error("Non compliant ContentKey@commonEncryptionScheme combination")]
    Schemes,
    #[error("ContentKey@commonEncryptionScheme non compatible with DRMSystem {0}")]
    SchemeOf(String),
    #[error("Missing CPIX encryption contract")]
    NoContract,
    #[error("Malformed encryption contract")]
    BadContract,
    #[error("Requested CPIX encryption contract not supported")]
    Unsupported,
    #[error("{0}")]
    Other(String),
}

fn other<T>(text: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Other(text.into()))
}

impl Dialect {
    /// What `X-Speke-Version` says, where the dialect has one.
    pub(super) fn speke_version(self) -> Option<&'static str> {
        match self {
            Self::V1 => None,
            Self::V20 => Some("2.0"),
            Self::V21 => Some("2.1"),
        }
    }

    fn content_id(self) -> &'static str {
        match self {
            Self::V1 => "id",
            Self::V20 | Self::V21 => "contentId",
        }
    }

    fn system(self) -> &'static str {
        match self {
            Self::V1 => SYSTEM_V1,
            Self::V20 | Self::V21 => SYSTEM_V2,
        }
    }

    fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::V1 => &[],
            Self::V20 => &["cbc1"],
            Self::V21 => &["cbc1", "AES-128"],
        }
    }

    /// The tag of a playlist that `HLSSignalingData` is for.
    pub(super) fn tag(self, playlist: Option<&str>) -> Option<&'static str> {
        match (self, playlist?) {
            (_, "media") => Some("#EXT-X-KEY"),
            (_, "master") | (Self::V21, "multiVariant") => Some("#EXT-X-SESSION-KEY"),
            _ => None,
        }
    }
}

/// The items of one of the document's lists.
pub(super) fn items<'r>(
    root: &'r Element,
    list: &'static str,
    item: &'static str,
) -> impl Iterator<Item = &'r Element> {
    let lists = root.named(CPIX, list);
    lists.flat_map(move |list| list.named(CPIX, item))
}

impl Contract {
    /// Reads and checks the document under `root`.
    pub(super) fn read(dialect: Dialect, root: &Element) -> Result<Self, Refused> {
        if !root.is(CPIX, "CPIX") {
            return other("the document is a CPIX of the namespace urn:dashif:org:cpix");
        }
        let stream = content_id(dialect, root)?;
        let kids = kids(root)?;
        if dialect != Dialect::V1 {
            check_schemes(root)?;
        }
        check_systems(dialect, root, &kids)?;
        let periods = periods(root)?;
        let uses = uses(dialect, root, (&kids, &periods))?;
        let ask = |kid: &BroughtKid| ask(*kid, uses.get(kid).map_or(&[], Vec::as_slice));
        Ok(Self {
            stream,
            asks: kids.iter().map(ask).collect(),
        })
    }
}

fn content_id(dialect: Dialect, root: &Element) -> Result<StreamId, Refused> {
    let name = dialect.content_id();
    let id = root.attribute(name).filter(|id| !id.is_empty());
    let id = id.ok_or(Refused::NoAttribute(name))?;
    let version = root.attribute("version");
    match (dialect, version.as_deref()) {
        (Dialect::V1, _) | (Dialect::V20, Some("2.3")) | (Dialect::V21, Some("2.4")) => {}
        (_, None) => return Err(Refused::NoAttribute("version")),
        (_, Some(_)) => return Err(Refused::Version),
    }
    id.parse()
        .map_err(|error| Refused::Other(format!("CPIX@{name} is a stream's id: {error}")))
}

/// The kid of an element that has one.
pub(super) fn kid(element: &Element) -> Result<BroughtKid, Refused> {
    let text = element.attribute("kid").unwrap_or_default();
    text.parse()
        .map_err(|_| Refused::Other(format!("'{text:.64}' is no kid: it is a hyphenated UUID")))
}

fn kids(root: &Element) -> Result<Vec<BroughtKid>, Refused> {
    let mut kids = Vec::new();
    for key in items(root, "ContentKeyList", "ContentKey") {
        let kid = kid(key)?;
        if kids.contains(&kid) {
            return other(format!("ContentKeyList has the kid {kid} twice"));
        }
        if key.named(CPIX, "Data").any(holds_text) {
            return other("ContentKey has a key already: keys are made here");
        }
        kids.push(kid);
    }
    match kids.len() {
        1..=MOST_KEYS => Ok(kids),
        _ => other(format!("ContentKeyList has 1 to {MOST_KEYS} of ContentKey")),
    }
}

/// Whether anything is written in it: an element for a key without one is none yet.
fn holds_text(data: &Element) -> bool {
    !data.text().trim().is_empty() || data.elements().any(holds_text)
}

fn check_schemes(root: &Element) -> Result<(), Refused> {
    let mut schemes = HashSet::new();
    for key in items(root, "ContentKeyList", "ContentKey") {
        let scheme = key.attribute("commonEncryptionScheme");
        let scheme = scheme.filter(|text| !text.is_empty());
        let missing = || Refused::NoScheme(key.attribute("kid").unwrap_or_default());
        schemes.insert(scheme.ok_or_else(missing)?);
    }
    match schemes.len() {
        1 => Ok(()),
        _ => Err(Refused::Schemes),
    }
}

fn check_systems(dialect: Dialect, root: &Element, kids: &[BroughtKid]) -> Result<(), Refused> {
    let mut of: HashSet<BroughtKid> = HashSet::new();
    let own = dialect.system();
    for system in items(root, "DRMSystemList", "DRMSystem") {
        let id = system.attribute("systemId").unwrap_or_default();
        match id.eq_ignore_ascii_case(own) {
            true => {}
            false if dialect == Dialect::V1 => {
                return other(format!(
                    "DRMSystem '{id:.64}' is not supported: here is HLS AES-128, {own}"
                ));
            }
            false => return Err(Refused::Unsupported),
        }
        let kid = kid(system)?;
        if !kids.contains(&kid) || !of.insert(kid) {
            return other(format!("DRMSystem {kid}: ContentKeyList has each kid once"));
        }
        if dialect != Dialect::V1 {
            check_signals(dialect, system)?;
            check_compatible(dialect, root, &id)?;
        }
    }
    match of.len() == kids.len() {
        true => Ok(()),
        false => other(format!("each ContentKey has a DRMSystem {own}")),
    }
}

/// Only what can be filled may be asked for.
fn check_signals(dialect: Dialect, system: &Element) -> Result<(), Refused> {
    let mut seen = HashSet::new();
    for signal in system.elements() {
        let playlist = signal.attribute("playlist");
        let tag = dialect.tag(playlist.as_deref());
        let is_ours = signal.is(CPIX, "HLSSignalingData") && tag.is_some();
        if !is_ours || !seen.insert(tag) {
            return Err(Refused::Unsupported);
        }
    }
    Ok(())
}

fn check_compatible(dialect: Dialect, root: &Element, system: &str) -> Result<(), Refused> {
    let mut keys = items(root, "ContentKeyList", "ContentKey");
    let is_ours = |key: &Element| {
        let scheme = key.attribute("commonEncryptionScheme").unwrap_or_default();
        dialect.schemes().contains(&scheme.as_str())
    };
    match keys.all(is_ours) {
        true => Ok(()),
        false => Err(Refused::SchemeOf(system.to_owned())),
    }
}

/// What is said of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    index: Option<i64>,
    end: Option<Timestamp>,
}

fn periods(root: &Element) -> Result<HashMap<String, Span>, Refused> {
    let mut periods = HashMap::new();
    for period in items(root, "ContentKeyPeriodList", "ContentKeyPeriod") {
        let id = period.attribute("id").unwrap_or_default();
        let span = Span {
            index: number(period, "index")?,
            end: time(period, "end")?,
        };
        let start = time(period, "start")?;
        if start.zip(span.end).is_some_and(|(start, end)| end <= start) {
            return other(format!("ContentKeyPeriod '{id:.64}' ends before it begins"));
        }
        if id.is_empty() || periods.insert(id.clone(), span).is_some() {
            return other(format!("ContentKeyPeriod@id '{id:.64}' is not there once"));
        }
    }
    Ok(periods)
}

fn number(period: &Element, name: &str) -> Result<Option<i64>, Refused> {
    let Some(text) = period.attribute(name) else {
        return Ok(None);
    };
    let number = text.trim().parse().ok().filter(|number| *number >= 0);
    let bad = || Refused::Other(format!("ContentKeyPeriod@{name} is a whole number"));
    // Two later must still be a number.
    let number = number.filter(|number: &i64| *number < i64::MAX - 2);
    number.ok_or_else(bad).map(Some)
}

fn time(period: &Element, name: &str) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = period.attribute(name) else {
        return Ok(None);
    };
    let bad = |_| Refused::Other(format!("ContentKeyPeriod@{name} is a time of RFC 3339"));
    text.trim().parse().map_err(bad).map(Some)
}

/// The periods of each kid, by the usage rules.
fn uses(
    dialect: Dialect,
    root: &Element,
    (kids, periods): (&[BroughtKid], &HashMap<String, Span>),
) -> Result<HashMap<BroughtKid, Vec<Span>>, Refused> {
    let (mut uses, mut tracks) = (HashMap::new(), HashSet::new());
    for rule in items(root, "ContentKeyUsageRuleList", "ContentKeyUsageRule") {
        let kid = kid(rule).map_err(|_| Refused::BadContract)?;
        let mut spans = Vec::new();
        let mut names = Vec::new();
        for filter in rule.named(CPIX, "KeyPeriodFilter") {
            let name = filter.attribute("periodId").unwrap_or_default();
            spans.push(*periods.get(&name).ok_or(Refused::BadContract)?);
            names.push(name);
        }
        names.sort_unstable();
        if !kids.contains(&kid) {
            return Err(Refused::BadContract);
        }
        if dialect != Dialect::V1 && !tracks.insert((track(rule)?, names)) {
            return Err(Refused::BadContract);
        }
        uses.entry(kid).or_insert_with(Vec::new).extend(spans);
    }
    match (dialect, uses.len()) {
        (Dialect::V1, _) => Ok(uses),
        (_, 0) => Err(Refused::NoContract),
        (_, ruled) if ruled < kids.len() => Err(Refused::BadContract),
        _ => Ok(uses),
    }
}

/// The rule's `intendedTrackType`, if its filters say the same.
fn track(rule: &Element) -> Result<String, Refused> {
    let track = rule.attribute("intendedTrackType").unwrap_or_default();
    let (mut video, mut audio) = (Vec::new(), Vec::new());
    video.extend(rule.named(CPIX, "VideoFilter"));
    audio.extend(rule.named(CPIX, "AudioFilter"));
    let is_right = match track.as_str() {
        "" => false,
        "ALL" => match (&*video, &*audio) {
            ([video], [audio]) => video.is_bare() && audio.is_bare(),
            _ => false,
        },
        "AUDIO" => video.is_empty() && !audio.is_empty(),
        "VIDEO" | "SD" | "HD" | "UHD" | "UHD1" | "UHD2" => !video.is_empty() && audio.is_empty(),
        _ => !video.is_empty() || !audio.is_empty(),
    };
    is_right.then_some(track).ok_or(Refused::BadContract)
}

/// The last of its periods counts; one without an end leaves the key without one.
fn ask(kid: BroughtKid, spans: &[Span]) -> BroughtAsk {
    let ends: Option<Vec<Timestamp>> = spans.iter().map(|span| span.end).collect();
    let indexes: Option<Vec<i64>> = spans.iter().map(|span| span.index).collect();
    BroughtAsk {
        kid,
        ordinal: indexes.and_then(|all| all.into_iter().max()),
        ends: ends.and_then(|all| all.into_iter().max()),
    }
}
