//! What is written down of one decision, and the bounds of its texts.
//!
//! Viewers choose names, so none is long or holds a control character. Must not know: the queue.

use std::net::IpAddr;

use super::affected::Affected;
use crate::domain::{Kid, Principal, RequestId, StreamId, Timestamp};
use crate::store::AuditEntry;

/// The longest text of a column, in bytes.
const MOST: usize = 256;
/// The longest detail.
const MOST_DETAIL: usize = 4096;

/// A decision: who asked for what, and what came of it. What is not known is left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ruling<'a> {
    /// The request.
    pub request: Option<RequestId>,
    /// What was asked for.
    pub action: &'a str,
    /// Why it was decided so, a word for programs.
    pub reason: &'a str,
    /// Who asked, if a credential verified.
    pub who: Option<&'a Principal>,
    /// Who it was, where no credential says so.
    pub maker: &'a str,
    /// What it is about.
    pub stream: Option<&'a StreamId>,
    /// The key.
    pub kid: Option<Kid>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The place in the configuration of the policy that decided, from 0 on; none where no policy is for
    /// the stream, or none was asked.
    pub policy: Option<usize>,
    /// More.
    pub detail: Option<&'a serde_json::Value>,
    /// What else it is about, of which the fields above come first.
    pub affected: Option<&'a Affected>,
}

/// What sort of row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Refused,
    Delivered,
    Changed,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Delivered => "delivered",
            Self::Changed => "changed",
        }
    }
}

impl Ruling<'_> {
    /// The row, to be numbered.
    pub(super) fn entry(&self, kind: Kind, time: Timestamp) -> AuditEntry {
        let who = |part: fn(&Principal) -> &str| self.who.map_or("", part);
        let stream = self.affected.and_then(|it| it.stream.as_ref());
        let kid = self.affected.and_then(|it| it.kid);
        let detail = match self.affected {
            Some(affected) => affected.told(self.detail),
            None => self.detail.cloned(),
        };
        AuditEntry {
            time: time.millis(),
            kind: kind.name().to_owned(),
            request_id: self.request.map(|id| id.to_string()).unwrap_or_default(),
            action: bounded(self.action),
            reason: bounded(self.reason),
            scheme: bounded(who(|principal| &principal.scheme)),
            viewer: bounded(self.who.map_or(self.maker, |who| &who.subject)),
            session: bounded(who(|principal| &principal.session)),
            token: bounded(who(|principal| &principal.token)),
            stream: self
                .stream
                .or(stream)
                .map_or("", StreamId::as_str)
                .to_owned(),
            kid: self
                .kid
                .or(kid)
                .map(|kid| kid.to_string())
                .unwrap_or_default(),
            ip: self
                .ip
                .map(|ip| ip.to_canonical().to_string())
                .unwrap_or_default(),
            policy: self.policy.map(policy_name).unwrap_or_default(),
            count: 1,
            detail: detail.as_ref().map(bounded_detail).unwrap_or_default(),
        }
    }
}

/// What the policy at that place is called.
fn policy_name(at: usize) -> String {
    format!("policies[{at}]")
}

/// That rows were lost, and how many.
pub(super) fn lost(count: u64, time: Timestamp) -> AuditEntry {
    AuditEntry {
        time: time.millis(),
        kind: Kind::Changed.name().to_owned(),
        action: "audit".to_owned(),
        reason: "rows_lost".to_owned(),
        count: i64::try_from(count).unwrap_or(i64::MAX),
        ..AuditEntry::default()
    }
}

/// At most so long, and one line.
pub(super) fn bounded(text: &str) -> String {
    let mut end = text.len().min(MOST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text[..end].chars().map(plain).collect()
}

fn bounded_detail(detail: &serde_json::Value) -> String {
    let text = detail.to_string();
    match text.len() <= MOST_DETAIL {
        true => text,
        false => r#"{"cut":true}"#.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Action, Denied, Flaw};

    const BAD: Flaw = Flaw {
        code: "bad_credential",
        sentence: "x",
    };

    #[test]
    fn the_document_lists_every_reason_of_ours() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/AUDIT.md");
        let document = std::fs::read_to_string(path).unwrap();
        let row = document.lines().find(|line| line.starts_with("| `reason`"));
        let row = row.unwrap();
        for denied in [
            Denied::NoCredential,
            Denied::BadCredential(BAD),
            Denied::WrongStream,
            Denied::WrongAction(Action::Operate),
            Denied::NotAccepted("x"),
            Denied::WrongPage("x"),
            Denied::TooManySessions,
            Denied::Displaced,
            Denied::WrongAddress,
            Denied::NotEntitled,
            Denied::Revoked("x"),
            Denied::UnknownKey,
            Denied::KeyGone,
            Denied::Undecided("x"),
        ] {
            let code = denied.code();
            assert!(row.contains(&format!("`{code}`")), "{code}");
        }
    }

    #[test]
    fn a_name_is_short_and_one_line() {
        assert_eq!(bounded("alice"), "alice");
        assert_eq!(
            bounded("a\r\nb\0c\u{85}"),
            "a\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}"
        );
        let long = "é".repeat(200);
        assert_eq!(bounded(&long), "é".repeat(128));
    }
}
