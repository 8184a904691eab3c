//! What holds of every answer: redirects, types, content codings, the server's clock.
//!
//! Must not know: what is in the body.

use super::super::ask::{Seen, What};
use super::super::code;
use super::super::fault::{Faults, Place};

/// Shorter playlists gain nothing from gzip.
const SHORT: usize = 1024;

pub(in super::super) fn judge(seen: &Seen, place: Place<'_>, faults: &mut Faults) {
    if let Some((status, to)) = seen.hops.first() {
        faults.add(&code::REDIRECT, place, format!("{status} to {to}"));
    }
    super::time::clock(seen, place, faults);
    if !seen.is_good() {
        return;
    }
    let coding = seen.header("content-encoding");
    let is_coded = !coding.is_empty() && !coding.eq_ignore_ascii_case("identity");
    match seen.what {
        What::Playlist => playlist(seen, is_coded, place, faults),
        What::Key if is_coded => faults.add(&code::KEY_COMPRESSED, place, coding),
        What::Section | What::Segment if is_coded => {
            faults.add(&code::SEGMENT_COMPRESSED, place, coding);
        }
        _ => {}
    }
}

fn playlist(seen: &Seen, is_coded: bool, place: Place<'_>, faults: &mut Faults) {
    let said = seen.header("content-type").to_ascii_lowercase();
    let kind = said.split(';').next().unwrap_or_default().trim();
    if ![
        "application/vnd.apple.mpegurl",
        "audio/mpegurl",
        "application/x-mpegurl",
    ]
    .contains(&kind)
    {
        faults.add(&code::PLAYLIST_TYPE, place, format!("Content-Type: {kind}"));
    }
    if !is_coded && seen.body.len() >= SHORT {
        let length = seen.body.len();
        faults.add(
            &code::PLAYLIST_PLAIN,
            place,
            format!("{length} bytes, not compressed"),
        );
    }
    if seen.url.scheme() == "http" {
        faults.add(&code::PLAYLIST_HTTP, place, "http://");
    }
}
