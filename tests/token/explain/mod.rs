//! `hlskey token explain`: what a signer did otherwise is told, and no secret is.
//!
//! Every URL here is signed by the test itself, wrongly, as people do. Must not know: how the server
//! hashes.

mod cat;
mod maced;
mod securetoken;
mod wmsauth;
mod words;

use serde_json::Value;

use super::verdict::Judge;

/// The words for programs of what was found out.
fn codes(told: &Value) -> Vec<&str> {
    let hints = told["hints"].as_array().unwrap().iter();
    hints.map(|hint| hint["code"].as_str().unwrap()).collect()
}

/// A wrong URL is denied, and what was told of it is this alone.
#[track_caller]
fn told(judge: &Judge, url: &str, secrets: &[&str], expected: &[&str]) -> Value {
    let told = judge.explains(url, secrets);
    assert_eq!(told["verdict"], "deny", "{url}: {told}");
    assert_eq!(codes(&told), expected, "{url}: {told}");
    told
}

/// A text that was hashed where `canonical` is right, both with their secrets masked: the answer says where
/// the two part, or nothing if they do not.
#[track_caller]
fn parts_from(told: &Value, hashed: &str) {
    let right = told["canonical"].as_str().unwrap();
    let pairs = right.chars().zip(hashed.chars());
    let at = pairs.take_while(|(one, other)| one == other).count();
    let rest = |text: &str| text.chars().skip(at).take(40).collect::<String>();
    let expected = match right == hashed {
        true => Value::Null,
        false => serde_json::json!({"at": at, "right": rest(right), "hashed": rest(hashed)}),
    };
    assert_eq!(told["difference"], expected, "{told}");
}

/// As hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
