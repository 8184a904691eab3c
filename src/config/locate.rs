//! Finds the line of a configuration file that an error is about.
//!
//! Must not know: what the settings mean.

/// Where in a text: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The place of a byte offset.
pub(super) fn of_offset(text: &str, offset: usize) -> Location {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Location {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The first line outside comments that holds `value`, as a file name or another setting's text.
pub(super) fn of_value(text: &str, value: &str) -> Option<Location> {
    let code = |line: &str| line.split('#').next().unwrap_or_default().find(value);
    text.lines().enumerate().find_map(|(at, line)| {
        code(line).map(|column| Location {
            line: at + 1,
            column: column + 1,
        })
    })
}

/// Where the setting `name` stands below the head of a table; the head itself if it does not.
pub(super) fn in_table(text: &str, head: Location, name: &str) -> Location {
    let below = text.lines().enumerate().skip(head.line);
    let mut table = below.take_while(|(_, line)| !line.starts_with('['));
    let is_it = |line: &str| line.split('=').next().is_some_and(|own| own.trim() == name);
    let found = table.find(|(_, line)| is_it(line));
    found.map_or(head, |(at, _)| Location {
        line: at + 1,
        column: 1,
    })
}

/// That line's text, trimmed at its end.
pub(super) fn line_text(text: &str, location: Location) -> &str {
    text.lines()
        .nth(location.line - 1)
        .unwrap_or_default()
        .trim_end()
}

/// The line on which the setting begins that `line` is part of: it may go on over many, in brackets or in
/// a text.
pub(super) fn beginning(text: &str, line: usize) -> usize {
    let (mut open, mut first) = (Open::default(), 1);
    for (at, text) in text.lines().enumerate().take(line) {
        if open.is_nothing() {
            first = at + 1;
        }
        open.read(text);
    }
    first
}

/// What is open at the end of a line.
#[derive(Default)]
struct Open {
    brackets: usize,
    /// The quotes that end a text of several lines.
    text: Option<&'static str>,
}

impl Open {
    fn is_nothing(&self) -> bool {
        self.brackets == 0 && self.text.is_none()
    }

    fn read(&mut self, line: &str) {
        let mut rest = line;
        loop {
            if let Some(quotes) = self.text {
                let Some(after) = after_text(rest, quotes) else {
                    self.text = Some(quotes).filter(|quotes| quotes.len() > 1);
                    return;
                };
                (rest, self.text) = (after, None);
            }
            let Some(at) = rest.find(['#', '[', ']', '{', '}', '"', '\'']) else {
                return;
            };
            let found = &rest[at..];
            let quotes = ["\"\"\"", "'''", "\"", "'"];
            self.text = quotes.into_iter().find(|quotes| found.starts_with(quotes));
            match found.as_bytes()[0] {
                b'#' => return,
                b'[' | b'{' => self.brackets += 1,
                b']' | b'}' => self.brackets = self.brackets.saturating_sub(1),
                _ => {}
            }
            rest = &found[self.text.map_or(1, str::len)..];
        }
    }
}

/// What follows the end of a text, if it ends on this line.
fn after_text<'t>(line: &'t str, quotes: &str) -> Option<&'t str> {
    let mut from = 0;
    loop {
        let end = from + line[from..].find(quotes)?;
        let backslash = line[from..end].find('\\').map(|at| from + at);
        match backslash.filter(|_| quotes.starts_with('"')) {
            None => return Some(&line[end + quotes.len()..]),
            // It and the next one are a character of the text.
            Some(at) => from = at + 1 + line[at + 1..].chars().next()?.len_utf8(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_begins_where_no_bracket_and_no_text_is_open() {
        let text = r#"a = 1 # [ {
b = [ # ]
  "]", "\\", "\"]",
  '\', { c = "}" },
]
d = """
e = [
""" + """"""
f = 'x"'
[g]
h = "unclosed [
i = { j = [
k = 1
"#;
        let begun: Vec<usize> = (1..=13).map(|line| beginning(text, line)).collect();
        assert_eq!(begun, [1, 2, 2, 2, 2, 6, 6, 6, 9, 10, 11, 12, 12]);
    }

    #[test]
    fn offsets_and_values_are_found_by_line() {
        let text = "# x.key\n[a]\nfile = \"x.key\"\n";
        assert_eq!(of_offset(text, 8), Location { line: 2, column: 1 });
        assert_eq!(
            of_value(text, "x.key"),
            Some(Location { line: 3, column: 9 })
        );
        assert_eq!(of_value(text, "nowhere"), None);
        assert_eq!(
            line_text(text, Location { line: 3, column: 9 }),
            "file = \"x.key\""
        );
        assert_eq!(of_offset(text, 9999).line, 4);
        let head = Location { line: 2, column: 1 };
        assert_eq!(in_table(text, head, "file").line, 3);
        assert_eq!(in_table(text, head, "fil"), head);
    }
}
