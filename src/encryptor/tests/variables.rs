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

/// A packager's media waits for a key server that is away, however long.
#[test]
fn what_variables_name_stays_in_the_spool_until_it_is_published() {
    let master = "#EXTM3U\n#EXT-X-DEFINE:NAME=\"where\",VALUE=\"x\"\n\
                  #EXT-X-STREAM-INF:BANDWIDTH=1\ni.m3u8\n";
    for define in ["NAME=\"where\",VALUE=\"x\"", "IMPORT=\"where\""] {
        let mut bench = Bench::new(NEVER);
        bench.spool();
        segments(&bench);
        bench.write("unnamed.ts", segment(9));
        bench.write("master.m3u8", master);
        bench.write("i.m3u8", with_variables(&playlist(0..=2, ""), define));
        bench.lease = None;
        for _ in 0..30 {
            bench.after(5_000);
        }
        assert!(!bench.source("unnamed.ts").exists(), "{define}");
        bench.lease = Some(lease(NEVER, 0..100));
        bench.settle();
        assert_eq!(bench.listed("i.m3u8"), [0, 1, 2], "{define}");
        bench.audit("i.m3u8");
    }
}

/// A process that begins sees what the sink's lists name by variables, where another list of that
/// folder goes on.
#[test]
fn what_variables_name_stays_in_the_sink_after_a_restart() {
    let mut bench = Bench::new(NEVER);
    segments(&bench);
    let text = with_variables(&playlist(0..=2, ""), "NAME=\"where\",VALUE=\"x\"");
    bench.write("i.m3u8", text);
    let other = |bench: &Bench, last: u64| {
        bench.write(&format!("x/t{last}.ts"), segment(last));
        bench.write("x/j.m3u8", playlist(0..=last, "").replace("\ns", "\nt"));
    };
    (0..=3).for_each(|last| other(&bench, last));
    bench.settle();
    fs::remove_file(bench.source("i.m3u8")).unwrap();
    fs::write(bench.sink("x/left.ts"), [0x5a; 208]).unwrap(); // as ciphertext looks
    bench.restart();
    bench.settle();
    other(&bench, 4);
    for _ in 0..20 {
        bench.after(60_000);
    }
    assert!(!bench.sink("x/left.ts").exists(), "what nothing names goes");
    bench.audit("i.m3u8");
}
