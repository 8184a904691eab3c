//! The source `http`: a service that is asked by a signed `POST` of JSON.
//!
//! Only 200 with a JSON document that says `allow` is an answer. Everything else, a refusal in
//! another status too, is a failure of the service, and never a yes. Must not know: what is
//! remembered.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Answer, Question};
use super::config::{BoundsConfig, EntitlementFault, HttpSourceConfig};
use super::signature::{self, SIGNATURE_HEADER};
use super::source::SourceError;
use crate::access::scheme::secrets;
use crate::api::Text;
use crate::crypto::SecretText;
use crate::domain::{StreamId, Timestamp};
use crate::outbound::{Address, Client, Terms};

/// The longest answer, in bytes.
const LONGEST: usize = 16 * 1024;
/// The shortest secret, in bytes: as long as what it makes (RFC 2104 §3).
const SHORTEST: usize = 32;
/// The most of a reason that is logged, in characters.
const REASON: usize = 200;

/// The service.
pub(super) struct Service {
    client: Client,
    address: Address,
    secret: SecretText,
}

/// A question on the wire.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    viewer: &'a str,
    stream: Text<&'a StreamId>,
    scheme: &'a str,
    session: &'a str,
    ip: Option<IpAddr>,
    request_time: Text<Timestamp>,
}

/// An answer on the wire; what else is in it is passed over. A no is a no whatever stands beside it:
/// of a service that says `false` nothing else must be understood.
#[derive(Debug, Deserialize)]
struct Reply {
    allow: bool,
    #[serde(default)]
    ttl: Value,
    #[serde(default)]
    max_sessions: Value,
    #[serde(default)]
    reason: Value,
}

/// The service's secrets: the first signs, any verifies.
pub(super) fn load_secrets(config: &HttpSourceConfig) -> Result<Vec<SecretText>, EntitlementFault> {
    let secrets = secrets(&config.secrets, config.secrets_file.as_deref())?;
    let lengths = secrets.iter().map(|secret| secret.expose().len());
    match lengths.min() {
        Some(length) if length < SHORTEST => Err(EntitlementFault::ShortSecret(length)),
        _ => Ok(secrets),
    }
}

impl Service {
    /// Reads the secret files that `config` names.
    pub(super) fn new(
        config: &HttpSourceConfig,
        bounds: &BoundsConfig,
    ) -> Result<Self, EntitlementFault> {
        let address: Address = config.url.parse().map_err(EntitlementFault::Url)?;
        let patience: Duration = bounds.timeout.0.into();
        let ca: Vec<&Path> = config.ca_file.as_deref().into_iter().collect();
        let client = Client::new(&Terms {
            hosts: &[address.host()],
            authorities: &ca,
            identity: config.client_certificate_file.as_deref(),
            connect: patience,
            total: patience,
            ..Terms::default()
        });
        let client = client.map_err(EntitlementFault::Client)?;
        let mut secrets = load_secrets(config)?;
        Ok(Self {
            client,
            address,
            secret: secrets.swap_remove(0),
        })
    }

