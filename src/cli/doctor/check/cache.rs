//! Cache headers: of keys, which no shared cache may keep, and of live playlists, which none may
//! keep long.
//!
//! Must not know: caches.

use super::super::ask::Seen;
use super::super::code;
use super::super::fault::{Faults, Place};
use crate::playlist::MediaPlaylist;

pub(in super::super) fn key(seen: &Seen, place: Place<'_>, faults: &mut Faults) {
    let said = seen.header("cache-control").to_ascii_lowercase();
    let has = |name: &str| said.split(',').any(|it| it.trim() == name);
    let is_kept_back = has("private") || has("no-store");
    let lives = age(&said, "max-age=").is_some_and(|age| age > 0);
    let expires = !seen.header("expires").is_empty();
    let is_shared = has("public") || age(&said, "s-maxage=").is_some();
    if is_shared || ((lives || expires) && !is_kept_back) {
        faults.add(
            &code::KEY_SHARED_CACHE,
            place,
            format!("Cache-Control: {said}"),
        );
    } else if has("no-store") || has("no-cache") || !(lives || expires) {
        faults.add(&code::KEY_UNCACHED, place, format!("Cache-Control: {said}"));
    }
}

pub(in super::super) fn playlist(
    seen: &Seen,
    list: &MediaPlaylist,
    place: Place<'_>,
    faults: &mut Faults,
) {
    let said = seen.header("cache-control").to_ascii_lowercase();
    let age = age(&said, "s-maxage=").or_else(|| age(&said, "max-age="));
    let target = list.target_duration().as_secs();
    if let Some(age) = age.filter(|age| !list.is_ended() && *age > target) {
        let text = format!("kept {age} s, with a target duration of {target} s");
        faults.add(&code::PLAYLIST_CACHED, place, text);
    }
}

fn age(said: &str, name: &str) -> Option<u64> {
    let mut parts = said.split(',').map(str::trim);
    parts.find_map(|part| part.strip_prefix(name)?.trim_matches('"').parse().ok())
}
