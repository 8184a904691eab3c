//! A playlist's tags as they are written, one by one, for who judges how they are written.
//!
//! Must not know: what they mean, and whether the whole is a playlist.

use super::attribute;

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its line, from 1.
    pub line: usize,
    /// Its name, such as `EXT-X-KEY`.
    pub name: String,
    /// Its attributes and their values without quotes, in their order; empty if it has no list.
    pub attributes: Vec<(String, String)>,
    /// What stands after the colon.
    pub value: String,
}

impl Said {
    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The tags of `text`, first to last.
pub fn tags(text: &str) -> Vec<Said> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| said(at + 1, line)).collect()
}

fn said(line: usize, text: &str) -> Option<Said> {
    let rest = text.trim_end().strip_prefix('#')?;
    let (name, value) = rest.split_once(':').unwrap_or((rest, ""));
    name.starts_with("EXT").then(|| Said {
        line,
        name: name.to_owned(),
        attributes: attributes(value),
        value: value.to_owned(),
    })
}

fn attributes(value: &str) -> Vec<(String, String)> {
    let list = attribute::list(value, 0).unwrap_or_default();
    let pairs = list.iter();
    pairs
        .map(|it| (it.name.to_owned(), it.value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_as_they_stand() {
        let all = tags("#EXTM3U\r\n# a word\n#EXT-X-KEY:METHOD=NONE,IV=0X1\na.ts\n#EXTINF:2,x\n");
        let seen: Vec<_> = all.iter().map(|it| (it.line, it.name.as_str())).collect();
        assert_eq!(seen, [(1, "EXTM3U"), (3, "EXT-X-KEY"), (5, "EXTINF")]);
        assert_eq!(all[1].get("IV"), Some("0X1"));
        assert_eq!(all[1].get("URI"), None);
        assert!(all[2].attributes.is_empty() && all[2].value == "2,x");
    }
}
