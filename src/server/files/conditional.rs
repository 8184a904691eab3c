//! Validators and conditional requests (RFC 9110 §8.8 and §13).
//!
//! Must not know: where files lie.

use std::time::SystemTime;

use actix_web::http::header::{self, EntityTag, HttpDate, IfModifiedSince, IfNoneMatch, IfRange};
use actix_web::{HttpMessage, HttpRequest, HttpResponseBuilder};

/// What names one representation.
#[derive(Debug, Clone)]
pub(crate) struct Validators {
    tag: EntityTag,
    modified: HttpDate,
}

impl Validators {
    /// From a tag of `[0-9a-z.-]` and the time of writing.
    pub(crate) fn new(tag: String, modified: SystemTime) -> Self {
        Self {
            tag: EntityTag::new_strong(tag),
            modified: modified.into(),
        }
    }

    /// Puts `ETag` and `Last-Modified` on an answer.
    pub(crate) fn stamp(&self, answer: &mut HttpResponseBuilder) {
        answer
            .insert_header(header::ETag(self.tag.clone()))
            .insert_header(header::LastModified(self.modified));
    }
}

/// Whether the caller's copy is still good, so that 304 answers it.
pub(crate) fn is_fresh(request: &HttpRequest, now: &Validators) -> bool {
    if request.headers().contains_key(header::IF_NONE_MATCH) {
        return has_copy(request, &now.tag);
    }
    let since = request.get_header::<IfModifiedSince>();
    since.is_some_and(|IfModifiedSince(since)| seconds(now.modified) <= seconds(since))
}

/// Whether the caller says by tag that it has this representation.
pub(crate) fn has_copy(request: &HttpRequest, now: &EntityTag) -> bool {
    // A header that is none must not pass for `*`.
    let said = request.headers().contains_key(header::IF_NONE_MATCH);
    match said.then(|| request.get_header::<IfNoneMatch>()).flatten() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(now)),
        None => false,
    }
}

/// Whether a `Range` header still means this representation: `If-Range` agrees or is not there.
pub(crate) fn range_applies(request: &HttpRequest, now: &Validators) -> bool {
    if !request.headers().contains_key(header::IF_RANGE) {
        return true;
    }
    match request.get_header::<IfRange>() {
        Some(IfRange::EntityTag(tag)) => tag.strong_eq(&now.tag),
        Some(IfRange::Date(date)) => seconds(date) == seconds(now.modified),
        None => false,
    }
}

/// HTTP dates have whole seconds; files have more.
fn seconds(date: HttpDate) -> u64 {
    let since = SystemTime::from(date).duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;

    use super::*;

    fn now() -> Validators {
        let written = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900);
        Validators::new("1-2-3.4".to_owned(), written)
    }

    const SAME_SECOND: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const EARLIER: &str = "Tue, 14 Nov 2023 22:13:19 GMT";

    #[test]
    fn a_tag_decides_before_a_date() {
        let cases = [
            (Some("\"1-2-3.4\""), None, true),
            (Some("W/\"1-2-3.4\""), None, true),
            (Some("\"old\", \"1-2-3.4\""), None, true),
            (Some("*"), None, true),
            (Some("\"old\""), Some(SAME_SECOND), false),
            (None, Some(SAME_SECOND), true),
            (None, Some(EARLIER), false),
            (None, None, false),
        ];
        for (tag, since, fresh) in cases {
            let mut request = TestRequest::default();
            if let Some(tag) = tag {
                request = request.insert_header((header::IF_NONE_MATCH, tag));
            }
            if let Some(since) = since {
                request = request.insert_header((header::IF_MODIFIED_SINCE, since));
            }
            assert_eq!(
                is_fresh(&request.to_http_request(), &now()),
                fresh,
                "{tag:?} {since:?}"
            );
        }
    }

    #[test]
    fn a_range_of_an_older_file_is_ignored() {
        let cases = [
            (None, true),
            (Some("\"1-2-3.4\""), true),
            (Some("W/\"1-2-3.4\""), false),
            (Some("\"old\""), false),
            (Some(SAME_SECOND), true),
            (Some(EARLIER), false),
        ];
        for (value, applies) in cases {
            let request = TestRequest::default();
            let request = match value {
                Some(value) => request.insert_header((header::IF_RANGE, value)),
                None => request,
            };
            assert_eq!(
                range_applies(&request.to_http_request(), &now()),
                applies,
                "{value:?}"
            );
        }
    }
}
