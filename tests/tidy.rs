//! Holds the repository to the house rules that no compiler checks.
//!
//! Must not know: the floors; `layering` has them.

use crate::harness::rust_source::{File, code, files, root};

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "shared",
];

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let mut files_held = files("src", &[".rs"]);
    files_held.extend(files("tests", &[".rs"]));
    let found: Vec<String> = files_held.iter().flat_map(file_faults).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn file_faults(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    if !file.text.starts_with("//! ") {
        found.push(format!("{}: no '//!' line says what it does", file.path));
    }
    let lines = file.text.lines().count();
    if lines > 400 {
        found.push(format!("{}: {lines} lines, at most 400", file.path));
    }
    let stems = file.path.trim_end_matches(".rs").split('/');
    for name in stems.filter(|stem| EMPTY_NAMES.contains(stem)) {
        found.push(format!("{}: '{name}' names nothing", file.path));
    }
    found
}

#[test]
fn functions_are_short() {
    let all = files("src", &[".rs"]);
    let mut lengths: Vec<(usize, String)> = all.iter().flat_map(function_lengths).collect();
    lengths.sort();
    let at = |share: f64| &lengths[(lengths.len() as f64 * share) as usize];
    assert!(at(0.5).0 <= 10, "median {:?}", at(0.5));
    assert!(at(0.95).0 <= 60, "95th of 100 {:?}", at(0.95));
}

/// The lines of each function's body, braces excluded, and its place.
fn function_lengths(file: &File) -> Vec<(usize, String)> {
    let code = code(&file.text);
    let names = code
        .match_indices("fn ")
        .filter(|(at, _)| code[..*at].ends_with([' ', '\n', '(']) || *at == 0);
    let bodies = names.filter_map(|(at, _)| Some((at, body(&code[at..])?)));
    bodies
        .map(|(at, body)| {
            let line = code[..at].lines().count() + 1;
            (
                body.matches('\n').count().saturating_sub(1),
                format!("{}:{line}", file.path),
            )
        })
        .collect()
}

/// From a function's opening brace to its closing one; `None` for a declaration.
fn body(code: &str) -> Option<&str> {
    let semicolon = code.find(';').unwrap_or(code.len());
    let open = code
        .find('{')
        .filter(|open| *open < semicolon || code[..*open].contains('['))?;
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(&code[open..open + at]),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[test]
fn every_dependency_says_why() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let silent = silent_dependencies(&manifest);
    assert!(silent.is_empty(), "no reason is given for {silent:?}");
}

/// Dependencies with no comment on their line or right above it.
fn silent_dependencies(manifest: &str) -> Vec<&str> {
    let mut within = false;
    let mut explained = false;
    let mut silent = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            within = line.ends_with("dependencies]");
        }
        let named = line.split_once(" = ").filter(|_| !line.starts_with('#'));
        if let Some((name, value)) = named
            && within
            && !explained
            && !value.contains(" # ")
        {
            silent.push(name);
        }
        explained = line.starts_with('#');
    }
    silent
}

