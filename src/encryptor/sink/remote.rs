//! Another place for what is published: a folder, an origin that takes PUT, or object storage.
//!
//! Each call is one request, bounded in time by the bytes that it moves; who calls tries again.
//! Must not know: when something is to be sent.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::folder::Folder;
use super::http::Origin;
use super::long::LongFile;
use super::object::Bucket;
use super::published::Parcel;
use super::tenure::Board;
use crate::encryptor::path::Beneath;

/// One place.
pub(in crate::encryptor) enum Remote {
    /// `dir:`
    Folder(Folder),
    /// `https:`
    Http(Origin),
    /// `s3:`
    Object(Bucket),
}

/// Why something could not be done there. No variant holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::encryptor) enum Fault {
    /// No answer, or a folder that cannot be used.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that is not one of success.
    #[error("{path}: answered {status}{told}")]
    Refused {
        /// The file.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What else it says, after a colon.
        told: String,
    },
    /// No whole answer in time.
    #[error("{0}: no answer in time")]
    Late(String),
    /// What is to be sent cannot be read.
    #[error("cannot read what is to be sent: {0}")]
    Local(String),
    /// Another encryptor writes there.
    #[error("another encryptor writes there: {0}")]
    Taken(String),
    /// The folder is another one than before.
    #[error("the folder was made anew")]
    Replaced,
    /// A playlist there is another one than was put there.
    #[error("{0} was swapped by somebody else")]
    Swapped(String),
    /// A playlist there is somebody else's.
    #[error("{path} there is not replaced: {why}; move it, or name another place")]
    Foreign {
        /// The playlist.
        path: String,
        /// What tells.
        why: String,
    },
}

impl Fault {
    /// Whether it speaks of the place as a whole, not of one file.
    pub(in crate::encryptor) fn is_of_place(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Late(_) | Self::Taken(_) | Self::Replaced => true,
            // whoever is not let in, or is to ask less
            Self::Refused { status, .. } => matches!(status, 401 | 407 | 429 | 502..=504),
            Self::Local(_) | Self::Swapped(_) | Self::Foreign { .. } => false,
        }
    }

    /// Whether nothing there has answered: not at all, or a proxy in its place (RFC 9110 §15.6).
    pub(in crate::encryptor) fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Late(_) => true,
            Self::Refused { status, .. } => matches!(status, 502..=504),
            _ => false,
        }
    }
}

/// What tells a version of the writer's note from the next.
pub(in crate::encryptor) type Version = Option<String>;

/// The writer's note: who may write, and until when.
pub(in crate::encryptor) const WRITER: &str = ".hlskey-writer.json";
/// What a request that moves little may take.
pub(in crate::encryptor) const SHORT: Duration = Duration::from_secs(10);
/// What one on the writer's note may: two such tries fit into what a renewal has left.
const NOTE: Duration = Duration::from_secs(5);
/// What a listing of all files may take: a thousand come with each answer.
const LISTING: Duration = Duration::from_secs(120);
/// Slower than this is taken for dead: bytes in a second.
const SLOWEST: u64 = 64 << 10;

impl Remote {
    /// Puts a file there, whole, in place of what is there.
    pub(in crate::encryptor) async fn put(&self, parcel: Parcel) -> Result<(), Fault> {
        let path = parcel.path.clone();
        let span = span_of(parcel.bytes.len() as u64);
        let put = async {
            match self {
                Self::Folder(folder) => folder.put(parcel).await,
                Self::Http(origin) => origin.put(parcel).await,
                Self::Object(bucket) => bucket.put(parcel).await,
            }
        };
        in_time(span, path.as_str(), put).await
    }

    /// The same of a file that is too long for memory.
    pub(in crate::encryptor) async fn put_long(&self, long: LongFile) -> Result<(), Fault> {
        let (path, span) = (long.path().clone(), span_of(long.len()));
        let put = async {
            match self {
                Self::Folder(folder) => folder.put_long(long).await,
                Self::Http(origin) => origin.put_long(long).await,
                Self::Object(bucket) => bucket.put_long(long).await,
            }
        };
        in_time(span, path.as_str(), put).await
    }

    /// Deletes a file; it may be gone already.
    pub(in crate::encryptor) async fn delete(&self, path: &Beneath) -> Result<(), Fault> {
        let deleted = async {
            match self {
                Self::Folder(folder) => folder.delete(path).await,
                Self::Http(origin) => origin.delete(path.as_str()).await,
                Self::Object(bucket) => bucket.delete(path.as_str()).await,
            }
        };
        in_time(SHORT, path.as_str(), deleted).await
    }

