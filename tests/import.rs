//! `hlskey import wowza` on an installation's folder whose keys, secrets and passwords are obviously fake.
//!
//! Must not know: how the importer reads any of it.

use std::path::Path;

use aws_lc_rs::digest::{SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use crate::harness::binary;
use crate::harness::database;
use crate::harness::issuer::now;
use crate::harness::serve::Serve;
use crate::publishing::{file, nginx_asks, prepared};

const SECRET: &str = "obviouslyAFakeSharedSecret";
const KEY: &str = "000102030405060708090a0b0c0d0e0f";
const OTHER: &str = "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF";
const SHORT: &str = "fakepass";
const LONG: &str = "obviously-a-fake-password";
const WORD: &str = "obviously-fake-word.doPlay";

fn application(key_dir: &str, properties: &[(&str, &str)]) -> String {
    let each = properties.iter().map(|(name, value)| {
        format!("<Property><Name>{name}</Name><Value>{value}</Value></Property>")
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Root version=\"1\"><Application>\
         <Streams><!-- where keys lie --><KeyDir>{key_dir}</KeyDir></Streams>\
         <Modules><Module><Name>base</Name><Class>com.wowza.wms.module.ModuleCore</Class></Module>\
         <Module><Name>own</Name><Class>com.example.Own</Class></Module></Modules>\
         <Properties>{}</Properties></Application></Root>",
        each.collect::<String>()
    )
}

fn key_file(key: &str, more: &str) -> String {
    format!(
        "cupertinostreaming-aes128-key: {key}\r\n\
         cupertinostreaming-aes128-url: https://old.example.com/key.php?secret=hush\r\n{more}"
    )
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Four applications: `live` with a token, `live8` with words, `vod` by the default file, `odd` with a folder nobody finds.
fn installation() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let keys = "${com.wowza.wms.context.VHostConfigHome}/keys";
    let live = application(
        keys,
        &[
            ("securitySecureTokenVersion", "2"),
            ("securitySecureTokenSharedSecret", SECRET),
            ("securitySecureTokenHashAlgorithm", "SHA-512"),
            ("securitySecureTokenQueryParametersPrefix", "own"),
            ("securityPlayIPWhiteList", "192.0.2.1"),
        ],
    );
    let words = format!("{WORD},another-fake-word.seat");
    let live8 = application(keys, &[("secureurlparams.play", words.as_str())]);
    for (file, text) in [
        ("conf/live/Application.xml", live),
        ("conf/live8/Application.xml", live8),
        ("conf/Application.xml", application("", &[])),
        (
            "conf/odd/Application.xml",
            application("${com.example.Own}/keys", &[]),
        ),
        ("applications/vod/.keep", String::new()),
        (
            "conf/**/Application.xml",
            application("", &[("secureurlparams.play", WORD)]),
        ),
        ("keys/live/show.key", key_file(KEY, "")),
        (
            "keys/live/_definst_/other.key",
            key_file(OTHER, "cupertinostreaming-aes128-iv: 00\r\n"),
        ),
        (
            "keys/live/apple.key",
            key_file(KEY, "cupertinostreaming-aes128-method: SAMPLE-AES\r\n"),
        ),
        ("keys/vod/sample.mp4.key", key_file(OTHER, "")),
        ("keys/whose.key", key_file(KEY, "")),
        ("keys/live/broken.key", key_file("00", "")),
        (
            "conf/live/publish.password",
            format!("# user password\nUser1 {SHORT}\n"),
        ),
        ("conf/publish.password", format!("User2 {LONG}\nnobody\n")),
    ] {
        write(dir.path(), file, &text);
    }
    dir
}

fn import(serve: &Serve, from: &Path, more: &[&str]) -> (bool, String) {
    let config = serve.config();
    let args = [
        "import",
        "wowza",
        from.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ];
    let done = binary::run(&[&args[..], more].concat());
    let told = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8(told).unwrap())
}

async fn rows(serve: &Serve) -> Vec<i64> {
    let url = format!("sqlite:{}", file(serve, "keystore/hlskey.db").display());
    let mut rows = Vec::new();
    for table in ["streams", "periods", "credentials"] {
        rows.push(database::number(&url, &format!("SELECT count(*) FROM {table}")).await);
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_is_taken_over_once_and_what_is_left_is_told() {
    let (serve, wowza) = (prepared(""), installation());
    let before = std::fs::read_to_string(serve.config()).unwrap();
    let (_, told) = import(&serve, wowza.path(), &["--dry-run"]);
    assert!(
        told.contains("would be made: the stream live/show and its key"),
        "{told}"
    );
    assert!(
        !file(&serve, "keystore/hlskey.db").exists(),
        "nothing is made"
    );
    assert_eq!(std::fs::read_to_string(serve.config()).unwrap(), before);
    assert!(!file(&serve, "keystore/wowza-live.secret").exists());

    let (is_good, told) = import(&serve, &wowza.path().join("conf"), &[]);
    assert!(is_good, "{told}");
    for line in [
        "made: [schemes.\"wowza-live\"] in the configuration",
        "made: the key of live/other: https://localhost:",
        ", which was https://old.example.com/key.php\n",
        "made: the credential wowza-User1, to publish to live/**",
        "made: the credential wowza-User2, to publish to live8/**, odd/**, vod/**",
        "not carried over: live: the property securityPlayIPWhiteList",
        "not carried over: live: the module com.example.Own",
        "apple.key: cupertinostreaming-aes128-method is not AES-128",
        "broken.key: cupertinostreaming-aes128-key is not 32 hexadecimal digits",
        "whose.key: several applications look there",
        "other.key: cupertinostreaming-aes128-iv",
        "publish.password: a line without a password",
        "${com.example.Own}/keys: odd: KeyDir: a variable is not known",
        "/keys/live/_definst_/other.key, which was ",
        "not carried over: the application \"**\": no stream can be named so",
        "note: the password of User1 has fewer than 12 bytes",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert_eq!(rows(&serve).await, [3, 3, 2]);

    let after = std::fs::read_to_string(serve.config()).unwrap();
    assert!(!after.contains("**/**"), "{after}");
    let (_, dry) = import(&serve, wowza.path(), &["--dry-run"]);
    assert!(dry.contains("\n0 would be made, "), "{dry}");
    let (is_good, again) = import(&serve, wowza.path(), &[]);
    assert!(is_good && again.contains("\n0 made, "), "{again}");
    assert_eq!(rows(&serve).await, [3, 3, 2]);
    assert_eq!(std::fs::read_to_string(serve.config()).unwrap(), after);
    let (_, named) = import(&serve, wowza.path(), &["--application", "vod"]);
    assert!(named.contains("made: the key of vod/whose: "), "{named}");
    for secret in [KEY, OTHER, SECRET, SHORT, LONG, WORD, "hush"] {
        for text in [&told, &again, &named, &after] {
            let text = text.to_ascii_lowercase();
            assert!(!text.contains(&secret.to_ascii_lowercase()), "{text}");
        }
    }
}

/// As a signer computes it that never saw ours.
fn token(path: &str, secret: &str, end: i64) -> String {
    let end = format!("ownendtime={end}");
    let mut items = [secret, end.as_str()];
    items.sort_unstable();
    let hash = digest(&SHA512, format!("{path}?{}", items.join("&")).as_bytes());
    format!("{end}&ownhash={}", URL_SAFE.encode(hash))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_over_serves_viewers_and_publishers() {
    let (mut serve, wowza) = (prepared(""), installation());
    let (is_good, told) = import(&serve, wowza.path(), &[]);
    assert!(is_good, "{told}");
    serve.resume().await;
    let uri = |stream: &str| {
        let (_, rest) = told.split_once(&format!("the key of {stream}: ")).unwrap();
        let (uri, _) = rest.split_once(',').unwrap();
        uri.replace(&serve.url(), "")
    };
    let stranger = serve.stranger();
    for (stream, signed, secret, status) in [
        ("live/show", "live/show", SECRET, 200),
        ("live/other", "live/other", SECRET, 200),
        ("live/show", "live/show", "another", 401),
        ("live/show", "live/other", SECRET, 401),
        ("vod/sample.mp4", "vod/sample.mp4", SECRET, 404),
    ] {
        let query = token(signed, secret, now() + 60);
        let answer = stranger.get(&format!("{}?{query}", uri(stream))).await;
        let bytes = answer.expect(status).body;
        let key = if stream == "live/show" { KEY } else { OTHER };
        let is_it = u128::from_str_radix(key, 16).unwrap().to_be_bytes() == bytes[..];
        assert_eq!(is_it, status == 200, "{stream} {signed}");
    }
    let late = token("live/show", SECRET, now() - 60);
    stranger
        .get(&format!("{}?{late}", uri("live/show")))
        .await
        .expect(401);
    stranger.get(&uri("live/show")).await.expect(401);
    // Keys of their own schemes open what Wowza's tokens do not: vod asked none.
    serve
        .viewer("vod/sample.mp4")
        .get(&uri("vod/sample.mp4"))
        .await
        .expect(200);
    serve
        .viewer("live/show")
        .get(&uri("live/show"))
        .await
        .expect(403);

    let ops = serve.ops();
    let own = |user: &str, password: &str| format!("user={user}&password={password}");
    nginx_asks(&ops, "live", &own("User1", SHORT))
        .await
        .expect(200);
    nginx_asks(&ops, "live8", &own("User1", SHORT))
        .await
        .expect(403);
    nginx_asks(&ops, "live8", &own("User2", LONG))
        .await
        .expect(200);
    nginx_asks(&ops, "live", &own("User1", LONG))
        .await
        .expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_none_changes_nothing() {
    let (serve, wowza) = (prepared(""), installation());
    let before = std::fs::read_to_string(serve.config()).unwrap();
    let bomb = "<!DOCTYPE a [<!ENTITY x \"y\">]><Root>&x;</Root>";
    write(wowza.path(), "conf/live/Application.xml", bomb);
    let (is_good, told) = import(&serve, wowza.path(), &[]);
    assert!(
        !is_good && told.contains("a document type is not accepted"),
        "{told}"
    );
    write(
        wowza.path(),
        "conf/live/Application.xml",
        &"x".repeat(2 << 20),
    );
    let (is_good, told) = import(&serve, wowza.path(), &[]);
    assert!(!is_good && told.contains("more than 1 MiB"), "{told}");
    assert!(!file(&serve, "keystore/hlskey.db").exists());
    assert_eq!(std::fs::read_to_string(serve.config()).unwrap(), before);
    let (is_good, told) = import(&serve, &wowza.path().join("keys"), &[]);
    assert!(
        !is_good && told.contains("no application is there"),
        "{told}"
    );
}
