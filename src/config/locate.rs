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

#[cfg(test)]
mod tests {
    use super::*;

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