    /// A playlist and its version; `None` if there is none.
    pub(in crate::encryptor) async fn text(
        &self,
        path: &Beneath,
    ) -> Result<Option<(String, Version)>, Fault> {
        let read = async {
            let read = match self {
                Self::Folder(folder) => {
                    let text = folder.text(path).await?;
                    return Ok(text.map(|text| (text, None)));
                }
                Self::Http(origin) => origin.get(path.as_str()).await,
                Self::Object(bucket) => bucket.get(path.as_str()).await,
            };
            // what is no text is no playlist of ours
            let text = |bytes| String::from_utf8(bytes).unwrap_or_default();
            Ok(read?.map(|(bytes, version)| (text(bytes), version)))
        };
        in_time(SHORT * 3, path.as_str(), read).await
    }

    /// Swaps a playlist, on object storage in place of the version `was` or of none; gives the new
    /// one's version, as far as the place tells versions.
    pub(in crate::encryptor) async fn swap_text(
        &self,
        parcel: Parcel,
        was: Option<&Version>,
    ) -> Result<Version, Fault> {
        let Self::Object(bucket) = self else {
            return self.put(parcel).await.map(|()| None);
        };
        let (path, span) = (parcel.path.clone(), span_of(parcel.bytes.len() as u64));
        in_time(span, path.as_str(), bucket.swap_text(parcel, was)).await
    }

    /// A file's length; `None` if it is not there.
    pub(in crate::encryptor) async fn length(&self, path: &Beneath) -> Result<Option<u64>, Fault> {
        let looked = async {
            match self {
                Self::Folder(folder) => folder.length(path).await,
                Self::Http(origin) => origin.length(path.as_str()).await,
                Self::Object(bucket) => bucket.length(path.as_str()).await,
            }
        };
        in_time(SHORT, path.as_str(), looked).await
    }

    /// The lengths of all files there, by their paths; `None` if the place cannot tell, or does not.
    pub(in crate::encryptor) async fn lengths(&self) -> Option<BTreeMap<String, u64>> {
        let Self::Object(bucket) = self else {
            return None;
        };
        in_time(LISTING, "the listing", bucket.lengths()).await.ok()
    }

    /// Whether a note says who may write. A folder is locked instead.
    pub(in crate::encryptor) fn is_fenced(&self) -> bool {
        !matches!(self, Self::Folder(_))
    }
}

impl Board for Remote {
    async fn note(&self) -> Result<Option<(Vec<u8>, Version)>, Fault> {
        let read = async {
            match self {
                Self::Folder(_) => Ok(None),
                Self::Http(origin) => origin.get(WRITER).await,
                Self::Object(bucket) => bucket.get(WRITER).await,
            }
        };
        in_time(NOTE, WRITER, read).await
    }

    async fn swap_note(&self, note: Vec<u8>, was: Option<&Version>) -> Result<bool, Fault> {
        let put = async {
            match self {
                Self::Folder(_) => Ok(true),
                Self::Http(origin) => origin.swap(WRITER, note, was).await,
                Self::Object(bucket) => bucket.swap(WRITER, note, was).await,
            }
        };
        in_time(NOTE, WRITER, put).await
    }

    async fn clear_note(&self) -> Result<(), Fault> {
        let deleted = async {
            match self {
                Self::Folder(_) => Ok(()),
                Self::Http(origin) => origin.delete(WRITER).await,
                Self::Object(bucket) => bucket.delete(WRITER).await,
            }
        };
        in_time(NOTE, WRITER, deleted).await
    }
}

async fn in_time<T>(
    span: Duration,
    what: &str,
    done: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let in_time = timeout(span, done).await;
    in_time.unwrap_or_else(|_| Err(Fault::Late(what.to_owned())))
}

/// What a request that moves `len` bytes may take.
fn span_of(len: u64) -> Duration {
    SHORT + Duration::from_secs(len / SLOWEST)
}

fn extension(path: &str) -> String {
    let end = path.rsplit_once('.').map_or("", |(_, end)| end);
    end.to_ascii_lowercase()
}

/// The media type of a file, by its name (RFC 8216 §4, §3.1 to 3.5).
pub(in crate::encryptor) fn media_type(path: &str) -> &'static str {
    match extension(path).as_str() {
        "m3u8" | "m3u" => "application/vnd.apple.mpegurl",
        "ts" => "video/mp2t",
        "aac" => "audio/aac",
        "ac3" => "audio/ac3",
        "ec3" => "audio/eac3",
        "mp3" => "audio/mpeg",
        "mp4" | "m4v" | "cmfv" | "init" => "video/mp4",
        "m4a" | "cmfa" => "audio/mp4",
        "m4s" => "video/iso.segment",
        "vtt" | "webvtt" => "text/vtt",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

/// For how long caches may keep a file: a segment's bytes never change.
pub(in crate::encryptor) fn cache_control(path: &str) -> &'static str {
    match extension(path).as_str() {
        "m3u8" | "m3u" => "max-age=1",
        "json" => "no-store",
        _ => "max-age=31536000, immutable",
    }
}
