//! The examples of `docs/ENTITLEMENT.md`: the signature, computed as the text says.
//!
//! Must not know: the product.

use std::process::Command;

use aws_lc_rs::hmac;

use crate::harness::rust_source::root;

/// What stands between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from}"));
    rest.split_once(to).unwrap().0
}

#[test]
fn the_example_of_a_signature_is_right() {
    let text = std::fs::read_to_string(root().join("docs/ENTITLEMENT.md")).unwrap();
    let section = between(&text, "### Signatures", "### ");
    let secret = between(section, "With the secret `", "`");
    let time = between(section, "\nat ", ":\n");
    let (command, shown) = (
        between(section, "```sh\n", "```"),
        between(section, "```\n```\n", "\n```"),
    );
    let body = between(command, &format!("'{time}."), "'");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let made = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: String = made
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(shown, hex);
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), hex);
}
