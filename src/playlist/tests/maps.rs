//! EXT-X-MAP: clear or under a key of its own, and in scope of whatever is listed.

use super::*;
use std::sync::Arc;

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n";

fn section(uri: &str, key: Option<u64>) -> Arc<Section> {
    let key = key.map(|iv| KeyTag {
        uri: "https://keys.test/k".to_owned(),
        iv: Some(format!("0x{iv:032x}")),
    });
    let uri = uri.to_owned();
    Arc::new(Section { uri, key })
}

fn with(iv: u64, section: &Arc<Section>) -> Entry {
    Entry::Encrypted(Encrypted {
        key_uri: "https://keys.test/k".to_owned(),
        iv: Some(format!("0x{iv:032x}")),
        section: Some(section.clone()),
        ..Encrypted::default()
    })
}

/// The key tags shortened: `K<iv>` for one with an IV, `NONE`.
fn short(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.test/k\",IV=0x";
        match line.strip_prefix(key) {
            Some(iv) => format!("K{}", u128::from_str_radix(iv, 16).unwrap()),
            None => line.replace("#EXT-X-KEY:METHOD=NONE", "NONE"),
        }
    });
    lines.map(|line| line + "\n").collect()
}

/// Two initialisation sections, the second from the third segment on.
fn two() -> String {
    format!(
        "{HEAD}#EXT-X-MAP:URI=\"a.mp4\",BYTERANGE=\"700@0\",X-NOTE=\"n\"\n#EXTINF:6,\n0.m4s\n\
         #EXTINF:6,\n1.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"b.mp4\"\n#EXTINF:6,\n2.m4s\n\
         #EXTINF:6,\n3.m4s\n"
    )
}

#[test]
fn a_map_is_in_scope_until_the_next() {
    let list = media(&two());
    let maps: Vec<_> = list.segments().iter().map(|s| s.map.clone()).collect();
    let of = |at: usize| maps[at].as_deref().unwrap();
    assert_eq!(of(0).uri.as_str(), "a.mp4");
    assert_eq!(of(0).range, ByteRange::new(0, 700));
    assert_eq!((of(1), of(3)), (of(0), of(2)));
    assert_eq!((of(2).uri.as_str(), of(2).range), ("b.mp4", None));
    for bad in [
        "",
        "URI=a",
        "URI=\"a\",BYTERANGE=\"7\"",
        "URI=\"a\",BYTERANGE=\"0@0\"",
    ] {
        let text = format!("{HEAD}#EXT-X-MAP:{bad}\n#EXTINF:6,\na.m4s\n");
        let refused = PlaylistError::Attributes {
            tag: "EXT-X-MAP",
            line: 4,
        };
        assert_eq!(error(&text), refused, "{bad}");
    }
}

#[test]
fn a_clear_map_stands_before_the_first_key_and_else_under_none() {
    let (a, b) = (section("a-1.mp4", None), section("b-2.mp4", None));
    let entries = [with(0, &a), with(1, &a), with(2, &b), with(3, &b)];
    let list = media(&two());
    let expected = format!(
        "{HEAD}#EXT-X-MAP:URI=\"a-1.mp4\",X-NOTE=\"n\"\nK0\n#EXTINF:6,\n0.m4s\nK1\n#EXTINF:6,\n\
         1.m4s\n#EXT-X-DISCONTINUITY\nNONE\n#EXT-X-MAP:URI=\"b-2.mp4\"\nK2\n#EXTINF:6,\n2.m4s\n\
         K3\n#EXTINF:6,\n3.m4s\n"
    );
    assert_eq!(short(&rewrite(&list, 0, &entries).unwrap()), expected);
}

#[test]
fn the_window_may_slide_past_a_map() {
    let (a, b) = (section("a-1.mp4", None), section("b-2.mp4", None));
    let list = media(&two());
    let second = rewrite(&list, 1, &[with(1, &a), with(2, &b)]).unwrap();
    assert!(short(&second).contains(
        "#EXT-X-MAP:URI=\"a-1.mp4\",X-NOTE=\"n\"\nK1\n#EXTINF:6,\n1.m4s\n#EXT-X-DISCONTINUITY\nNONE\n"
    ));
    let last = short(&rewrite(&list, 3, &[with(3, &b)]).unwrap());
    assert!(
        last.ends_with("\n#EXT-X-MAP:URI=\"b-2.mp4\"\nK3\n#EXTINF:6,\n3.m4s\n"),
        "{last}"
    );
    assert!(!last.contains("NONE"), "no key was in effect: {last}");
}

#[test]
fn an_encrypted_map_stands_right_under_its_own_key() {
    let (a, b) = (section("a-1.mp4", Some(90)), section("a-2.mp4", Some(91)));
    let source = two().replace("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"b.mp4\"\n", "");
    let list = media(&source);
    // the key rotates at the third segment, and with it the section
    let entries = [with(0, &a), with(1, &a), with(2, &b), with(3, &b)];
    let expected = format!(
        "{HEAD}K90\n#EXT-X-MAP:URI=\"a-1.mp4\",X-NOTE=\"n\"\nK0\n#EXTINF:6,\n0.m4s\nK1\n\
         #EXTINF:6,\n1.m4s\nK91\n#EXT-X-MAP:URI=\"a-2.mp4\",X-NOTE=\"n\"\nK2\n#EXTINF:6,\n2.m4s\n\
         K3\n#EXTINF:6,\n3.m4s\n"
    );
    let out = rewrite(&list, 0, &entries).unwrap();
    assert_eq!(short(&out), expected);
    let read = media(&out);
    let keys: Vec<_> = read
        .segments()
        .iter()
        .map(|s| s.map.as_ref()?.key.clone())
        .collect();
    let iv = |at: usize| keys[at].as_ref().unwrap().iv.clone();
    assert_eq!(iv(1), a.key.as_ref().unwrap().iv);
    assert_eq!(iv(3), b.key.as_ref().unwrap().iv);
}

