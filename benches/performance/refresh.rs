//! What a refresh of a live playlist costs by the length of its window: gone on with, as the encryptor
//! does, and read and rewritten as a whole. Both begin with the new text in memory and end with the text
//! to be written; no files. By CPU time.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use hlskey::playlist::{
    Encrypted, Entry, Listing, LowLatency, MediaPlaylist, Playlist, Rewritten, Span,
};
use rustix::time::{ClockId, clock_gettime};

use super::rounds::{Compared, Plan};

/// Microseconds a refresh, gone on with and as a whole.
pub(crate) struct Row {
    pub(crate) window: u64,
    pub(crate) cost: Compared,
}

const WINDOWS: [u64; 3] = [3, 200, 20_000];
/// Refreshes of a turn, of which the time of one is the mean.
const GONE_ON: u64 = 200;
const WHOLE: u64 = 5;
/// Segments of one key.
const PERIOD: u64 = 100;

pub(crate) fn compare(plan: Plan) -> anyhow::Result<Vec<Row>> {
    WINDOWS
        .into_iter()
        .map(|window| row(plan, window))
        .collect()
}

fn row(plan: Plan, window: u64) -> anyhow::Result<Row> {
    eprintln!("refreshes of {window} segments");
    let pairs = plan.by_turns(|| gone_on(window), || whole(window))?;
    let cost = Compared::by(&pairs, |micros| *micros);
    Ok(Row { window, cost })
}

fn gone_on(window: u64) -> anyhow::Result<f64> {
    let mut list = parse(&text(0, window))?;
    let mut shown = Rewritten::default();
    step(&list, &mut shown, (0, window))?;
    let mut took = Duration::ZERO;
    for first in 1..=GONE_ON {
        let text = text(first, window);
        let begun = cpu();
        match list.read_on(text) {
            Ok(next) => next.take(),
            Err(_) => bail!("{first} does not go on from the list before"),
        }
        step(&list, &mut shown, (first, window))?;
        if first > 1 {
            took += cpu() - begun; // the first step makes what later ones go on from
        }
    }
    let expected = rewrite(&parse(&text(GONE_ON, window))?, GONE_ON)?;
    ensure!(shown.to_string() == expected, "two ways, two texts");
    Ok(took.as_secs_f64() * 1e6 / (GONE_ON - 1) as f64)
}

fn step(
    list: &MediaPlaylist,
    shown: &mut Rewritten,
    (first, window): (u64, u64),
) -> anyhow::Result<()> {
    let span = Span {
        first: 0,
        count: usize::try_from(window)?,
        opens: false,
        earlier: None,
        low: LowLatency::default(),
    };
    let step = shown.step(list, span, &mut |at| entry(first + at as u64))?;
    black_box(step.differs(shown));
    shown.take(step);
    Ok(())
}

fn whole(window: u64) -> anyhow::Result<f64> {
    let mut took = Duration::ZERO;
    for first in 0..WHOLE {
        let text = text(first, window);
        let begun = cpu();
        black_box(rewrite(&parse(&text)?, first)?);
        took += cpu() - begun;
    }
    Ok(took.as_secs_f64() * 1e6 / WHOLE as f64)
}

fn rewrite(list: &MediaPlaylist, first: u64) -> anyhow::Result<String> {
    let entries: Vec<Entry> = (first..).take(list.segments().len()).map(entry).collect();
    let listing = Listing {
        entries: &entries,
        ..Listing::default()
    };
    Ok(list.encrypt(&listing)?)
}

fn parse(text: &str) -> anyhow::Result<MediaPlaylist> {
    Playlist::media(text).context("no media playlist")
}

/// Dated segments of two seconds, as ffmpeg writes them.
fn text(first: u64, window: u64) -> String {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
    );
    for n in first..first + window {
        let (hour, minute, second) = (n / 1800 % 24, n / 30 % 60, n * 2 % 60);
        text += &format!(
            "#EXTINF:2.000000,\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-01-02T{hour:02}:{minute:02}:{second:02}.000+0000\n\
             segment-{n:06}.ts\n"
        );
    }
    text
}

fn entry(n: u64) -> Entry {
    let kid = format!("0b5f3f0e-1c9c-4f7e-9d3a-{:012}", n / PERIOD);
    Entry::Encrypted(Encrypted {
        key_uri: format!("https://keys.example.net/v1/keys/{kid}"),
        iv: Some(format!("0x{n:032x}")),
        ..Encrypted::default()
    })
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}
