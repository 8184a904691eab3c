//! The exchange of a short token for `hdntl`, as Akamai's edge does it.
//!
//! Must not know: where the long-lived token is put.

use crate::crypto::hex_of;
use std::time::Duration;

use super::{EXCHANGED, EdgeAuth, FIELDS, LONG_LIVED, outside_query};
use crate::access::scheme::Fault;
use crate::access::scheme::request::{Request, is_plain_path, only};
use crate::access::scheme::tilde::{Token, judged};
use crate::access::scheme::vouched::LAST_SECOND;
use crate::crypto::SecretText;
use crate::domain::Timestamp;

/// A long-lived token.
#[derive(Debug)]
pub struct LongLived {
    /// Its text, whose name is `hdntl`.
    pub text: SecretText,
    /// When it is over.
    pub expires: Timestamp,
}

impl EdgeAuth {
    /// What the request's short token of that name is exchanged for: the same access list, address
    /// and id, for the instance's `long_life`, or `most` if that is less. What was exchanged before is
    /// not again, and what is for one URL never is.
    pub(in crate::access::scheme) fn exchange(
        &self,
        request: &Request<'_>,
        of: &str,
        (now, most): (Timestamp, Option<Duration>),
    ) -> Option<LongLived> {
        let life = most.map_or(self.long_life, |most| most.min(self.long_life));
        if life < Duration::from_secs(1) || !is_plain_path(request.content) {
            return None;
        }
        let names = self.names.iter().map(String::as_str);
        let mut received = names.flat_map(|name| {
            let in_query = only(request.query, name).ok().flatten();
            in_query.into_iter().chain(outside_query(request, name))
        });
        received.find_map(|received| {
            let made = judged(received, |text| {
                self.exchanged(request, (text, of), (now, life))
            });
            made.ok()
        })
    }

    fn exchanged(
        &self,
        request: &Request<'_>,
        (text, of): (&str, &str),
        (now, life): (Timestamp, Duration),
    ) -> Result<LongLived, Fault> {
        let vouched = self.judge_reading(request, text)?;
        let is_it = vouched.is_live(now) && vouched.session == of;
        let token = Token::read(text, &FIELDS)?;
        let is_long = token
            .field("data")
            .is_some_and(|data| data.starts_with(LONG_LIVED));
        if !is_it || is_long {
            return Err(Fault::Expired);
        }
        // Its last second counts whole, and is within what a policy allows.
        let end = now.plus(life).minus(LAST_SECOND).seconds();
        let list = token.field("acl").ok_or(Fault::Path)?;
        let fields = [
            token.field("ip").map(|ip| format!("ip={ip}~")),
            Some(format!("exp={end}~acl={list}~")),
            token.field("id").map(|id| format!("id={id}~")),
            Some(format!("data={EXCHANGED}{of}")),
        ];
        let signed: String = fields.into_iter().flatten().collect();
        let text = self.signed_text(&signed, None).ok_or(Fault::Form)?;
        Ok(LongLived {
            text: SecretText::new(text),
            expires: Timestamp::from_millis(end.saturating_mul(1000)),
        })
    }

    /// The fields, and their hash under the first key, with the one URL that they are for, if they
    /// have no list.
    pub(super) fn signed_text(&self, signed: &str, url: Option<&str>) -> Option<String> {
        let mut hashed = signed.to_owned();
        let salt = self.salt.as_ref().map(SecretText::expose);
        for (name, value) in [("url", url), ("salt", salt)] {
            if let Some(value) = value {
                hashed.push_str(&format!("~{name}={value}"));
            }
        }
        let hmac = hex_of(&self.keys.first()?.sign(hashed.as_bytes()));
        Some(format!("{signed}~hmac={hmac}"))
    }
}
