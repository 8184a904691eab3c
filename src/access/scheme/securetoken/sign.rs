//! Signing a URL's query as Wowza's generators do.
//!
//! Must not know: whether the server will take it.

use super::SecureToken;
use super::canonical::{self, Reading};
use crate::access::scheme::order::{Order, SignFault};
use crate::crypto::SecretText;

/// The query to put behind the URL, without `?`.
pub(in crate::access::scheme) fn sign(
    scheme: &SecureToken,
    order: Order<'_>,
) -> Result<Option<String>, SignFault> {
    let prefix = &scheme.prefix;
    let mut parameters = vec![
        (format!("{prefix}endtime"), order.end.seconds().to_string()),
        (
            format!("{prefix}starttime"),
            order.start.seconds().to_string(),
        ),
    ];
    if let Some(name) = &scheme.subject_parameter {
        parameters.push((
            format!("{prefix}{name}"),
            order
                .subject_without(&['&', '#', '%', '+', ' '])?
                .to_owned(),
        ));
    }
    let borrowed: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let address = order.address().filter(|_| scheme.include_ip);
    let Some(secret) = scheme.secrets.first().map(SecretText::expose) else {
        return Ok(None);
    };
    let bare: Vec<&str> = [Some(secret), address.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let reading = Reading::received(&borrowed);
    let text = canonical::texts(order.stream, &bare, &reading).next();
    let Some(hash) = text.map(|text| scheme.hash.write(&text.joined())) else {
        return Ok(None);
    };
    let pairs = borrowed
        .iter()
        .map(|(name, value)| format!("{name}={value}&"));
    let pairs: String = pairs.collect();
    Ok(Some(format!("{pairs}{prefix}hash={hash}")))
}
