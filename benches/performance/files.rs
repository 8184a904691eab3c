//! A finished asset, from files to files: `hlskey encrypt --once` and a shell loop of
//! `openssl enc`, both on one core, by the CPU time and the time of all their processes.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use super::keyserver::{KeyServer, PROGRAM, text};
use super::rounds::{Compared, Plan};

pub(crate) struct Row {
    /// In milliseconds.
    pub(crate) cpu: Compared,
    pub(crate) time: Compared,
    /// Where the files lay.
    pub(crate) filesystem: String,
}

struct Turn {
    cpu: f64,
    time: f64,
}

pub(crate) const SEGMENTS: usize = 64;
/// Whole transport packets, some 2 MiB.
pub(crate) const BYTES: usize = 188 * 11_155;
const STREAM: &str = "live/asset";
/// One key and IV for all: the loop is spared what `hlskey` does besides.
const LOOP: &str = r#"for clear in "$1"/*.ts; do
    openssl enc -aes-128-cbc -K 000102030405060708090a0b0c0d0e0f -iv 0f0e0d0c0b0a09080706050403020100 \
        -in "$clear" -out "$2/.new" && mv "$2/.new" "$2/${clear##*/}"
done"#;

pub(crate) fn compare(plan: Plan, folder: &Path, server: &KeyServer) -> anyhow::Result<Row> {
    eprintln!("files");
    let source = folder.join("source");
    write_asset(&source, SEGMENTS)?;
    server.add_stream(STREAM, &["--segments", "16"])?;
    let pairs = plan.by_turns(
        || turn(folder, |sink| ours(server, &source, sink)),
        || turn(folder, |sink| openssl(&source, sink)),
    )?;
    Ok(Row {
        cpu: Compared::by(&pairs, |turn| turn.cpu),
        time: Compared::by(&pairs, |turn| turn.time),
        filesystem: filesystem(folder)?,
    })
}

pub(crate) fn write_asset(source: &Path, segments: usize) -> anyhow::Result<()> {
    std::fs::create_dir_all(source)?;
    let mut list = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n".to_owned();
    for number in 0..segments {
        let name = format!("{number:03}.ts");
        let packet = |n: usize| (0..188).map(move |at| if at == 0 { 0x47 } else { (n + at) as u8 });
        let bytes: Vec<u8> = (0..BYTES / 188).flat_map(packet).collect();
        std::fs::write(source.join(&name), bytes)?;
        list += &format!("#EXTINF:6.0,\n{name}\n");
    }
    Ok(std::fs::write(
        source.join("index.m3u8"),
        list + "#EXT-X-ENDLIST\n",
    )?)
}

/// Encrypts into a new folder and looks whether everything is there.
fn turn(folder: &Path, encrypt: impl Fn(&Path) -> Command) -> anyhow::Result<Turn> {
    let sink = folder.join("sink");
    std::fs::create_dir(&sink)?;
    let (begun, before) = (Instant::now(), children_cpu()?);
    let output = encrypt(&sink).output()?;
    let (time, cpu) = (begun.elapsed(), children_cpu()? - before);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "encrypting files: {errors}");
    let padded = (BYTES / 16 + 1) * 16;
    for number in 0..SEGMENTS {
        let length = std::fs::metadata(sink.join(format!("{number:03}.ts")))?.len();
        ensure!(
            length == padded as u64,
            "segment {number} has {length} bytes"
        );
    }
    std::fs::remove_dir_all(&sink)?;
    Ok(Turn {
        cpu,
        time: time.as_secs_f64() * 1000.0,
    })
}

fn ours(server: &KeyServer, source: &Path, sink: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["encrypt", "--once", "--json", "--stream", STREAM]);
    command.args(["--source", &format!("dir:{}", source.display())]);
    command.args(["--sink", &format!("dir:{}", sink.display())]);
    command.args(["--server", &server.url(), "--ca", &text(&server.files.ca)]);
    command.args(["--credential-file", &text(&server.files.credential)]);
    command
}

fn openssl(source: &Path, sink: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-ec", LOOP, "sh", &text(source), &text(sink)]);
    command
}

/// User and system time of all processes that were waited for, in milliseconds; the kernel counts
/// it in hundredths of a second.
fn children_cpu() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: u64 = fields[13].parse::<u64>()? + fields[14].parse::<u64>()?;
    Ok(ticks as f64 * 1000.0 / rustix::param::clock_ticks_per_second() as f64)
}

fn filesystem(folder: &Path) -> anyhow::Result<String> {
    let output = Command::new("stat")
        .args(["-f", "-c", "%T"])
        .arg(folder)
        .output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
