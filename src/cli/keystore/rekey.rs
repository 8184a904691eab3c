//! `hlskey keystore rekey`: every key under the first master key.
//!
//! Must not know: how a key is sealed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::init::make_secret;
use super::masters::{Masters, keys};
use super::print_json;
use crate::access::audit::Affected;
use crate::cli::ConfigArg;
use crate::cli::recorded::Recorded;
use crate::config::Config;
use crate::crypto::{KeyTag, MasterKey};
use crate::domain::{Clock as _, SystemClock, SystemEntropy};
use crate::keys::{Rekeyed, ResealProgress, reseal};

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// `hlskey keystore rekey`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RekeyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Make a new master key in this new file, say which line the configuration needs, and do no
    /// more.
    #[arg(long, value_name = "FILE")]
    add: Option<PathBuf>,
    /// JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &RekeyArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    if let Some(path) = &args.add {
        return add(&config, path, args.json);
    }
    let masters = Masters::load(&config)?;
    let recorded = Recorded::open(&config).await?;
    let store = &recorded.store;
    let now = SystemClock.now();
    if !args.json {
        println!("sealing under {}", masters.name(masters.ring.sealing()));
    }
    let mut told = Told::new();
    let mut tell = |progress| told.tell(progress);
    let done = reseal(store, &masters.ring, &SystemEntropy, now, &mut tell).await?;
    told.last();
    let affected = Affected::default().with("sealing", &done.sealing.to_string());
    recorded.tell("keystore rekey", &affected).await?;
    match args.json {
        true => print_json(&view(&done, &masters))?,
        false => show(&done, &masters),
    }
    judge(&done)
}

/// A new key opens before it seals: every server must have it when the first one seals under it.
fn add(config: &Config, path: &Path, json: bool) -> anyhow::Result<()> {
    make_secret(path)?;
    let tag = MasterKey::load(path)?.tag();
    let path = std::path::absolute(path)?;
    let files = config.keys.master_keys.iter().chain([&path]);
    let files: Vec<String> = files.map(|file| quoted(file, config)).collect();
    let line = format!("master_keys = [{}]", files.join(", "));
    if json {
        return print_json(&json!({ "tag": tag.to_string(), "file": path, "line": line }));
    }
    println!("made {} with master key {tag}", path.display());
    println!("next: copy it to every server, put this line in [keys] there, and restart each:");
    println!("  {line}");
    println!("then put the new key first on every server, restart each, and run this command");
    println!("again without --add");
    Ok(())
}

/// As the configuration may spell it: seen from its own folder.
fn quoted(file: &Path, config: &Config) -> String {
    let folder = config.path().parent().unwrap_or(config.path());
    let file = file.strip_prefix(folder).unwrap_or(file);
    format!("{:?}", file.display().to_string())
}

/// Tells progress to whoever watches, now and then.
struct Told {
    at: Option<Instant>,
    now: Option<ResealProgress>,
}

impl Told {
    fn new() -> Self {
        Self {
            at: None,
            now: None,
        }
    }

    fn tell(&mut self, progress: ResealProgress) {
        self.now = Some(progress);
        if self.at.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            self.at = Some(Instant::now());
            self.last();
        }
    }

    fn last(&self) {
        if let Some(ResealProgress { done, of }) = self.now {
            let left = of.saturating_sub(done);
            eprintln!("re-sealed {done} of {of} keys, {left} left");
        }
    }
}

fn show(done: &Rekeyed, masters: &Masters) {
    println!("{} re-sealed", keys(done.done));
    for under in &done.left {
        match under.tag {
            Some(tag) => println!("{} left under {}", keys(under.keys), masters.name(tag)),
            None => println!("{} damaged, and under no master key", keys(under.keys)),
        }
    }
    for (tag, path) in unneeded(done, masters) {
        println!(
            "no longer needed: {} ({tag}). No key of the store is under it, and no server of the\n  \
             store seals under it again. Take it out of keys.master_keys when every server has\n  \
             {} there; keep the file as long as backups made before this hour.",
            path.display(),
            done.sealing
        );
    }
}

/// The ring's other keys, once nothing is under them; nothing will be, since they are retired.
fn unneeded<'m>(done: &Rekeyed, masters: &'m Masters) -> Vec<(KeyTag, &'m Path)> {
    let is_left = |tag: KeyTag| done.left.iter().any(|under| under.tag == Some(tag));
    let files = masters.files();
    files
        .filter(|(tag, _)| *tag != done.sealing && !is_left(*tag))
        .collect()
}

fn view(done: &Rekeyed, masters: &Masters) -> serde_json::Value {
    let left = done
        .left
        .iter()
        .map(|under| json!({ "tag": under.tag.map(|tag| tag.to_string()), "keys": under.keys }));
    let unneeded = unneeded(done, masters);
    let unneeded = unneeded
        .iter()
        .map(|(tag, path)| json!({ "tag": tag.to_string(), "file": path }));
    json!({
        "sealing": done.sealing.to_string(),
        "resealed": done.done,
        "left": left.collect::<Vec<_>>(),
        "damaged": done.damaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "no_longer_needed": unneeded.collect::<Vec<_>>(),
    })
}

/// Not done is an error.
fn judge(done: &Rekeyed) -> anyhow::Result<()> {
    if let Some(first) = done.damaged.first() {
        bail!(
            "{} cannot be opened, the first of kid {first}: `hlskey keystore verify` lists them",
            keys(done.damaged.len() as u64)
        );
    }
    match done.left.is_empty() {
        true => Ok(()),
        false => bail!(
            "some keys are under master keys that are not in keys.master_keys: put their files \
             there and run this again"
        ),
    }
}
