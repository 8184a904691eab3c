//! Sinks of one run, which must be places of their own: none another, none inside another.
//!
//! Must not know: what is written there.

use std::path::Path;

use reqwest::Url;

use super::error::EncryptorError;
use super::open::{no_sink, resolved};
use super::options::Sink;

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

fn overlap(one: &Sink, other: &Sink) -> bool {
    let inside = |one: &Path, other: &Path| one.starts_with(other) || other.starts_with(one);
    match (one, other) {
        (Sink::Dir(one), Sink::Dir(other)) => inside(one, other),
        (Sink::Http(one), Sink::Http(other)) | (Sink::Object(one), Sink::Object(other)) => {
            let host = |url: &Url| {
                (
                    url.host_str().map(str::to_owned),
                    url.port_or_known_default(),
                )
            };
            let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
            host(one) == host(other) && inside(Path::new(&path(one)), Path::new(&path(other)))
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
