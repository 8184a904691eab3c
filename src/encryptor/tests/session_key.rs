//! EXT-X-SESSION-KEY: for what is finished and under one key, and for nothing else.

use super::*;

const MASTER: &str = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n\
                      #EXT-X-STREAM-INF:BANDWIDTH=2\nb.m3u8\n";

fn published(rule: &str, end: &str, is_asked: bool) -> String {
    let mut bench = Bench::new(rule).with(|containers| containers.session_key = is_asked);
    bench.write("master.m3u8", MASTER);
    for list in ["a", "b"] {
        let mut text = playlist(0..=4, end);
        for msn in 0..=4 {
            bench.write(&format!("{list}{msn}.ts"), segment(msn));
            text = text.replace(&format!("\ns{msn}.ts"), &format!("\n{list}{msn}.ts"));
        }
        bench.write(&format!("{list}.m3u8"), text);
    }
    bench.settle();
    bench.audit("a.m3u8");
    let text = fs::read_to_string(bench.sink("master.m3u8")).unwrap();
    bench.restart();
    bench.settle();
    assert_eq!(fs::read_to_string(bench.sink("master.m3u8")).unwrap(), text);
    let key = bench.published("a.m3u8").segments()[0].key.clone().unwrap();
    text.replace(&key.uri, "KEY")
}

#[test]
fn only_a_finished_asset_under_one_key_names_it() {
    let end = "#EXT-X-ENDLIST\n";
    let expected = MASTER.replacen(
        "#EXT-X-STREAM",
        "#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"KEY\"\n#EXT-X-STREAM",
        1,
    );
    assert_eq!(published(NEVER, end, true), expected);
    assert_eq!(published(NEVER, end, false), MASTER, "not asked for");
    assert_eq!(published(NEVER, "", true), MASTER, "live");
    assert_eq!(published(BY_THREE, end, true), MASTER, "two keys");
}
