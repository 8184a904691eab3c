//! The path and the body that a row of the matrix is asked with.
//!
//! Must not know: who asks.

use super::paths::*;
use super::speke;
use crate::harness::stage::{STREAM, Stage};

pub(super) fn path_of(template: &str, stage: &Stage) -> String {
    let kid = stage.key.rsplit('/').next().unwrap();
    let file = stage.rendition.trim_end_matches(".m3u8");
    let file = match template.ends_with(".m3u8") {
        true => file,
        false => &stage.rendition,
    };
    if template == PLAYER {
        return "/player/watch.js".to_owned();
    }
    let query = match template {
        RAW_KEY => format!("?kid={kid}"),
        GOOGLE => "?mux_streams=ts".to_owned(),
        _ => String::new(),
    };
    let path = format!("{template}{query}");
    path.replace("{kid}", kid)
        .replace("{stream}", STREAM)
        .replace("{file}", file)
        .replace("{id}", "none")
        .replace("{request_id}", "none")
        .replace("{viewer}", "alice")
        .replace("{name}", "matrix")
}

pub(super) fn body_of(method: &str, template: &str) -> Option<&'static str> {
    match (method, template) {
        ("POST", "/v1/revocations") => Some(r#"{"viewer":"nobody"}"#),
        ("PUT", ENTITLEMENT) => Some(r#"{"streams":["test/shown"]}"#),
        ("POST", CREDENTIALS) => Some(
            r#"{"name":"matrix","user":"matrix","password":"obviously-a-fake-password",
                "streams":["test/shown"],"actions":["publish"]}"#,
        ),
        (_, INVALIDATE) => Some(r#"{"viewer":"alice","stream":"test/shown"}"#),
        ("POST", "/speke/v1.0/copyProtection") => Some(speke::V1),
        ("POST", "/speke/v2.0/copyProtection") => Some(speke::V2_0),
        ("POST", "/speke/v2.1/copyProtection") => Some(speke::V2_1),
        ("PUT", _) => Some(r#"{"rotation":{"segments":3}}"#),
        (_, path) if path.ends_with("/progress") => {
            Some(r#"{"instance":"matrix","acknowledged":1}"#)
        }
        _ => None,
    }
}
