//! Signatures of what we and an entitlement service send each other: HMAC-SHA256 over time and body.
//!
//! `X-Hlskey-Signature: t=UNIX,v1=HEX`, where HEX is HMAC-SHA256(secret, UNIX ‖ "." ‖ body). Must not
//! know: what is in a body.

use std::time::Duration;

use subtle::ConstantTimeEq as _;

use crate::crypto::hex_of;
use crate::crypto::{SecretText, hmac_sha256};
use crate::domain::Timestamp;

/// The header that carries it, in both directions.
pub const SIGNATURE_HEADER: &str = "x-hlskey-signature";

/// How far the clock of who signed may be off, either way.
const WINDOW: Duration = Duration::from_secs(300);
/// The longest header that is read, and the most signatures in it: one for each secret while they
/// are changed.
const LONGEST: usize = 1024;
const MOST: usize = 4;

/// Why what came is not taken for the service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureFault {
    /// Not of the form above.
    #[error("the signature is missing or malformed")]
    Form,
    /// Too old, or from the future.
    #[error("the signature's time is more than five minutes off")]
    Time,
    /// None of the secrets made it.
    #[error("the signature does not verify")]
    Wrong,
}

/// The header's value for `body`, sent at `now`.
pub(super) fn sign(secret: &SecretText, now: Timestamp, body: &[u8]) -> String {
    let time = now.seconds().to_string();
    let mac = hex_of(&mac(secret, &time, body));
    format!("t={time},v1={mac}")
}

/// Whether `header` signs `body` with one of the secrets, and lately.
pub(super) fn verify(
    secrets: &[SecretText],
    header: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), SignatureFault> {
    let (time, shown) = parsed(header).ok_or(SignatureFault::Form)?;
    let seconds: i64 = time.parse().map_err(|_| SignatureFault::Form)?;
    // All of the last second counts.
    if now.seconds().abs_diff(seconds) > WINDOW.as_secs() {
        return Err(SignatureFault::Time);
    }
    let made = secrets.iter().map(|secret| mac(secret, time, body));
    let fits = |made: [u8; 32]| shown.iter().any(|one| one.ct_eq(&made).into());
    let fitting = made.filter(|made| fits(*made)).count();
    (fitting > 0).then_some(()).ok_or(SignatureFault::Wrong)
}

fn mac(secret: &SecretText, time: &str, body: &[u8]) -> [u8; 32] {
    let secret = secret.expose().as_bytes();
    hmac_sha256(secret, &[time.as_bytes(), b".", body])
}

/// The time's digits, and each `v1`. Versions to come are passed over.
fn parsed(header: &str) -> Option<(&str, Vec<[u8; 32]>)> {
    if header.len() > LONGEST {
        return None;
    }
    let (mut time, mut shown) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", digits) if time.is_none() && is_number(digits) => time = Some(digits),
            ("t", _) => return None,
            ("v1", hex) if shown.len() < MOST => shown.push(bytes(hex)?),
            ("v1", _) => return None,
            _ => {}
        }
    }
    (!shown.is_empty()).then_some((time?, shown))
}

fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// 64 hexadecimal digits.
fn bytes(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_999);
    const BODY: &[u8] = br#"{"viewer":"alice"}"#;

    fn secret(letter: char) -> SecretText {
        SecretText::new(String::from(letter).repeat(40))
    }

    fn judged(header: &str, at: i64) -> Result<(), SignatureFault> {
        let now = Timestamp::from_millis(at * 1000 + 999);
        verify(&[secret('a'), secret('b')], header, BODY, now)
    }

    #[test]
    fn any_of_the_secrets_and_only_those_sign() {
        let at = 1_800_000_000;
        for (letter, expected) in [
            ('a', Ok(())),
            ('b', Ok(())),
            ('c', Err(SignatureFault::Wrong)),
        ] {
            let header = sign(&secret(letter), NOW, BODY);
            assert_eq!(judged(&header, at), expected, "{letter}");
        }
        let of_other = sign(&secret('a'), NOW, b"{}");
        assert_eq!(judged(&of_other, at), Err(SignatureFault::Wrong));
        let later = sign(&secret('a'), NOW, BODY).replace("t=1800000000", "t=1800000001");
        assert_eq!(judged(&later, at), Err(SignatureFault::Wrong));
    }

    #[test]
    fn it_counts_for_five_minutes_either_way() {
        let header = sign(&secret('a'), NOW, BODY);
        let at = 1_800_000_000;
        for (off, expected) in [
            (-301, Err(SignatureFault::Time)),
            (-300, Ok(())),
            (300, Ok(())),
            (301, Err(SignatureFault::Time)),
        ] {
            assert_eq!(judged(&header, at + off), expected, "{off}");
        }
    }

    #[test]
    fn while_secrets_change_there_may_be_several() {
        let [old, new] = ['c', 'a'].map(|letter| sign(&secret(letter), NOW, BODY));
        let (_, new) = new.split_once(',').unwrap();
        let at = 1_800_000_000;
        assert_eq!(judged(&format!("{old},{new},v2=x"), at), Ok(()));
    }

    #[test]
    fn another_form_is_none() {
        let good = sign(&secret('a'), NOW, BODY);
        let (time, mac) = good.split_once(',').unwrap();
        for bad in [
            "",
            "v1",
            time,
            mac,
            &format!("{time},{time},{mac}"),
            &format!("t=+1800000000,{mac}"),
            &format!("t=,{mac}"),
            &format!("t=99999999999999999999,{mac}"),
            &format!("{time},{}", &mac[..mac.len() - 1]),
            &format!("{time},{}é", &mac[..mac.len() - 2]),
            &format!("{good},{mac},{mac},{mac},{mac}"),
            &format!("{good},v2={}", "x".repeat(LONGEST)),
        ] {
            assert_eq!(
                judged(bad, 1_800_000_000),
                Err(SignatureFault::Form),
                "{bad}"
            );
        }
    }
}
