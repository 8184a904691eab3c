//! What is not rewritten, and why.

use super::*;

const LIST: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n#EXTINF:6,\nb.ts\n";

fn with_uri(uri: &str) -> Result<String, RewriteError> {
    let entry = Entry::Encrypted(Encrypted {
        key_uri: "https://keys.test/k".to_owned(),
        uri: Some(uri.to_owned()),
        ..Encrypted::default()
    });
    rewrite(&media(LIST), 0, &[entry])
}

fn with_key(key_uri: &str, iv: Option<&str>) -> Result<String, RewriteError> {
    let entry = Entry::Encrypted(Encrypted {
        key_uri: key_uri.to_owned(),
        iv: iv.map(str::to_owned),
        ..Encrypted::default()
    });
    rewrite(&media(LIST), 0, &[entry])
}

#[test]
fn key_uris_that_a_player_would_misread_are_refused() {
    let long = format!("https://keys.test/{}", "k".repeat(4096 - 18));
    assert!(with_key(&long[..4095], None).is_ok());
    for bad in [
        "",
        "a\"b",
        "a,b",
        "a b",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\u{7f}b",
        "ä",
        "a?token={$token}",
        "a?IV=1",
        "a?METHOD=x",
        "a?KEYFORMAT=x",
        "a?XIV=1",
        long.as_str(),
    ] {
        assert_eq!(
            with_key(bad, None),
            Err(RewriteError::KeyUri { entry: 0 }),
            "{bad}"
        );
    }
    assert!(with_key("https://keys.test/k?iv=1&method=2", None).is_ok());
}

#[test]
fn ivs_have_one_spelling() {
    let good = format!("0x{}", "0f".repeat(16));
    assert!(with_key("k", Some(&good)).is_ok());
    for bad in [
        "",
        "0x",
        "0x0f",
        &good.to_uppercase(),
        &good.replace("0x", "0X"),
        &good[2..],
        &format!("{good}0"),
        &good.replace('f', "g"),
        &good.replace('f', ","),
    ] {
        assert_eq!(
            with_key("k", Some(bad)),
            Err(RewriteError::Iv { entry: 0 }),
            "{bad}"
        );
    }
}

#[test]
fn a_key_and_an_iv_are_used_once() {
    let list = media(LIST);
    let twice = rewrite(&list, 0, &[entry("k", 1), entry("k", 1)]);
    assert_eq!(twice, Err(RewriteError::RepeatedIv { entry: 1 }));
    assert!(rewrite(&list, 0, &[entry("k", 1), entry("l", 1)]).is_ok());
}

#[test]
fn segment_uris_stay_one_line() {
    for bad in ["", "#a", "a b", "a\nb", "a\r", "\u{85}", "a\u{1}b", "a{$b}"] {
        assert_eq!(
            with_uri(bad),
            Err(RewriteError::Uri { entry: 0 }),
            "{bad:?}"
        );
    }
    assert!(with_uri("../x/%C3%A4.ts?a=1,b").is_ok());
}

#[test]
fn listings_are_of_what_is_there() {
    let list = media(LIST);
    let two = [entry("k", 1), entry("k", 2)];
    assert_eq!(rewrite(&list, 0, &[]), Err(RewriteError::Empty));
    let past = Err(RewriteError::OutOfRange { segments: 2 });
    assert_eq!(rewrite(&list, 1, &two), past);
    assert_eq!(rewrite(&list, usize::MAX, &two), past);
    for kind in ["EVENT", "VOD"] {
        let fixed = media(&format!("{LIST}#EXT-X-PLAYLIST-TYPE:{kind}\n"));
        let dropped = rewrite(&fixed, 1, &two[..1]);
        assert_eq!(dropped, Err(RewriteError::Pinned { line: 7 }));
    }
    let numbered = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n\
                    #EXT-X-DISCONTINUITY-SEQUENCE:18446744073709551615\n\
                    #EXT-X-DISCONTINUITY\n#EXTINF:6,\na.ts\n#EXTINF:6,\nb.ts\n";
    let list = media(numbered);
    assert!(rewrite(&list, 0, &two).is_ok());
    assert_eq!(rewrite(&list, 1, &two[..1]), Err(RewriteError::Overflow));
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let segments = "#EXTINF:2,\na.ts\n".repeat(400_000);
    let list = media(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n{segments}"));
    let entries: Vec<Entry> = (0..400_000).map(|iv| entry("k", iv)).collect();
    assert_eq!(rewrite(&list, 0, &entries), Err(RewriteError::TooLong));
    assert!(rewrite(&list, 0, &entries[..240_000]).is_ok());
}

#[test]
fn playlists_of_other_kinds_are_named_with_their_line() {
    let cases = [
        (
            "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"",
            Unsupported::AlreadyEncrypted { line: 3 },
        ),
        (
            "#EXT-X-KEY:METHOD=ROT13",
            Unsupported::AlreadyEncrypted { line: 3 },
        ),
        (
            "#EXT-X-KEY:METHOD=none",
            Unsupported::AlreadyEncrypted { line: 3 },
        ),
        (
            "#EXT-X-KEY:URI=\"k\"",
            Unsupported::AlreadyEncrypted { line: 3 },
        ),
        ("#EXT-X-KEY", Unsupported::AlreadyEncrypted { line: 3 }),
        (
            "#EXT-X-SKIP:SKIPPED-SEGMENTS=3",
            Unsupported::Delta { line: 3 },
        ),
    ];
    for (line, expected) in cases {
        let list = media(&format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n{line}\n#EXTINF:6,\na.ts\n#EXT-X-MAP:URI=\"m\"\n"
        ));
        assert_eq!(list.unsupported(), Some(expected.clone()), "{line}");
        let refused = rewrite(&list, 0, &[entry("k", 0)]);
        assert_eq!(refused, Err(RewriteError::Unsupported(expected.clone())));
        assert!(expected.to_string().starts_with("line 3: "));
    }
    assert_eq!(media(LIST).unsupported(), None);
}
