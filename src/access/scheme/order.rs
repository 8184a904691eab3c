//! What a legacy token shall say, for the schemes' signers.
//!
//! Must not know: any scheme.

use std::net::IpAddr;

use crate::domain::Timestamp;

/// One token to be signed.
#[derive(Debug, Clone, Copy)]
pub(in crate::access) struct Order<'a> {
    /// The content's path, without a slash before it: `live/news`.
    pub(in crate::access) content: &'a str,
    /// The viewer, where the scheme has a place for one.
    pub(in crate::access) subject: &'a str,
    /// The client's address, if the token shall be bound to it.
    pub(in crate::access) ip: Option<IpAddr>,
    pub(in crate::access) start: Timestamp,
    pub(in crate::access) end: Timestamp,
    /// Random: the token's name, where the scheme has a place for one.
    pub(in crate::access) id: [u8; 16],
}

impl Order<'_> {
    /// The address in the one form in which it is hashed.
    pub(super) fn address(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_canonical().to_string())
    }
}
