//! Replays the fuzzer's corpus, and changes each of its inputs a little, at random.
//!
//! Must not know: what a token looks like.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{TARGETS, judge};
use crate::access::scheme::{GRANT, KINDS, SESSION};

/// How often the corpus of a target is changed in one run; `make fuzz` goes on for longer.
const CHANGES: u32 = 4_000;

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(path)
}

/// A scheme without a target would be tried by nobody, and nobody would notice.
#[test]
fn every_scheme_has_a_target_that_is_fuzzed_and_replayed() {
    let kinds = KINDS.into_iter().chain([GRANT, SESSION]);
    let kinds: BTreeSet<String> = kinds.map(str::to_owned).collect();
    let replayed: BTreeSet<String> = TARGETS.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(replayed, kinds);
    assert_eq!(replayed.len(), TARGETS.len());

    let manifest = std::fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let targets = manifest["bin"].as_array().unwrap();
    let text = |bin: &toml::Value, name: &str| bin[name].as_str().unwrap().to_owned();
    let fuzzed: BTreeSet<String> = targets.iter().map(|bin| text(bin, "name")).collect();
    assert_eq!(fuzzed, kinds);
    assert_eq!(fuzzed.len(), targets.len());
    for bin in targets {
        assert_eq!(text(bin, "path"), "fuzz_targets/scheme.rs");
    }

    let folders = std::fs::read_dir(fuzz("corpus")).unwrap();
    let names = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), kinds);
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz("corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("{folder:?}"));
    let files = files.map(|file| file.unwrap().path());
    files
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn every_corpus_is_replayed() {
    for target in TARGETS {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "{target}");
        for (_, input) in corpus {
            judge(target, &input);
        }
    }
}

/// The corpus must get behind the signature, or the fuzzer would only ever see refusals.
#[test]
fn every_corpus_has_a_token_that_is_taken() {
    for target in TARGETS {
        let taken = corpus(target)
            .iter()
            .any(|(_, input)| super::is_taken(target, input));
        assert!(taken, "{target}");
    }
}

/// One change of an input.
#[derive(Debug, Clone)]
enum Change {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<prop::sample::Index>;
    let sign = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"=&?/%.-_~!*:,;0aA+\n\"{".to_vec())
    ];
    let change = prop_oneof![
        (at(), sign.clone()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at(), sign).prop_map(|(at, byte)| Change::Insert(at, byte)),
        at().prop_map(Change::Remove),
        at().prop_map(Change::Cut),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ];
    prop::collection::vec(change, 1..4)
}

fn changed(mut input: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let length = input.len().max(1);
        match change {
            _ if input.is_empty() => input.push(b'x'),
            Change::Replace(at, byte) => input[at.index(length)] = *byte,
            Change::Insert(at, byte) => input.insert(at.index(length), *byte),
            Change::Remove(at) => drop(input.remove(at.index(length))),
            Change::Cut(at) => input.truncate(at.index(length)),
            Change::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let part = input[from.min(to)..from.max(to)].to_vec();
                input.extend(part);
            }
        }
    }
    input
}

#[test]
fn what_is_near_the_corpus_is_judged_without_a_fault() {
    for target in TARGETS {
        let corpus = corpus(target);
        let mut runner = TestRunner::new(Config {
            cases: CHANGES,
            failure_persistence: None,
            ..Config::default()
        });
        let strategy = (prop::sample::select(corpus), changes());
        let outcome = runner.run(&strategy, |((_, input), changes)| {
            judge(target, &changed(input, &changes));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{target}: {error}"));
    }
}
