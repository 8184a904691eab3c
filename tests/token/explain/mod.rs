//! `hlskey token explain`: what a signer did otherwise is told, and no secret is.
//!
//! Every URL here is signed by the test itself, wrongly, as people do. Must not know: how the server
//! hashes.

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

/// As hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
