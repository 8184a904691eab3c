//! Minting a viewer's token from the configuration alone, for operators and the demo.
//!
//! Must not know: the command line, or whether a stream exists.

use super::config::AccessConfigError;
use super::scheme::jwt::{self, Jwt, Order};
use super::scheme::{Fault, SchemeConfig, SchemeFault, SchemesConfig};
use crate::crypto::SecretText;
use crate::domain::{Action, Principal, StreamPattern, Timestamp};
use crate::outbound;

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The configuration would not start a server either.
    #[error(transparent)]
    Config(#[from] AccessConfigError),
    /// No instance has a key that signs.
    #[error("no [schemes.NAME] can sign: one with a shared secret or signing_key_file is needed")]
    NoSigner,
    /// The server would not take it.
    #[error("the server would refuse the token: {0}")]
    Refused(&'static str),
    /// The server would take it for something else.
    #[error("no scheme that can sign may let viewers see all of these streams")]
    NotCovered,
}

/// A token with which `subject` may watch exactly `streams`, signed by the first instance that
/// can. An `expires` before `issued` makes an expired one. Times are cut to whole seconds.
pub fn viewer_token(
    schemes: &SchemesConfig,
    streams: &[StreamPattern],
    subject: &str,
    issued: Timestamp,
    expires: Timestamp,
) -> Result<SecretText, MintError> {
    let order = Order {
        streams,
        subject,
        issued,
        expires,
    };
    let instances = jwt::load(schemes, &outbound::Config::default())?;
    let mut reason = MintError::NoSigner;
    for (name, scheme) in &schemes.0 {
        let SchemeConfig::Jwt(scheme) = scheme else {
            continue;
        };
        let signed = jwt::sign(scheme, order).map_err(|fault| in_scheme(name, fault.into()))?;
        let Some(token) = signed else { continue };
        match check(&instances, &token, order) {
            Ok(()) => return Ok(token),
            Err(error) => reason = error,
        }
    }
    Err(reason)
}

fn in_scheme(name: &str, fault: SchemeFault) -> AccessConfigError {
    AccessConfigError::Scheme {
        name: name.to_owned(),
        fault,
    }
}

/// Asks the server's own rules: the first instance that takes the token decides what it opens,
/// and that may be another than the one that signed.
fn check(instances: &[Jwt], token: &SecretText, order: Order<'_>) -> Result<(), MintError> {
    let mut deepest = Fault::Form;
    for instance in instances {
        match instance.verify_at_hand(token.expose(), order.issued) {
            Some(Ok(verified)) if opens(&verified.principal, order) => return Ok(()),
            Some(Ok(_)) => return Err(MintError::NotCovered),
            Some(Err(fault)) => deepest = deepest.max(fault),
            None => {}
        }
    }
    Err(MintError::Refused(deepest.reason()))
}

fn opens(principal: &Principal, order: Order<'_>) -> bool {
    let is_within = |asked: &StreamPattern| principal.within.iter().any(|p| p.contains(asked));
    principal.streams == order.streams
        && principal.streams.iter().all(is_within)
        && Action::VIEWER.iter().all(|action| principal.may(*action))
}

#[cfg(test)]
mod tests;
