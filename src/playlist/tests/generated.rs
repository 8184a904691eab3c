//! Playlists made at random, and a small reader of listings that shares nothing with the product.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// A live or finished list of 1 to 11 clear segments with much else between, valid and whole.
pub(super) fn live_lists() -> impl Strategy<Value = String> {
    let head = (
        option::of(1..12_u64),
        option::of(0..u64::MAX / 2),
        option::of(0..u64::MAX / 2),
        vec(unread(), 0..3),
        any::<u64>(),
    );
    let tail = vec(select(TAIL), 0..4);
    let shape = (any::<bool>(), any::<bool>(), any::<bool>());
    (head, vec(block(), 1..12), tail, shape).prop_map(|(head, blocks, tail, shape)| {
        let (version, msn, dsn, unread, order) = head;
        let (is_crlf, has_bom, is_ended) = shape;
        let mut lines = vec!["#EXT-X-TARGETDURATION:10".to_owned()];
        lines.extend(version.map(|n| format!("#EXT-X-VERSION:{n}")));
        lines.extend(msn.map(|n| format!("#EXT-X-MEDIA-SEQUENCE:{n}")));
        lines.extend(dsn.map(|n| format!("#EXT-X-DISCONTINUITY-SEQUENCE:{n}")));
        lines.extend(unread);
        shuffle(&mut lines, order);
        lines.insert(0, "#EXTM3U".to_owned());
        lines.extend(blocks.into_iter().flatten());
        lines.extend(tail.into_iter().map(str::to_owned));
        lines.extend(is_ended.then(|| "#EXT-X-ENDLIST".to_owned()));
        let eol = if is_crlf { "\r\n" } else { "\n" };
        let bom = if has_bom { "\u{feff}" } else { "" };
        format!("{bom}{}{eol}", lines.join(eol))
    })
}

/// A live list and what it may be a little later: some of its first segments gone, some others come.
pub(super) fn refreshed() -> impl Strategy<Value = (String, String)> {
    let head = (any::<bool>(), 0..u64::MAX / 2, vec(unread(), 0..2));
    let cuts = (0..4_usize, 0..4_usize, 0..2_usize);
    let blocks = vec(prop_oneof![block(), plain()], 5..14);
    let tail = vec(select(TAIL), 0..2);
    (head, cuts, blocks, tail).prop_map(|(head, (gone, come, repeat), blocks, tail)| {
        let (has_map, msn, unread) = head;
        let list = |first: usize, end: usize, tail: &[&str]| {
            let mut lines = vec!["#EXTM3U".to_owned(), "#EXT-X-TARGETDURATION:10".to_owned()];
            lines.push(format!("#EXT-X-MEDIA-SEQUENCE:{}", msn + first as u64));
            lines.extend(unread.iter().cloned());
            let map = "#EXT-X-MAP:URI=\"init.mp4\"".to_owned();
            lines.extend(has_map.then_some(map));
            lines.extend(blocks[first..end].iter().flatten().cloned());
            lines.extend(tail.iter().map(|&line| line.to_owned()));
            lines.join("\n") + "\n"
        };
        let end = blocks.len() - come;
        let before = list(repeat.min(gone), end, &[]);
        (before, list(gone, blocks.len(), &tail))
    })
}

/// A live list refresh by refresh: its window moves by none or some segments at each end; now and then
/// a line in the middle is another one, or the list has ended.
pub(super) fn followed() -> impl Strategy<Value = Vec<String>> {
    let blocks = vec(prop_oneof![1 => block(), 4 => plain()], 12..24);
    let head = (
        option::of(0..9_u64),
        0..2000_u64,
        vec(unread(), 0..2),
        any::<bool>(),
    );
    let moves = vec((0..3_usize, 0..4_usize, 0..20_u8), 1..9);
    (blocks, head, moves).prop_map(|(blocks, (version, msn, unread, has_map), moves)| {
        let (mut first, mut end) = (0, 4);
        let mut texts = Vec::new();
        for (gone, come, odd) in moves {
            (first, end) = ((first + gone).min(end - 1), (end + come).min(blocks.len()));
            first = first.min(blocks.len() - 1);
            let mut lines = vec!["#EXTM3U".to_owned(), "#EXT-X-TARGETDURATION:10".to_owned()];
            lines.extend(version.map(|n| format!("#EXT-X-VERSION:{n}")));
            lines.push(format!("#EXT-X-MEDIA-SEQUENCE:{}", msn + first as u64));
            let dropped = blocks[..first].iter().flatten();
            let dropped = dropped
                .filter(|line| *line == "#EXT-X-DISCONTINUITY")
                .count();
            lines.extend((dropped > 0).then(|| format!("#EXT-X-DISCONTINUITY-SEQUENCE:{dropped}")));
            lines.extend(unread.iter().cloned());
            lines.extend(has_map.then(|| "#EXT-X-MAP:URI=\"init.mp4\"".to_owned()));
            lines.extend(blocks[first..end].iter().flatten().cloned());
            let within = lines.len() / 2;
            match odd {
                0 => lines.insert(within, "#another".to_owned()),
                1 => lines.push("#EXT-X-ENDLIST".to_owned()),
                2 => lines.push("#EXTINF:4,".to_owned()),
                _ => {}
            }
            texts.push(lines.join("\n") + "\n");
        }
        texts
    })
}

/// A segment as most are.
fn plain() -> impl Strategy<Value = Vec<String>> {
    let date = option::of(0..60_u32);
    let map = prop_oneof![9 => Just(false), 1 => Just(true)];
    (date, map, 1000..9999_u32, "[a-z]{1,8}\\.ts").prop_map(|(date, map, millis, uri)| {
        let date = date.map(|s| format!("#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:{s:02}.000Z"));
        let map = map.then(|| "#EXT-X-MAP:URI=\"other.mp4\"".to_owned());
        let lines = date.into_iter().chain(map);
        let inf = format!("#EXTINF:{}.{:03},", millis / 1000, millis % 1000);
        lines.chain([inf, uri]).collect()
    })
}

