//! SPEKE at the built binary: documents of real packagers in, documents with keys out.
//!
//! Answers are read by Python's ElementTree and opened by `cryptography`. Must not know: how the
//! server reads XML.

mod digest;
mod refusals;

use std::path::Path;

use serde_json::Value;

use crate::harness::actor::{Actor, Answer};
use crate::harness::python;
use crate::harness::rust_source::root;
use crate::harness::serve::Serve;

const V1: &str = "/speke/v1.0/copyProtection";
const V2_0: &str = "/speke/v2.0/copyProtection";
const V2_1: &str = "/speke/v2.1/copyProtection";
/// The handmade v2 request's stream, and its kid.
const CHANNEL: &str = "live-channel-1";
const KID: &str = "0f083e4e-b831-4a3d-917e-ce78076e1234";

/// A server, and a packager of every stream.
struct Scene {
    serve: Serve,
    packager: Actor,
}

impl Scene {
    /// These streams are registered.
    async fn set(streams: &[&str]) -> Self {
        let serve = Serve::start("\"never\"", "").await;
        let file = serve.credential("packager", "**", &[]);
        let secret = std::fs::read_to_string(file).unwrap();
        let packager = serve.stranger().with(secret.trim());
        for stream in streams {
            let path = format!("/v1/streams/{stream}");
            let body = Some(r#"{"rotation":"never"}"#);
            let answer = packager.ask("PUT", &path, body).await;
            assert!([200, 201].contains(&answer.status), "{}", answer.text());
        }
        Self { serve, packager }
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        post(&self.packager, path, body).await
    }

    /// What was filled in; everything else is as it was.
    async fn filled(&self, path: &str, body: &str) -> Value {
        let answer = self.post(path, body).await.expect(200);
        assert_eq!(answer.header("content-type"), "application/xml");
        assert_eq!(answer.header("cache-control"), "no-store");
        compared(body, &answer)
    }
}

async fn post(who: &Actor, path: &str, body: &str) -> Answer {
    let version = match path {
        V2_0 => "2.0",
        V2_1 => "2.1",
        _ => "1.0",
    };
    let headers = [("x-speke-version", version)];
    who.try_ask("POST", path, &headers, Some(body))
        .await
        .unwrap()
}

fn sample(name: &str) -> String {
    let folder = root().join("tests/fixtures/speke");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The same for another version of SPEKE.
fn as_2_1(text: &str) -> String {
    text.replace("version=\"2.3\"", "version=\"2.4\"")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn compared(body: &str, answer: &Answer) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["request.xml", "answer.xml"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], body).unwrap();
    std::fs::write(&paths[1], &answer.body).unwrap();
    let args = ["compare", text(&paths[0]), text(&paths[1])];
    serde_json::from_str(&python::printed("speke.py", &args)).unwrap()
}

/// What a viewer of `stream` gets at `uri`, in hexadecimal digits.
async fn fetched(scene: &Scene, stream: &str, uri: &str) -> String {
    let answer = scene.serve.viewer(stream).get(uri).await.expect(200);
    assert_eq!(answer.body.len(), 16);
    answer
        .body
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn handmade() -> String {
    sample("HANDMADE_v2_hls_aes128_rotation_request.xml")
}

/// A document of the live sample's with the one system that is served here.
fn live_v1() -> String {
    let text = sample("awsdocs_v1_live_request.xml");
    let from = text.find("<!-- HLS SAMPLE-AES -->").unwrap();
    let to = text.find("</cpix:DRMSystemList>").unwrap();
    format!("{}{}", &text[..from], &text[to..])
}

#[tokio::test(flavor = "multi_thread")]
async fn v1_documents_come_back_with_the_key_that_a_viewer_gets() {
    let other = "5E99137A-BD6C-4ECC-A24D-A3EE04B4E011";
    let scene = Scene::set(&["abc123", other]).await;
    let reference = sample("awslabs-ref_v1_hls_aes128_rotation_request.xml");
    for (stream, kid, body) in [
        ("abc123", "98ee5596-cd3e-a20d-163a-e382420c6eff", live_v1()),
        (other, "6c5f5206-7d98-4808-84d8-94f132c1e9fe", reference),
    ] {
        let said = scene.filled(V1, &body).await;
        let filled = said["filled"].as_array().unwrap();
        let value = |name: &str| {
            let found = filled.iter().find(|one| one[0] == name).unwrap();
            found[2].as_str().unwrap().to_owned()
        };
        assert_eq!(value("KeyFormat"), "identity");
        assert_eq!(value("KeyFormatVersions"), "1");
        let uri = value("URIExtXKey");
        assert!(
            uri.starts_with(&scene.serve.url()) && !uri.contains(kid),
            "{uri}"
        );
        assert_eq!(said["keys"][kid], fetched(&scene, stream, &uri).await);
    }
    let answer = scene.post(V1, &live_v1()).await;
    assert!(answer.header("speke-user-agent").starts_with("hlskey/"));
    scene
        .packager
        .get("/speke/v1.0/heartbeat")
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn v2_documents_come_back_with_whole_tags() {
    let scene = Scene::set(&[CHANNEL]).await;
    let multivariant = as_2_1(&handmade()).replace("\"master\"", "\"multiVariant\"");
    let by_time = as_2_1(&handmade()).replace(
        "index=\"7\"",
        "index=\"7\" start=\"2030-01-01T00:00:00Z\" end=\"2030-01-01T01:00:00Z\"",
    );
    let mut keys = Vec::new();
    for (path, version, body) in [
        (V2_0, "2.0", handmade()),
        (V2_1, "2.1", as_2_1(&handmade())),
        (V2_1, "2.1", multivariant),
        (V2_1, "2.1", by_time),
    ] {
        let answer = scene.post(path, &body).await.expect(200);
        assert_eq!(answer.header("x-speke-version"), version);
        assert!(answer.header("x-speke-user-agent").starts_with("hlskey/"));
        let said = compared(&body, &answer);
        let key = said["keys"][KID].as_str().unwrap().to_owned();
        let filled = said["filled"].as_array().unwrap();
        for (signal, tag) in filled.iter().zip(["#EXT-X-KEY:", "#EXT-X-SESSION-KEY:"]) {
            let line = signal[2].as_str().unwrap();
            let uri = crate::independent::playlist::quoted(line, "URI").unwrap();
            let whole = format!(
                "{tag}METHOD=AES-128,URI=\"{uri}\",KEYFORMAT=\"identity\",KEYFORMATVERSIONS=\"1\""
            );
            assert_eq!(line, whole);
            assert_eq!(key, fetched(&scene, CHANNEL, &uri).await);
        }
        assert_eq!(filled.len(), 2);
        keys.push(key);
    }
    assert!(keys.iter().all(|key| *key == keys[0]), "one kid, one key");
}

/// What packagers of other makers write means the same, and is answered with the same key.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_may_be_written_in_other_ways() {
    let scene = Scene::set(&[CHANNEL]).await;
    let key = |answer: &Answer| {
        let text = answer.text();
        let (_, from) = text.split_once("PlainValue>").unwrap();
        assert_eq!(text.matches("PlainValue>").count(), 2, "{text}");
        from.split_once('<').unwrap().0.to_owned()
    };
    let own = key(&scene.post(V2_0, &handmade()).await.expect(200));
    let by_default = handmade()
        .replace("cpix:", "")
        .replace("xmlns:cpix", "xmlns");
    let holding = |inner: &str| {
        let rest = format!("commonEncryptionScheme=\"cbc1\">{inner}</cpix:ContentKey>");
        handmade().replace("commonEncryptionScheme=\"cbc1\"/>", &rest)
    };
    let secret = |value: &str| {
        holding(&format!(
            "<cpix:Data><pskc:Secret>{value}</pskc:Secret></cpix:Data>"
        ))
    };
    for other in [
        by_default,
        handmade()
            .replace("cpix:", "c:")
            .replace("xmlns:cpix", "xmlns:c"),
        handmade().replace(KID, &KID.to_uppercase()),
        format!("\u{feff}{}", handmade()),
        handmade().replace(
            "<cpix:VideoFilter/>",
            "<!-- any --><cpix:VideoFilter></cpix:VideoFilter>",
        ),
        holding("<cpix:Data/>"),
        secret("<pskc:PlainValue/>"),
        secret("\n<pskc:PlainValue> </pskc:PlainValue>\n"),
    ] {
        let answer = scene.post(V2_0, &other).await;
        assert_eq!(answer.status, 200, "{other}: {}", answer.text());
        assert_eq!(key(&answer), own, "{other}");
    }
    let brought = secret("<pskc:PlainValue>b2J2aW91c2x5LWEtZmFrZQ==</pskc:PlainValue>");
    let refused = scene.post(V2_0, &brought).await.expect(422).text();
    assert!(refused.contains("has a key already"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn packagers_that_ask_at_once_get_one_key() {
    let scene = Scene::set(&[CHANNEL, "other"]).await;
    let body = handmade();
    let asks = (0..32).map(|_| scene.post(V2_0, &body));
    let answers = futures_util::future::join_all(asks).await;
    let first = answers[0].clone().expect(200).text();
    for answer in answers {
        assert_eq!(answer.expect(200).text(), first);
    }
    // The same kid of another stream is another key.
    let elsewhere = body.replace(CHANNEL, "other");
    let key = |said: &Value| said["keys"][KID].clone();
    let (here, there) = (
        scene.filled(V2_0, &body).await,
        scene.filled(V2_0, &elsewhere).await,
    );
    assert_ne!(key(&here), key(&there));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_alone_opens_an_encrypted_document() {
    let scene = Scene::set(&[CHANNEL]).await;
    let folder = tempfile::tempdir().unwrap();
    let (private, path) = (
        folder.path().join("key.pem"),
        folder.path().join("answer.xml"),
    );
    let certificate = python::printed("speke.py", &["recipient", text(&private)]);
    let list = format!(
        "<cpix:DeliveryDataList><cpix:DeliveryData id=\"d1\"><cpix:DeliveryKey>\
         <x:X509Data xmlns:x=\"http://www.w3.org/2000/09/xmldsig#\"><x:X509Certificate>{certificate}\
         </x:X509Certificate></x:X509Data></cpix:DeliveryKey></cpix:DeliveryData>\
         </cpix:DeliveryDataList>\n  <cpix:ContentKeyList>"
    );
    let sealed = handmade().replace("<cpix:ContentKeyList>", &list);
    let answer = scene.post(V2_0, &sealed).await.expect(200);
    compared(&sealed, &answer);
    std::fs::write(&path, &answer.body).unwrap();
    let opened = python::printed("speke.py", &["open", text(&path), text(&private)]);
    let opened: Value = serde_json::from_str(&opened).unwrap();
    let plain = scene.filled(V2_0, &handmade()).await;
    assert_eq!(opened[KID], plain["keys"][KID]);
    let broken = sealed.replace(&certificate, "AAAA");
    scene.post(V2_0, &broken).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_gone_for_viewers_and_packagers() {
    let scene = Scene::set(&[CHANNEL]).await;
    let said = scene.filled(V2_0, &handmade()).await;
    let line = said["filled"][0][2].as_str().unwrap().to_owned();
    let uri = crate::independent::playlist::quoted(&line, "URI").unwrap();
    fetched(&scene, CHANNEL, &uri).await;
    let file = scene.serve.credential("operator", "**", &["operate"]);
    let operator = std::fs::read_to_string(file).unwrap();
    let kid = uri.rsplit('/').next().unwrap();
    let revoke = format!("/v1/keys/{kid}/revoke");
    let operator = scene.serve.ops().with(operator.trim());
    operator.ask("POST", &revoke, None).await.expect(204);
    scene.serve.viewer(CHANNEL).get(&uri).await.expect(410);
    scene.post(V2_0, &handmade()).await.expect(410);
}
