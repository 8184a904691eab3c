//! hls.js plays low latency from the origin, in Chromium, while the picture is made.
//!
//! Must not know: how hls.js asks; what it gave to the media buffers is compared with the clear one.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Air;
use crate::harness::binary::mint;
use crate::harness::ffmpeg::finish;
use crate::harness::low_latency::{LowLatency, PARTS};
use crate::harness::process::Process;
use crate::harness::rust_source::root;
use crate::harness::wait::{seconds, until};

/// Seconds of picture, a part each: more than the browser needs.
const LENGTH: u64 = 100;
/// How many parts hls.js shall have been given.
const ENOUGH: usize = 8;
/// hls.js gives up on a list that is held for longer than three of them: a busy machine has time.
const PART: Duration = Duration::from_secs(1);

/// How many parts there are before anybody looks.
const BEFORE: u64 = 2 * PARTS + 1;

/// A picture of some frames a part: its initialisation section, and each part.
fn picture(folder: &Path) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut command = Command::new("/usr/bin/ffmpeg");
    command.current_dir(folder);
    let source = format!("testsrc=size=160x90:rate=8:duration={LENGTH}");
    command.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &source]);
    let coded = "-c:v libx264 -preset ultrafast -tune zerolatency -g 32 -keyint_min 32 \
                 -sc_threshold 0 -pix_fmt yuv420p -frag_duration 1000000 \
                 -movflags +empty_moov+default_base_moof+skip_trailer -f mp4 all.mp4";
    finish({
        command.args(coded.split_whitespace());
        command
    });
    let bytes = std::fs::read(folder.join("all.mp4")).unwrap();
    let (mut init, mut parts) = (Vec::new(), Vec::<Vec<u8>>::new());
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let (one, tail) = rest.split_at(length);
        match &one[4..8] {
            b"moof" => parts.push(one.to_vec()),
            b"mdat" => parts.last_mut().unwrap().extend(one),
            _ => init.extend(one),
        }
        rest = tail;
    }
    assert_eq!(parts.len() as u64, LENGTH);
    (init, parts)
}

#[tokio::test(flavor = "multi_thread")]
async fn hls_js_loads_and_decrypts_parts_and_gets_what_it_gets_of_the_clear_ones() {
    let mut air = Air::new("browser", "{ segments = 1 }").await;
    air.job.source = air.serve.origin().join("clear");
    std::fs::create_dir(&air.job.source).unwrap();
    let made = picture(air.source.path());
    let mut source = LowLatency::of(&air.job.source, "i.m3u8", (&made.0, made.1));
    (source.dated, source.length) = (false, PART.as_secs_f64());
    let mut worker = air.job.start_with(&["--low-latency", "origin"]);
    source.advance(BEFORE);
    let begun = "URI=\"s2.0-part0-2.m4s\"";
    air.published(&mut worker, "i.m3u8", begun).await;
    let mut node = browse(&air);
    let begun = Instant::now();
    let status = until("hls.js has played enough", seconds(90), async || {
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        let due = BEFORE + begun.elapsed().as_secs() / PART.as_secs();
        source.advance(due.min(LENGTH).saturating_sub(source.parts));
        node.ended()
    })
    .await;
    assert!(status.success(), "{status}: {}", node.stderr.text());
    let seen: Value = serde_json::from_str(&node.stdout.text()).unwrap();
    judge(&seen);
}

fn browse(air: &Air) -> Process {
    let (origin, stream) = (air.serve.url(), &air.job.stream);
    let token = mint(&air.serve.config(), stream, "1h");
    let mut command = Command::new("node");
    command.current_dir(root().join("tests/browser"));
    command.args(["live.mjs", &origin, &ENOUGH.to_string()]);
    command.arg(format!(
        "ours={origin}/v1/play/{stream}/i.m3u8?token={token}"
    ));
    command.arg(format!("clear={origin}/hls/clear/i.m3u8"));
    Process::start(command)
}

fn judge(seen: &Value) {
    let [ours, clear] = ["ours", "clear"].map(|name| &seen[name]);
    for one in [ours, clear] {
        // A machine that is busy lets the player wait, which is no fault of what it waits for.
        let waits = |error: &&Value| {
            let late = [
                "bufferStalledError",
                "bufferNudgeOnStall",
                "levelLoadTimeOut",
                "aborted",
            ];
            late.iter()
                .any(|late| error.as_str().unwrap().starts_with(late))
        };
        let mut faults = one["errors"].as_array().unwrap().iter();
        assert!(faults.all(|error| waits(&error)), "{one}");
        let [from, to] = ["from", "to"].map(|at| one[at].as_f64().unwrap());
        assert!(to >= from + 3.0, "it stands still: {one}");
        assert!(one["given"].as_object().unwrap().len() >= ENOUGH, "{one}");
    }
    assert!(ours["keys"].as_array().unwrap().len() > 1, "{ours}");
    assert_eq!(clear["keys"], serde_json::json!([]));
    let given = |one: &Value| one["given"].as_object().unwrap().clone();
    let clear = given(clear);
    let ours = given(ours).into_iter();
    let both: Vec<_> = ours.filter(|(part, _)| clear.contains_key(part)).collect();
    assert!(both.len() >= ENOUGH / 2, "{seen}");
    for (part, digest) in both {
        assert_eq!(digest, clear[&part], "{part}");
    }
    let asked = seen["asked"].as_array().unwrap().iter();
    let asked: Vec<&str> = asked.map(|line| line.as_str().unwrap()).collect();
    let answered = |what: &str| {
        let mut lines = asked.iter().filter(|line| line.starts_with("200 "));
        lines.any(|line| line.contains(what))
    };
    assert!(answered("/v1/play/test/browser/i.m3u8?token="), "{asked:?}");
    assert!(answered("_HLS_msn="), "a list that is held: {asked:?}");
    assert!(answered("-part2-"), "{asked:?}");
}