#[test]
fn a_map_that_the_source_repeats_is_repeated() {
    let a = section("a-1.mp4", None);
    let source = two().replace("b.mp4\"", "a.mp4\",BYTERANGE=\"700@0\"");
    let out = rewrite(&media(&source), 0, &[with(0, &a), with(1, &a), with(2, &a)]).unwrap();
    assert_eq!(
        out.matches("#EXT-X-MAP:URI=\"a-1.mp4\"").count(),
        2,
        "{out}"
    );
}

#[test]
fn a_map_goes_where_the_source_has_it_among_the_tags_of_its_segment() {
    let a = section("a-1.mp4", None);
    let source = format!(
        "{HEAD}#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000Z\n#EXTINF:6,\n\
         #EXT-X-MAP:URI=\"a.mp4\"\n0.m4s\n#EXT-X-MAP:URI=\"next.mp4\"\n"
    );
    let expected = format!(
        "{HEAD}#EXT-X-MAP:URI=\"a-1.mp4\"\nK0\n#EXT-X-PROGRAM-DATE-TIME:2026-01-02T12:00:00.000Z\n\
         #EXTINF:6,\n0.m4s\n"
    );
    assert_eq!(
        short(&rewrite(&media(&source), 0, &[with(0, &a)]).unwrap()),
        expected
    );
}

#[test]
fn gaps_need_no_map_and_hide_none() {
    let a = section("a-1.mp4", None);
    let list = media(&two());
    let out = short(&rewrite(&list, 0, &[Entry::Gap, with(1, &a)]).unwrap());
    assert!(
        out.contains("0.m4s\n#EXT-X-MAP:URI=\"a-1.mp4\",X-NOTE=\"n\"\nK1\n"),
        "{out}"
    );
}

#[test]
fn the_version_is_what_a_map_needs() {
    let a = section("a-1.mp4", None);
    for (iframes, version) in [("", 6), ("#EXT-X-I-FRAMES-ONLY\n", 5)] {
        let source = two().replace("#EXT-X-VERSION:6\n", iframes);
        let out = rewrite(&media(&source), 0, &[with(0, &a)]).unwrap();
        assert!(
            out.contains(&format!("#EXT-X-VERSION:{version}\n")),
            "{out}"
        );
    }
}

#[test]
fn sections_that_would_be_lost_or_misread_are_refused() {
    let list = media(&two());
    let one = |entry: Entry| rewrite(&list, 0, &[entry]);
    assert_eq!(
        one(entry("k", 1)),
        Err(RewriteError::NoSection { entry: 0 })
    );
    let refused = |section: Section| one(with(0, &Arc::new(section))).unwrap_err();
    for bad in ["", "a b", "a\"b", "{$a}", "#a"] {
        let section = Section {
            uri: bad.to_owned(),
            key: None,
        };
        assert_eq!(refused(section), RewriteError::Uri { entry: 0 }, "{bad}");
    }
    let keyed = |uri: &str, iv: Option<String>| Section {
        uri: "a".to_owned(),
        key: Some(KeyTag {
            uri: uri.to_owned(),
            iv,
        }),
    };
    assert_eq!(refused(keyed("k", None)), RewriteError::Iv { entry: 0 });
    let iv = |iv: u64| Some(format!("0x{iv:032x}"));
    assert_eq!(
        refused(keyed("a,b", iv(1))),
        RewriteError::KeyUri { entry: 0 }
    );
    let same = keyed("https://keys.test/k", iv(0));
    assert_eq!(refused(same), RewriteError::RepeatedIv { entry: 0 });
}

#[test]
fn what_stays_of_an_earlier_run_keeps_its_map() {
    use crate::playlist::Earlier;
    for (key, own) in [(None, ""), (Some(90), "K90\n")] {
        let a = section("a-1.mp4", key);
        let source = two().replace("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"b.mp4\"\n", "");
        let entries = [with(0, &a), with(1, &a), with(2, &a)];
        let published = media(&rewrite(&media(&source), 0, &entries).unwrap());
        let next = media(&format!(
            "{HEAD}#EXT-X-MAP:URI=\"b.mp4\"\n#EXTINF:6,\nn.m4s\n"
        ));
        let b = section("b-1.mp4", key.map(|_| 91));
        let out = next.encrypt(&Listing {
            first: 0,
            entries: &[with(7, &b)],
            opens: true,
            low: Default::default(),
            earlier: Some(Earlier {
                list: &published,
                first: 1,
                end: 3,
                gaps: 0,
            }),
        });
        let own_b = if key.is_some() { "K91" } else { "NONE" };
        let expected = format!(
            "{own}#EXT-X-MAP:URI=\"a-1.mp4\",X-NOTE=\"n\"\nK1\n#EXTINF:6,\n1.m4s\nK2\n#EXTINF:6,\n\
             2.m4s\n#EXT-X-DISCONTINUITY\n{own_b}\n#EXT-X-MAP:URI=\"b-1.mp4\"\nK7\n#EXTINF:6,\nn.m4s\n"
        );
        let out = short(&out.unwrap());
        assert!(out.ends_with(&expected), "{out}");
    }
}
