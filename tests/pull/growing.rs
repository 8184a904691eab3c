//! One file of which all segments are ranges, while it grows.
//!
//! Must not know: how much is asked for at once.

use std::io::Write as _;
use std::path::Path;

use crate::harness::encrypt::Encrypt;
use crate::harness::nginx::Nginx;
use crate::harness::packager::{MARK, replace};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const PACKET: usize = 188;
const PACKETS: usize = 2000;
const SEGMENTS: usize = 6;

/// Appends segment `msn` to the file, then lists it.
fn grow(root: &Path, msn: usize) {
    let packet = |n: usize| {
        let mut packet = vec![0x47, 0x40, 0x00, 0x10];
        while packet.len() < PACKET {
            packet.extend(format!("{MARK} {msn} {n} ").bytes());
        }
        packet.truncate(PACKET);
        packet
    };
    let bytes: Vec<u8> = (0..PACKETS).flat_map(packet).collect();
    let file = root.join("all.ts");
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(file);
    file.unwrap().write_all(&bytes).unwrap();
    let mut text = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:1\n".to_owned();
    let len = PACKET * PACKETS;
    for msn in 0..=msn {
        text += &format!(
            "#EXTINF:1.000,\n#EXT-X-BYTERANGE:{len}@{}\nall.ts\n",
            msn * len
        );
    }
    replace(&root.join("index.m3u8"), &text);
}

fn published(sink: &Path) -> usize {
    let list = std::fs::read_to_string(sink.join("index.m3u8"));
    list.map_or(0, |list| list.matches("#EXTINF").count())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_grown_is_fetched_and_not_all_of_it() {
    let serve = Serve::start("\"never\"", "").await;
    // A server that gives no ranges gives everything.
    for (name, location, most) in [("ranges", "", 2), ("whole", "max_ranges 0;", 99)] {
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let nginx = Nginx::origin(source.path(), location).await;
        let stream = format!("test/grows-{name}");
        let mut job = Encrypt::at(&serve, &stream, source.path(), sink.path());
        job.from = Some(format!("pull:{}", nginx.url("index.m3u8")));
        grow(source.path(), 0);
        let mut worker = job.start();
        for msn in 0..SEGMENTS {
            if msn > 0 {
                grow(source.path(), msn);
            }
            until("it is published", seconds(30), async || {
                assert!(worker.ended().is_none(), "{}", worker.stderr.text());
                (published(sink.path()) == msn + 1).then_some(())
            })
            .await;
        }
        let all = std::fs::read(source.path().join("all.ts")).unwrap();
        assert_eq!(std::fs::read(job.spool().join("all.ts")).unwrap(), all);
        let sent = nginx.sent("/all.ts");
        assert!(sent < most * all.len(), "{name}: {sent} of {}", all.len());
        assert!(most < 9 || sent > 3 * all.len(), "{name}: {sent}");
    }
}
