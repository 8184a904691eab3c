//! Holds `src/` to the floors of the design and to the fences around single dependencies.
//!
//! Must not know: what the code does; it reads paths.

use crate::harness::rust_source::{File, code, files, without_tests};

/// What each module may import besides itself, after the design's table of floors.
const MAY_IMPORT: [(&str, &[&str]); 15] = [
    ("crash", &[]),
    ("domain", &[]),
    ("crypto", &["domain"]),
    ("playlist", &["domain", "telemetry"]),
    ("api", &["domain", "crypto", "telemetry"]),
    ("telemetry", &["domain"]),
    ("xml", &["crypto"]),
    ("outbound", &["domain", "crypto", "api"]),
    (
        "store",
        &["domain", "crash", "crypto", "playlist", "api", "telemetry"],
    ),
    (
        "access",
        &[
            "domain",
            "crypto",
            "playlist",
            "api",
            "telemetry",
            "outbound",
            "store",
        ],
    ),
    (
        "keys",
        &[
            "domain",
            "crash",
            "crypto",
            "playlist",
            "api",
            "telemetry",
            "store",
            "access",
        ],
    ),
    (
        "server",
        &[
            "domain",
            "crypto",
            "playlist",
            "api",
            "telemetry",
            "access",
            "keys",
            "xml",
        ],
    ),
    (
        "encryptor",
        &[
            "domain",
            "crash",
            "crypto",
            "playlist",
            "api",
            "telemetry",
            "outbound",
        ],
    ),
    (
        "config",
        &[
            "domain",
            "crypto",
            "playlist",
            "api",
            "telemetry",
            "outbound",
            "store",
            "access",
            "keys",
            "server",
            "encryptor",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "crypto",
            "playlist",
            "api",
            "telemetry",
            "outbound",
            "store",
            "access",
            "keys",
            "server",
            "encryptor",
            "config",
            "xml",
        ],
    ),
];

/// A text that may stand only below some paths; `tests` says whether test modules may have it.
struct Fence {
    text: &'static str,
    within: &'static [&'static str],
    tests: bool,
}

const FENCES: [Fence; 15] = [
    fence("actix_web::", &["src/server/"]),
    fence("actix_http::", &["src/server/"]),
    fence("sqlx::", &["src/store/"]),
    fence("jsonwebtoken::", &["src/access/scheme/"]),
    fence("aes::", &["src/crypto/"]),
    fence("use cbc", &["src/crypto/"]),
    fence("cbc::Encryptor", &["src/crypto/"]),
    fence("cbc::Decryptor", &["src/crypto/"]),
    fence("aws_lc_rs::aead", &["src/crypto/"]),
    fence("aws_lc_rs::cipher", &["src/crypto/"]),
    fence(
        "reqwest::",
        &["src/outbound/", "src/encryptor/", "src/cli/"],
    ),
    fence("anyhow::", &["src/cli/", "src/main.rs"]),
    Fence {
        text: "WireKey::leased",
        within: &["src/server/schedule.rs", "src/server/dialects/"],
        tests: true,
    },
    Fence {
        text: "Permit {",
        within: &["src/access/gate.rs"],
        tests: false,
    },
    Fence {
        text: "StatusCode::",
        within: &["src/server/error.rs"],
        tests: true,
    },
];

const fn fence(text: &'static str, within: &'static [&'static str]) -> Fence {
    Fence {
        text,
        within,
        tests: false,
    }
}

#[test]
fn the_floors_and_fences_hold() {
    let found: Vec<String> = files("src", &[".rs"]).iter().flat_map(violations).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn violations(file: &File) -> Vec<String> {
    let code = code(&file.text);
    let mut found = sideways(file, &code);
    found.extend(FENCES.iter().flat_map(|fence| crossed(file, &code, fence)));
    found
}

/// Imports that the file's module may not have.
fn sideways(file: &File, code: &str) -> Vec<String> {
    let parts = module_of(&file.path);
    let Some(own) = parts.first() else {
        return Vec::new(); // lib.rs and main.rs name every module
    };
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| name == own) else {
        return vec![format!("{}: '{own}' stands on no floor", file.path)];
    };
    let mut found = Vec::new();
    for (number, line) in whole_paths(code) {
        for target in roots(&line, parts.len()) {
            if target != *own && is_module(&target) && !allowed.contains(&target.as_str()) {
                found.push(format!("{}:{number}: {own} imports {target}", file.path));
            }
        }
    }
    found
}

fn is_module(name: &str) -> bool {
    MAY_IMPORT.iter().any(|(module, _)| *module == name)
}

/// `src/access/scheme/jwt.rs` is `access::scheme::jwt`; the crate's two roots are nothing.
fn module_of(path: &str) -> Vec<&str> {
    let below = path.strip_prefix("src/").unwrap_or(path);
    let mut parts: Vec<&str> = below.trim_end_matches(".rs").split('/').collect();
    if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
        parts.pop();
    }
    parts
}

/// The lines of `code`, with a `use` that runs over several joined into one.
fn whole_paths(code: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = 0_i32;
    for (number, line) in code.lines().enumerate() {
        let braces = i32::try_from(line.matches('{').count()).unwrap()
            - i32::try_from(line.matches('}').count()).unwrap();
        let is_use = line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub");
        match lines.last_mut() {
            Some((_, whole)) if open > 0 => {
                whole.push_str(line.trim());
                open += braces;
            }
            _ => {
                open = if is_use && line.contains("use ") {
                    braces
                } else {
                    0
                };
                lines.push((number + 1, line.to_owned()));
            }
        }
    }
    lines
}

