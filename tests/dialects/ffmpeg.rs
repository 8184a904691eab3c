//! ffmpeg itself, with key information over HTTPS, across rotations.

use std::collections::BTreeSet;

use super::{
    DOCUMENTED, STREAM, clear_hashes, documented, hashes, input, is_transport, opened, packager,
    resource, shell,
};
use crate::harness::ffmpeg::Player;
use crate::harness::serve::Serve;
use crate::harness::wait::seconds;

const LASTS: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_takes_each_key_over_https_and_plays_them_back() {
    let serve = Serve::start("{ every = \"3s\" }", "").await;
    let folder = serve.origin().join(STREAM);
    std::fs::create_dir_all(&folder).unwrap();
    input(&folder, LASTS);
    let (_, secret) = packager(&serve, "news-packager", STREAM);
    let line = documented(&serve, "## ffmpeg", "ffmpeg -re");
    let line = line.replacen("ffmpeg ", "exec /usr/bin/ffmpeg -nostdin -v warning ", 1);
    let mut ffmpeg = shell(&line, &folder, &[("CREDENTIAL", &secret)]);
    let status = ffmpeg.end(seconds(60)).await;
    assert!(status.success(), "{}", ffmpeg.stderr.text());

    let list = folder.join("index.m3u8");
    let viewer = serve.viewer(STREAM);
    let all = opened(&list, &viewer).await;
    assert_eq!(all.len(), LASTS as usize);
    let keys: BTreeSet<&str> = all.iter().map(|it| it.uri.as_str()).collect();
    assert!(keys.len() >= 4, "three rotations: {keys:?}");
    let ivs: BTreeSet<_> = all.iter().map(|it| it.iv).collect();
    assert_eq!(ivs.len(), all.len(), "an IV came twice");
    for (at, segment) in all.iter().enumerate() {
        assert!(is_transport(&segment.plain), "segment {at}");
        assert!(
            segment
                .uri
                .starts_with(&format!("{}/v1/keys/", serve.url()))
        );
    }
    // Nobody's secret is in what is published.
    let text = std::fs::read_to_string(&list).unwrap();
    assert!(
        !text.contains("token=") && !text.contains(&secret),
        "{text}"
    );

    let token = serve.minted("viewers", STREAM, "1h");
    let header = format!("Authorization: Bearer {token}\r\n");
    let url = format!("{}/hls/{STREAM}/index.m3u8", serve.url());
    let mut player = Player::play(&url, &serve.ca(), &header, LASTS + 1);
    player.0.end(seconds(60)).await;
    let played = hashes(&player.frames());
    let said = player.0.stderr.text();
    assert_eq!(played.len(), 25 * LASTS as usize, "{said}");
    assert_eq!(played, clear_hashes(&folder).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_with_another_streams_credential_begins_nothing() {
    let serve = Serve::start("{ every = \"3s\" }", "").await;
    let folder = tempfile::tempdir().unwrap();
    input(folder.path(), 2);
    let (_, secret) = packager(&serve, "other-packager", "test/other");
    let line = documented(&serve, "## ffmpeg", "ffmpeg -re");
    assert!(!line.contains(DOCUMENTED), "{line}");
    let line = line.replacen("ffmpeg ", "exec /usr/bin/ffmpeg -nostdin -v warning ", 1);
    let mut ffmpeg = shell(&line, folder.path(), &[("CREDENTIAL", &secret)]);
    assert!(!ffmpeg.end(seconds(30)).await.success());
    assert!(
        ffmpeg.stderr.text().contains("403"),
        "{}",
        ffmpeg.stderr.text()
    );
    assert!(!folder.path().join("index.m3u8").exists());
    // Nor is the stream there now.
    let (right, _) = packager(&serve, "right-packager", "test/**");
    right
        .get(&resource("key?kid=00000000-0000-4000-8000-000000000000"))
        .await
        .expect(404);
}
