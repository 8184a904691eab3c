//! Which sections two readings of a file say differently.
//!
//! Must not know: what a section means.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Config;

impl Config {
    /// The names of the file's sections that `other` has with other values, sorted.
    pub fn sections_unlike(&self, other: &Self) -> Vec<String> {
        let [one, two] = [self, other].map(|config| table(&config.source.text));
        let names: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
        let differ = |name: &&&String| one.get(**name) != two.get(**name);
        names
            .iter()
            .filter(differ)
            .map(|name| (*name).clone())
            .collect()
    }
}

/// A file that was read as a configuration is a table.
fn table(text: &str) -> Table {
    match toml::from_str(text) {
        Ok(Value::Table(table)) => table,
        _ => Table::new(),
    }
}
