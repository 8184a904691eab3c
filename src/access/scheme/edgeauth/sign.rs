//! Signing a token as Akamai's generators do.
//!
//! Must not know: whether the server will take it.

use super::EdgeAuth;
use super::escape::python;
use crate::access::scheme::order::Order;

/// The query to put behind the URL, without `?`: everything below the content's path is opened.
pub(in crate::access::scheme) fn sign(scheme: &EdgeAuth, order: Order<'_>) -> Option<String> {
    let escape = |text: &str| match scheme.escape_early {
        true => python(text),
        false => text.to_owned(),
    };
    let ip = order.address().map(|ip| format!("ip={}~", escape(&ip)));
    let signed = format!(
        "{}st={}~exp={}~acl=/{}/*~id={}",
        ip.unwrap_or_default(),
        order.start.seconds(),
        order.end.seconds(),
        order.content,
        escape(order.subject),
    );
    let name = scheme.names.first()?;
    Some(format!("{name}={}", scheme.signed_text(&signed)?))
}
