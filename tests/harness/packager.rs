//! A packager: writes clear HLS of made-up transport packets, live or finished.
//!
//! Every byte is a function of rendition and number, so the source needs no copy, and every
//! packet says in clear text what it is. Must not know: encryption.

use std::ops::Range;
use std::path::{Path, PathBuf};

use tokio::time::{Instant, sleep_until};

use super::wait::seconds;

/// Stands in every clear packet, and in nothing that is encrypted.
pub(crate) const MARK: &str = "obviously clear";

const PACKET: usize = 188;

/// A ladder of renditions, each a media playlist's path.
pub(crate) struct Packager {
    pub(crate) root: PathBuf,
    pub(crate) renditions: Vec<String>,
    /// Milliseconds of one segment.
    pub(crate) span: u64,
    /// When number 0 begins, in milliseconds since the epoch; without it no dates are written.
    pub(crate) epoch: Option<i64>,
    /// How many segments a live playlist lists; older ones are deleted one window later.
    pub(crate) window: u64,
    /// Numbers begin here.
    pub(crate) first: u64,
    /// The next number.
    pub(crate) next: u64,
    /// How many segments each of its runs before this one had.
    pub(crate) runs: Vec<u64>,
    /// When it is due, while it runs in real time.
    due: Option<Instant>,
}

/// The clear bytes of a segment: 5 to 40 packets, and for packed audio not a whole number.
pub(crate) fn payload(rendition: &str, msn: u64) -> Vec<u8> {
    payload_of(rendition, 0, msn)
}

/// The same of a packager that has begun anew `run` times: other bytes, as many.
pub(crate) fn payload_of(rendition: &str, run: u64, msn: u64) -> Vec<u8> {
    let packets = 5 + (msn * 7 + rendition.len() as u64) % 36;
    let mut data: Vec<u8> = (0..packets)
        .flat_map(|n| packet(rendition, run, msn, n))
        .collect();
    if is_audio(rendition) {
        data.extend(vec![0x21; (msn % 17) as usize]);
    }
    data
}

fn packet(rendition: &str, run: u64, msn: u64, number: u64) -> Vec<u8> {
    let mut packet = match is_audio(rendition) {
        true => vec![0xff, 0xf1, 0x4c, 0x80], // an ADTS frame's head, no transport packet's
        false => vec![0x47, 0x40, 0x00, 0x10],
    };
    let run = if run > 0 {
        format!("run {run} ")
    } else {
        String::new()
    };
    let text = format!("{MARK} {rendition} {run}{msn} {number} ");
    while packet.len() < PACKET {
        packet.extend(text.as_bytes());
    }
    packet.truncate(PACKET);
    packet
}

fn is_audio(rendition: &str) -> bool {
    rendition.contains("audio")
}

/// A segment's file name, beside its playlist.
pub(crate) fn file_name(rendition: &str, msn: u64) -> String {
    let extension = if is_audio(rendition) { "aac" } else { "ts" };
    format!("seg-{msn}.{extension}")
}

impl Packager {
    /// A ladder of two pictures and a sound, in folders of their own.
    pub(crate) fn ladder(root: &Path) -> Self {
        Self::of(
            root,
            &["v0/index.m3u8", "v1/deep/index.m3u8", "audio/index.m3u8"],
        )
    }

    /// Six pictures and two sounds.
    pub(crate) fn eight(root: &Path) -> Self {
        let names = ["v0", "v1", "v2", "v3", "v4", "v5", "audio/de", "audio/en"];
        let lists = names.map(|name| format!("{name}/index.m3u8"));
        Self::of(root, &lists.each_ref().map(String::as_str))
    }

    /// A single picture, in one folder with nothing above it.
    pub(crate) fn single(root: &Path) -> Self {
        Self::of(root, &["index.m3u8"])
    }

    fn of(root: &Path, renditions: &[&str]) -> Self {
        for folder in renditions.iter().map(|path| root.join(path)) {
            std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        }
        Self {
            root: root.to_owned(),
            renditions: renditions.iter().map(|&path| path.to_owned()).collect(),
            span: 1000,
            epoch: Some(1_800_000_000_000),
            window: 6,
            first: 0,
            next: 0,
            runs: Vec::new(),
            due: None,
        }
    }

    /// When a segment begins, in milliseconds since the epoch.
    pub(crate) fn time(&self, msn: u64) -> Option<i64> {
        self.epoch.map(|epoch| epoch + (msn * self.span) as i64)
    }

