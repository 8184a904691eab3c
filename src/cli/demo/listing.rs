//! The playlists of the live source, as any packager would write them.
//!
//! Must not know: files, the clock.

use std::fmt::Write as _;
use std::ops::Range;

use super::clip::{Clip, Track, bandwidth};
use super::restamp::TICK_RATE;
use crate::domain::Timestamp;

/// H.264 main profile, level 3.0, and AAC-LC (RFC 6381); a test holds it to the clip.
const CODECS: &str = "avc1.4d401e,mp4a.40.2";

/// The multivariant playlist (RFC 8216 §4.3.4): each picture with the one sound.
pub(super) fn multivariant(clip: &Clip) -> String {
    let mut text = String::from(
        "#EXTM3U\n\
         #EXT-X-VERSION:4\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Notes\",DEFAULT=YES,AUTOSELECT=YES,\
         CHANNELS=\"1\",URI=\"audio/index.m3u8\"\n",
    );
    let sound = bandwidth(&clip.sound);
    for (index, picture) in clip.pictures.iter().enumerate() {
        let rates = bandwidth(picture);
        let (peak, mean) = (rates.peak + sound.peak, rates.mean + sound.mean);
        let (width, height) = picture.size;
        let _infallible = write!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={mean},CODECS=\"{CODECS}\",\
             RESOLUTION={width}x{height},FRAME-RATE=25.000,AUDIO=\"sound\"\n\
             v{index}/index.m3u8\n"
        );
    }
    text
}

/// A media playlist (RFC 8216 §4.3.3) of the segments `listed`, in a programme that began at
/// `epoch`.
pub(super) fn media(track: &dyn Track, epoch: Timestamp, listed: Range<u64>) -> String {
    let mut text = format!(
        "#EXTM3U\n\
         #EXT-X-VERSION:3\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-TARGETDURATION:2\n\
         #EXT-X-MEDIA-SEQUENCE:{}\n",
        listed.start
    );
    for n in listed {
        let ticks = track.start(n + 1) - track.start(n);
        let seconds = ticks as f64 / TICK_RATE as f64;
        let time = epoch.plus(offset(track, n));
        let name = segment_name(track, n);
        let _infallible = write!(
            text,
            "#EXT-X-PROGRAM-DATE-TIME:{time}\n#EXTINF:{seconds:.6},\n{name}\n"
        );
    }
    text
}

/// The file name of segment `n`.
pub(super) fn segment_name(track: &dyn Track, n: u64) -> String {
    format!("{n:08}.{}", track.extension())
}

/// How far into the programme segment `n` begins, in whole milliseconds.
fn offset(track: &dyn Track, n: u64) -> std::time::Duration {
    std::time::Duration::from_millis(track.start(n) * 1000 / TICK_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_playlist_dates_every_segment() {
        let clip = Clip::bundled();
        let epoch = "2026-01-02T03:04:06Z".parse().unwrap();
        let text = media(&clip.sound, epoch, 31..33);
        let expected = "#EXTM3U\n\
            #EXT-X-VERSION:3\n\
            #EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-TARGETDURATION:2\n\
            #EXT-X-MEDIA-SEQUENCE:31\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:05:08.016Z\n\
            #EXTINF:1.984000,\n\
            00000031.aac\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:05:10.000Z\n\
            #EXTINF:2.005333,\n\
            00000032.aac\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_codecs_are_the_clips_own() {
        let clip = Clip::bundled();
        let segment = clip.pictures[0].segment(0);
        let sps = segment
            .windows(8)
            .find(|window| window.starts_with(&[0, 0, 1, 0x67]))
            .map(|window| format!("avc1.{:02x}{:02x}{:02x}", window[4], window[5], window[6]));
        assert_eq!(sps.as_deref(), CODECS.split(',').next());
    }

    #[test]
    fn both_pictures_stand_in_the_multivariant_playlist() {
        let text = multivariant(&Clip::bundled());
        assert!(
            text.contains("RESOLUTION=640x360,FRAME-RATE=25.000,AUDIO=\"sound\"\nv0/index.m3u8\n")
        );
        assert!(
            text.contains("RESOLUTION=320x180,FRAME-RATE=25.000,AUDIO=\"sound\"\nv1/index.m3u8\n")
        );
        assert!(text.contains("GROUP-ID=\"sound\""));
    }
}
