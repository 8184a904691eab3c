//! What SPEKE refuses, and in which words; each beside the document that is taken.
//!
//! Must not know: how the server reads XML.

use std::time::{Duration, Instant};

use super::{CHANNEL, KID, Scene, V1, V2_0, V2_1, as_2_1, handmade, live_v1, post, sample};

const TRACK: &str = "intendedTrackType=\"ALL\"";

/// What a change of the handmade document is answered with, to the letter.
fn spelled() -> Vec<(String, String)> {
    let good = handmade();
    let change = |from: &str, to: &str, text: &str| {
        assert!(good.contains(from), "{from}");
        (good.replace(from, to), text.to_owned())
    };
    let rules = (
        good.find("<cpix:ContentKeyUsageRuleList>").unwrap(),
        good.find("</cpix:CPIX>").unwrap(),
    );
    let ruleless = format!("{}{}", &good[..rules.0], &good[rules.1..]);
    let unruled = "Malformed encryption contract";
    let unsupported = "Requested CPIX encryption contract not supported";
    let second = "<cpix:ContentKey kid=\"1f083e4e-b831-4a3d-917e-ce78076e1234\" \
                  commonEncryptionScheme=\"cenc\"/></cpix:ContentKeyList>";
    let system = "3ea8778f-7742-4bf9-b18b-e834b2acbd47";
    vec![
        change(
            " contentId=\"live-channel-1\"",
            "",
            "Missing CPIX@contentId",
        ),
        change(" version=\"2.3\"", "", "Missing CPIX@version"),
        change(
            "version=\"2.3\"",
            "version=\"2.2\"",
            "Unsupported CPIX@version",
        ),
        change(
            " commonEncryptionScheme=\"cbc1\"",
            "",
            &format!("Missing ContentKey@commonEncryptionScheme for KID {KID}"),
        ),
        change(
            "</cpix:ContentKeyList>",
            second,
            "Non compliant ContentKey@commonEncryptionScheme combination",
        ),
        change(
            "\"cbc1\"",
            "\"cenc\"",
            &format!("ContentKey@commonEncryptionScheme non compatible with DRMSystem {system}"),
        ),
        (ruleless, "Missing CPIX encryption contract".to_owned()),
        change(TRACK, "", unruled),
        change(
            "<cpix:VideoFilter/>",
            "<cpix:VideoFilter minPixels=\"1\"/>",
            unruled,
        ),
        change(
            "<cpix:AudioFilter/>",
            "<cpix:AudioFilter/><cpix:AudioFilter/>",
            unruled,
        ),
        change(
            "periodId=\"keyPeriod_2a",
            "periodId=\"keyPeriod_2b",
            unruled,
        ),
        change(system, "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", unsupported),
        change("\"master\"", "\"multiVariant\"", unsupported),
        (
            sample("awslabs-ref_v2_request_no_rotation.xml"),
            unsupported.to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn v2_refuses_in_the_words_of_the_specification() {
    let scene = Scene::set(&[CHANNEL]).await;
    scene.post(V2_0, &handmade()).await.expect(200);
    let mut wrong = Vec::new();
    for (body, text) in spelled() {
        let answer = scene.post(V2_0, &body).await;
        if (answer.status, answer.text()) != (422, text.clone()) {
            wrong.push(format!("{text}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (path, body, version) in [
        (V2_0, handmade(), None),
        (V2_0, handmade(), Some("2.1")),
        (V2_1, as_2_1(&handmade()), Some("2.0")),
    ] {
        let headers: Vec<_> = version
            .map(|it| ("x-speke-version", it))
            .into_iter()
            .collect();
        let answer = scene
            .packager
            .try_ask("POST", path, &headers, Some(&body))
            .await
            .unwrap();
        assert_eq!(answer.expect(422).text(), "Unsupported SPEKE version");
    }
    let answer = scene.post(V2_1, &handmade()).await.expect(422);
    assert_eq!(answer.text(), "Unsupported CPIX@version");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_teams_content_and_other_systems_are_refused() {
    let scene = Scene::set(&["abc123", "other"]).await;
    scene.post(V1, &live_v1()).await.expect(200);
    let file = scene.serve.credential("other-team", "other", &[]);
    let other = std::fs::read_to_string(file).unwrap();
    let other = scene.serve.stranger().with(other.trim());
    post(&other, V1, &live_v1()).await.expect(403);
    post(&other, V1, &live_v1().replace("abc123", "other"))
        .await
        .expect(200);
    post(&scene.serve.stranger(), V1, &live_v1())
        .await
        .expect(401);
    let whole = scene.post(V1, &sample("awsdocs_v1_live_request.xml")).await;
    let said = whole.expect(422).text();
    assert!(
        said.contains("94ce86fb-07ff-4f43-adb8-93d2fa968ca2"),
        "{said}"
    );
    several_systems_are_refused_by_the_one_that_is_not_ours(&scene).await;
    // No template is for it: what is not registered has no keys.
    let unknown = scene
        .post(V1, &live_v1().replace("abc123", "unknown"))
        .await;
    assert_eq!(unknown.expect(404).code(), "not_found");
    scene
        .post(V1, &live_v1().replace("abc123", "test/new"))
        .await
        .expect(200);
}

/// A document for several systems at once gets no key at all, whichever of them is not served here.
async fn several_systems_are_refused_by_the_one_that_is_not_ours(scene: &Scene) {
    let widevine = "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed";
    let playready = "9a04f079-9840-4286-ab92-e65be0885f95";
    let sample_aes = "94ce86fb-07ff-4f43-adb8-93d2fa968ca2";
    let kid = "98ee5596-cd3e-a20d-163a-e382420c6eff";
    for other in [widevine, playready, sample_aes] {
        let system = format!(
            "<cpix:DRMSystem kid=\"{kid}\" systemId=\"{other}\"><cpix:PSSH/></cpix:DRMSystem>"
        );
        for place in ["<cpix:DRMSystemList>", "</cpix:DRMSystemList>"] {
            let both = match place.starts_with("</") {
                true => live_v1().replace(place, &format!("{system}{place}")),
                false => live_v1().replace(place, &format!("{place}{system}")),
            };
            assert!(both.contains(other));
            let answer = scene.post(V1, &both).await.expect(422);
            let said = answer.text();
            assert!(
                said.contains(other) && !said.contains("PlainValue"),
                "{said}"
            );
        }
        let system =
            format!("<cpix:DRMSystem kid=\"{KID}\" systemId=\"{other}\"/></cpix:DRMSystemList>");
        let both = handmade().replace("</cpix:DRMSystemList>", &system);
        let answer = scene.post(V2_0, &both).await.expect(422);
        assert_eq!(
            answer.text(),
            "Requested CPIX encryption contract not supported"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_documents_are_refused_quickly() {
    let scene = Scene::set(&["abc123"]).await;
    let laughs: String = (1..10)
        .map(|at| {
            format!(
                "<!ENTITY l{at} \"{}\">",
                format!("&l{};", at - 1).repeat(10)
            )
        })
        .collect();
    let laughs = format!("<!DOCTYPE a [<!ENTITY l0 \"ha\">{laughs}]><a>&l9;</a>");
    let outside = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>".to_owned();
    let deep = format!("{}{}", "<a>".repeat(20_000), "</a>".repeat(20_000));
    let wide = format!("<a>{}</a>", "<b/>".repeat(50_000));
    for body in [
        laughs,
        outside,
        deep,
        wide,
        "<a>&l;</a>".to_owned(),
        String::new(),
    ] {
        let began = Instant::now();
        let answer = scene.post(V1, &body).await.expect(400);
        assert_eq!(answer.code(), "bad_request");
        assert!(began.elapsed() < Duration::from_secs(5), "{body:.30}");
    }
    let huge = format!("<a>{}</a>", " ".repeat(10 * 1024 * 1024));
    // The server may close before it has all of it.
    let headers = [("x-speke-version", "1.0")];
    if let Ok(answer) = scene
        .packager
        .try_ask("POST", V1, &headers, Some(&huge))
        .await
    {
        answer.expect(413);
    }
    scene.post(V1, &live_v1()).await.expect(200);
}
