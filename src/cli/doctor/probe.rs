//! What is asked of a key besides: without a credential, by HEAD, with a range, with parameters
//! that nobody knows; and a range of a segment.
//!
//! Must not know: what the key opens.

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, RANGE};
use reqwest::{Method, Url};

use super::client::Kit;
use super::code;
use super::fault::{Faults, Place};
use super::media::Rendition;
use super::shown::{has_token_in_path, without_tokens};
use crate::crypto::SecretText;
use crate::outbound::Answer;

const MOST: usize = 64 << 20;
/// As FFmpeg sends it with each key request.
const FROM_THE_START: &str = "bytes=0-";

/// A key, asked in every way that players and strangers ask it.
pub(super) async fn key(kit: &Kit, url: &Url, is_known: bool, faults: &mut Faults) {
    let place = Place::of_url(url);
    stranger(kit, url, place, faults).await;
    if !is_known {
        return;
    }
    if let Some(answer) = ask(kit, Method::HEAD, url, None).await
        && answer.status != 200
    {
        faults.add(
            &code::KEY_HEAD,
            place,
            format!("HEAD answers {}", answer.status),
        );
    }
    if let Some(answer) = ask(kit, Method::GET, url, Some(FROM_THE_START)).await
        && !(matches!(answer.status, 200 | 206) && answer.body.len() == 16)
    {
        let text = format!("{} to Range: {FROM_THE_START}", answer.status);
        faults.add(&code::KEY_RANGE, place, text);
    }
    let mut more = url.clone();
    more.query_pairs_mut()
        .append_pair("CMCD", "ot=k")
        .append_pair("_hlskey", "1");
    if let Some(answer) = ask(kit, Method::GET, &more, None).await
        && !(answer.status == 200 && answer.body.len() == 16)
    {
        faults.add(
            &code::KEY_QUERY,
            place,
            format!("{} with CMCD=", answer.status),
        );
    }
}

/// Somebody who has the playlist and nothing else. A key whose path has a token in it cannot be
/// asked for without.
async fn stranger(kit: &Kit, url: &Url, place: Place<'_>, faults: &mut Faults) {
    if has_token_in_path(url) {
        return;
    }
    let headers: Vec<_> = super::ask::origin_of(kit).into_iter().collect();
    for bare in bare(kit, url) {
        let Ok(answer) = kit.http.look(Method::GET, &bare, &headers, MOST).await else {
            continue;
        };
        let place = Place {
            url: Some(&bare),
            ..place
        };
        if answer.status == 200 && answer.body.len() == 16 {
            return faults.add(&code::KEY_OPEN, place, "200 without a credential");
        }
        refusal(kit, &answer, place, faults);
    }
}

/// The URL without its query, and without those parameters alone that look like a credential: the
/// others may say which key it is.
fn bare(kit: &Kit, url: &Url) -> Vec<Url> {
    let mut nothing = url.clone();
    nothing.set_query(None);
    let some = without_tokens(url, kit.token.as_ref().map(SecretText::expose));
    let mut all = vec![nothing];
    if some != *url && some != all[0] {
        all.push(some);
    }
    all
}

fn refusal(kit: &Kit, answer: &Answer, place: Place<'_>, faults: &mut Faults) {
    let allowed = answer.header("access-control-allow-origin");
    let own = kit.origin().origin().ascii_serialization();
    let is_readable = allowed.is_some_and(|it| it == "*" || it == own);
    let is_foreign = place.url.is_some_and(|url| kit.is_foreign(url));
    if is_foreign && answer.status >= 400 && !is_readable {
        let status = answer.status;
        let text = format!("{status} without Access-Control-Allow-Origin");
        faults.add(&code::CORS_ON_REFUSAL, place, text);
    }
}

/// Some bytes from the middle of a rendition's first segment.
pub(super) async fn segment(kit: &Kit, rendition: &Rendition, faults: &mut Faults) {
    let first = rendition.ends().into_iter().next();
    let Some(first) = first.filter(|first| first.range.is_none()) else {
        return;
    };
    let Some(url) = rendition.join(&first.uri) else {
        return;
    };
    if let Some(answer) = ask(kit, Method::GET, &url, Some("bytes=16-31")).await {
        let is_part = answer.status == 206 && answer.body.len() == 16;
        if answer.status < 500 && !is_part && answer.status != 200 {
            let place = Place::of_rendition(&rendition.name, &url);
            faults.add(
                &code::SEGMENT_RANGE,
                place,
                format!("{} to Range", answer.status),
            );
        }
    }
}

async fn ask(kit: &Kit, method: Method, url: &Url, range: Option<&str>) -> Option<Answer> {
    let shows = kit.shows(url, true);
    let mut headers: Vec<(HeaderName, String)> = Vec::new();
    headers.extend(range.map(|range| (RANGE, range.to_owned())));
    let bearer = shows.bearer.as_ref();
    headers.extend(bearer.map(|it| (AUTHORIZATION, format!("Bearer {}", it.expose()))));
    headers.extend(shows.cookies.map(|it| (COOKIE, it)));
    kit.http.look(method, url, &headers, MOST).await.ok()
}
