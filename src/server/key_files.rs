//! `GET`/`HEAD /v1/key-files/{app}/{stream}-{number}.key`: keys that SRS and nginx-rtmp make by themselves and lay into
//! a folder, given to viewers as any key is.
//!
//! Nothing is read or written for whoever may not have a key of the stream.
//! Must not know: how the gate decides, or where keys are kept.

use std::io::Read as _;
use std::path::PathBuf;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::rt::task::spawn_blocking;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::deliver::hand_out;
use super::error::{Code, Failure};
use super::files::{FileError, FilePath, Root};
use super::guard::Viewing;
use crate::access::{Gate, Permit, Seek};
use crate::api::Text;
use crate::crypto::ContentKey;
use crate::domain::{Clock, KeyFacts, StreamId, StreamPattern};
use crate::keys::Keys;
use crate::telemetry::Metrics;

/// One of `[[server.key_folders]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFolderConfig {
    /// The folder, in which keys lie as `app/stream-number.key`. No default.
    pub path: PathBuf,
    /// The streams whose keys lie there; the first folder that has a stream decides. No default.
    pub streams: Vec<Text<StreamPattern>>,
}

/// The folders.
pub(super) struct KeyFolders(Vec<Folder>);

struct Folder {
    root: Root,
    /// In whose name its streams are registered, and whose allowance that takes.
    subject: String,
    streams: Vec<StreamPattern>,
}

/// What a path names.
struct Named {
    stream: StreamId,
    number: u64,
    file: FilePath,
}

const ENDING: &str = ".key";

impl KeyFolders {
    pub(super) fn new(config: &[KeyFolderConfig]) -> Self {
        let folders = config.iter().map(|one| Folder {
            root: Root::new(one.path.clone()),
            subject: format!("key folder {}", one.path.display()),
            streams: one.streams.iter().map(|text| text.0.clone()).collect(),
        });
        Self(folders.collect())
    }

    /// Whose the key is; `None` if there is none of that name.
    async fn find(
        &self,
        keys: &Keys,
        permit: &Permit<Seek>,
        named: Named,
    ) -> Result<Option<KeyFacts>, Failure> {
        let has = |one: &&Folder| one.streams.iter().any(|it| it.matches(permit.stream()));
        let Some(folder) = self.0.iter().find(has) else {
            return Ok(None);
        };
        let (root, file) = (folder.root.clone(), named.file);
        let read = spawn_blocking(move || read(&root, &file)).await;
        let key = read.map_err(|error| Failure::new(Code::Internal).reason(&error))??;
        let file = (named.number, key.as_ref());
        Ok(keys.filed(permit, &folder.subject, file).await?)
    }
}

pub(super) async fn deliver(
    request: HttpRequest,
    who: Viewing,
    (gate, keys): (Data<Gate>, Data<Keys>),
    (clock, metrics): (Data<dyn Clock>, Data<Metrics>),
    folders: Data<KeyFolders>,
) -> Result<HttpResponse, Failure> {
    let path = request.match_info().get("file").unwrap_or_default();
    let named = Named::parse(path);
    let stream = named.as_ref().map(|named| &named.stream);
    let permit = gate.seek(who.caller(), &who.shown(), stream).await;
    let permit = permit.map_err(|denied| who.refused(denied, stream))?;
    let facts = match named {
        Some(named) => folders.find(&keys, &permit, named).await?,
        None => None,
    };
    let around = ((&**gate, &**keys), (&**clock, &**metrics));
    let mut answer = hand_out(&request, &who, facts, around.0, around.1).await?;
    // The media server may begin to count anew: the same name is another key then.
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

impl Named {
    /// `app/stream-number.key`: the number is what stands behind the last hyphen.
    fn parse(path: &str) -> Option<Self> {
        let (stream, number) = path.strip_suffix(ENDING)?.rsplit_once('-')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            stream: stream.parse().ok()?,
            number: number.parse().ok().filter(|_| is_number)?,
            file: FilePath::decode(path)?,
        })
    }
}

/// The sixteen bytes; `None` if there is no such file. One that is shorter is being written.
fn read(root: &Root, file: &FilePath) -> Result<Option<ContentKey>, Failure> {
    let disk = |error: &dyn std::fmt::Display| Failure::new(Code::Unavailable).reason(error);
    let opened = match root.open(file) {
        Ok(opened) => opened,
        Err(FileError::Missing) => return Ok(None),
        Err(error) => return Err(disk(&error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let read = opened.file.take(17).read_to_end(&mut bytes);
    read.map_err(|error| disk(&error))?;
    match bytes.len() {
        ..16 => Err(disk(&"the key file is shorter than a key")),
        _ => Ok(ContentKey::from_slice(&bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_stream_and_a_number() {
        let named = Named::parse("live/my-show-17.key").unwrap();
        assert_eq!((named.stream.as_str(), named.number), ("live/my-show", 17));
        for none in [
            "live/show.key",
            "live/show-.key",
            "live/show-+7.key",
            "live/show-7",
            "live/../show-7.key",
            "live/show-99999999999999999999.key",
        ] {
            assert!(Named::parse(none).is_none(), "{none}");
        }
    }
}
