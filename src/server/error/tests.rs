//! The public answers: few, named once, and silent about what is inside.
//!
//! Must not know: routes.

use actix_web::ResponseError as _;
use actix_web::http::header;

use super::*;
use crate::domain::{Action, Flaw};
use crate::keys::KeysError;

const EXPIRED: Flaw = Flaw {
    code: "expired",
    sentence: "it has expired",
};

#[test]
fn names_are_unique_and_every_answer_is_an_error() {
    let mut names: Vec<_> = Code::ALL.map(Code::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        let status = code.status();
        assert!(status.is_client_error() || status.is_server_error());
    }
}

#[test]
fn denials_become_few_public_answers() {
    let cases = [
        (Denied::NoCredential, 401),
        (Denied::BadCredential(EXPIRED), 401),
        (Denied::WrongAction(Action::Deliver), 403),
        (Denied::WrongStream, 403),
        (Denied::NotEntitled, 403),
        (Denied::UnknownKey, 404),
        (Denied::KeyGone, 410),
        (Denied::Undecided("store"), 503),
    ];
    for (denied, status) in cases {
        let failure = Failure::from(denied.clone());
        assert_eq!(failure.code.status().as_u16(), status, "{denied}");
        assert_eq!(failure.detail, None, "the reason stays inside: {denied}");
    }
    for denied in [Denied::TooManySessions, Denied::Displaced] {
        let failure = Failure::from(denied.clone());
        assert_eq!(failure.code.status().as_u16(), 403);
        assert_eq!(
            failure.detail,
            Some(denied.to_string()),
            "a viewer can end a session"
        );
    }
}

#[test]
fn a_conflict_names_no_other_stream() {
    let other = "live/obviously-a-secret-event".parse().unwrap();
    let failure = Failure::from(KeysError::Nested(other));
    assert_eq!(failure.code, Code::Conflict);
    assert!(!failure.detail.unwrap().contains("secret-event"));
    assert!(failure.reason.unwrap().contains("secret-event"));
}

#[test]
fn heads_carry_what_the_status_calls_for() {
    let head = |code| Failure::new(code).error_response();
    let unauthorized = head(Code::Unauthorized);
    let challenge = unauthorized.headers().get(header::WWW_AUTHENTICATE);
    assert!(challenge.unwrap().to_str().unwrap().starts_with("Bearer"));
    assert!(
        head(Code::Unavailable)
            .headers()
            .contains_key("retry-after")
    );
    let refused = Failure::method_not_allowed("GET, HEAD".to_owned()).error_response();
    assert_eq!(refused.headers().get("allow").unwrap(), "GET, HEAD");
    let outside = Failure::range_not_satisfiable(7).error_response();
    assert_eq!(outside.headers().get("content-range").unwrap(), "bytes */7");
}

#[test]
fn the_document_is_rfc_9457() {
    let id = RequestId::random(&crate::domain::SystemEntropy);
    let problem = Failure::bad_request(&"rotation: no")
        .reason(&"inside")
        .document(id);
    let json = serde_json::to_value(&problem).unwrap();
    let expected = serde_json::json!({
        "type": "urn:hlskey:problem:bad_request",
        "title": "The request is malformed",
        "status": 400,
        "code": "bad_request",
        "detail": "rotation: no",
        "request_id": id.to_string(),
    });
    assert_eq!(json, expected);
}

#[test]
fn who_cannot_be_reached_is_in_the_document() {
    let missed = vec![Unreachable {
        instance: "encryptor-1".to_owned(),
        lease_end: crate::api::Text("2026-01-02T13:00:00Z".parse().unwrap()),
    }];
    let failure = Failure::from(KeysError::Unreachable(missed.clone()));
    let id = RequestId::random(&crate::domain::SystemEntropy);
    let document = failure.document(id);
    assert_eq!(document.status, 409);
    assert_eq!(document.code, "encryptors_unreachable");
    assert_eq!(document.unreachable, missed);
    let detail = document.detail.unwrap();
    assert!(detail.contains("encryptor-1 (until 2026-01-02T13:00:00.000Z)"));
    let other = Failure::from(KeysError::Conflict("no")).document(id);
    assert_eq!(
        (other.code.as_str(), other.unreachable),
        ("conflict", Vec::new())
    );
}
