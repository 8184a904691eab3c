//! The scheme `urlparams`: Wowza's ModuleSecureURLParams, a word in the URL for each action.
//!
//! Legacy: one static word opens everything, for ever, and stands in every log on its way. It is
//! here for players that have nothing else. Where no word is configured for an action, nobody may
//! do it (the module let everybody). Must not know: the other schemes, or any file: a parameter is
//! never a path.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use subtle::{Choice, ConstantTimeEq as _};

use super::Fault;
use super::explain::{Finding, Hint};
use super::request::{Purpose, Request, decoded, is_plain_path, pairs};
use super::scope::Scope;
use super::secrets::with_lines;
use super::vouched::{Vouched, name_of};
use crate::api::Text;
use crate::crypto::{PrivateFileError, SecretText};
use crate::domain::StreamPattern;

/// The section `[schemes.NAME]` of an instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UrlParamsConfig {
    /// `"urlparams"`; not needed where the instance has that name.
    pub kind: Option<IgnoredAny>,
    /// The streams it may speak for. Default `["**"]`.
    pub streams: Vec<Text<StreamPattern>>,
    /// Who may watch: `VALUE.NAME` for the parameter `NAME=VALUE`; any of them is enough.
    pub play: Vec<SecretText>,
    /// A file with more of them, one a line, mode 0600.
    pub play_file: Option<PathBuf>,
    /// Who may publish, spelled alike.
    pub publish: Vec<SecretText>,
    /// A file with more of them, one a line, mode 0600.
    pub publish_file: Option<PathBuf>,
}

impl Default for UrlParamsConfig {
    fn default() -> Self {
        Self {
            kind: None,
            streams: vec![Text(StreamPattern::any())],
            play: Vec::new(),
            play_file: None,
            publish: Vec::new(),
            publish_file: None,
        }
    }
}

/// Why an instance lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum UrlParamsFault {
    /// Neither list has an entry.
    #[error("play and publish are empty: write VALUE.NAME into one of them")]
    None,
    /// Without a value or a name.
    #[error("play and publish have entries of the form VALUE.NAME")]
    Entry,
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(&'static str, #[source] PrivateFileError),
}

impl UrlParamsConfig {
    pub(in crate::access) fn load(&self, name: &str) -> Result<(UrlParams, Scope), UrlParamsFault> {
        let listed = |name, written: &[_], file: &Option<PathBuf>| {
            let texts = with_lines(written, file.as_deref());
            entries(&texts.map_err(|error| UrlParamsFault::File(name, error))?)
        };
        let scheme = UrlParams {
            play: listed("play_file", &self.play, &self.play_file)?,
            publish: listed("publish_file", &self.publish, &self.publish_file)?,
        };
        if scheme.play.is_empty() && scheme.publish.is_empty() {
            return Err(UrlParamsFault::None);
        }
        Ok((scheme, Scope::viewers(name, &self.streams)))
    }

    /// Every path of the section, for resolving relative ones.
    pub(in crate::access) fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let files = [&mut self.play_file, &mut self.publish_file];
        files.into_iter().flatten().collect()
    }
}

/// One instance.
pub(in crate::access) struct UrlParams {
    play: Vec<Entry>,
    publish: Vec<Entry>,
}

/// A parameter that opens: `VALUE.NAME`, where either may have a dot.
struct Entry(SecretText);

impl Entry {
    /// Whether it is for a parameter of that name.
    fn is_named(&self, name: &str) -> bool {
        let value = self.0.expose().strip_suffix(name);
        let value = value.and_then(|rest| rest.strip_suffix('.'));
        !name.is_empty() && value.is_some_and(|value| !value.is_empty())
    }

    /// The same in whichever capitals.
    fn is_named_alike(&self, name: &str) -> bool {
        let text = SecretText::new(self.0.expose().to_ascii_lowercase());
        Self(text).is_named(&name.to_ascii_lowercase())
    }

    fn is(&self, name: &str, value: &str) -> Choice {
        let text = SecretText::new(format!("{value}.{name}"));
        self.0.expose().as_bytes().ct_eq(text.expose().as_bytes())
    }
}

/// A list may also come as one text with commas, as Wowza's property has it.
fn entries(texts: &[SecretText]) -> Result<Vec<Entry>, UrlParamsFault> {
    let each = texts.iter().flat_map(|text| text.expose().split(','));
    let entry = |text: &str| {
        let text = text.trim();
        let (value, name) = text.rsplit_once('.').ok_or(UrlParamsFault::Entry)?;
        let is_whole = !value.is_empty() && !name.is_empty();
        is_whole
            .then(|| Entry(SecretText::new(text.to_owned())))
            .ok_or(UrlParamsFault::Entry)
    };
    each.map(entry).collect()
}

