//! Sinks, which must be places of their own: none another, none inside another, and nobody's clear
//! media or state in one.
//!
//! Must not know: what is written there.

use std::path::{Path, PathBuf};

use reqwest::Url;

use super::error::EncryptorError;
use super::ledger::StateError;
use super::open::{no_sink, resolved};
use super::options::{Options, Sink, Source};

/// The sinks, folders with their links resolved.
pub(super) fn sinks(written: &[Sink]) -> Result<Vec<Sink>, EncryptorError> {
    let sinks = written.iter().map(|sink| match sink {
        Sink::Dir(to) => {
            let to = resolved(to).map_err(|error| no_sink(to, error))?;
            Ok(Sink::Dir(to))
        }
        elsewhere => Ok(elsewhere.clone()),
    });
    let sinks = sinks.collect::<Result<Vec<Sink>, EncryptorError>>()?;
    for (at, one) in sinks.iter().enumerate() {
        if let Some(other) = sinks[..at].iter().find(|other| overlap(one, other)) {
            return Err(EncryptorError::SinksOverlap {
                one: other.to_string(),
                other: one.to_string(),
            });
        }
    }
    Ok(sinks)
}

/// Says whether the channels of one worker leave each other alone. What a channel by itself gets
/// wrong is told when it begins.
pub fn apart(channels: &[Options]) -> Result<(), EncryptorError> {
    let all = channels.iter().map(Folders::of);
    let all = all.collect::<Result<Vec<Folders>, EncryptorError>>()?;
    let pairs = all.iter().enumerate();
    let mut pairs = pairs.flat_map(|(at, one)| all[..at].iter().map(move |other| (one, other)));
    pairs.try_for_each(|(one, other)| {
        one.spare(other)?;
        other.spare(one)?;
        one.beside(other)
    })
}

/// The folders of one channel.
struct Folders {
    source: Option<PathBuf>,
    state: PathBuf,
    sinks: Vec<PathBuf>,
}

impl Folders {
    fn of(channel: &Options) -> Result<Self, EncryptorError> {
        let source = match &channel.source {
            Source::Dir(from) | Source::Vod(from) => Some(from),
            _ => None, // below the state folder
        };
        let place = |path: &PathBuf| resolved(path).map_err(|error| no_sink(path, error));
        let sinks = channel.sinks.iter().filter_map(|sink| match sink {
            Sink::Dir(to) => Some(place(to)),
            _ => None,
        });
        let source = source.map(place).transpose()?;
        // a playlist stands for its folder
        let folder = |source: PathBuf| match source.parent().filter(|_| source.is_file()) {
            Some(folder) => folder.to_owned(),
            None => source,
        };
        Ok(Self {
            source: source.map(folder),
            state: place(&channel.state)?,
            sinks: sinks.collect::<Result<_, _>>()?,
        })
    }

    /// Neither source nor state of the other lies where this one publishes.
    fn spare(&self, other: &Self) -> Result<(), EncryptorError> {
        for sink in &self.sinks {
            let source = other.source.as_ref();
            if let Some(source) = source.filter(|source| is_inside(source, sink)) {
                return Err(EncryptorError::Overlap {
                    source_path: source.clone(),
                    sink_path: sink.clone(),
                });
            }
            if other.state.starts_with(sink) {
                let (state, inside) = (other.state.clone(), sink.clone());
                return Err(StateError::Overlap { state, inside }.into());
            }
        }
        Ok(())
    }

    /// Each would take the other's unfinished files for its own.
    fn beside(&self, other: &Self) -> Result<(), EncryptorError> {
        let pairs = self.sinks.iter();
        let mut pairs = pairs.flat_map(|one| other.sinks.iter().map(move |other| (one, other)));
        match pairs.find(|(one, other)| is_inside(one, other)) {
            None => Ok(()),
            Some((one, other)) => Err(EncryptorError::SinksOverlap {
                one: other.display().to_string(),
                other: one.display().to_string(),
            }),
        }
    }
}

fn is_inside(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn overlap(one: &Sink, other: &Sink) -> bool {
    match (one, other) {
        (Sink::Dir(one), Sink::Dir(other)) => is_inside(one, other),
        (Sink::Http(one), Sink::Http(other)) | (Sink::Object(one), Sink::Object(other)) => {
            let host = |url: &Url| {
                (
                    url.host_str().map(str::to_owned),
                    url.port_or_known_default(),
                )
            };
            let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
            host(one) == host(other) && is_inside(Path::new(&path(one)), Path::new(&path(other)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sink_lies_inside_another() {
        let apart = |texts: &[&str]| {
            let sinks: Vec<Sink> = texts.iter().map(|text| text.parse().unwrap()).collect();
            super::sinks(&sinks).is_ok()
        };
        for good in [
            &["dir:/out/a", "dir:/out/b", "dir:/out/ab"][..],
            &["s3://bucket/a", "s3://bucket/ab", "s3://other/a"],
            &[
                "https://o/a/",
                "https://o:8443/a/",
                "https://o/ab/",
                "s3://o/a",
            ],
        ] {
            assert!(apart(good), "{good:?}");
        }
        for bad in [
            ["dir:/out/a", "dir:/out/a/"],
            ["dir:/out", "dir:/out/a"],
            ["s3://bucket/a", "s3://bucket/a/"],
            ["s3://bucket", "s3://bucket/a"],
            ["https://o/a", "https://me:fake@o:443/a/b"],
        ] {
            assert!(!apart(&bad), "{bad:?}");
        }
    }
}
