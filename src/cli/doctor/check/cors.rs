//! What a page's script may read: CORS headers, and the preflight that an `Authorization` takes.
//!
//! Must not know: the credential.

use reqwest::Method;
use reqwest::header::HeaderName;

use super::super::ask::{Seen, What, origin_of};
use super::super::client::Kit;
use super::super::code;
use super::super::fault::{Faults, Place};
use super::super::shown::shown;
use crate::outbound::Answer;

const MOST: usize = 1 << 20;

/// Why the client cannot read this answer; `None` if it can.
pub(in super::super) async fn judge(
    kit: &Kit,
    seen: &Seen,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<String> {
    if !kit.is_foreign(&seen.url) {
        return None;
    }
    let origin = kit.origin().origin().ascii_serialization();
    let allowed = seen.header("access-control-allow-origin");
    let text = format!("Access-Control-Allow-Origin: {allowed}");
    if allowed != "*" && allowed != origin {
        let code = match seen.is_good() {
            true => &code::CORS_MISSING,
            false => &code::CORS_ON_REFUSAL,
        };
        faults.add(code, place, text);
        return Some(format!(
            "CORS forbids the page to read {}",
            shown(&seen.url)
        ));
    }
    let varies = seen.answer.headers("vary").any(|it| {
        let names = it.to_ascii_lowercase();
        names.contains("origin") || names.contains('*')
    });
    if allowed != "*" && !varies {
        faults.add(&code::CORS_VARY, place, text.as_str());
    }
    let may_show = seen.header("access-control-allow-credentials") == "true" && allowed != "*";
    if seen.with_cookies && seen.what == What::Key && !may_show {
        faults.add(&code::CORS_CREDENTIALS, place, text);
        return Some(format!("CORS forbids cookies at {}", shown(&seen.url)));
    }
    match seen.with_bearer {
        true => preflight(kit, seen, &origin, place, faults).await,
        false => None,
    }
}

async fn preflight(
    kit: &Kit,
    seen: &Seen,
    origin: &str,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<String> {
    let mut headers: Vec<_> = origin_of(kit).into_iter().collect();
    for (name, value) in [
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ] {
        headers.push((HeaderName::from_static(name), value.to_owned()));
    }
    let answer = kit
        .http
        .look(Method::OPTIONS, &seen.url, &headers, MOST)
        .await;
    let text = match answer {
        Ok(answer) if allows(&answer, origin) => return None,
        Ok(answer) => format!("OPTIONS answers {} and does not allow it", answer.status),
        Err(error) => error.to_string(),
    };
    faults.add(&code::CORS_PREFLIGHT, place, text);
    Some(format!(
        "CORS forbids Authorization at {}",
        shown(&seen.url)
    ))
}

/// `*` in Allow-Headers does not stand for `authorization` (Fetch §3.2.3).
fn allows(answer: &Answer, origin: &str) -> bool {
    let allowed = answer
        .header("access-control-allow-origin")
        .unwrap_or_default();
    let named = answer.headers("access-control-allow-headers").any(|it| {
        let mut names = it.split(',').map(str::trim);
        names.any(|name| name.eq_ignore_ascii_case("authorization"))
    });
    (200..300).contains(&answer.status) && (allowed == "*" || allowed == origin) && named
}