/// What may follow the last segment.
const TAIL: &[&str] = &[
    "",
    "# tail",
    "#EXT-X-CUE-IN",
    "#EXT-X-KEY:METHOD=NONE",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-DATERANGE:ID=\"t\",START-DATE=\"2026-01-02T12:00:00Z\"",
];

/// A segment's lines: its tags in any order, EXTINF among them, then its URI.
fn block() -> impl Strategy<Value = Vec<String>> {
    let tags = vec(
        prop_oneof![unread(), select(TAGS).prop_map(str::to_owned)],
        0..5,
    );
    let inf = prop_oneof![
        (0..20_u32).prop_map(|n| format!("#EXTINF:{n},")),
        (0..20_000_u32).prop_map(|n| format!("#EXTINF:{}.{:03},title", n / 1000, n % 1000)),
    ];
    let uri = "[a-z0-9]{1,8}(/[a-z0-9 ,]{1,4}x)?\\.ts(\\?[a-zA-Z0-9=&\"]{1,6})?";
    (tags, inf, uri, any::<u64>()).prop_map(|(mut lines, inf, uri, order)| {
        lines.push(inf);
        shuffle(&mut lines, order);
        lines.push(uri);
        lines
    })
}

const TAGS: &[&str] = &[
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-KEY:METHOD=NONE",
    "#EXT-X-GAP",
    "#EXT-X-BITRATE:900",
    "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000+0100",
    "#EXT-X-DATERANGE:ID=\"d\",START-DATE=\"2026-01-02T12:00:00Z\",X-ASSET-URI=\"x\"",
];

/// Lines that nobody reads: comments, unknown tags, blank lines.
fn unread() -> impl Strategy<Value = String> {
    prop_oneof![
        "#( |#|EX-|ext)[ -~]{0,8}",
        "#EXT-X-[a-z]{1,6}(:[ -~]{0,8})?",
        "[ \t]{0,2}",
    ]
}

/// Lines that fit together badly: nothing is promised of them but that they do no harm.
pub(super) fn scraps() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => unread(),
        4 => select(TAGS).prop_map(str::to_owned),
        1 => select(TAIL).prop_map(str::to_owned),
        12 => block().prop_map(|lines| lines.join("\n")),
        2 => NUMBERED,
        2 => "#EXT(INF|-X-(KEY|MAP|STREAM-INF|PART|ENDLIST|SKIP|SERVER-CONTROL)):?[ -~]{0,24}",
        2 => LISTED,
        1 => "\\PC{0,12}",
        1 => "[\\x00-\\x20#\u{feff}\u{a0}a:=\",]{0,6}",
    ];
    let end = prop_oneof![
        40 => Just("\n"),
        8 => Just("\r\n"),
        1 => Just("\r"),
        1 => Just(""),
    ];
    let head = prop_oneof![
        8 => Just("#EXTM3U\r\n#EXT-X-TARGETDURATION:6\r\n"),
        2 => Just("#EXTM3U\n"),
        1 => Just("\u{feff}#EXTM3U\n"),
        1 => Just(""),
    ];
    (head, vec((line, end), 0..8)).prop_map(|(head, lines)| {
        let lines = lines.iter().map(|(line, end)| format!("{line}{end}"));
        head.to_owned() + &lines.collect::<String>()
    })
}

/// Tags with numbers, most of them valid ones.
const NUMBERED: &str =
    "#EXT-X-(VERSION|TARGETDURATION|MEDIA-SEQUENCE|DISCONTINUITY-SEQUENCE):[0-9]{0,3}";

/// Tags with attribute lists, some of them valid ones.
const LISTED: &str = "#EXT-X-(MEDIA|KEY|MAP|SESSION-KEY|I-FRAME-STREAM-INF|SERVER-CONTROL):\
    (URI=\"[ -~]{0,6}\"|[A-Z]{1,3}=[a-z0-9]{0,3})(, ?[A-Z]{1,2}=\"?[a-z]{0,3}\"?){0,3}";

fn shuffle(lines: &mut [String], mut order: u64) {
    for at in (1..lines.len()).rev() {
        order = order
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695);
        lines.swap(at, (order >> 33) as usize % (at + 1));
    }
}

/// One segment as a player would see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) uri: String,
    pub(super) msn: u64,
    pub(super) discontinuity_sequence: u64,
    pub(super) gap: bool,
    /// The key tag's value, and whether it stands among the segment's own lines.
    pub(super) key: Option<(String, bool)>,
}

/// Reads the segments of a valid list.
pub(super) fn see(text: &str) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let (mut msn, mut dsn, mut gap, mut key) = (0, 0, false, None);
    for line in text.trim_start_matches('\u{feff}').lines() {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-MEDIA-SEQUENCE" => msn = value.parse().unwrap(),
            "#EXT-X-DISCONTINUITY-SEQUENCE" => dsn = value.parse().unwrap(),
            "#EXT-X-DISCONTINUITY" => dsn += 1,
            "#EXT-X-GAP" => gap = true,
            "#EXT-X-KEY" => key = Some((value.to_owned(), true)),
            _ if line.starts_with('#') || line.trim().is_empty() => {}
            _ => {
                seen.push(Seen {
                    uri: line.trim().to_owned(),
                    msn,
                    discontinuity_sequence: dsn,
                    gap: std::mem::take(&mut gap),
                    key: key.clone(),
                });
                msn += 1;
                key = key.map(|(value, _)| (value, false));
            }
        }
    }
    seen
}
