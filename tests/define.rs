//! `EXT-X-DEFINE`: what is named by variables is found, whichever way the source comes.
//!
//! Must not know: how lists are read.

use std::path::Path;

use crate::harness::encrypt::Encrypt;
use crate::harness::nginx::Nginx;
use crate::harness::packager::{MARK, Packager, replace};
use crate::harness::push::{Push, files_below};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const HOW: [&str; 2] = ["NAME=\"where\",VALUE=\"deep\"", "IMPORT=\"where\""];

/// An asset whose segments lie in a folder that only a variable names.
fn asset(root: &Path, how: &str) {
    let mut packager = Packager::single(root);
    packager.write_vod(4);
    std::fs::create_dir_all(root.join("deep")).unwrap();
    for msn in 0..4 {
        let name = format!("seg-{msn}.ts");
        std::fs::rename(root.join(&name), root.join("deep").join(&name)).unwrap();
    }
    let text = packager.list("index.m3u8", 0..4, true);
    let text = text.replace("\nseg-", "\n{$where}/seg-");
    let head = format!("#EXT-X-VERSION:8\n#EXT-X-DEFINE:{how}\n");
    replace(
        &root.join("index.m3u8"),
        &text.replace("#EXT-X-VERSION:3\n", &head),
    );
    let master = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=\"where\",VALUE=\"deep\"\n\
                  #EXT-X-DEFINE:NAME=\"list\",VALUE=\"index\"\n\
                  #EXT-X-STREAM-INF:BANDWIDTH=1000\n{$list}.m3u8\n";
    replace(&root.join("master.m3u8"), master);
}

/// The sink's list names four files, all there, none of them clear.
fn judge(sink: &Path, what: &str) {
    assert!(sink.join("master.m3u8").exists(), "{what}");
    let list = std::fs::read_to_string(sink.join("index.m3u8")).unwrap();
    let uris = list.lines().filter(|line| line.contains("seg-"));
    let uris: Vec<_> = uris.map(|uri| uri.replace("{$where}", "deep")).collect();
    assert_eq!(uris.len(), 4, "{what}: {list}");
    assert!(!uris.iter().any(|uri| uri.contains("{$")), "{what}: {list}");
    assert_eq!(list.matches("METHOD=AES-128").count(), 4, "{what}: {list}");
    for uri in uris {
        let bytes = std::fs::read(sink.join(&uri)).unwrap_or_else(|e| panic!("{what} {uri}: {e}"));
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(MARK) && bytes.len() > 188, "{what}: {uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_encrypted() {
    let serve = Serve::start("\"never\"", "").await;
    for (index, how) in HOW.iter().enumerate() {
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        asset(source.path(), how);
        let stream = format!("test/dir{index}");
        let job = Encrypt::at(&serve, &stream, source.path(), sink.path());
        job.once_well();
        judge(sink.path(), how);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_servers_list_is_pulled() {
    let serve = Serve::start("\"never\"", "").await;
    for (index, how) in HOW.iter().enumerate() {
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        asset(source.path(), how);
        let nginx = Nginx::origin(source.path(), "").await;
        let stream = format!("test/pull{index}");
        let mut job = Encrypt::at(&serve, &stream, source.path(), sink.path());
        job.from = Some(format!("pull:{}", nginx.url("master.m3u8")));
        job.once_well();
        let lists = files_below(sink.path());
        assert!(lists.iter().any(|it| it == "index.m3u8"), "{lists:?}");
        judge(sink.path(), how);
    }
}

/// A variable may be the server that the segments lie at.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_leads_to_the_server_is_pulled() {
    let serve = Serve::start("\"never\"", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    asset(source.path(), HOW[0]);
    let nginx = Nginx::origin(source.path(), "").await;
    let list = source.path().join("index.m3u8");
    let text = std::fs::read_to_string(&list).unwrap();
    let base = nginx.url("deep");
    replace(
        &list,
        &text.replace("VALUE=\"deep\"", &format!("VALUE=\"{base}\"")),
    );
    let mut job = Encrypt::at(&serve, "test/base", source.path(), sink.path());
    job.from = Some(format!("pull:{}", nginx.url("master.m3u8")));
    job.once_well();
    let list = std::fs::read_to_string(sink.path().join("index.m3u8")).unwrap();
    let uris: Vec<_> = list.lines().filter(|it| it.ends_with(".ts")).collect();
    assert_eq!(uris.len(), 4, "{list}");
    assert!(
        uris.iter().all(|it| sink.path().join(it).exists()),
        "{list}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_packager_sends_is_published() {
    for (index, how) in HOW.iter().enumerate() {
        let push = Push::prepare(&format!("test/push{index}"), "\"never\"").await;
        asset(push.local.path(), how);
        let _worker = push.start(&[]).await;
        for file in files_below(push.local.path()) {
            push.send_local(&push.local.path().join(file)).await;
        }
        until("all is published", seconds(20), async || {
            let there = files_below(push.sink());
            ["index.m3u8", "master.m3u8"]
                .iter()
                .all(|list| there.iter().any(|it| it == list))
                .then_some(())
        })
        .await;
        judge(push.sink(), how);
    }
}

/// Only a player knows what `QUERYPARAM` stands for: that is said, and nothing is published.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_parameter_is_refused_and_explained() {
    let serve = Serve::start("\"never\"", "").await;
    for from in ["dir", "pull"] {
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        asset(source.path(), "QUERYPARAM=\"where\"");
        let nginx = Nginx::origin(source.path(), "").await;
        let stream = format!("test/query-{from}");
        let mut job = Encrypt::at(&serve, &stream, source.path(), sink.path());
        if from == "pull" {
            job.from = Some(format!("pull:{}", nginx.url("master.m3u8")));
        }
        let mut worker = job.start();
        until("it is explained", seconds(20), async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            let told = worker.stdout.text();
            let explained = told.contains("a variable whose value is not known here");
            explained.then_some(())
        })
        .await;
        assert!(!sink.path().join("index.m3u8").exists(), "{from}");
    }
}
