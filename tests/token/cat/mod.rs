//! Common Access Tokens, CTA-5007-A.
//!
//! Must not know: how the server reads a token.

mod claims;
pub(in crate::token) mod forge;
mod peers;
mod renewed;
mod seal;
mod served;
mod uri;
mod vectors;

use super::verdict::Judge;
use forge::SECRET;

/// An instance with the vectors' secret under every name that they use.
fn judge(settings: &str) -> Judge {
    let kids = ["Symmetric256", "akamai_key_hs256", "k1"];
    let key = |kid| format!("{{ kid = {kid:?}, alg = \"HS256\", secret_hex = {SECRET:?} }}");
    let keys = kids.map(key).join(", ");
    Judge::new("cat", &format!("keys = [{keys}]\n{settings}"))
}

/// A key's URL, and the playlist's of a stream.
const KEY: &str = "https://keys.example.com/keys/stream1/1.key";
const PLAYLIST: &str = "https://cdn.example.com/live/news/playlist.m3u8";

fn with(url: &str, token: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}cat={token}")
}
