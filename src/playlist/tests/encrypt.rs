//! Listings as they are published, line by line.

use super::*;

const LIVE: &str = "\
#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:6
#EXT-X-MEDIA-SEQUENCE:10
#EXTINF:6.000,
s10.ts
#EXT-X-DISCONTINUITY
#EXTINF:6.000,
s11.ts
#EXTINF:6.000,
s12.ts
";

#[test]
fn each_segment_has_its_key_and_the_numbers_move_on() {
    let list = media(LIVE);
    let expected = "\
#EXTM3U
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:6
#EXT-X-MEDIA-SEQUENCE:12
#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.test/v1/keys/k\",IV=0x0000000000000000000000000000000c
#EXTINF:6.000,
s12.ts
";
    assert_eq!(window(&list, 2, 3), expected);
    assert_eq!(list.to_string(), LIVE);
}
