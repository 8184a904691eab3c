//! `HLSKEY_…` variables over the file: `HLSKEY_SERVER__LISTEN` is `server.listen`.
//!
//! Must not know: which settings exist; an unknown one fails where the file's would.

use toml::{Table, Value};

const PREFIX: &str = "HLSKEY_";
/// Read by the test suite and by tools around the program, never a setting.
const NOT_SETTINGS: [&str; 2] = ["HLSKEY_BIN", "HLSKEY_CONFIG"];

/// A variable that cannot be laid over the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: '{1}' is not a table in the configuration")]
pub struct OverlayError(String, String);

/// The settings among `variables`, as (path, value): two underscores separate tables.
pub(super) fn settings(
    variables: impl Iterator<Item = (String, String)>,
) -> Vec<(String, Vec<String>, Value)> {
    let mut found: Vec<_> = variables
        .filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()))
        .filter_map(|(name, text)| {
            let path = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
            let path: Vec<String> = path.split("__").map(str::to_owned).collect();
            // A secret is text even where it looks like a number.
            let value = if name.ends_with("SECRET") {
                Value::String(text)
            } else {
                value(&text)
            };
            (path.len() > 1).then_some((name, path, value))
        })
        .collect();
    found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    found
}

/// A TOML value where the text is one, else the text itself.
fn value(text: &str) -> Value {
    let document = format!("value = {text}");
    let parsed = document
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Puts `value` at `path`, making tables on the way.
pub(super) fn lay_over(
    table: &mut Table,
    name: &str,
    path: &[String],
    value: Value,
) -> Result<(), OverlayError> {
    let Some((last, tables)) = path.split_last() else {
        return Ok(());
    };
    let mut current = table;
    for key in tables {
        let inner = current
            .entry(key.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = inner else {
            return Err(OverlayError(name.to_owned(), key.clone()));
        };
        current = inner;
    }
    current.insert(last.clone(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlaid(file: &str, variables: &[(&str, &str)]) -> Result<Table, OverlayError> {
        let mut table: Table = file.parse().unwrap();
        let owned = variables
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        for (name, path, value) in settings(owned) {
            lay_over(&mut table, &name, &path, value)?;
        }
        Ok(table)
    }

    #[test]
    fn variables_win_over_the_file() {
        let table = overlaid(
            "[server]\nlisten = \"a\"\nworkers = 1",
            &[
                ("HLSKEY_SERVER__LISTEN", "0.0.0.0:443"),
                ("HLSKEY_SERVER__WORKERS", "4"),
                ("HLSKEY_SERVER__OPS__LISTEN", "127.0.0.1:1"),
                ("HLSKEY_BIN", "ignored"),
                ("OTHER__THING", "ignored"),
            ],
        );
        let expected: Table =
            "[server]\nlisten='0.0.0.0:443'\nworkers=4\n[server.ops]\nlisten='127.0.0.1:1'"
                .parse()
                .unwrap();
        assert_eq!(table, Ok(expected));
    }

    #[test]
    fn a_value_is_no_table() {
        let error = overlaid("server = 1", &[("HLSKEY_SERVER__LISTEN", "x")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "HLSKEY_SERVER__LISTEN: 'server' is not a table in the configuration"
        );
    }
}
