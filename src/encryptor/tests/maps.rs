//! Fragmented MP4: segments encrypted, initialisation sections in scope, never changed, clear only
//! if they hold no media.

use super::containers::{boxed, encrypted, fragment, init, listing};
use super::*;

const MAP: &str = "#EXT-X-MAP:URI=\"init.mp4\"\n";

/// A live rendition, the section named before its first segment.
fn live(bench: &Bench, list: &str, numbers: std::ops::RangeInclusive<u64>) {
    let folder = list
        .rsplit_once('/')
        .map_or(String::new(), |(f, _)| format!("{f}/"));
    for msn in numbers.clone() {
        bench.write(&format!("{folder}s{msn}.m4s"), fragment(msn));
    }
    let first = *numbers.start();
    let text = listing(numbers, |msn| {
        let map = if msn == first { MAP } else { "" };
        (map.to_owned(), format!("s{msn}.m4s"))
    });
    bench.write(list, text);
}

/// A rendition whose segments bear its name, `map` before the first.
fn named(bench: &Bench, list: &str, numbers: std::ops::RangeInclusive<u64>, map: &str) {
    let first = *numbers.start();
    let text = listing(numbers, |msn| {
        let uri = format!("{list}-{msn}.m4s");
        bench.write(&uri, fragment(msn));
        (if msn == first { map } else { "" }.to_owned(), uri)
    });
    bench.write(list, text);
}

/// Two such renditions that share a section.
fn two(bench: &Bench, numbers: std::ops::RangeInclusive<u64>) {
    for list in ["a.m3u8", "b.m3u8"] {
        named(bench, list, numbers.clone(), MAP);
    }
}

fn made(what: &str) -> impl Fn(u64) -> containers::Made {
    move |msn| (fragment(msn), Some(init(what)))
}

#[test]
fn a_clear_section_is_published_as_it_is_and_never_leaves_the_scope() {
    let mut bench = Bench::new(EVERY_TEN);
    bench.write("v0/init.mp4", init("one"));
    live(&bench, "v0/i.m3u8", 0..=4);
    bench.settle();
    assert_eq!(bench.listed("v0/i.m3u8"), [0, 1, 2, 3, 4]);
    bench.audit_made("v0/i.m3u8", made("one"));
    let [name] = &bench.named("init")[..] else {
        panic!("{:?}", bench.named("init"))
    };
    let digest = name
        .strip_prefix("v0/init-")
        .unwrap()
        .strip_suffix(".mp4")
        .unwrap();
    assert_eq!(digest.len(), 32, "{name}");
    live(&bench, "v0/i.m3u8", 3..=7);
    bench.settle();
    assert_eq!(bench.listed("v0/i.m3u8"), [3, 4, 5, 6, 7]);
    bench.audit_made("v0/i.m3u8", made("one"));
    assert!(
        !bench.text("v0/i.m3u8").contains("NONE"),
        "it stands before the first key"
    );
}

#[test]
fn a_section_that_is_written_again_gets_a_name_of_its_own() {
    let mut bench = Bench::new(NEVER);
    bench.write("init.mp4", init("one"));
    live(&bench, "i.m3u8", 0..=2);
    bench.settle();
    let before = bench.named("init");
    bench.write("init.mp4", init("two"));
    for msn in 3..=4 {
        bench.write(&format!("s{msn}.m4s"), fragment(msn));
    }
    let text = listing(0..=4, |msn| {
        let map = match msn {
            0 => MAP.to_owned(),
            3 => format!("#EXT-X-DISCONTINUITY\n{MAP}"),
            _ => String::new(),
        };
        (map, format!("s{msn}.m4s"))
    });
    bench.write("i.m3u8", text);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2, 3, 4]);
    bench.audit_made("i.m3u8", |msn| {
        made(if msn < 3 { "one" } else { "two" })(msn)
    });
    assert_eq!(bench.named("init").len(), before.len() + 1);
    assert!(
        bench
            .text("i.m3u8")
            .contains("#EXT-X-DISCONTINUITY\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP")
    );
}

