//! What each dialect says, byte for byte, and whom the server refuses with which words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;

use super::{STREAM, packager, resource};
use crate::harness::actor::{Actor, Answer};
use crate::harness::serve::Serve;

/// Those that tell of the period of now.
const PRESENT: [&str; 8] = [
    "ffmpeg.keyinfo",
    "wowza.key",
    "shaka",
    "bento4",
    "nginx-vod.json",
    "google.json?mux_streams=ts",
    "gpac.xml",
    "flussonic.key?file=live/news&number=7",
];

/// URI and raw key, as the key information has them.
async fn present(packager: &Actor, stranger: &Actor) -> (String, Vec<u8>) {
    let text = packager
        .get(&resource("ffmpeg.keyinfo"))
        .await
        .expect(200)
        .text();
    let lines: Vec<&str> = text.lines().collect();
    let key = stranger.get(lines[1]).await.expect(200).body;
    (lines[0].to_owned(), key)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn never_stored(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_information_is_three_lines_that_cannot_be_torn() {
    let serve = Serve::start("{ every = \"10m\" }", "").await;
    let (actor, secret) = packager(&serve, "p", STREAM);
    let stranger = serve.stranger();
    let first = actor.get(&resource("ffmpeg.keyinfo")).await.expect(200);
    never_stored(&first);
    assert_eq!(first.header("content-type"), "text/plain; charset=utf-8");
    let second = actor
        .get(&resource("ffmpeg.keyinfo"))
        .await
        .expect(200)
        .text();
    let first = first.text();
    let (first, second): (Vec<&str>, Vec<&str>) =
        (first.lines().collect(), second.lines().collect());
    assert_eq!((first.len(), second.len()), (3, 3));
    // One key, and an IV of each read's own.
    assert_eq!(first[0], second[0]);
    assert_ne!(first[2], second[2]);
    for iv in [first[2], second[2]] {
        assert!(
            iv.len() == 32 && iv.bytes().all(|b| b.is_ascii_hexdigit()),
            "{iv}"
        );
    }
    let (raw, token) = first[1].split_once("?token=").unwrap();
    assert_eq!(raw, first[0], "the second line names the same key for ever");
    assert!(!first[1].contains(&secret));
    let key = stranger.get(first[1]).await.expect(200).body;
    let viewed = serve.viewer(STREAM).get(first[0]).await.expect(200).body;
    assert_eq!((key.len(), &key), (16, &viewed));

    // What the second line carries opens this key and nothing else.
    let schedule = actor.get(&resource("schedule")).await.expect(200).json();
    let periods = schedule["periods"].as_array().unwrap();
    let mut uris = periods.iter().map(|it| it["uri"].as_str().unwrap());
    let other = uris.rfind(|uri| *uri != first[0]).unwrap();
    serve.viewer(STREAM).get(other).await.expect(200);
    stranger
        .get(&format!("{other}?token={token}"))
        .await
        .expect(404);
    for path in ["schedule", "ffmpeg.keyinfo", "shaka"] {
        let path = resource(&format!("{path}?token={token}"));
        stranger.get(&path).await.expect(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_get_one_key_and_the_schedule_has_the_same() {
    let serve = Serve::start("{ every = \"1h\" }", "").await;
    let (one, other) = (
        packager(&serve, "p", STREAM).0,
        packager(&serve, "q", "test/*").0,
    );
    let path = resource("ffmpeg.keyinfo");
    let asked = (0..12).map(|at| {
        if at % 2 == 0 {
            one.get(&path)
        } else {
            other.get(&path)
        }
    });
    let answers = join_all(asked).await;
    let uri = |answer: Answer| answer.expect(200).text().lines().next().unwrap().to_owned();
    let uris: Vec<String> = answers.into_iter().map(uri).collect();
    assert!(uris.iter().all(|uri| *uri == uris[0]), "{uris:?}");
    let schedule = one.get(&resource("schedule")).await.expect(200).json();
    let now = schedule["now"].as_str().unwrap().to_owned();
    let periods = schedule["periods"].as_array().unwrap().iter();
    let mut present = periods.filter(|it| it["boundary"]["time"].as_str().unwrap() <= now.as_str());
    assert_eq!(present.next_back().unwrap()["uri"], uris[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_dialect_tells_of_the_same_key() {
    let serve = Serve::start("\"never\"", "").await;
    let (actor, _) = packager(&serve, "p", STREAM);
    let (uri, key) = present(&actor, &serve.stranger()).await;
    let kid = uri.rsplit('/').next().unwrap();
    let (bare, hex) = (kid.replace('-', ""), hex(&key));
    let told = async |name: &str| {
        let answer = actor.get(&resource(name)).await.expect(200);
        never_stored(&answer);
        answer
    };
    let (upper, digits) = (hex.to_uppercase(), hex.clone());
    assert_eq!(
        told("wowza.key").await.text(),
        format!("cupertinostreaming-aes128-key: {upper}\ncupertinostreaming-aes128-url: {uri}\n")
    );
    assert_eq!(
        told("shaka").await.text(),
        format!(
            "--enable_raw_key_encryption\n--protection_scheme=aes128\n--clear_lead=0\n\
             --keys=label=:key_id={bare}:key={hex}\n--hls_key_uri={uri}\n"
        )
    );
    assert_eq!(
        told("bento4").await.text(),
        format!(
            "--encryption-mode AES-128 --encryption-key {hex} --encryption-iv-mode random \
             --encryption-key-uri {uri}\n"
        )
    );
    let id: Vec<u8> = (0..32)
        .step_by(2)
        .map(|at| u8::from_str_radix(&bare[at..at + 2], 16).unwrap())
        .collect();
    assert_eq!(
        told("nginx-vod.json").await.json(),
        serde_json::json!([{"pssh": [], "key": STANDARD.encode(&key), "key_id": STANDARD.encode(id)}])
    );
    let google = told("google.json?mux_streams=ts_video,ts_audio")
        .await
        .json();
    let one = &google["encryptionKeys"][0];
    assert_eq!(
        (&one["keyId"], &one["key"], &one["keyUri"]),
        (&bare.clone().into(), &hex.into(), &uri.clone().into())
    );
    assert_eq!(one["iv"].as_str().unwrap().len(), 32);
    assert_eq!(
        one["matchers"],
        serde_json::json!([{"muxStreams": ["ts_video", "ts_audio"]}])
    );

    assert_eq!(
        told("gpac.xml").await.text(),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<GPACDRM type=\"CENC AES-CBC\">\n\
             <CrypTrack IsEncrypted=\"1\" IV_size=\"16\" first_IV=\"0x00000000000000000000000000000000\">\n\
             <key KID=\"0x{bare}\" value=\"0x{digits}\" hlsInfo=\"URI=&quot;{uri}&quot;\"/>\n\
             </CrypTrack>\n</GPACDRM>\n"
        )
    );
    let flussonic = told("flussonic.key?file=live/news&number=7").await;
    assert_eq!(
        (flussonic.header("x-key-url"), flussonic.text()),
        (uri.as_str(), digits)
    );
    let raw = told(&format!("key?kid={kid}")).await;
    assert_eq!(
        (raw.body, raw.headers["content-type"].to_str().unwrap()),
        (key, "application/octet-stream")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_is_told_what_was_expected() {
    let serve = Serve::start("{ segments = 3 }", "").await;
    let (actor, _) = packager(&serve, "p", "test/**");
    for name in PRESENT {
        let refused = actor.get(&resource(name)).await.expect(409);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("\"every\"") && detail.contains("schedule"),
            "{name}: {detail}"
        );
    }
    let detail = async |path: &str, status: u16| {
        let refused = actor.get(path).await.expect(status);
        refused.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(detail(&resource("key"), 400).await.contains("kid="));
    assert!(detail(&resource("key?kid=x"), 400).await.contains("kid"));
    assert!(
        detail(&resource("google.json"), 400)
            .await
            .contains("mux_streams=")
    );
    assert!(
        detail(&resource("shaka?rendition=../x"), 400)
            .await
            .contains("rendition")
    );
    // A stranger learns how to say who it is; at a player's key it is not asked for a password.
    let challenges = |answer: &Answer| {
        let all = answer.headers.get_all("www-authenticate").iter();
        all.map(|it| it.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let stranger = serve.stranger();
    let refused = stranger.get(&resource("ffmpeg.keyinfo")).await.expect(401);
    let basic = "Basic realm=\"hlskey\", charset=\"UTF-8\"";
    assert_eq!(challenges(&refused), ["Bearer realm=\"hlskey\"", basic]);
    let uri = serve.key_path("test/other").await;
    let refused = stranger.get(&uri).await.expect(401);
    assert_eq!(challenges(&refused), ["Bearer realm=\"hlskey\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packager_has_no_part_in_anothers_stream() {
    let serve = Serve::start("\"never\"", "").await;
    let (own, other) = (
        packager(&serve, "p", STREAM).0,
        packager(&serve, "q", "test/other").0,
    );
    let (uri, _) = present(&own, &serve.stranger()).await;
    let kid = uri.rsplit('/').next().unwrap();
    for name in PRESENT {
        own.get(&resource(name)).await.expect(200);
        other.get(&resource(name)).await.expect(403);
    }
    own.get(&resource(&format!("key?kid={kid}")))
        .await
        .expect(200);
    other
        .get(&resource(&format!("key?kid={kid}")))
        .await
        .expect(403);
    // By its own stream's name neither: it has no such key.
    let path = format!("/v1/streams/test/other/key?kid={kid}");
    other.get("/v1/streams/test/other/shaka").await.expect(200);
    other.get(&path).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_told_no_more() {
    let serve = Serve::start("\"never\"", "").await;
    let (actor, _) = packager(&serve, "p", STREAM);
    let (uri, _) = present(&actor, &serve.stranger()).await;
    let kid = uri.rsplit('/').next().unwrap();
    let operator = serve.credential("operator", "**", &["operate"]);
    let operator = std::fs::read_to_string(operator).unwrap();
    let ops = serve.ops().with(operator.trim());
    ops.ask("POST", &format!("/v1/keys/{kid}/revoke"), None)
        .await
        .expect(204);
    for name in PRESENT {
        let refused = actor.get(&resource(name)).await.expect(409);
        assert!(
            refused.text().contains("rotate the stream"),
            "{}",
            refused.text()
        );
    }
    actor
        .get(&resource(&format!("key?kid={kid}")))
        .await
        .expect(410);
}

#[tokio::test(flavor = "multi_thread")]
async fn renditions_may_have_keys_of_their_own() {
    let serve = Serve::start("\"never\"", "").await;
    let all = serve.credential("all", STREAM, &[]);
    let all = serve
        .stranger()
        .with(std::fs::read_to_string(all).unwrap().trim());
    let own = r#"{"every":"1h","key_scope":"rendition","iv":"sequence"}"#;
    all.ask("PUT", &format!("/v1/streams/{STREAM}"), Some(own))
        .await
        .expect(201);
    let refused = all.get(&resource("ffmpeg.keyinfo")).await.expect(400);
    assert!(
        refused.text().contains("say which rendition"),
        "{}",
        refused.text()
    );
    let of = async |name: &str| {
        let path = resource(&format!("ffmpeg.keyinfo?rendition={name}"));
        all.get(&path).await.expect(200).text()
    };
    let (low, high) = (of("news_160p").await, of("v1/index.m3u8").await);
    assert_ne!(low.lines().next(), high.lines().next());
    assert_eq!(low.lines().next(), of("news_160p").await.lines().next());
    // IVs by sequence: the third line is empty, and ffmpeg counts.
    assert_eq!(low.lines().nth(2), Some(""));
    let shown = all
        .get(&format!("/v1/streams/{STREAM}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        shown["renditions"],
        serde_json::json!(["news_160p", "v1/index.m3u8"])
    );
}
