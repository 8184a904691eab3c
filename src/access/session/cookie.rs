//! The text of our cookies' headers (RFC 6265bis).
//!
//! Must not know: what a cookie holds.

use crate::domain::Timestamp;

use super::config::{SameSite, SessionsConfig};

/// The attributes that our cookies have.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// `; Path=/; Secure; …`
    attributes: String,
    /// The same of EdgeAuth's.
    of_hdntl: String,
}

impl Cookie {
    /// The name of the long-lived token of EdgeAuth.
    pub const HDNTL: &str = "hdntl";

    pub(in crate::access) fn new(config: &SessionsConfig) -> Self {
        let domain = config.domain.as_deref();
        let domain = domain.map_or(String::new(), |domain| format!("; Domain={domain}"));
        let attributes = |same_site| {
            let same_site = match same_site {
                SameSite::Strict => "Strict",
                SameSite::Lax => "Lax",
                SameSite::None => "None",
            };
            format!("; Path=/; Secure; HttpOnly; SameSite={same_site}{domain}")
        };
        Self {
            attributes: attributes(config.same_site),
            of_hdntl: attributes(config.hdntl_same_site),
        }
    }

    /// The value of `Set-Cookie` for a cookie that lasts until `expires`.
    pub fn set(&self, name: &str, value: &str, expires: Timestamp, now: Timestamp) -> String {
        let age = expires.since(now).as_secs();
        format!("{name}={value}; Max-Age={age}{}", self.attributes(name))
    }

    /// The value of `Set-Cookie` that takes it away.
    pub fn cleared(&self, name: &str) -> String {
        format!("{name}=; Max-Age=0{}", self.attributes(name))
    }

    fn attributes(&self, name: &str) -> &str {
        match name {
            Self::HDNTL => &self.of_hdntl,
            _ => &self.attributes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_cookie_has_all_its_attributes() {
        let cookie = |toml| Cookie::new(&toml::from_str(toml).unwrap());
        let now = Timestamp::from_millis(0);
        let set = |toml| cookie(toml).set("n", "v", now.plus(Duration::from_secs(60)), now);
        assert_eq!(
            set(""),
            "n=v; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            set("same_site = \"none\"\ndomain = \"example.com\""),
            "n=v; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=None; Domain=example.com"
        );
        let hdntl = |toml| cookie(toml).cleared("hdntl");
        assert!(hdntl("same_site = \"strict\"").ends_with("; SameSite=None"));
        assert!(hdntl("hdntl_same_site = \"lax\"").ends_with("; SameSite=Lax"));
        assert!(
            cookie("same_site = \"strict\"")
                .cleared("n")
                .starts_with("n=; Max-Age=0; Path=/")
        );
    }
}
