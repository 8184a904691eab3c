//! `hlskey key export`: files that packagers read, by the documented commands.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{STREAM, documented, input, is_transport, opened, packager, resource, shell};
use crate::harness::actor::Actor;
use crate::harness::binary::{binary, run};
use crate::harness::serve::Serve;
use crate::harness::wait::seconds;

/// A folder with the packager's credential in it, as the documentation has it.
pub(super) struct Desk {
    pub(super) serve: Serve,
    pub(super) folder: tempfile::TempDir,
    pub(super) actor: Actor,
}

impl Desk {
    pub(super) async fn new(rotation: &str) -> Self {
        let serve = Serve::start(rotation, "").await;
        let folder = tempfile::tempdir().unwrap();
        let file = serve.credential("news-packager", STREAM, &["lease", "read"]);
        std::fs::copy(&file, folder.path().join("news.credential")).unwrap();
        let actor = serve
            .stranger()
            .with(std::fs::read_to_string(file).unwrap().trim());
        Self {
            serve,
            folder,
            actor,
        }
    }

    /// Runs the documented export under `heading`, with our program and authority.
    pub(super) async fn export(&self, heading: &str) {
        let line = documented(&self.serve, heading, "hlskey key export");
        let line = line.split("\npackager").next().unwrap();
        let line = line.split("\nmp42hls").next().unwrap();
        let ca = self.serve.ca();
        let program = format!(
            "exec {} key export --ca {}",
            binary().display(),
            ca.display()
        );
        let line = line.replacen("hlskey key export", &program, 1);
        let mut export = shell(&line, self.folder.path(), &[]);
        let status = export.end(seconds(30)).await;
        assert!(status.success(), "{}", export.stderr.text());
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("keys").join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        let path = self.at(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"))
    }

    async fn told(&self, name: &str) -> String {
        self.actor.get(&resource(name)).await.expect(200).text()
    }
}

fn is_private(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

/// Every file below, with its path from there.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match path.is_dir() {
            true => found.extend(
                files(&path)
                    .into_iter()
                    .map(|below| format!("{name}/{below}")),
            ),
            false => found.push(name),
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn wowza_finds_a_file_for_each_rendition() {
    let desk = Desk::new("\"never\"").await;
    desk.export("## Wowza").await;
    let names = ["test/news_160p.key", "test/news_360p.key"];
    assert_eq!(files(&desk.folder.path().join("keys")), names);
    let told = desk.told("wowza.key").await;
    for name in names {
        assert_eq!(desk.read(name), told);
        assert!(is_private(&desk.at(name)), "{name}");
    }
    // Written anew over what is there, in one step: nothing else is left.
    std::fs::write(desk.at(names[0]), "obviously old").unwrap();
    desk.export("## Wowza").await;
    assert_eq!(files(&desk.folder.path().join("keys")), names);
    assert_eq!(desk.read(names[0]), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn known_renditions_need_no_names() {
    let desk = Desk::new("\"never\"").await;
    let serve = &desk.serve;
    let all = serve.credential("all", STREAM, &[]);
    let all = serve
        .stranger()
        .with(std::fs::read_to_string(all).unwrap().trim());
    let own = r#"{"key_scope":"rendition"}"#;
    all.ask("PUT", &format!("/v1/streams/{STREAM}"), Some(own))
        .await
        .expect(201);
    let export = |more: &[&str]| {
        let (url, ca) = (serve.url(), serve.ca());
        let credential = desk.folder.path().join("news.credential");
        let fixed = [
            "key",
            "export",
            "--server",
            &url,
            "--ca",
            ca.to_str().unwrap(),
        ];
        let who = [
            "--credential-file",
            credential.to_str().unwrap(),
            "--stream",
            STREAM,
        ];
        run(&[&fixed[..], &who, &["--format", "wowza"], more].concat())
    };
    let refused = export(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("--rendition"),
        "{said}"
    );
    for name in ["news_160p", "v1/index.m3u8"] {
        all.get(&resource(&format!("wowza.key?rendition={name}")))
            .await
            .expect(200);
    }
    let keys = desk.folder.path().join("keys");
    let done = export(&["--dir", keys.to_str().unwrap()]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(
        files(&keys),
        ["test/news/v1/index.m3u8.key", "test/news_160p.key"]
    );
    let told = desk.told("wowza.key?rendition=news_160p").await;
    assert_eq!(desk.read("test/news_160p.key"), told);
    assert_ne!(desk.read("test/news/v1/index.m3u8.key"), told);
    // One alone may be printed.
    let printed = export(&["--rendition", "news_160p"]);
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_reads_what_was_exported() {
    let desk = Desk::new("\"never\"").await;
    desk.export("`-ca_file` are accepted").await;
    let text = desk.read("test/news.keyinfo");
    let lines: Vec<&str> = text.lines().collect();
    let key = desk.folder.path().join(lines[1]);
    assert_eq!(std::fs::read(&key).unwrap().len(), 16);
    assert!(is_private(&key) && is_private(&desk.at("test/news.keyinfo")));
    input(desk.folder.path(), 3);
    let line = "exec /usr/bin/ffmpeg -nostdin -v warning -i input.mp4 -c copy -f hls -hls_time 1 \
                -hls_key_info_file keys/test/news.keyinfo index.m3u8";
    let mut ffmpeg = shell(line, desk.folder.path(), &[]);
    assert!(
        ffmpeg.end(seconds(30)).await.success(),
        "{}",
        ffmpeg.stderr.text()
    );
    let viewer = desk.serve.viewer(STREAM);
    let all = opened(&desk.folder.path().join("index.m3u8"), &viewer).await;
    assert_eq!(all.len(), 3);
    assert!(
        all.iter()
            .all(|it| is_transport(&it.plain) && it.uri == lines[0])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_lease_exports_nothing() {
    let desk = Desk::new("\"never\"").await;
    let (_, secret) = packager(&desk.serve, "other", "test/other");
    std::fs::write(desk.folder.path().join("other"), secret).unwrap();
    let (url, ca) = (desk.serve.url(), desk.serve.ca());
    let (file, keys) = (
        desk.folder.path().join("other"),
        desk.folder.path().join("keys"),
    );
    let refused = run(&[
        "key",
        "export",
        "--server",
        &url,
        "--ca",
        ca.to_str().unwrap(),
        "--credential-file",
        file.to_str().unwrap(),
        "--stream",
        STREAM,
        "--format",
        "wowza",
        "--rendition",
        "a",
        "--dir",
        keys.to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("403"), "{said}");
    assert!(!keys.exists());
}