#[test]
fn a_section_that_renditions_share_stays_until_none_needs_it() {
    let mut bench = Bench::new(NEVER);
    bench.write("init.mp4", init("one"));
    two(&bench, 0..=2);
    bench.settle();
    let shared = bench.named("init");
    assert_eq!(shared.len(), 1);
    bench.write("init2.mp4", init("two"));
    let go_on = |bench: &mut Bench, list: &str| {
        named(bench, list, 3..=6, &MAP.replace("init", "init2"));
        bench.settle();
        bench.after(120_000);
    };
    go_on(&mut bench, "a.m3u8");
    assert_eq!(bench.listed("a.m3u8"), [3, 4, 5, 6]);
    assert_eq!(bench.named("a.m3u8-0"), Vec::<String>::new(), "swept");
    assert!(bench.sink(&shared[0]).exists(), "b lists it");
    go_on(&mut bench, "b.m3u8");
    assert!(!bench.sink(&shared[0]).exists());
    for list in ["a.m3u8", "b.m3u8"] {
        bench.audit_made(list, made("two"));
    }
}

#[test]
fn a_section_that_holds_media_is_not_published() {
    for bad in [
        [init("one"), boxed("mdat", b"obviously clear")].concat(),
        [init("one"), boxed("moof", b"")].concat(),
        segment(0),
        init("one")[..20].to_vec(),
    ] {
        let mut bench = Bench::new(NEVER);
        bench.write("init.mp4", bad);
        live(&bench, "i.m3u8", 0..=2);
        bench.settle();
        bench.after(60_000);
        assert_eq!(bench.listed("i.m3u8"), [0; 0]);
        assert_eq!(bench.named(""), Vec::<String>::new());
        let stalls = bench.stalls();
        let is_section = |(_, reason): &(String, StallReason)| *reason == StallReason::Section;
        assert!(!stalls.is_empty() && stalls.iter().all(is_section));
        bench.write("init.mp4", init("one"));
        bench.after(5000);
        assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
        bench.audit_made("i.m3u8", made("one"));
    }
}

#[test]
fn a_section_that_is_late_is_awaited() {
    let mut bench = Bench::new(NEVER);
    live(&bench, "i.m3u8", 0..=2);
    bench.settle();
    bench.after(1000);
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::Missing)]
    );
    bench.after(60_000);
    assert_eq!(
        bench.listed("i.m3u8"),
        [0; 0],
        "no gaps are made of segments that are there"
    );
    bench.write("init.mp4", init("one"));
    bench.after(1000);
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
    bench.audit_made("i.m3u8", made("one"));
}

#[test]
fn a_torn_fragment_is_awaited_and_becomes_a_gap() {
    let mut bench = Bench::new(NEVER);
    bench.write("init.mp4", init("one"));
    live(&bench, "i.m3u8", 0..=2);
    bench.settle();
    live(&bench, "i.m3u8", 0..=4);
    let whole = fragment(3);
    bench.write("s3.m4s", &whole[..whole.len() - 1]);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
    bench.after(1000);
    bench.after(1000);
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::Truncated)]
    );
    bench.after(9000);
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2, 3, 4]);
    assert!(bench.published("i.m3u8").segments()[3].gap);
    bench.audit_made("i.m3u8", made("one"));
}

#[test]
fn an_encrypted_section_is_published_anew_with_each_key() {
    let mut bench = Bench::new(BY_THREE).with(encrypted);
    bench.write("v0/init.mp4", init("one"));
    live(&bench, "v0/i.m3u8", 0..=7);
    bench.settle();
    bench.audit_made("v0/i.m3u8", made("one"));
    let names = bench.named("init");
    assert_eq!(names.len(), 3, "one for each key: {names:?}");
    let text = bench.text("v0/i.m3u8");
    assert_eq!(text.matches("#EXT-X-MAP").count(), 3, "{text}");
    assert!(!text.contains("NONE"), "{text}");
    for (at, line) in text.lines().enumerate() {
        let above = text.lines().nth(at.saturating_sub(1)).unwrap();
        assert!(!line.starts_with("#EXT-X-MAP") || above.starts_with("#EXT-X-KEY:METHOD=AES-128"));
    }
    let mut other = bench.another(BY_THREE).with(encrypted);
    other.settle();
    assert_eq!(files(other.sink.path()), files(bench.sink.path()));
}

#[test]
fn renditions_that_share_a_section_have_encrypted_ones_of_their_own() {
    let mut bench = Bench::new(NEVER).with(encrypted);
    bench.write("init.mp4", init("one"));
    two(&bench, 0..=1);
    bench.settle();
    bench.audit_made("a.m3u8", made("one"));
    bench.audit_made("b.m3u8", made("one"));
    assert_eq!(
        bench.named("init").len(),
        2,
        "one key, and never one IV for two renditions"
    );
}

