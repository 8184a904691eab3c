//! The fail points, read from the source text, so that a new one is in the matrix by itself.
//!
//! Must not know: what happens at a point, or how it is reached.

use std::collections::BTreeSet;

use crate::harness::rust_source::{File, code, files, without_tests};

/// The names of all points of a process.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Points {
    pub(super) server: BTreeSet<String>,
    pub(super) encryptor: BTreeSet<String>,
}

const ENCRYPTOR: &str = "src/encryptor/";

/// Every point of the product.
pub(super) fn all() -> Points {
    let sources = files("src", &[".rs"]);
    let points = named(&sources);
    assert!(points.server.len() > 10, "{points:?}");
    assert!(points.encryptor.len() > 10, "{points:?}");
    points
}

/// The points in these files. What stands in the encryptor's files is the encryptor's.
fn named(sources: &[File]) -> Points {
    let sources: Vec<File> = sources
        .iter()
        .filter(|file| !is_tests(file))
        .map(plain)
        .collect();
    let is_encryptors = |file: &&File| file.path.starts_with(ENCRYPTOR);
    let files = sources.iter().filter(is_encryptors);
    let kinds: BTreeSet<String> = files.flat_map(kinds).collect();
    let mut points = Points::default();
    for file in sources.iter().filter(|file| file.path != "src/crash.rs") {
        let of = match file.path.starts_with(ENCRYPTOR) {
            true => &mut points.encryptor,
            false => &mut points.server,
        };
        of.extend(calls(&file.text, "crash::point(").map(|text| first_literal(text).to_owned()));
        for text in calls(&file.text, "crash::point_of(") {
            let step = first_literal(text);
            of.extend(kinds.iter().map(|kind| format!("{kind}.{step}")));
        }
    }
    points
}

fn is_tests(file: &File) -> bool {
    file.path.ends_with("/tests.rs") || file.path.contains("/tests/")
}

/// The same without comments and test modules; literals stay.
fn plain(file: &File) -> File {
    let blank = without_tests(&code(&file.text)).len();
    let text: String = file.text.chars().take(blank).collect();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    File {
        path: file.path.clone(),
        text: lines.collect::<Vec<_>>().join("\n"),
    }
}

/// What `fn kind` answers: the literals of its body.
fn kinds(file: &File) -> Vec<String> {
    let mut kinds = Vec::new();
    for rest in calls(&file.text, "fn kind(&self) -> &'static str {") {
        let body = rest.split("\n    }").next().unwrap_or_default();
        kinds.extend(body.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    kinds
}

/// What follows each `call`.
fn calls<'t>(text: &'t str, call: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(call)
        .map(move |(at, _)| &text[at + call.len()..])
}

fn first_literal(text: &str) -> &str {
    let end = text.find(");").unwrap_or(text.len());
    let literal = text[..end].split('"').nth(1);
    literal.unwrap_or_else(|| panic!("a fail point without a literal name: {}", &text[..end]))
}

#[test]
fn points_are_found_in_their_text() {
    let file = |path: &str, text: &str| File {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let sources = [
        file(
            "src/store/a.rs",
            "fn a() {\n    crash::point(\"a.one\");\n}\n",
        ),
        file(
            "src/access/b.rs",
            "    fn kind(&self) -> &'static str {\n        \"no\"\n    }\n",
        ),
        file(
            "src/encryptor/path.rs",
            "    fn kind(&self) -> &'static str {\n        if x { \"playlist\" } else { \"segment\" }\n    }\n    fn b() { \"no\" }\n",
        ),
        file(
            "src/encryptor/root.rs",
            "// crash::point(\"no\")\ncrash::point_of(\n    kind,\n    \"made\",\n);\n#[cfg(test)]\nmod tests {\n crash::point(\"no\");\n}\n",
        ),
        file("src/encryptor/tests/a.rs", "crash::point(\"no\");"),
    ];
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let expected = Points {
        server: set(&["a.one"]),
        encryptor: set(&["playlist.made", "segment.made"]),
    };
    assert_eq!(named(&sources), expected);
}
