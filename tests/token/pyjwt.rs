//! PyJWT at the other end: what it signs is taken, what is minted here it verifies.
//!
//! Must not know: how either signs.

use serde_json::{Value, json};

use super::verdict::Judge;
use crate::harness::binary::printed;
use crate::harness::python;

const SECRET: &str = "obviously-a-fake-secret-of-40-characters";

fn verified(order: &Value) -> Value {
    serde_json::from_str(&python::printed(
        "pyjwt.py",
        &["verify", &order.to_string()],
    ))
    .unwrap()
}

#[test]
fn a_minted_token_verifies_with_pyjwt() {
    let judge = Judge::new("jwt", &format!("secret = {SECRET:?}")).now();
    let mint = ["token", "mint", "--config", judge.file()];
    let token = printed(&[&mint[..], &["--stream", "live/news"]].concat());
    let claims = verified(&json!({"algorithm": "HS256", "key": SECRET, "token": token}));
    assert_eq!(claims["streams"], json!(["live/news"]));
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(life, 3600);
}