#[test]
fn an_encrypted_section_needs_an_iv_on_its_tag() {
    let mut view = view(NEVER, 0..1);
    view["iv"] = "sequence".into();
    view["key_scope"] = "rendition".into();
    view["rendition"] = "i.m3u8".into();
    let mut bench = Bench::new(NEVER).with(encrypted);
    bench.write("init.mp4", init("one"));
    live(&bench, "i.m3u8", 0..=1);
    bench.lease = lease_of(view);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0; 0]);
    bench.after(1000);
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::Unsupported)]
    );
    bench.containers = Containers::default();
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1], "a clear one needs none");
}

/// The lease of one rendition, its keys seen served.
fn lease_of(view: serde_json::Value) -> Option<Lease> {
    let view = serde_json::from_value(view).unwrap();
    let rendition = "i.m3u8".parse().unwrap();
    let mut lease = Lease::new(view, &"live/a".parse().unwrap(), Some(&rendition)).unwrap();
    let all = std::collections::BTreeSet::from([(Some(rendition), 0)]);
    while let Some(probe) = lease.unchecked(&all, &HashSet::new()) {
        let key = key_of(probe.uri.rsplit('/').next().unwrap());
        lease.served(&probe, &key);
    }
    Some(lease)
}

#[test]
fn a_restart_adopts_sections_and_sweeps_them_later() {
    for change in [(|_: &mut Containers| ()) as fn(&mut Containers), encrypted] {
        let mut bench = Bench::new(BY_THREE).with(change);
        bench.write("init.mp4", init("one"));
        live(&bench, "i.m3u8", 0..=4);
        bench.settle();
        let before = files(bench.sink.path());
        bench.restart();
        bench.settle();
        assert_eq!(files(bench.sink.path()), before);
        live(&bench, "i.m3u8", 0..=5);
        bench.settle();
        bench.audit_made("i.m3u8", made("one"));
        bench.restart();
        bench.write("new.mp4", init("two"));
        let text = listing(9..=12, |msn| {
            bench.write(&format!("s{msn}.m4s"), fragment(msn));
            let map = if msn == 9 {
                MAP.replace("init", "new")
            } else {
                String::new()
            };
            (map, format!("s{msn}.m4s"))
        });
        bench.write("i.m3u8", text);
        bench.settle();
        bench.after(120_000);
        assert_eq!(bench.listed("i.m3u8"), [9, 10, 11, 12]);
        bench.audit_made("i.m3u8", made("two"));
        assert_eq!(bench.named("init"), Vec::<String>::new(), "swept");
    }
}

#[test]
fn a_sink_that_was_emptied_gets_its_sections_again() {
    let mut bench = Bench::new(NEVER);
    bench.write("init.mp4", init("one"));
    live(&bench, "i.m3u8", 0..=4);
    bench.settle();
    let before = files(bench.sink.path());
    for name in before.keys() {
        fs::remove_file(bench.sink(name)).unwrap();
    }
    bench.settle();
    assert_eq!(files(bench.sink.path()), before);
}

/// RFC 8216 §3.2; names with spaces as packagers write them, and a playlist by its other name.
#[test]
fn a_section_of_mpeg_ts_is_its_tables_alone() {
    let packet = |pid: u16, table: &[u8]| {
        let [high, low] = pid.to_be_bytes();
        let mut packet = [&[0x47, 0x40 | high, low, 0x10, 0][..], table].concat();
        packet.resize(188, 0xff);
        packet
    };
    let pat = [0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 9, 9, 9, 9];
    let tables = [packet(0, &pat), packet(0x1000, &[2])].concat();
    let list = "i.m3u";
    let mut bench = Bench::new(EVERY_TEN);
    let text = listing(0..=2, |msn| {
        bench.write(&format!("my s{msn}.ts"), segment(msn));
        let map = "#EXT-X-MAP:URI=\"my init.ts\"\n";
        (
            if msn == 0 { map } else { "" }.to_owned(),
            format!("my s{msn}.ts"),
        )
    });
    bench.write(list, text);
    bench.write("my init.ts", [&tables[..], &segment(9)].concat());
    bench.settle();
    assert!(
        bench
            .stalls()
            .contains(&(list.to_owned(), StallReason::Section))
    );
    assert!(bench.listed(list).is_empty());
    bench.write("my init.ts", &tables);
    bench.settle();
    assert_eq!(bench.listed(list), [0, 1, 2]);
    bench.audit_made(list, |msn| (segment(msn), Some(tables.clone())));
    assert!(bench.text(list).contains("URI=\"my%20init-"));
}
