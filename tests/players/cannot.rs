//! `cannot.toml`: what a player cannot do, and who says so.
//!
//! Must not know: the document.

use serde::Deserialize;

use super::{BEHAVIOURS, PLAYERS, Seen, TRANSPORTS};
use crate::harness::rust_source::root;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cannot {
    cell: Vec<Entry>,
}

/// Some cells of the matrix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    player: String,
    transports: Vec<String>,
    /// Who cannot do `rotation` does nothing at all.
    behaviours: Vec<String>,
    pub(super) why: String,
    pub(super) source: String,
}

impl Cannot {
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string(root().join("tests/players/cannot.toml")).unwrap();
        let read: Self = toml::from_str(&text).unwrap();
        for entry in &read.cell {
            let is_known = PLAYERS.contains(&entry.player.as_str())
                && entry
                    .transports
                    .iter()
                    .all(|it| TRANSPORTS.contains(&it.as_str()))
                && entry
                    .behaviours
                    .iter()
                    .all(|it| BEHAVIOURS.contains(&it.as_str()));
            assert!(
                is_known && !entry.why.is_empty() && !entry.source.is_empty(),
                "{entry:?}"
            );
        }
        read
    }

    /// Whether this is written down as impossible.
    pub(super) fn lists(&self, player: &str, transport: &str, behaviour: &str) -> bool {
        self.about(player, transport).any(|(_, entry)| {
            let listed = |name: &str| entry.behaviours.iter().any(|it| it == name);
            listed(behaviour) || listed("rotation")
        })
    }

    /// What is written down of a cell, with its number in the file.
    pub(super) fn about(
        &self,
        player: &str,
        transport: &str,
    ) -> impl Iterator<Item = (usize, &Entry)> {
        let numbered = self.cell.iter().enumerate();
        numbered
            .map(|(at, entry)| (at + 1, entry))
            .filter(move |(_, entry)| {
                entry.player == player && entry.transports.iter().any(|it| it == transport)
            })
    }

    /// Every entry, in the order of the file.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.cell
    }

    /// Wants each cell to do what is not listed, and nothing that is.
    pub(super) fn judge(&self, seen: &[Seen]) {
        let faults: Vec<String> = seen.iter().flat_map(|cell| self.faults(cell)).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    fn faults(&self, seen: &Seen) -> Vec<String> {
        let Seen {
            player, transport, ..
        } = seen;
        let fault = |behaviour: &&str| {
            let listed = self.lists(player, transport, behaviour);
            let what = match (seen.did(behaviour), listed) {
                (true, true) => "cannot.toml is out of date: it can",
                (false, false) => seen
                    .behaviours
                    .get(*behaviour)
                    .map_or("not come to", String::as_str),
                _ => return None,
            };
            Some(format!("{player} by {transport}, {behaviour}: {what}"))
        };
        BEHAVIOURS.iter().filter_map(fault).collect()
    }
}

#[test]
fn what_is_listed_must_fail_and_what_is_not_must_pass() {
    let text = "[[cell]]\nplayer = \"ffmpeg\"\ntransports = [\"header\"]\nbehaviours = [\"seek\"]\n\
                why = \"w\"\nsource = \"s\"\n";
    let cannot: Cannot = toml::from_str(text).unwrap();
    let seen = |done: &[&str]| Seen {
        player: "ffmpeg".to_owned(),
        transport: "header".to_owned(),
        behaviours: done
            .iter()
            .map(|it| ((*it).to_owned(), "ok".to_owned()))
            .collect(),
        keys: 3,
        requests: 3,
        cached: 0,
    };
    let all_but_seek = ["rotation", "pause", "renewal", "revocation"];
    assert_eq!(cannot.faults(&seen(&all_but_seek)), [""; 0]);
    assert_eq!(
        cannot.faults(&seen(&BEHAVIOURS)).len(),
        1,
        "it can after all"
    );
    assert_eq!(
        cannot.faults(&seen(&all_but_seek[..3])).len(),
        1,
        "it no longer can"
    );
}
