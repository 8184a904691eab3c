//! Every command, flag and file that the documentation names is there.
//!
//! Must not know: whether what it says of them is true; other tests run them.

use crate::harness::binary::run;
use crate::harness::rust_source::{File, files, root};

/// A command of the program as the documentation spells it.
#[derive(Debug, PartialEq)]
struct Named {
    /// Subcommands, outermost first.
    commands: Vec<String>,
    flags: Vec<String>,
}

fn documents() -> Vec<File> {
    let mut found = files(".", &[".md"]);
    found.retain(|file| !file.path.contains("node_modules"));
    assert!(found.iter().any(|file| file.path == "README.md"));
    found
}

#[test]
fn every_command_and_flag_exists() {
    let documents = documents();
    let all = documents.iter().flat_map(|file| commands(&file.text));
    let mut wrong = Vec::new();
    for named in all {
        wrong.extend(unknown_to_the_program(&named));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the program does not know of a command line after `hlskey`.
pub(crate) fn unknown_words(line: &str) -> Option<String> {
    named(line).iter().find_map(unknown_to_the_program)
}

fn unknown_to_the_program(Named { commands, flags }: &Named) -> Option<String> {
    let mut args: Vec<&str> = commands.iter().map(String::as_str).collect();
    args.push("--help");
    let help = run(&args);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    let unknown = flags.iter().find(|flag| !text.contains(flag.as_str()));
    let is_known = help.status.success() && unknown.is_none();
    (!is_known).then(|| format!("hlskey {commands:?} {unknown:?}"))
}

#[test]
fn every_make_target_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    for file in documents() {
        for target in spans(&file.text)
            .iter()
            .filter_map(|span| make_target(span))
        {
            let there = makefile
                .lines()
                .any(|line| line.starts_with(&format!("{target}:")));
            assert!(there, "{}: make {target}", file.path);
        }
    }
}

#[test]
fn every_linked_file_exists() {
    for file in documents() {
        let folder = root().join(&file.path);
        for link in links(&file.text) {
            let path = folder
                .parent()
                .unwrap()
                .join(link.split('#').next().unwrap());
            assert!(path.exists(), "{}: {link}", file.path);
        }
    }
}

/// Targets of links that are files of the repository.
fn links(text: &str) -> Vec<String> {
    let tails = text.split("](").skip(1);
    let targets = tails.filter_map(|tail| tail.split(')').next());
    let ours = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    ours.map(str::to_owned).collect()
}

fn make_target(span: &str) -> Option<&str> {
    let mut words = span.strip_prefix("make ")?.split_whitespace();
    words
        .next()
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
}

/// Inline code, and the lines of code blocks with continuations joined.
fn spans(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let mut found = Vec::new();
    let mut in_block = false;
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            found.push(line.trim_start_matches(['$', ' ']).to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// The program's commands in a text; `a|b` stands for either.
fn commands(text: &str) -> Vec<Named> {
    let spans = spans(text);
    let lines = spans.iter().filter_map(|span| span.strip_prefix("hlskey "));
    lines.flat_map(named).collect()
}

fn named(line: &str) -> Vec<Named> {
    let end = line.find(['#', '>', ';', '…']).unwrap_or(line.len());
    let words: Vec<&str> = line[..end].split_whitespace().collect();
    let is_name = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '|');
    // The first names are subcommands; only some of these have subcommands of their own.
    let depth = match words.first() {
        Some(
            &("stream" | "token" | "credential" | "session" | "entitlement" | "audit" | "keystore"
            | "config" | "key" | "import"),
        ) => 2,
        _ => 1,
    };
    let names: Vec<&str> = words
        .iter()
        .take(depth)
        .take_while(is_name)
        .copied()
        .collect();
    let flag = |word: &&str| {
        word.trim_end_matches([']', ','])
            .trim_start_matches('[')
            .to_owned()
    };
    let flags = words
        .iter()
        .map(flag)
        .filter(|word| word.starts_with("--"))
        .collect::<Vec<_>>();
    let choices = names
        .last()
        .map_or(vec![""], |last| last.split('|').collect());
    let outer = names.len().saturating_sub(1);
    let with = |choice: &str| {
        let mut commands: Vec<String> = names[..outer].iter().map(|&n| n.to_owned()).collect();
        commands.extend(Some(choice.to_owned()).filter(|choice| !choice.is_empty()));
        Named {
            commands,
            flags: flags.clone(),
        }
    };
    choices.into_iter().map(with).collect()
}

#[test]
fn commands_are_found_in_text_and_blocks() {
    let text = "Run `hlskey config check|default` or\n```sh\nhlskey credential add x \\\n  \
        --streams 'live/*'   # why\n$ make demo\n```\n";
    let found = commands(text);
    let of = |commands: &[&str], flags: &[&str]| Named {
        commands: commands.iter().map(|&c| c.to_owned()).collect(),
        flags: flags.iter().map(|&f| f.to_owned()).collect(),
    };
    assert_eq!(
        found,
        [
            of(&["config", "check"], &[]),
            of(&["config", "default"], &[]),
            of(&["credential", "add"], &["--streams"]),
        ]
    );
    assert_eq!(make_target("make demo ARGS=1"), Some("demo"));
    assert_eq!(links("[a](b.md#c) [d](https://e)"), ["b.md#c"]);
}
