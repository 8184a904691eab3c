//! EXT-X-DEFINE as a player resolves it (RFC 8216bis §4.3, §4.4.2.3): from the text, from the
//! multivariant playlist, from the query of the playlist's own URI.
//!
//! Must not know: what the variables are for.

use std::collections::BTreeMap;

use reqwest::Url;

use crate::playlist::tags;

/// Values by name.
pub(super) type Values = BTreeMap<String, String>;

/// A playlist's text with its variables put in.
pub(super) struct Resolved {
    pub(super) text: String,
    pub(super) values: Values,
    /// Names without a value: a player must fail.
    pub(super) missing: Vec<String>,
    /// A query parameter is among them.
    pub(super) by_query: bool,
}

/// Puts the values into `text`, which came from `url` and may import `above`.
pub(super) fn resolve(text: &str, url: &Url, above: &Values) -> Resolved {
    let (mut values, mut missing, mut by_query) = (Values::new(), Vec::new(), false);
    for tag in tags(text).iter().filter(|tag| tag.name == "EXT-X-DEFINE") {
        let query = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs
                .find(|(it, _)| it == name)
                .map(|(_, value)| value.into_owned())
        };
        let (name, value) = match (tag.get("NAME"), tag.get("IMPORT"), tag.get("QUERYPARAM")) {
            (Some(name), _, _) => (name, tag.get("VALUE").map(str::to_owned)),
            (_, Some(name), _) => (name, above.get(name).cloned()),
            (_, _, Some(name)) => {
                by_query = true;
                (name, query(name))
            }
            _ => continue,
        };
        match value {
            Some(value) => _ = values.insert(name.to_owned(), value),
            None => missing.push(name.to_owned()),
        }
    }
    let lines = text.split_inclusive('\n');
    let text = lines.map(|line| put_in(line, &values)).collect();
    Resolved {
        text,
        values,
        missing,
        by_query,
    }
}

fn put_in(line: &str, values: &Values) -> String {
    if line.starts_with("#EXT-X-DEFINE") || !line.contains("{$") {
        return line.to_owned();
    }
    values.iter().fold(line.to_owned(), |line, (name, value)| {
        line.replace(&format!("{{${name}}}"), value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_from_three_places() {
        let text = "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"1\"\n#EXT-X-DEFINE:IMPORT=\"b\"\n\
                    #EXT-X-DEFINE:QUERYPARAM=\"c\"\n#EXT-X-DEFINE:QUERYPARAM=\"d\"\n{$a}{$b}{$c}{$d}\n";
        let above = Values::from([("b".to_owned(), "2".to_owned())]);
        let url = "https://h.example/m?c=3".parse().unwrap();
        let done = resolve(text, &url, &above);
        assert!(done.text.ends_with("\n123{$d}\n"), "{}", done.text);
        assert_eq!((done.missing, done.by_query), (vec!["d".to_owned()], true));
    }
}
