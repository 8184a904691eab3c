//! Signing a token as Akamai's generators do.
//!
//! Must not know: whether the server will take it.

use super::EdgeAuth;
use super::escape::python;
use crate::access::scheme::order::{Order, SignFault};

/// The query to put behind the URL, without `?`: everything below the content's path is opened, or one
/// playlist in it, whose URL is hashed and does not stand in the token.
pub(in crate::access::scheme) fn sign(
    scheme: &EdgeAuth,
    order: Order<'_>,
) -> Result<Option<String>, SignFault> {
    let escape = |text: &str| match scheme.escape_early {
        true => python(text),
        false => text.to_owned(),
    };
    // Neither library escapes the separators, of fields and of a list's paths.
    let special: &[char] = match scheme.escape_early {
        true => &['~', '!'],
        false => &['~', '!', '&', '#', '%', '+', ';', ' '],
    };
    let id = order.subject_without(special)?;
    let ip = order.address().map(|ip| format!("ip={}~", escape(&ip)));
    let list = match order.file {
        None => format!("~acl=/{}/*", order.stream),
        Some(_) => String::new(),
    };
    let id = match id {
        "" => String::new(),
        id => format!("~id={}", escape(id)),
    };
    let signed = format!(
        "{}st={}~exp={}{list}{id}",
        ip.unwrap_or_default(),
        order.start.seconds(),
        order.end.seconds(),
    );
    let url = order.file.map(|file| format!("/{}/{file}", order.stream));
    let text = scheme.signed_text(&signed, url.as_deref().map(escape).as_deref());
    Ok(scheme
        .names
        .first()
        .zip(text)
        .map(|(name, text)| format!("{name}={text}")))
}