    pub(super) async fn ask(
        &self,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Answer, SourceError> {
        let asked = Asked {
            viewer: question.viewer,
            stream: Text(question.stream),
            scheme: question.scheme,
            session: question.session,
            ip: question.ip,
            request_time: Text(now),
        };
        let body = serde_json::to_vec(&asked).map_err(|_| SourceError::Question)?;
        let signature = signature::sign(&self.secret, now, &body);
        let headers = [
            ("content-type", "application/json"),
            ("accept", "application/json"),
            (SIGNATURE_HEADER, &signature),
        ];
        let answer = self.client.post(&self.address, &headers, body, LONGEST);
        let answer = answer.await?;
        if answer.status != 200 {
            return Err(SourceError::Status(answer.status));
        }
        if !answer.header("content-type").is_some_and(is_json) {
            return Err(SourceError::NotJson);
        }
        parsed(&answer.body)
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn parsed(body: &[u8]) -> Result<Answer, SourceError> {
    let reply: Reply = serde_json::from_slice(body).map_err(|_| SourceError::Rubbish)?;
    match reply.allow {
        true => yes(&reply).ok_or(SourceError::Rubbish),
        false => Ok(no(&reply)),
    }
}

/// A yes with what bounds it, if that can be read. No session at all is a no.
fn yes(reply: &Reply) -> Option<Answer> {
    let ttl: Option<f64> = Option::deserialize(&reply.ttl).ok()?;
    let max_sessions: Option<u32> = Option::deserialize(&reply.max_sessions).ok()?;
    let ttl = ttl.map(Duration::try_from_secs_f64).transpose().ok()?;
    Some(Answer {
        allow: max_sessions != Some(0),
        ttl,
        ends: None,
        max_sessions: max_sessions.filter(|most| *most > 0),
    })
}

fn no(reply: &Reply) -> Answer {
    if let Some(reason) = reply.reason.as_str() {
        let reason: String = reason.chars().take(REASON).collect();
        tracing::debug!(?reason, "the entitlement service says no");
    }
    let ttl = reply.ttl.as_f64().map(Duration::try_from_secs_f64);
    Answer {
        ttl: ttl.and_then(Result::ok),
        ..Answer::NO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_allow_and_may_say_more() {
        let yes = parsed(br#"{"allow":true,"ttl":60,"max_sessions":2,"reason":"x","new":[]}"#);
        let expected = Answer {
            allow: true,
            ttl: Some(Duration::from_secs(60)),
            ends: None,
            max_sessions: Some(2),
        };
        assert_eq!(yes.unwrap(), expected);
        assert_eq!(parsed(br#"{"allow":false}"#).unwrap(), Answer::NO);
        let none = parsed(br#"{"allow":true,"max_sessions":0}"#).unwrap();
        assert_eq!(none, Answer::NO);
        let half = parsed(br#"{"allow":true,"ttl":0.5}"#).unwrap();
        assert_eq!(half.ttl, Some(Duration::from_millis(500)));
    }

    #[test]
    fn a_no_is_a_no_whatever_stands_beside_it() {
        for beside in [
            r#""max_sessions":0"#,
            r#""max_sessions":1.5"#,
            r#""max_sessions":-1,"ttl":-1"#,
            r#""ttl":"soon","max_sessions":[]"#,
            r#""ttl":1e300"#,
            r#""reason":{"code":"unpaid"}"#,
            r#""reason":7"#,
        ] {
            let body = format!("{{\"allow\":false,{beside}}}");
            assert_eq!(parsed(body.as_bytes()).unwrap(), Answer::NO, "{body}");
        }
        let shortly = parsed(br#"{"allow":false,"ttl":3,"reason":null}"#).unwrap();
        assert_eq!(shortly.ttl, Some(Duration::from_secs(3)));
        let yes = parsed(br#"{"allow":true,"reason":{"plan":"gold"}}"#).unwrap();
        assert!(yes.allow);
    }

    #[test]
    fn rubbish_is_no_answer() {
        for rubbish in [
            "",
            "true",
            "null",
            "[]",
            "{}",
            r#"{"allow":"true"}"#,
            r#"{"allow":1}"#,
            r#"{"allow":null}"#,
            r#"{"Allow":true}"#,
            r#"{"allow":false,"allow":true}"#,
            r#"{"allow":true,"ttl":-1}"#,
            r#"{"allow":true,"ttl":"60"}"#,
            r#"{"allow":true,"ttl":1e300}"#,
            r#"{"allow":true,"max_sessions":1.5}"#,
            r#"{"allow":true} {"allow":true}"#,
        ] {
            let outcome = parsed(rubbish.as_bytes());
            assert!(matches!(outcome, Err(SourceError::Rubbish)), "{rubbish}");
        }
    }

    #[test]
    fn only_json_is_read() {
        for (header, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/html", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            assert_eq!(is_json(header), expected, "{header}");
        }
    }
}
