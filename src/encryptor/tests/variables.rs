//! EXT-X-DEFINE: files are found by what variables stand for, wherever they are defined.

use super::*;

fn with_variables(text: &str, define: &str) -> String {
    let text = text.replace("\ns", "\n{$where}/s");
    text.replace(
        "#EXT-X-VERSION:3\n",
        &format!("#EXT-X-VERSION:8\n#EXT-X-DEFINE:{define}\n"),
    )
}

fn segments(bench: &Bench) {
    for msn in 0..=2 {
        bench.write(&format!("x/s{msn}.ts"), segment(msn));
    }
}

#[test]
fn a_variable_of_the_list_names_files_and_stays_in_the_list() {
    let mut bench = Bench::new(NEVER);
    segments(&bench);
    let text = with_variables(&playlist(0..=2, ""), "NAME=\"where\",VALUE=\"x\"");
    bench.write("i.m3u8", text);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
    bench.audit("i.m3u8");
    assert!(
        fs::read_to_string(bench.sink("i.m3u8"))
            .unwrap()
            .contains("\n{$where}/s1.ts\n")
    );
    bench.restart();
    bench.settle();
    assert_eq!(bench.stalls(), []);
}

#[test]
fn a_variable_that_the_multivariant_playlist_defines_is_imported() {
    let mut bench = Bench::new(NEVER);
    segments(&bench);
    let text = with_variables(&playlist(0..=2, ""), "IMPORT=\"where\"");
    bench.write("i.m3u8", &text);
    bench.settle();
    let waits = [("i.m3u8".to_owned(), StallReason::Unsupported)];
    assert_eq!(bench.stalls(), waits, "nobody defines it");
    bench.write(
        "master.m3u8",
        "#EXTM3U\n#EXT-X-DEFINE:NAME=\"where\",VALUE=\"x\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\ni.m3u8\n",
    );
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
    bench.audit("i.m3u8");
    assert!(bench.sink("master.m3u8").exists());
}

#[test]
fn two_multivariant_playlists_must_agree() {
    let mut bench = Bench::new(NEVER);
    segments(&bench);
    let text = with_variables(&playlist(0..=2, ""), "IMPORT=\"where\"");
    bench.write("i.m3u8", text);
    for (name, value) in [("a", "x"), ("b", "y")] {
        let text = format!(
            "#EXTM3U\n#EXT-X-DEFINE:NAME=\"where\",VALUE=\"{value}\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=1\ni.m3u8\n"
        );
        bench.write(&format!("{name}.m3u8"), text);
    }
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0; 0]);
}
