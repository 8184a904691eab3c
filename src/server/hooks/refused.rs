//! What a media server is told with a no: what was expected, in its own protocol's form where it has one.
//!
//! The media server has shown who it is, and its operator is to see in its log what a publisher did wrong. Must not
//! know: what decides.

use serde_json::json;

use super::config::HookKind;
use super::nimble;
use super::told::Wish;
use crate::server::error::{Code, Failure};

/// How somebody shows who it is.
const SHOWN: &str = "in its URL ?user=NAME&password=PASSWORD or ?token=TOKEN, or a user and a password where the \
                     protocol has them";

/// What the failure lacks to say what was expected: of `name` was wished this; nothing yet by who connects.
pub(super) fn expecting(failure: Failure, wish: Option<Wish>, name: &str) -> Failure {
    let doing = match wish {
        Some(Wish::Publish | Wish::PublishOn) => "publish",
        Some(Wish::Play | Wish::PlayOn) => "play",
        None => "connect",
    };
    match failure.code() {
        Code::Unauthorized => failure.or_detail(&format!(
            "to {doing} '{name:.600}' takes a valid credential: {SHOWN}"
        )),
        Code::Forbidden => failure.or_detail(&format!(
            "the credential, or this hook's section, does not allow to {doing} '{name:.600}'"
        )),
        _ => failure,
    }
}

/// A question that is none.
pub(super) fn unread(kind: HookKind) -> Failure {
    let expected = match kind {
        HookKind::NginxRtmp => {
            "a form with call=publish, play, connect, update_publish, update_play, done, publish_done, play_done or \
             disconnect, and with app and name once each"
        }
        HookKind::Srs => {
            "JSON with action on_connect, on_publish, on_play, on_unpublish, on_stop, on_close, on_dvr or on_hls, and \
             with app and stream"
        }
        HookKind::Mediamtx => "JSON with action publish, read or playback, and with path",
        HookKind::Nimble => "JSON with PublishAuthRequest, or with url",
        HookKind::OvenMediaEngine => {
            "JSON with request.direction incoming or outgoing, request.status opening or closing, and request.url"
        }
    };
    let failure = Failure::bad_request(&format!(
        "no question that is answered here: expected is {expected}"
    ));
    in_words_of(kind, failure)
}

/// A no, for a media server that takes nothing else for one, or that would not show any other.
pub(super) fn in_words_of(kind: HookKind, failure: Failure) -> Failure {
    match kind {
        HookKind::Nimble => failure.forbidden_as(nimble::FORBIDDEN),
        HookKind::OvenMediaEngine => {
            let reason = failure.told().to_owned();
            failure.forbidden_as(&json!({ "allowed": false, "reason": reason }).to_string())
        }
        HookKind::NginxRtmp | HookKind::Srs | HookKind::Mediamtx => failure,
    }
}
