//! Which streams are taken, and from whom.
//!
//! Must not know: bodies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_http::body::BoxBody;
use actix_http::{Request, Response};
use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{ConnectionType, Uri};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::attempts::Attempts;
use super::shelf::Shelf;
use crate::access::shows;
use crate::crypto::SecretText;
use crate::domain::{Entropy, StreamId};
use crate::server::error::{Code, Failure};
use crate::server::files::FilePath;

/// A stream that is taken.
pub struct Channel {
    /// Its files lie below `/{stream}/`.
    pub stream: StreamId,
    /// Who sends it shows this, as bearer or as the password of basic.
    pub credential: SecretText,
    /// Where they are kept.
    pub shelf: Arc<dyn Shelf>,
}

/// All that are taken.
pub(super) struct Channels {
    channels: Vec<Taken>,
    attempts: Attempts,
    uploads: Arc<Semaphore>,
    pub(super) entropy: Arc<dyn Entropy>,
}

/// One of them, and what of it is on its way.
pub(super) struct Taken {
    pub(super) channel: Channel,
    uploads: Arc<Semaphore>,
}

/// Room for one file on its way: the channel's, and that of all.
pub(super) type Room = [OwnedSemaphorePermit; 2];

/// Files on their way at once.
const MOST_UPLOADS: usize = 256;
/// The same of one channel, so that one that is slow keeps no other out. A ladder has a few for each
/// rendition.
const MOST_OF_ONE: usize = 64;
/// RFC 7617 beside RFC 6750: ffmpeg, for one, shows the user in its URL only when basic is asked for.
pub(super) const CHALLENGE: &str = "Basic realm=\"hlskey\", Bearer realm=\"hlskey\"";

impl Channels {
    pub(super) fn new(channels: Vec<Channel>, entropy: Arc<dyn Entropy>) -> Self {
        let channels = channels.into_iter().map(|channel| Taken {
            channel,
            uploads: Arc::new(Semaphore::new(MOST_OF_ONE)),
        });
        Self {
            channels: channels.collect(),
            attempts: Attempts::default(),
            uploads: Arc::new(Semaphore::new(MOST_UPLOADS)),
            entropy,
        }
    }

    /// The stream that a request is for, and the path below it, if its credential is that stream's.
    /// Without one that is good for any, nothing shows of which streams there are.
    pub(super) fn admit(&self, request: &HttpRequest) -> Result<(&Taken, String), Failure> {
        self.check(request.headers(), request.peer_addr().map(|it| it.ip()))?;
        let path = decoded(request.uri())?;
        let found = self.channels.iter().filter_map(|taken| {
            let below = path.strip_prefix(taken.channel.stream.as_str())?;
            Some((taken, below.strip_prefix('/')?.to_owned()))
        });
        // A stream may lie below another one's name: the longest is meant.
        let found = found.max_by_key(|(taken, _)| taken.channel.stream.as_str().len());
        let known = "the path is /{stream}/{file}, with a stream that is encrypted here";
        let (taken, below) = found.ok_or_else(|| Failure::new(Code::NotFound).detail(&known))?;
        match shows(request.headers(), &taken.channel.credential) {
            true => Ok((taken, below)),
            false => Err(Failure::new(Code::Forbidden)),
        }
    }

    /// Whether the request shows any channel's credential.
    fn check(&self, headers: &HeaderMap, from: Option<IpAddr>) -> Result<(), Failure> {
        // All are compared, whichever it is.
        let shown = self.channels.iter();
        let shown = shown.filter(|taken| shows(headers, &taken.channel.credential));
        if shown.count() > 0 {
            return Ok(());
        }
        // Asked for by whoever waits for the challenge first; no try to guess anything.
        if !headers.contains_key(header::AUTHORIZATION) {
            return Err(Failure::new(Code::Unauthorized).reason(&"no credential"));
        }
        let from = from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Err(match self.attempts.wrong(from) {
            true => Failure::new(Code::TooMany).reason(&"too many wrong credentials"),
            false => Failure::new(Code::Unauthorized).reason(&"a wrong credential"),
        })
    }

    /// Room for one file on its way.
    pub(super) fn room(&self, taken: &Taken) -> Result<Room, Failure> {
        let one = |of: &Arc<Semaphore>| Arc::clone(of).try_acquire_owned();
        let room = one(&taken.uploads).and_then(|own| Ok([own, one(&self.uploads)?]));
        room.map_err(|_| Failure::new(Code::Unavailable).reason(&"too many files on their way"))
    }
}

fn decoded(uri: &Uri) -> Result<String, Failure> {
    let raw = uri.path().strip_prefix('/').unwrap_or_default();
    let path = FilePath::decode(raw);
    let plain = "a path has no empty part, none that begins with a dot, and no hidden separator";
    let path = path.ok_or_else(|| Failure::bad_request(&plain))?;
    Ok(path.as_str().to_owned())
}

/// The answer to whoever asks before it sends a body (`Expect: 100-continue`) and may not.
pub(super) fn refuse_early(channels: &Channels, request: &Request) -> Option<Response<BoxBody>> {
    let from = request.peer_addr().map(|it| it.ip());
    let failure = channels.check(&request.head().headers, from).err()?;
    let mut answer = Response::with_body(failure.code().status(), BoxBody::new(()));
    let challenge = HeaderValue::from_static(CHALLENGE);
    if failure.code() == Code::Unauthorized {
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer.head_mut().set_connection_type(ConnectionType::Close);
    Some(answer)
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({})", self.stream)
    }
}
