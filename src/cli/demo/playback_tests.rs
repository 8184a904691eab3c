//! Plays the endless programme with ffmpeg: across the seams between two rounds of the clip, and
//! across the wrap of its 33-bit times.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use super::clip::Clip;
use super::listing::{media, multivariant, segment_name};
use crate::domain::Timestamp;

/// The frames of each stream: when they are shown, in units of a frame, and their hashes.
type Played = BTreeMap<String, Vec<(i64, String)>>;

#[test]
fn ffmpeg_plays_across_two_seams_without_a_word() {
    let played = play(20..100);
    for (stream, frames) in &played {
        let first = frames[0].0;
        let steps = frames.iter().enumerate().map(|(i, f)| f.0 - i as i64);
        assert!(steps.into_iter().all(|at| at == first), "stream {stream}");
    }
    let counts: Vec<_> = played.values().map(Vec::len).collect();
    assert_eq!(counts, [7500, 4000, 4000]);
}

#[test]
fn every_round_looks_and_sounds_the_same() {
    for (stream, frames) in play(16..80) {
        let (first, second) = frames.split_at(frames.len() / 2);
        let differing = (0..first.len()).filter(|&i| first[i].1 != second[i].1);
        // The decoder's very first sound frame lacks the one before it.
        let unexpected: Vec<_> = differing.filter(|&i| i > 0).collect();
        assert!(unexpected.is_empty(), "stream {stream}: {unexpected:?}");
    }
}

#[test]
fn times_wrap_after_26_hours_without_a_gap() {
    // 2^33 ticks are 47721.8 segments.
    for (stream, frames) in play(47_712..47_732) {
        let even = frames.windows(2).all(|pair| pair[1].0 - pair[0].0 == 1);
        assert!(even, "stream {stream}");
    }
}

/// Decodes these segments of every rendition as a finished asset; any complaint fails the test.
fn play(segments: Range<u64>) -> Played {
    let dir = tempfile::tempdir().unwrap();
    write_asset(dir.path(), segments);
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "warning", "-xerror"])
        .args(["-err_detect", "explode", "-copyts", "-i"])
        .arg(dir.path().join("master.m3u8"))
        .args(["-map", "0", "-fps_mode", "passthrough"])
        .args(["-f", "framemd5", "-"])
        .output()
        .expect("ffmpeg runs (`make test` installs it)");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}");
    frames(&String::from_utf8(output.stdout).unwrap())
}

fn write_asset(dir: &Path, segments: Range<u64>) {
    let clip = Clip::bundled();
    std::fs::write(dir.join("master.m3u8"), multivariant(&clip)).unwrap();
    for (name, track) in clip.into_tracks() {
        let folder = dir.join(name);
        std::fs::create_dir(&folder).unwrap();
        let list = media(track.as_ref(), Timestamp::from_millis(0), segments.clone());
        std::fs::write(folder.join("index.m3u8"), list + "#EXT-X-ENDLIST\n").unwrap();
        for n in segments.clone() {
            let path = folder.join(segment_name(track.as_ref(), n));
            std::fs::write(path, track.segment(n)).unwrap();
        }
    }
}

/// Lines are `stream, dts, pts, duration, size, hash`.
fn frames(text: &str) -> Played {
    let mut played = Played::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let [stream, _, pts, duration, _, hash] =
            line.split(", ").map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        let number = |text: &str| text.parse::<i64>().unwrap();
        let at = number(pts).div_euclid(number(duration));
        let frame = (at, hash.to_owned());
        played.entry(stream.to_owned()).or_default().push(frame);
    }
    played
}
