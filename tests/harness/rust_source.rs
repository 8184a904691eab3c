//! Reads the repository's Rust files and blanks what is not code.
//!
//! Must not know: which rule is held against the code.

use std::path::{Path, PathBuf};

/// A file of the repository: its path from the root, with `/`, and its text.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Directories that hold nothing of ours, by name.
const FOREIGN: [&str; 5] = [".git", "target", "node_modules", "dist", ".venv"];

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file below `folder` whose name ends in one of `endings`, in order of path.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    collect(&root().join(folder), endings, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no {endings:?} under {folder}");
    found
}

fn collect(folder: &Path, endings: &[&str], into: &mut Vec<File>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !FOREIGN.contains(&name.as_str()) {
            collect(&path, endings, into);
        } else if path.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
            into.extend(read(&path));
        }
    }
}

fn read(path: &Path) -> Option<File> {
    let text = String::from_utf8(std::fs::read(path).unwrap()).ok()?;
    let below = path.strip_prefix(root()).unwrap();
    Some(File {
        path: below.to_string_lossy().into_owned(),
        text,
    })
}

/// `text` with comments, strings and character literals turned to spaces; lines stay in place.
pub(crate) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = span_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(
                chars[at..end]
                    .iter()
                    .map(|c| if *c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
fn span_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => line_end(chars, at),
        '/' if next == Some('*') => comment_end(chars, at + 2),
        '"' => string_end(chars, at + 1),
        'r' if starts_raw(chars, at) => raw_end(chars, at + 1),
        '\'' if next == Some('\\') => quote_end(chars, at + 3),
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    let rest = chars[at..].iter().position(|c| *c == '\n');
    rest.map_or(chars.len(), |n| at + n)
}

fn comment_end(chars: &[char], at: usize) -> usize {
    let rest = chars[at..].windows(2).position(|pair| pair == ['*', '/']);
    rest.map_or(chars.len(), |n| at + n + 2)
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn quote_end(chars: &[char], at: usize) -> usize {
    let rest = chars[at..].iter().position(|c| *c == '\'');
    rest.map_or(chars.len(), |n| at + n + 1)
}

/// `r"`, `r#"`, `br"`; not a raw identifier and not the end of a name.
fn starts_raw(chars: &[char], at: usize) -> bool {
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    let before = at.checked_sub(1).map(|n| &chars[n]);
    let after = chars[at + 1..].iter().find(|c| **c != '#');
    after == Some(&'"') && !before.is_some_and(|c| is_name(c) && *c != 'b')
}

fn raw_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    let close: Vec<char> = std::iter::once('"')
        .chain(std::iter::repeat_n('#', hashes))
        .collect();
    let body = at + hashes + 1;
    let rest = chars[body..]
        .windows(close.len())
        .position(|window| window == close);
    rest.map_or(chars.len(), |n| body + n + close.len())
}

/// The part of `code` before its test module, which stands last by house rule.
pub(crate) fn without_tests(code: &str) -> &str {
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        if line.starts_with("#[cfg(test)]") && code[at + line.len()..].starts_with("mod ") {
            return &code[..at];
        }
        at += line.len();
    }
    code
}

#[test]
fn literals_and_comments_are_no_code() {
    let blank = |text: &str| code(text).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(blank("a // crate::b\nc"), "a c");
    assert_eq!(blank("a /* x\n */ c"), "a c");
    assert_eq!(
        blank(r##"a("x \" y", 'b', '\'', r#"q"w"#) z"##),
        "a( , , , ) z"
    );
    assert_eq!(blank("fn f<'a>(x: &'a str)"), "fn f<'a>(x: &'a str)");
    assert_eq!(code("a\n\"b\nc\"\nd").lines().count(), 4);
    let tested = "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(without_tests(tested), "fn a() {}\n");
    assert_eq!(without_tests("fn a() {}\n"), "fn a() {}\n");
}
