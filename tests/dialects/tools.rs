//! Other people's packagers, with our keys: Shaka Packager, and Bento4's arguments.

use super::export::Desk;
use super::{STREAM, clear_hashes, documented, hashes, input, is_transport, opened, shell};
use crate::harness::ffmpeg::Player;
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
    let token = desk.serve.minted("viewers", STREAM, "1h");
    let header = format!("Authorization: Bearer {token}\r\n");
    let url = format!("{}/hls/{STREAM}/master.m3u8", desk.serve.url());
    let mut player = Player::play(&url, &desk.serve.ca(), &header, LASTS + 1);
    player.0.end(seconds(60)).await;
    let clear = clear_hashes(desk.folder.path()).await;
    assert_eq!(
        hashes(&player.frames()),
        clear,
        "{}",
        player.0.stderr.text()
    );
}

fn mkdir(folder: &std::path::Path) -> &std::path::Path {
    std::fs::create_dir_all(folder).unwrap();
    folder
}

/// Bento4 is in no registry: its arguments are held to what its usage text says.
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
