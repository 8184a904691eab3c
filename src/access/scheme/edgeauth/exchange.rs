//! The exchange of a short token for `hdntl`, as Akamai's edge does it.
//!
//! Must not know: where the long-lived token is put.

use crate::crypto::hex_of;
use std::time::Duration;

use super::{EdgeAuth, FIELDS, LONG_LIVED};
use crate::access::scheme::Fault;
use crate::access::scheme::request::{Request, is_plain_path, only, stream_path};
use crate::access::scheme::tilde::{Token, judged};
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
    /// What the request's short token is exchanged for, if it is good at `now`: the same access list,
    /// address and id, for the instance's `long_life`. What was exchanged before is not again.
    pub(in crate::access::scheme) fn exchange(
        &self,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Option<LongLived> {
        let life = self.long_life;
        if life < Duration::from_secs(1) || !is_plain_path(request.content) {
            return None;
        }
        let names = self.names.iter().map(String::as_str);
        let mut received = names.flat_map(|name| {
            let in_query = only(request.query, name).ok().flatten();
            in_query.into_iter().chain(request.cookies(name))
        });
        received.find_map(|received| {
            let made = judged(received, |text| self.exchanged(request, text, (now, life)));
            made.ok()
        })
    }

    fn exchanged(
        &self,
        request: &Request<'_>,
        text: &str,
        (now, life): (Timestamp, Duration),
    ) -> Result<LongLived, Fault> {
        let vouched = self.judge_reading(request, text)?;
        let is_live = vouched.is_live(now);
        let token = Token::read(text, &FIELDS)?;
        let is_long = token
            .field("data")
            .is_some_and(|data| data.starts_with(LONG_LIVED));
        if !is_live || is_long {
            return Err(Fault::Expired);
        }
        let end = now.plus(life).seconds();
        let own_list = format!("/{}/*", stream_path(request.content));
        let fields = [
            token.field("ip").map(|ip| format!("ip={ip}~")),
            Some(format!(
                "exp={end}~acl={}~",
                token.field("acl").unwrap_or(&own_list)
            )),
            token.field("id").map(|id| format!("id={id}~")),
            Some(format!("data={LONG_LIVED}")),
        ];
        let signed: String = fields.into_iter().flatten().collect();
        let text = self.signed_text(&signed).ok_or(Fault::Form)?;
        Ok(LongLived {
            text: SecretText::new(text),
            expires: Timestamp::from_millis(end.saturating_mul(1000)),
        })
    }

    /// The fields, and their hash under the first key.
    pub(super) fn signed_text(&self, signed: &str) -> Option<String> {
        let salted = match &self.salt {
            Some(salt) => format!("{signed}~salt={}", salt.expose()),
            None => signed.to_owned(),
        };
        let hmac = hex_of(&self.keys.first()?.sign(salted.as_bytes()));
        Some(format!("{signed}~hmac={hmac}"))
    }
}
