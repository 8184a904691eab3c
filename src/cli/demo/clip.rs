//! The bundled clip: 64 s of picture and sound, cut into segments and repeated for ever.
//!
//! Segment `n` of the endless programme is segment `n % 32` of the clip, moved in time by whole
//! rounds. It is a function of `n` alone, so a restart goes on where the last run stopped.
//!
//! Must not know: files, playlists, the time of day. `web/clip/make.sh` makes the clip.

use super::restamp::{PACKET, PacketCounts, TICK_RATE, Ticks, id3_timestamp, pid, restamp};

/// The nominal length of a segment, in milliseconds.
pub(super) const SEGMENT_MS: u64 = 2000;

const SEGMENT_TICKS: u64 = SEGMENT_MS * TICK_RATE / 1000;

/// Segments in one round of the clip.
const ROUND: u64 = 32;

const ROUND_TICKS: u64 = ROUND * SEGMENT_TICKS;

/// AAC frames in one round: each has 1024 samples, at 48 kHz.
const ROUND_FRAMES: u64 = 3000;

/// Ticks in one AAC frame.
const FRAME_TICKS: u64 = 1024 * TICK_RATE / 48_000;

static PICTURE_360P: &[u8] = include_bytes!("../../../web/clip/360p.ts");
static PICTURE_180P: &[u8] = include_bytes!("../../../web/clip/180p.ts");
static SOUND: &[u8] = include_bytes!("../../../web/clip/audio.aac");

/// The clip, ready to be repeated.
#[derive(Debug)]
pub(super) struct Clip {
    pub(super) pictures: [Picture; 2],
    pub(super) sound: Sound,
}

/// One video rendition: an MPEG transport stream.
#[derive(Debug)]
pub(super) struct Picture {
    /// Width and height in pixels.
    pub(super) size: (u16, u16),
    segments: Vec<&'static [u8]>,
    counts: PacketCounts,
}

/// The audio rendition: packed AAC.
#[derive(Debug)]
pub(super) struct Sound {
    frames: Vec<&'static [u8]>,
}

/// What the playlists need to know of a rendition, whatever its format.
pub(super) trait Track: std::fmt::Debug + Send + Sync {
    /// The file name's extension.
    fn extension(&self) -> &'static str;
    /// The bytes of segment `n` of the endless programme.
    fn segment(&self, n: u64) -> Vec<u8>;
    /// When segment `n` begins, in ticks since the programme began, not wrapped. It ends where
    /// the next one begins.
    fn start(&self, n: u64) -> u64;
}

impl Clip {
    /// The clip that is built into the program.
    pub(super) fn bundled() -> Self {
        Self {
            pictures: [
                Picture::new((640, 360), PICTURE_360P),
                Picture::new((320, 180), PICTURE_180P),
            ],
            sound: Sound {
                frames: adts_frames(SOUND),
            },
        }
    }

    /// The renditions, each with the name of its folder.
    pub(super) fn into_tracks(self) -> impl Iterator<Item = (&'static str, Box<dyn Track>)> {
        let [large, small] = self.pictures;
        let tracks: [(_, Box<dyn Track>); 3] = [
            ("v0", Box::new(large)),
            ("v1", Box::new(small)),
            ("audio", Box::new(self.sound)),
        ];
        tracks.into_iter()
    }
}

/// A rendition's bit rates, in bits per second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bandwidth {
    /// That of the largest segment.
    pub(super) peak: u64,
    /// That of the whole clip.
    pub(super) mean: u64,
}

/// Measures a rendition.
pub(super) fn bandwidth(track: &dyn Track) -> Bandwidth {
    let rate = |bits: u64, ticks: u64| (bits * TICK_RATE).div_ceil(ticks);
    let (mut peak, mut total) = (0, 0);
    for n in 0..ROUND {
        let bits = track.segment(n).len() as u64 * 8;
        total += bits;
        peak = peak.max(rate(bits, track.start(n + 1) - track.start(n)));
    }
    let mean = rate(total, ROUND_TICKS);
    Bandwidth { peak, mean }
}

impl Picture {
    fn new(size: (u16, u16), stream: &'static [u8]) -> Self {
        Self {
            size,
            segments: transport_segments(stream),
            counts: PacketCounts::of(stream),
        }
    }
}

