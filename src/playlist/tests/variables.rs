//! EXT-X-DEFINE: whose files are found, and what stays as it was written.

use super::*;

const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:6\n";

fn with(body: &str, definitions: &[(&str, &str)]) -> MediaPlaylist {
    let pairs = definitions.iter();
    let definitions: Definitions = pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    match Playlist::parse_with(&format!("{HEAD}{body}"), &definitions) {
        Ok(Playlist::Media(list)) => list,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_variable_is_put_in_and_stays_written() {
    let body = "#EXT-X-DEFINE:NAME=\"d\",VALUE=\"v0\"\n#EXT-X-DEFINE:NAME=\"q\",VALUE=\"{$d}\"\n\
                #EXTINF:6,\n{$d}/a.ts?x={$q}\n#EXTINF:6,\n{$}/{$ d}/{$d\n";
    let list = with(body, &[]);
    let uris: Vec<&str> = list.segments().iter().map(|s| s.uri.as_str()).collect();
    assert_eq!(
        uris,
        ["v0/a.ts?x={$d}", "{$}/{$ d}/{$d"],
        "put in once, and only references"
    );
    assert_eq!(list.unsupported(), None);
    let out = rewrite(&list, 0, &[entry("k", 0)]).unwrap();
    assert!(
        out.contains("\n{$d}/a.ts?x={$q}\n") && out.contains("VALUE=\"v0\""),
        "{out}"
    );
}

#[test]
fn an_imported_variable_is_written_out() {
    let body = "#EXT-X-DEFINE:IMPORT=\"d\"\n#EXT-X-MAP:URI=\"{$d}/i.mp4\"\n#EXTINF:6,\n{$d}/a.ts\n";
    let list = with(body, &[("d", "v0")]);
    let segment = &list.segments()[0];
    assert_eq!(segment.uri, "v0/a.ts");
    assert_eq!(segment.map.as_ref().unwrap().uri, "v0/i.mp4");
    let body = "#EXT-X-DEFINE:IMPORT=\"d\"\n#EXTINF:6,\n{$d}/a.ts\n";
    let out = rewrite(&with(body, &[("d", "v0")]), 0, &[entry("k", 0)]).unwrap();
    assert!(
        out.contains("IMPORT=\"d\"") && out.contains("\nv0/a.ts\n"),
        "{out}"
    );
    assert_eq!(
        media(&out).segments()[0].uri,
        "v0/a.ts",
        "it reads by itself"
    );
    let spoilt = rewrite(&with(body, &[("d", "a b")]), 0, &[entry("k", 0)]);
    assert_eq!(spoilt, Err(RewriteError::Uri { entry: 0 }));
}

#[test]
fn what_only_the_player_knows_is_refused_where_it_is_used() {
    for define in ["QUERYPARAM=\"d\"", "IMPORT=\"d\"", "NAME=\"e\",VALUE=\"v\""] {
        let head = format!("#EXT-X-DEFINE:{define}\n");
        let used = with(&format!("{head}#EXTINF:6,\n{{$d}}/a.ts\n"), &[]);
        let refused = Unsupported::Variable { line: 6 };
        assert_eq!(used.unsupported(), Some(refused), "{define}");
        let in_map = format!("{head}#EXT-X-MAP:URI=\"{{$d}}/i.mp4\"\n#EXTINF:6,\na.ts\n");
        let refused = Unsupported::Variable { line: 5 };
        assert_eq!(with(&in_map, &[]).unsupported(), Some(refused), "{define}");
        let unused = with(&format!("{head}#EXTINF:6,\na.ts\n"), &[]);
        assert_eq!(unused.unsupported(), None, "{define}");
    }
    let late = with(
        "#EXTINF:6,\n{$d}.ts\n#EXT-X-DEFINE:NAME=\"d\",VALUE=\"v\"\n",
        &[],
    );
    assert!(late.unsupported().is_some(), "it is defined too late");
}

#[test]
fn a_definition_is_one_of_three_kinds_and_stands_once() {
    for bad in [
        "",
        "NAME=\"a\"",
        "NAME=\"a b\",VALUE=\"v\"",
        "NAME=\"\",VALUE=\"v\"",
        "NAME=\"a\",VALUE=\"v\",IMPORT=\"b\"",
        "IMPORT=\"a\",QUERYPARAM=\"a\"",
    ] {
        let text = format!("{HEAD}#EXT-X-DEFINE:{bad}\n");
        let malformed = PlaylistError::Attributes {
            tag: "EXT-X-DEFINE",
            line: 4,
        };
        assert_eq!(error(&text), malformed, "{bad}");
    }
    let twice = format!("{HEAD}#EXT-X-DEFINE:NAME=\"a\",VALUE=\"v\"\n#EXT-X-DEFINE:IMPORT=\"a\"\n");
    let malformed = PlaylistError::Attributes {
        tag: "EXT-X-DEFINE",
        line: 5,
    };
    assert_eq!(error(&twice), malformed);
}

#[test]
fn a_multivariant_playlist_names_its_children_by_variables_and_defines_theirs() {
    let list = multivariant(
        "#EXTM3U\n#EXT-X-DEFINE:NAME=\"d\",VALUE=\"v0\"\n#EXT-X-DEFINE:QUERYPARAM=\"q\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1\n{$d}/i.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\n{$q}/i.m3u8\n",
    );
    let uris: Vec<String> = list.children().into_iter().map(|child| child.uri).collect();
    assert_eq!(uris, ["v0/i.m3u8", "{$q}/i.m3u8"]);
    let expected = Definitions::from([("d".to_owned(), "v0".to_owned())]);
    assert_eq!(list.definitions(), &expected);
}
