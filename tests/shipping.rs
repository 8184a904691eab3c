//! What ships beside the program: image, units, alert rules. Each is read as its own program reads
//! it, and each command, file and metric that it names is there.
//!
//! Must not know: what the program does under them; `service` does.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

use crate::docs::unknown_words;
use crate::harness::binary::binary;
use crate::harness::rust_source::{File, files, root};
use crate::harness::serve::Serve;

fn shipped(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

// --- the units ---

const UNITS: [&str; 2] = ["hlskey.service", "hlskey-encrypt@.service"];

/// The values of a setting in a unit, in order.
fn settings<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    let prefix = format!("{name}=");
    let lines = unit.lines();
    lines
        .filter_map(|line| line.strip_prefix(prefix.as_str()))
        .collect()
}

#[test]
fn the_units_start_commands_that_exist() {
    for name in UNITS {
        let unit = shipped(&format!("packaging/{name}"));
        let [start] = settings(&unit, "ExecStart")[..] else {
            panic!("{name}: one ExecStart");
        };
        let command = start.strip_prefix("/usr/local/bin/hlskey ").unwrap();
        assert_eq!(unknown_words(command), None, "{name}: {command}");
        assert_eq!(settings(&unit, "Type"), ["notify"], "{name}");
    }
    assert!(unknown_words("serve --no-such-flag").is_some());
    assert!(unknown_words("sevre").is_some());
}

#[test]
fn systemd_takes_the_units_and_finds_them_tight() {
    let folder = tempfile::tempdir().unwrap();
    for name in UNITS {
        let unit = shipped(&format!("packaging/{name}"));
        let here = unit.replace("/usr/local/bin/hlskey", binary().to_str().unwrap());
        let path = folder.path().join(name.replace('@', "@test"));
        std::fs::write(&path, here).unwrap();
        let path = path.to_str().unwrap();
        let said = systemd_analyze(&["verify", "--man=no", path]);
        assert_eq!(said, Ok(String::new()), "{name}");
        // 10 is a service without any bound; systemd calls up to 2 "OK".
        systemd_analyze(&["security", "--offline=true", "--threshold=20", path]).unwrap();
    }
    let loose = folder.path().join("loose.service");
    std::fs::write(&loose, "[Service]\nExecStart=/bin/true\nTypo=yes\n").unwrap();
    let loose = loose.to_str().unwrap();
    assert!(
        systemd_analyze(&["verify", "--man=no", loose])
            .unwrap()
            .contains("Typo")
    );
    let slack = systemd_analyze(&["security", "--offline=true", "--threshold=20", loose]);
    assert!(slack.is_err());
}

/// What it has to say; an error if it is not content.
fn systemd_analyze(args: &[&str]) -> Result<String, String> {
    let done = Command::new("systemd-analyze")
        .args(args)
        .output()
        .expect("systemd-analyze: `make tools` installs it");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    match done.status.success() {
        true => Ok(said),
        false => Err(said),
    }
}

// --- the image ---

/// An instruction of a Dockerfile and its arguments, continuations joined.
fn instructions(text: &str) -> Vec<(String, String)> {
    let comments = |line: &&str| !line.starts_with('#') && !line.trim().is_empty();
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().filter(comments);
    let pair = |line: &str| {
        let (name, rest) = line.split_once(' ').unwrap();
        (name.to_owned(), rest.trim().to_owned())
    };
    lines.map(pair).collect()
}

/// The sources that a Dockerfile copies from the repository.
fn copied(text: &str) -> BTreeSet<String> {
    let instructions = instructions(text);
    let copies = instructions.iter().filter(|(name, _)| name == "COPY");
    let own = copies.filter(|(_, rest)| !rest.starts_with("--from="));
    let sources = own.flat_map(|(_, rest)| {
        let words: Vec<&str> = rest.split_whitespace().collect();
        words[..words.len() - 1]
            .iter()
            .map(|&w| w.to_owned())
            .collect::<Vec<_>>()
    });
    sources.collect()
}

#[test]
fn the_image_is_built_from_what_is_there() {
    let (image, ignored) = (shipped("Dockerfile"), shipped(".dockerignore"));
    let let_in: Vec<&str> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    for source in copied(&image) {
        assert!(root().join(&source).exists(), "{source}");
        let passes = let_in
            .iter()
            .any(|open| source == *open || source.starts_with(&format!("{open}/")));
        assert!(passes, ".dockerignore keeps {source} out");
    }
    let instructions = instructions(&image);
    let names: BTreeSet<&str> = instructions.iter().map(|(name, _)| name.as_str()).collect();
    let known = BTreeSet::from([
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "RUN",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]);
    assert!(names.is_subset(&known), "{names:?}");
    let stages: Vec<&str> = instructions
        .iter()
        .filter(|(name, _)| name == "FROM")
        .filter_map(|(_, rest)| Some(rest.split_once(" AS ")?.1))
        .collect();
    for from in image.split("--from=").skip(1) {
        let stage = from.split_whitespace().next().unwrap();
        assert!(stages.contains(&stage), "{stage}");
    }
}

