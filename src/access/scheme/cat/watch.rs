//! Reuse detection, `catreplay` 2: a token that comes from another address than the last time.
//!
//! It goes on opening what it opens, as the claim has it. Must not know: claims.

use std::net::IpAddr;

use moka::sync::Cache;

/// The most tokens whose last address is known.
const MOST: u64 = 16 * 1024;

/// Where watched tokens came from last, as far as is remembered.
pub(super) struct Watch(Cache<String, IpAddr>);

impl Watch {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// Says so in the log if the token `name` came from another address before.
    pub(super) fn look(&self, name: &str, ip: Option<IpAddr>) {
        if ip.is_some_and(|ip| self.has_moved(name, ip)) {
            tracing::warn!(token = name, "a watched token came from another address");
        }
    }

    fn has_moved(&self, name: &str, ip: IpAddr) -> bool {
        let before = self.0.get(name);
        if before != Some(ip) {
            self.0.insert(name.to_owned(), ip);
        }
        before.is_some_and(|before| before != ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_address_is_told_once() {
        let watch = Watch::new();
        let [one, two]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        let told = [
            ("a", one),
            ("a", one),
            ("b", two),
            ("a", two),
            ("a", two),
            ("a", one),
        ];
        let told = told.map(|(name, ip)| watch.has_moved(name, ip));
        assert_eq!(told, [false, false, false, true, false, true]);
    }
}