#[test]
fn nothing_names_a_machine() {
    let endings = [
        ".rs", ".toml", ".md", ".mjs", ".js", ".html", ".css", ".json", ".sh", "Makefile", "run",
    ];
    let found: Vec<String> = files(".", &endings)
        .iter()
        .filter_map(machine_path)
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The first path in `file` that exists on one machine only.
fn machine_path(file: &File) -> Option<String> {
    let homes = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/Use", "rs/"],
    ];
    let homes = homes.map(|parts| parts.concat());
    let is_start = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '.');
    homes.iter().find_map(|home| {
        let at = file.text.find(home.as_str())?;
        is_start(&file.text[..at]).then(|| format!("{}: {home}…", file.path))
    })
}

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn the_rules_can_be_broken() {
    assert_eq!(file_faults(&file("src/a.rs", "//! Says.\n")), [""; 0]);
    assert_eq!(file_faults(&file("src/a.rs", "fn a() {}\n")).len(), 1);
    let long = format!("//! Says.\n{}", "\n".repeat(400));
    assert_eq!(file_faults(&file("src/a.rs", &long)).len(), 1);
    assert_eq!(file_faults(&file("src/util/a.rs", "//! Says.\n")).len(), 1);

    let two = "fn a() {\n    b();\n}\ntrait T {\n    fn c();\n    fn d(&self) {}\n}\n";
    let lengths: Vec<usize> = function_lengths(&file("src/a.rs", two))
        .into_iter()
        .map(|(lines, _)| lines)
        .collect();
    assert_eq!(lengths, [1, 0]);

    let manifest = "[dependencies]\n# why\na = \"1\"\nb = \"1\"\nc = \"1\" # why\n[lints]\nd = 1\n";
    assert_eq!(silent_dependencies(manifest), ["b"]);

    let home = ["see /ro", "ot/x"].concat();
    assert!(machine_path(&file("a.md", &home)).is_some());
    assert!(machine_path(&file("a.md", "GET /v1/root/")).is_none());
}

/// Every file of the server that names a lock, and why no warm key request waits at it for all others: one of
/// many shards, or nothing that such a request comes to.
const LOCKS: [(&str, &str); 20] = [
    (
        "src/access/audit/recent.rs",
        "refused requests alone are kept",
    ),
    (
        "src/access/audit/tally.rs",
        "shards; deliveries are counted there",
    ),
    (
        "src/access/audit/trail.rs",
        "rows of refusals and changes; deliveries go to the tally",
    ),
    (
        "src/access/entitlement/agenda.rs",
        "answers that are new, or are asked for again",
    ),
    (
        "src/access/entitlement/breaker.rs",
        "questions to the source",
    ),
    (
        "src/access/entitlement/echoes.rs",
        "news, and what is called off",
    ),
    (
        "src/access/live/memory.rs",
        "shards; a session that is known is renewed by an atomic store",
    ),
    ("src/access/live/mod.rs", "what is written behind"),
    (
        "src/access/revocation.rs",
        "news; requests look at what was swapped in",
    ),
    (
        "src/access/scheme/jwt/issuer_keys.rs",
        "questions to the issuer",
    ),
    (
        "src/access/scheme/turns.rs",
        "passwords that wait to be hashed",
    ),
    ("src/keys/allowance.rs", "keys that are issued"),
    ("src/keys/signals.rs", "long polls of encryptors"),
    (
        "src/server/connect/bounds.rs",
        "connections as they begin and end",
    ),
    (
        "src/server/connect/mod.rs",
        "a line in the log of who is turned away",
    ),
    ("src/server/files/lists.rs", "playlists that are waited for"),
    ("src/server/ingest/attempts.rs", "packagers that are wrong"),
    (
        "src/server/restraint.rs",
        "shards, and refused requests alone",
    ),
    ("src/server/tls/renew.rs", "files of certificates"),
    ("src/store/postgres.rs", "a database that hangs"),
];

/// The floors that a key request passes through.
const SERVED_BY: [&str; 8] = [
    "src/access",
    "src/api",
    "src/crypto",
    "src/domain",
    "src/keys",
    "src/server",
    "src/store",
    "src/telemetry",
];

#[test]
fn no_lock_stands_where_every_key_request_passes() {
    let all = SERVED_BY.iter().flat_map(|floor| files(floor, &[".rs"]));
    let is_test = |file: &File| {
        ["/tests", "/testing.rs", "/script.rs"]
            .iter()
            .any(|part| file.path.contains(part))
    };
    let locking = all.filter(|file| !is_test(file) && names_a_lock(&file.text));
    let found: Vec<String> = locking.map(|file| file.path).collect();
    let listed: Vec<&str> = LOCKS.iter().map(|(path, _)| *path).collect();
    assert_eq!(found, listed);
}

fn names_a_lock(text: &str) -> bool {
    let code = code(text);
    let mut words = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.any(|word| ["Mutex", "RwLock", "ReentrantLock", "parking_lot"].contains(&word))
}
