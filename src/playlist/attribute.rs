//! Attribute lists: `NAME=value,NAME="value"` (§4.2).
//!
//! Must not know: which tag has which attributes.

use std::fmt;
use std::ops::Range;

/// One attribute and where its value stands in the playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    /// Without its quotes.
    pub(super) value: &'a str,
    /// The value's bytes in the playlist, without the quotes.
    pub(super) span: Range<usize>,
    pub(super) quoted: bool,
}

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.quoted { "\"" } else { "" };
        write!(f, "{}={quote}{}{quote}", self.name, self.value)
    }
}

/// Not an attribute list, or a name stands twice in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads the list `text`, which begins at byte `at` of the playlist.
///
/// §4.2 has no space around the parts; packagers write some after commas, which is let pass, as
/// is a comma at the end. A name may stand once.
pub(super) fn list(text: &str, at: usize) -> Result<Vec<Attribute<'_>>, Malformed> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let (attribute, tail) = next(rest, at + text.len() - rest.len())?;
        found.push(attribute);
        rest = tail;
    }
    if repeats(&found) {
        Err(Malformed)
    } else {
        Ok(found)
    }
}

/// The value of the attribute `name`.
pub(super) fn value<'a>(list: &[Attribute<'a>], name: &str) -> Option<&'a str> {
    let found = list.iter().find(|attribute| attribute.name == name);
    found.map(|attribute| attribute.value)
}

/// The value of the quoted-string attribute `name`.
pub(super) fn quoted<'a>(list: &[Attribute<'a>], name: &str) -> Option<&'a str> {
    let found = list
        .iter()
        .find(|attribute| attribute.name == name && attribute.quoted);
    found.map(|attribute| attribute.value)
}

/// The first attribute of `text` and what follows its comma.
fn next(text: &str, at: usize) -> Result<(Attribute<'_>, &str), Malformed> {
    let (name, after) = text.split_once('=').ok_or(Malformed)?;
    let allowed = |c: char| !matches!(c, '"' | ',' | ' ' | '\t');
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(Malformed);
    }
    let value_at = name.len() + 1;
    let (span, tail, quoted) = match after.strip_prefix('"') {
        Some(inner) => {
            let len = inner.find('"').ok_or(Malformed)?;
            (value_at + 1..value_at + 1 + len, &inner[len + 1..], true)
        }
        None => {
            let len = after.find(',').unwrap_or(after.len());
            (value_at..value_at + len, &after[len..], false)
        }
    };
    let value = &text[span.clone()];
    let tail = tail.trim_start();
    if !quoted && value.contains('"') || !tail.is_empty() && !tail.starts_with(',') {
        return Err(Malformed);
    }
    let attribute = Attribute {
        name,
        value,
        span: at + span.start..at + span.end,
        quoted,
    };
    Ok((attribute, tail.strip_prefix(',').unwrap_or(tail)))
}

fn repeats(list: &[Attribute<'_>]) -> bool {
    let mut names: Vec<&str> = list.iter().map(|attribute| attribute.name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_stand() {
        let text = r#"METHOD=AES-128, URI="a,b=c",IV=0X1,"#;
        let list = list(text, 100).unwrap();
        let seen: Vec<_> = list.iter().map(|a| (a.name, a.value, a.quoted)).collect();
        let expected = [
            ("METHOD", "AES-128", false),
            ("URI", "a,b=c", true),
            ("IV", "0X1", false),
        ];
        assert_eq!(seen, expected);
        for attribute in &list {
            let span = attribute.span.start - 100..attribute.span.end - 100;
            assert_eq!(&text[span], attribute.value);
        }
        assert_eq!(value(&list, "METHOD"), Some("AES-128"));
        assert_eq!(quoted(&list, "METHOD"), None);
    }

    #[test]
    fn ambiguous_lists_are_refused() {
        for bad in [
            "METHOD",
            "=x",
            r#"URI="open"#,
            r#"URI="a"b"#,
            r#"URI=a"b""#,
            "A=1,A=2",
            "A=1,,B=2",
            "A B=1",
            r#""A"=1"#,
        ] {
            assert_eq!(list(bad, 0), Err(Malformed), "{bad}");
        }
        assert_eq!(list("", 0), Ok(Vec::new()));
    }
}
