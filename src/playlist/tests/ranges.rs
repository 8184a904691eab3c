//! EXT-X-BYTERANGE: which bytes are meant, and what is said of the published ones.

use super::*;

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:6\n";

fn ranges(body: &str) -> Vec<Option<ByteRange>> {
    let list = media(&format!("{HEAD}{body}"));
    list.segments()
        .iter()
        .map(|segment| segment.range)
        .collect()
}

#[test]
fn a_range_without_an_offset_follows_the_one_before() {
    let body = "#EXT-X-BYTERANGE:100@20\n#EXTINF:6,\na.ts\n#EXTINF:6,\n#EXT-X-BYTERANGE:50\na.ts\n\
                #EXTINF:6,\n#EXT-X-BYTERANGE:7@0\na.ts\n#EXTINF:6,\nb.ts\n";
    let expected = [
        ByteRange::new(20, 100),
        ByteRange::new(120, 50),
        ByteRange::new(0, 7),
        None,
    ];
    assert_eq!(ranges(body), expected);
    let head = "#EXT-X-BYTERANGE:9\n#EXTINF:6,\na.ts\n";
    for (body, line) in [
        (head.to_owned(), 6),
        (format!("#EXTINF:6,\na.ts\n{head}"), 8),
        (format!("#EXT-X-BYTERANGE:5@0\n#EXTINF:6,\nb.ts\n{head}"), 9),
        (head.replace(":9", ":0@0"), 6),
        (head.replace(":9", ":18446744073709551615@1"), 6),
    ] {
        assert_eq!(
            error(&format!("{HEAD}{body}")),
            PlaylistError::Range { line },
            "{body}"
        );
    }
    let number = PlaylistError::Number {
        tag: "EXT-X-BYTERANGE",
        line: 4,
    };
    assert_eq!(
        error(&format!("{HEAD}{}", head.replace(":9", ":x"))),
        number
    );
}

/// Entries with names of their own.
fn named(ranges: &[(&str, Option<ByteRange>)]) -> Vec<Entry> {
    let entry = |(iv, (uri, range)): (usize, &(&str, Option<ByteRange>))| {
        Entry::Encrypted(Encrypted {
            key_uri: "k".to_owned(),
            iv: Some(format!("0x{iv:032x}")),
            uri: Some((*uri).to_owned()),
            range: *range,
            section: None,
            parts: Vec::new(),
        })
    };
    ranges.iter().enumerate().map(entry).collect()
}

const TWO: &str =
    "#EXT-X-BYTERANGE:100@0\n#EXTINF:6,\na.ts\n#EXTINF:6,\n#EXT-X-BYTERANGE:50\na.ts\n";

#[test]
fn split_ranges_are_whole_files() {
    let list = media(&format!("{HEAD}{TWO}"));
    let out = rewrite(&list, 0, &named(&[("a-0.ts", None), ("a-1.ts", None)])).unwrap();
    assert!(!out.contains("BYTERANGE"), "{out}");
    assert!(
        out.contains("#EXTINF:6,\na-0.ts\n") && out.contains("#EXTINF:6,\na-1.ts\n"),
        "{out}"
    );
}

#[test]
fn rebased_ranges_always_say_where_they_begin() {
    let list = media(&format!("{HEAD}{TWO}").replace("#EXT-X-VERSION:4\n", ""));
    let entries = [
        ("a.ts", ByteRange::new(0, 112)),
        ("a.ts", ByteRange::new(112, 64)),
    ];
    let out = rewrite(&list, 0, &named(&entries)).unwrap();
    assert!(out.contains("#EXT-X-VERSION:4\n"), "{out}");
    assert!(
        out.contains("#EXT-X-BYTERANGE:112@0\n#EXTINF:6,\na.ts\n"),
        "{out}"
    );
    assert!(out.contains("#EXT-X-BYTERANGE:64@112\na.ts\n"), "{out}");
    let read = media(&out);
    assert_eq!(read.segments()[1].range, entries[1].1);
}

#[test]
fn a_missing_range_names_no_bytes() {
    let list = media(&format!("{HEAD}{TWO}"));
    let mut entries = named(&[("a-0.ts", None)]);
    entries.push(Entry::Gap);
    let out = rewrite(&list, 0, &entries).unwrap();
    assert!(
        !out.contains("BYTERANGE") && out.contains("#EXT-X-GAP\n"),
        "{out}"
    );
}