/// The crate's top-level modules that `line` names: `crate::a`, `crate::{a, b::c}`, and enough
/// `super::` to climb out of a module `depth` deep.
fn roots(line: &str, depth: usize) -> Vec<String> {
    let climb = "super::".repeat(depth.max(1));
    let starts = ["crate::", "hlskey::", climb.as_str()];
    let tails = starts.iter().flat_map(|start| after_each(line, start));
    tails.flat_map(first_names).collect()
}

fn after_each<'a>(line: &'a str, start: &str) -> Vec<&'a str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let found = line.match_indices(start);
    let whole = found.filter(|(at, _)| !line[..*at].ends_with(is_name));
    whole.map(|(at, _)| &line[at + start.len()..]).collect()
}

/// The first name of a path, or of each path of a brace group.
fn first_names(tail: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
        text.trim().chars().take_while(is_name).collect()
    };
    let Some(group) = tail.strip_prefix('{') else {
        return vec![name(tail)];
    };
    let mut depth = 0;
    let mut names = Vec::new();
    let mut begun = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&group[begun..at]));
                begun = at + 1;
            }
            '}' => {
                names.push(name(&group[begun..at]));
                break;
            }
            _ => {}
        }
    }
    names
}

/// Where the file has the fence's text outside the fence.
fn crossed(file: &File, code: &str, fence: &Fence) -> Vec<String> {
    let inside = |place: &&&str| file.path.starts_with(**place);
    if fence.within.iter().any(|place| inside(&place)) {
        return Vec::new();
    }
    let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    let held = match (fence.tests, is_test) {
        (true, true) => "",
        (true, false) => without_tests(code),
        (false, _) => code,
    };
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let lines = held.lines().enumerate();
    let bad = lines.filter(|(_, line)| {
        let mut found = line.match_indices(fence.text);
        found.any(|(at, _)| !line[..at].ends_with(is_name) || fence.text.starts_with("use "))
    });
    bad.map(|(number, _)| format!("{}:{}: '{}' here", file.path, number + 1, fence.text))
        .collect()
}

fn judged(path: &str, text: &str) -> Vec<String> {
    violations(&File {
        path: path.to_owned(),
        text: text.to_owned(),
    })
}

#[test]
fn a_higher_floor_is_seen_however_it_is_spelled() {
    for (path, text) in [
        ("src/domain/id.rs", "use crate::crypto::Iv;"),
        ("src/store/streams.rs", "fn f() { crate::keys::g() }"),
        ("src/keys/mod.rs", "use crate::{domain::Kid, server};"),
        ("src/keys/issue.rs", "use super::super::server::X;"),
        (
            "src/server/mod.rs",
            "use crate::{\n    domain,\n    store::Store,\n};",
        ),
        ("src/server/mod.rs", "use crate::encryptor::Options;"),
        ("src/encryptor/mod.rs", "use crate::server::Server;"),
        ("src/encryptor/mod.rs", "use crate::store::Store;"),
        ("src/playlist/mod.rs", "pub use crate::crypto::Iv;"),
        ("src/util/mod.rs", "fn f() {}"),
    ] {
        assert!(!judged(path, text).is_empty(), "{path}: {text}");
    }
    for (path, text) in [
        ("src/keys/mod.rs", "use crate::{domain::Kid, store::Store};"),
        ("src/keys/issue.rs", "use super::lease::Lease;"),
        ("src/cli/serve.rs", "use crate::server::Server;"),
        (
            "src/server/mod.rs",
            "// crate::store\nconst S: &str = \"crate::store\";",
        ),
        ("src/main.rs", "use hlskey::cli;"),
    ] {
        assert_eq!(judged(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn a_crossed_fence_is_seen() {
    for (path, text) in [
        ("src/keys/mod.rs", "use actix_web::web;"),
        ("src/access/gate.rs", "fn f() { sqlx::query(); }"),
        ("src/access/gate.rs", "use jsonwebtoken::decode;"),
        ("src/encryptor/mod.rs", "use aes::Aes128;"),
        ("src/encryptor/mod.rs", "use cbc::cipher::KeyIvInit;"),
        ("src/server/keys.rs", "use reqwest::Client;"),
        ("src/server/keys.rs", "let key = WireKey::leased(key);"),
        ("src/keys/mod.rs", "let permit = Permit { stream };"),
        ("src/server/keys.rs", "StatusCode::OK"),
    ] {
        assert!(!judged(path, text).is_empty(), "{path}: {text}");
    }
    for (path, text) in [
        ("src/server/keys.rs", "use actix_web::web;"),
        ("src/access/scheme/jwt.rs", "use jsonwebtoken::decode;"),
        (
            "src/encryptor/mod.rs",
            "use crate::crypto::cbc::{Job, encrypt_batch};",
        ),
        ("src/server/schedule.rs", "let key = WireKey::leased(key);"),
        ("src/server/error.rs", "StatusCode::OK"),
        (
            "src/server/keys.rs",
            "#[cfg(test)]\nmod tests {\n    use x::StatusCode::OK;\n}\n",
        ),
    ] {
        assert_eq!(judged(path, text), [""; 0], "{path}: {text}");
    }
}