/// What the compiler reads besides Rust: a build without one of these fails.
#[test]
fn the_image_has_every_file_that_is_compiled_in() {
    let copied = copied(&shipped("Dockerfile"));
    let is_copied = |path: &str| {
        let inside = |source: &String| path == source || path.starts_with(&format!("{source}/"));
        path.starts_with("web/node_modules/") || copied.iter().any(inside)
    };
    let sources = files("src", &[".rs"]);
    let read: Vec<String> = sources.iter().flat_map(compiled_in).collect();
    assert!(read.len() >= 5, "{read:?}");
    for path in read {
        assert!(is_copied(&path), "{path}");
    }
}

fn compiled_in(file: &File) -> Vec<String> {
    let folder = file.path.rsplit_once('/').unwrap().0;
    let mut found = Vec::new();
    for (mark, base) in [
        ("include_str!(\"", folder),
        ("include_bytes!(\"", folder),
        ("sqlx::migrate!(\"", ""),
    ] {
        let paths = file.text.split(mark).skip(1);
        let paths = paths.map(|rest| rest.split('"').next().unwrap());
        found.extend(paths.map(|path| normal(&format!("{base}/{path}"))));
    }
    found
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn the_image_runs_commands_that_exist_as_nobody_special() {
    let instructions = instructions(&shipped("Dockerfile"));
    let last = |wanted: &str| {
        let mut found = instructions.iter().rev().filter(|(name, _)| name == wanted);
        found.next().map(|(_, rest)| rest.as_str()).unwrap()
    };
    let words = |json: &str| serde_json::from_str::<Vec<String>>(json).unwrap();
    assert_eq!(words(last("ENTRYPOINT")), ["hlskey"]);
    assert_eq!(unknown_words(&words(last("CMD")).join(" ")), None);
    let check = last("HEALTHCHECK").split_once("CMD ").unwrap().1;
    let check = words(check).join(" ");
    assert_eq!(unknown_words(check.strip_prefix("hlskey ").unwrap()), None);
    let user: u32 = last("USER").split(':').next().unwrap().parse().unwrap();
    assert!(user >= 1000);
    assert_eq!(last("ENV"), "HLSKEY_CONFIG=/etc/hlskey/hlskey.toml");
}

// --- the alert rules ---

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    alert: String,
    expr: String,
    r#for: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// Names in an expression that are metrics of ours.
fn metrics_in(expr: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expr.split(|c| !is_name(c));
    let ours = words.filter(|word| word.starts_with("hlskey_"));
    ours.map(str::to_owned).collect()
}

/// The names under which a scrape shows its families.
fn exposed(scrape: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in scrape
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
    {
        let (name, kind) = line.split_once(' ').unwrap();
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_count", "_sum"],
            _ => &[""],
        };
        names.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alerts_watch_metrics_that_exist() {
    let rules: Rules = serde_saphyr::from_str(&shipped("packaging/alerts.yml")).unwrap();
    let serve = Serve::start("\"never\"", "").await;
    let key = "/v1/keys/00000000-0000-4000-8000-000000000000"; // a family shows once it counts
    serve.stranger().get(key).await.expect(401);
    let scrape = serve.ops().get("/metrics").await.expect(200).text();
    let exposed = exposed(&scrape);
    let mut seen = BTreeSet::new();
    for Group { name, rules } in rules.groups {
        assert_eq!(name, "hlskey");
        for rule in rules {
            let unknown: Vec<_> = metrics_in(&rule.expr)
                .difference(&exposed)
                .cloned()
                .collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", rule.alert);
            assert!(seen.insert(rule.alert.clone()), "{} twice", rule.alert);
            let said: Vec<&str> = rule.annotations.keys().map(String::as_str).collect();
            assert_eq!(said, ["action", "summary"], "{}", rule.alert);
            assert!(["page", "ticket"].contains(&rule.labels["severity"].as_str()));
            assert!(
                humantime::parse_duration(&rule.r#for).is_ok(),
                "{}",
                rule.r#for
            );
            let paired = |open: char, close: char| {
                rule.expr.matches(open).count() == rule.expr.matches(close).count()
            };
            assert!(
                paired('(', ')') && paired('{', '}') && paired('[', ']'),
                "{}",
                rule.expr
            );
        }
    }
    assert!(seen.len() >= 5);
    assert!(!exposed.contains("hlskey_no_such_total"));
}