impl UrlParams {
    /// Whether the request has a parameter of such a name.
    pub(super) fn is_shown(&self, request: &Request<'_>) -> bool {
        let entries = self.entries(request.purpose);
        let mut names = pairs(request.query).filter_map(|(name, _)| form(name));
        names.any(|name| entries.iter().any(|entry| entry.is_named(&name)))
    }

    fn entries(&self, purpose: Purpose) -> &[Entry] {
        match purpose {
            Purpose::Play => &self.play,
            Purpose::Publish => &self.publish,
        }
    }

    /// `None` if the request has no parameter of such a name.
    pub(super) fn verify(&self, request: &Request<'_>) -> Option<Result<Vouched, Fault>> {
        let entries = self.entries(request.purpose);
        let mut seen = false;
        let mut opens = Choice::from(0);
        for (name, value) in pairs(request.query) {
            let (Some(name), Some(value)) = (form(name), form(value)) else {
                continue;
            };
            for entry in entries.iter().filter(|entry| entry.is_named(&name)) {
                seen = true;
                opens |= entry.is(&name, &value);
            }
        }
        seen.then(|| self.judge(request, opens.into()))
    }

    fn judge(&self, request: &Request<'_>, opens: bool) -> Result<Vouched, Fault> {
        if !is_plain_path(request.content) {
            return Err(Fault::Path);
        }
        // The word is everybody's, so the query tells no viewer from another.
        let stream = request.stream();
        let vouched = Vouched::for_content(stream, name_of(stream));
        opens.then_some(vouched).ok_or(Fault::Signature)
    }
}

/// Whether some parameter would lead out of a folder. The module looks `VALUE.NAME` up as a file in one
/// of its modes, so that any file that is there opens; here it is a word like another.
pub(super) fn is_path(request: &Request<'_>) -> bool {
    let climbs = |text: &str| text.split(['/', '\\']).any(|part| part == "..");
    let mut texts = pairs(request.query).flat_map(|(name, value)| [form(name), form(value)]);
    texts.any(|text| text.is_some_and(|text| climbs(&text)))
}

/// Decoded as forms are.
fn form(text: &str) -> Option<String> {
    decoded(&text.replace('+', " ")).map(std::borrow::Cow::into_owned)
}

/// All but what never has a meaning of its own in a URL (RFC 3986 §2.3).
const MARKED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The query to put behind a URL, without `?`. The word is everybody's: it names nobody and
/// does not end.
pub(super) fn sign(scheme: &UrlParams, purpose: Purpose) -> Option<String> {
    let entry = scheme.entries(purpose).first()?;
    let (value, name) = entry.0.expose().rsplit_once('.')?;
    let encoded = |text| utf8_percent_encode(text, MARKED);
    Some(format!("{}={}", encoded(name), encoded(value)))
}

/// What is found out about the request's word. It stands in no text that is told.
pub(super) fn explain(scheme: &UrlParams, request: &Request<'_>) -> Finding {
    let (entries, others) = match request.purpose {
        Purpose::Play => (&scheme.play, &scheme.publish),
        Purpose::Publish => (&scheme.publish, &scheme.play),
    };
    let found: Vec<_> = pairs(request.query)
        .filter_map(|(name, value)| Some((form(name)?, form(value)?)))
        .collect();
    let opens = |entry: &Entry, name: &str, value: &str| bool::from(entry.is(name, value));
    let is_any = |entries: &[Entry], test: &dyn Fn(&Entry, &str, &str) -> bool| {
        let each = |entry: &Entry| found.iter().any(|(name, value)| test(entry, name, value));
        entries.iter().any(each)
    };
    let tests: [(bool, &'static str, &str); 4] = [
        (
            is_any(others, &opens),
            "other_action",
            "the word is good for the other action: play and publish have lists of their own",
        ),
        (
            is_any(entries, &|entry, name, value| opens(entry, value, name)),
            "turned",
            "name and value have changed places: an entry is VALUE.NAME, the URL has NAME=VALUE",
        ),
        (
            is_any(entries, &|entry, name, _| {
                !entry.is_named(name) && entry.is_named_alike(name)
            }),
            "name_case",
            "the parameter's name is spelled with other capitals",
        ),
        (
            is_any(entries, &|entry, name, value| {
                entry.is_named(name) && !opens(entry, name, value)
            }),
            "value",
            "the parameter is there, and its value is another",
        ),
    ];
    let told = tests.into_iter().filter(|(is_so, ..)| *is_so);
    Finding {
        hints: told.map(|(_, code, why)| Hint::new(code, why)).collect(),
        ..Finding::default()
    }
}