    /// The multivariant playlist; a single rendition needs none.
    pub(crate) fn write_master(&self) {
        let mut text = "#EXTM3U\n#EXT-X-VERSION:4\n## a comment that must pass\n".to_owned();
        for path in &self.renditions {
            text += &match is_audio(path) {
                true => {
                    format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",URI=\"{path}\"\n")
                }
                false => format!("#EXT-X-STREAM-INF:BANDWIDTH=1000,AUDIO=\"a\"\n{path}\n"),
            };
        }
        replace(&self.root.join("master.m3u8"), &text);
    }

    /// A media playlist of `listed`.
    pub(crate) fn list(&self, rendition: &str, listed: Range<u64>, ended: bool) -> String {
        let target = self.span.div_ceil(1000);
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{target}\n\
             #EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-UNKNOWN-TAG:must=\"pass\"\n",
            listed.start
        );
        for msn in listed {
            text += &self.date(msn);
            let duration = self.span as f64 / 1000.0;
            text += &format!("#EXTINF:{duration:.3},\n{}\n", file_name(rendition, msn));
        }
        if ended {
            text += "#EXT-X-ENDLIST\n";
        }
        text
    }

    fn date(&self, msn: u64) -> String {
        let Some(time) = self.time(msn) else {
            return String::new();
        };
        let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(time) * 1_000_000);
        let (date, clock) = (at.unwrap().date(), at.unwrap().time());
        let (hour, minute, second, milli) = clock.as_hms_milli();
        format!(
            "#EXT-X-PROGRAM-DATE-TIME:{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}+0000\n"
        )
    }

    /// Where a segment lies.
    pub(crate) fn segment(&self, rendition: &str, msn: u64) -> PathBuf {
        self.root
            .join(rendition)
            .with_file_name(file_name(rendition, msn))
    }

    /// Writes the next segment of every rendition, then their playlists, then deletes old ones.
    pub(crate) fn publish(&mut self) {
        let msn = self.next;
        self.next += 1;
        for rendition in &self.renditions {
            let bytes = payload_of(rendition, self.runs.len() as u64, msn);
            replace_bytes(&self.segment(rendition, msn), &bytes);
        }
        self.write_lists(false);
        if let Some(old) = msn
            .checked_sub(2 * self.window)
            .filter(|old| *old >= self.first)
        {
            for rendition in &self.renditions {
                std::fs::remove_file(self.segment(rendition, old)).unwrap();
            }
        }
    }

    /// What a live playlist lists now.
    pub(crate) fn listed(&self) -> Range<u64> {
        self.next.saturating_sub(self.window).max(self.first)..self.next
    }

    /// Writes every media playlist as it stands now.
    pub(crate) fn write_lists(&self, ended: bool) {
        for rendition in &self.renditions {
            let text = self.list(rendition, self.listed(), ended);
            replace(&self.root.join(rendition), &text);
        }
    }

    /// Writes `count` segments and finished playlists that list them all.
    pub(crate) fn write_vod(&mut self, count: u64) {
        self.window = count;
        (0..count).for_each(|_| self.publish());
        self.write_lists(true);
        self.write_master();
    }

    /// Begins at the present, so that the demo's periods and these segments meet.
    #[expect(
        clippy::disallowed_methods,
        reason = "a packager has a clock of its own"
    )]
    pub(crate) fn begin_now(&mut self) {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
        self.epoch = Some(since.as_millis() as i64);
    }

    /// Begins anew at 0, as ffmpeg does when it is started again: what it left stays until it is
    /// written over. Dates, if there are any, go on.
    pub(crate) fn restart(&mut self) {
        self.epoch = self.time(self.next + 1);
        self.runs.push(self.next);
        (self.next, self.due) = (0, None);
    }

    /// Lets a segment's time go by without one.
    pub(crate) async fn pause(&mut self) {
        let until = self.due.unwrap_or_else(Instant::now) + self.length();
        sleep_until(until).await;
        self.due = None;
    }

    fn length(&self) -> std::time::Duration {
        seconds(1).mul_f64(self.span as f64 / 1000.0)
    }

    /// Publishes in real time until `count` more segments are out.
    pub(crate) async fn run(&mut self, count: u64) {
        let span = self.length();
        for _ in 0..count {
            let due = self.due.unwrap_or_else(Instant::now);
            sleep_until(due).await;
            self.publish();
            self.due = Some(due + span);
        }
    }
}

/// Puts a whole text in place of `path` at once, as careful packagers do.
pub(crate) fn replace(path: &Path, text: &str) {
    replace_bytes(path, text.as_bytes());
}

fn replace_bytes(path: &Path, bytes: &[u8]) {
    let mut temporary = path.to_owned().into_os_string();
    temporary.push(".tmp");
    std::fs::write(&temporary, bytes).unwrap_or_else(|e| panic!("{temporary:?}: {e}"));
    std::fs::rename(&temporary, path).unwrap();
}
