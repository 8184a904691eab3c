//! Keys that SRS and nginx-rtmp make and lay into a folder, given to viewers by name.
//!
//! Must not know: where such a key is kept.

use std::path::Path;

use crate::harness::binary;
use crate::harness::database;
use crate::harness::rust_source::root;
use crate::harness::serve::Serve;

const FIRST: [u8; 16] = [1; 16];
const SECOND: [u8; 16] = [2; 16];

fn lay(folder: &Path, name: &str, key: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, key).unwrap();
}

async fn serving(folder: &Path) -> Serve {
    let section = format!(
        "[[server.key_folders]]\npath = '{}'\nstreams = ['live/**']\n",
        folder.display()
    );
    Serve::start("{ every = \"10m\" }", &section).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_folder_is_given_to_who_may_watch_and_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "live/my-show-7.key", &FIRST);
    lay(folder.path(), "live/my-show-8.key", &FIRST[..9]);
    lay(folder.path(), "live/my-show-9.key", &[3; 17]);
    lay(folder.path(), "other/show-7.key", &SECOND);
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("live/my-show-10.key")).unwrap();
    let serve = serving(folder.path()).await;
    let (viewer, other) = (serve.viewer("live/my-show"), serve.viewer("live/other"));
    let path = "/v1/key-files/live/my-show-7.key";
    serve.stranger().get(path).await.expect(401);
    other.get(path).await.expect(404);
    let answer = viewer.get(path).await.expect(200);
    assert_eq!(answer.body, FIRST);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    // The same name is another key when the media server counts anew.
    assert_eq!(answer.header("cache-control"), "no-store");
    // Who may not have a key of the stream is told nothing of the folder.
    serve
        .stranger()
        .get("/v1/key-files/live/my-show-8.key")
        .await
        .expect(401);
    other
        .get("/v1/key-files/live/my-show-8.key")
        .await
        .expect(404);
    // One that is being written, one that is no key, a link out of the folder, another's folder.
    for (name, status) in [
        ("live/my-show-8.key", 503),
        ("live/my-show-9.key", 404),
        ("live/my-show-10.key", 404),
        ("live/my-show-11.key", 404),
        ("live/../other/show-7.key", 404),
        ("live/my-show-7", 404),
    ] {
        let answer = viewer.get(&format!("/v1/key-files/{name}")).await;
        assert_eq!(answer.status, status, "{name}");
    }
    let anybody = serve.viewer("other/show");
    anybody
        .get("/v1/key-files/other/show-7.key")
        .await
        .expect(404);
    // Sealed, once however often it was asked for, and never in the clear.
    let url = format!(
        "sqlite:{}",
        serve
            .config()
            .with_file_name("keystore/hlskey.db")
            .display()
    );
    assert_eq!(
        database::number(&url, "SELECT count(*) FROM periods").await,
        1
    );
    let clear = "SELECT count(*) FROM periods WHERE instr(sealed_key, x'01010101010101010101010101010101') > 0";
    assert_eq!(database::number(&url, clear).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_deleted_is_served_on_and_one_that_changed_is_another_key() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "live/show-7.key", &FIRST);
    let serve = serving(folder.path()).await;
    let viewer = serve.viewer("live/show");
    let path = "/v1/key-files/live/show-7.key";
    assert_eq!(viewer.get(path).await.expect(200).body, FIRST);
    std::fs::remove_file(folder.path().join("live/show-7.key")).unwrap();
    assert_eq!(viewer.get(path).await.expect(200).body, FIRST);
    // The media server was started anew, and counts from the beginning.
    lay(folder.path(), "live/show-7.key", &SECOND);
    assert_eq!(viewer.get(path).await.expect(200).body, SECOND);
    let url = format!(
        "sqlite:{}",
        serve
            .config()
            .with_file_name("keystore/hlskey.db")
            .display()
    );
    assert_eq!(
        database::number(&url, "SELECT count(*) FROM periods").await,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_brings_a_removed_stream_back_by_asking() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "live/show-7.key", &FIRST);
    let serve = serving(folder.path()).await;
    let store = serve.config().with_file_name("keystore/hlskey.db");
    let url = format!("sqlite:{}", store.display());
    let streams =
        async || database::number(&url, "SELECT count(*) FROM streams WHERE removed IS NULL").await;
    let path = "/v1/key-files/live/show-7.key";
    let (viewer, other) = (serve.viewer("live/show"), serve.viewer("live/other"));
    // A token that is none, nothing at all, and a token of another stream.
    let forged = path.to_owned() + "?token=a.b.c";
    serve.stranger().get(&forged).await.expect(401);
    serve.stranger().get(path).await.expect(401);
    other.get(path).await.expect(404);
    assert_eq!(streams().await, 0, "nothing is registered for them");
    viewer.get(path).await.expect(200);
    assert_eq!(streams().await, 1);
    let packager = serve.credential("packager", "live/**", &["register"]);
    let packager = std::fs::read_to_string(packager).unwrap();
    let packager = serve.stranger().with(packager.trim());
    let stream = "/v1/streams/live/show";
    packager.ask("DELETE", stream, None).await.expect(204);
    viewer.get(path).await.expect(410);
    assert_eq!(streams().await, 0);
    let policy = r#"{"rotation":"never"}"#;
    packager.ask("PUT", stream, Some(policy)).await.expect(201);
    assert_eq!(viewer.get(path).await.expect(200).body, FIRST);
}

#[test]
fn the_documents_section_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("docs/PACKAGERS.md")).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    let sections: Vec<_> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    let sections = sections
        .join("\n")
        .replace("/srv/keys", folder.path().to_str().unwrap());
    assert!(sections.contains("[[server.key_folders]]"));
    let serve = Serve::prepare("{ every = \"10m\" }", &sections);
    let config = serve.config();
    binary::printed(&["config", "check", "--config", config.to_str().unwrap()]);
}