impl Track for Picture {
    fn extension(&self) -> &'static str {
        "ts"
    }

    fn segment(&self, n: u64) -> Vec<u8> {
        let rounds = n / ROUND;
        let mut segment = self.segments[(n % ROUND) as usize].to_vec();
        let by = Ticks::new(rounds.wrapping_mul(ROUND_TICKS));
        restamp(&mut segment, by, &self.counts, rounds);
        segment
    }

    fn start(&self, n: u64) -> u64 {
        n * SEGMENT_TICKS
    }
}

impl Track for Sound {
    fn extension(&self) -> &'static str {
        "aac"
    }

    fn segment(&self, n: u64) -> Vec<u8> {
        let first = first_frame(n % ROUND) as usize;
        let end = first_frame(n % ROUND + 1) as usize;
        let mut segment = id3_timestamp(Ticks::new(self.start(n)));
        segment.extend(self.frames[first..end].iter().copied().flatten());
        segment
    }

    fn start(&self, n: u64) -> u64 {
        (n / ROUND * ROUND_FRAMES + first_frame(n % ROUND)) * FRAME_TICKS
    }
}

/// The first frame of a sound segment: the first one that begins with its picture or later, so
/// that both are on the same side of every rotation.
fn first_frame(segment: u64) -> u64 {
    (segment * ROUND_FRAMES).div_ceil(ROUND)
}

/// Cuts a transport stream before each group of tables: each segment begins with its own.
fn transport_segments(stream: &'static [u8]) -> Vec<&'static [u8]> {
    let is_table = |packet: &[u8]| pid(packet) < 0x20;
    let packets: Vec<_> = stream.chunks_exact(PACKET).collect();
    let mut cuts: Vec<usize> = (0..packets.len())
        .filter(|&i| is_table(packets[i]) && (i == 0 || !is_table(packets[i - 1])))
        .map(|i| i * PACKET)
        .collect();
    cuts.push(stream.len());
    cuts.windows(2)
        .map(|pair| &stream[pair[0]..pair[1]])
        .collect()
}

/// Splits ADTS (ISO/IEC 14496-3 §1.A.2.2) by the 13-bit length in each frame's header.
fn adts_frames(mut stream: &'static [u8]) -> Vec<&'static [u8]> {
    let mut frames = Vec::new();
    while let [_, _, _, high, middle, low, ..] = *stream {
        let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
        let Some((frame, rest)) = stream.split_at_checked(length.max(1)) else {
            break;
        };
        frames.push(frame);
        stream = rest;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clip_is_whole() {
        let clip = Clip::bundled();
        for picture in &clip.pictures {
            assert_eq!(picture.segments.len() as u64, ROUND);
            let bytes: usize = picture.segments.iter().map(|s| s.len()).sum();
            assert!([PICTURE_360P.len(), PICTURE_180P.len()].contains(&bytes));
        }
        assert_eq!(clip.sound.frames.len() as u64, ROUND_FRAMES);
        assert_eq!(clip.sound.frames.concat(), SOUND);
    }

    #[test]
    fn sound_and_picture_never_drift_apart() {
        let clip = Clip::bundled();
        for n in (0..200).chain([1 << 20, 1 << 36]) {
            let ahead = clip.sound.start(n) - clip.pictures[0].start(n);
            assert!(ahead < FRAME_TICKS, "segment {n} is {ahead} ticks ahead");
        }
        assert_eq!(
            clip.sound.start(ROUND * 1000),
            clip.pictures[0].start(ROUND * 1000)
        );
    }

    #[test]
    fn counters_and_clocks_run_on_across_the_seam() {
        let picture = &Clip::bundled().pictures[0];
        let stream: Vec<u8> = (30..66).flat_map(|n| picture.segment(n)).collect();
        let mut counters = std::collections::BTreeMap::new();
        for packet in stream.chunks_exact(PACKET).filter(|p| p[3] & 0x10 != 0) {
            let counter = packet[3] & 0x0f;
            if let Some(last) = counters.insert(pid(packet), counter) {
                assert_eq!(counter, (last + 1) & 0x0f);
            }
        }
        let clocks: Vec<u32> = stream
            .chunks_exact(PACKET)
            .filter(|p| p[3] & 0x20 != 0 && p[4] >= 7 && p[5] & 0x10 != 0)
            .map(|p| u32::from_be_bytes([p[6], p[7], p[8], p[9]]))
            .collect();
        assert_eq!(clocks.len(), 36 * 50);
        assert!(clocks.windows(2).all(|pair| pair[1] - pair[0] == 1800));
    }
}
