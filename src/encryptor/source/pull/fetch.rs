//! One file of the source on its way into the spool.
//!
//! Must not know: which files are wanted.

use std::sync::Arc;

use reqwest::Url;

use super::fault::PullError;
use super::origin::{Origin, Seen, blocking};
use crate::encryptor::path::Beneath;
use crate::encryptor::spool::Spool;

/// A file to be fetched.
pub(super) struct Wanted {
    pub(super) path: Beneath,
    pub(super) url: Result<Url, PullError>,
    /// As it was fetched before.
    pub(super) seen: Seen,
    /// Of a segment.
    pub(super) msn: Option<u64>,
    /// How many bytes of it are spooled, where it is a file that grows; else none are.
    pub(super) held: u64,
}

/// A file that is there.
pub(super) struct There {
    pub(super) path: Beneath,
    /// `None` if it is as it was.
    pub(super) seen: Option<Seen>,
    pub(super) msn: Option<u64>,
}

/// A file that was not to be had.
pub(super) struct Missed {
    pub(super) path: Beneath,
    pub(super) why: PullError,
}

/// Puts one file into the spool.
pub(super) async fn fetch_one(
    origin: Arc<Origin>,
    spool: Arc<Spool>,
    wanted: Wanted,
) -> Result<There, Missed> {
    let Wanted {
        path,
        url,
        seen,
        msn,
        held,
    } = wanted;
    let fetched = match url {
        Ok(url) => fetch(&origin, &spool, (&url, &path), (&seen, held)).await,
        Err(error) => Err(error),
    };
    match fetched {
        Ok(seen) => Ok(There { path, seen, msn }),
        Err(why) if why.is_ours() => Err(Missed { path, why }),
        Err(why) => {
            let file = path.as_str().to_owned();
            let why = PullError::File {
                file,
                why: Box::new(why),
            };
            Err(Missed { path, why })
        }
    }
}

/// The rest of what has grown; all of everything else.
async fn fetch(
    origin: &Origin,
    spool: &Arc<Spool>,
    (url, path): (&Url, &Beneath),
    (seen, held): (&Seen, u64),
) -> Result<Option<Seen>, PullError> {
    if held > 0
        && let Some(seen) = origin.rest(url, spool, (path, held)).await?
    {
        return Ok(Some(seen));
    }
    origin.file(url, spool, (path, seen)).await
}

/// Puts a list into the spool.
pub(super) async fn write(spool: &Arc<Spool>, at: &Beneath, text: String) -> Result<(), PullError> {
    let mut upload = spool.begin_at(at.clone())?;
    blocking(move || {
        upload.write(text.as_bytes())?;
        upload.keep()?;
        Ok(())
    })
    .await
}
