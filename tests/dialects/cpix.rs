//! The CPIX document of a time, read by another's parser, and its keys compared with the key information's.
//!
//! Must not know: how periods are found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{STREAM, packager, resource};
use crate::harness::serve::Serve;

/// An element: its local name, its attributes and its text.
type Element = (String, Vec<(String, String)>, String);

fn elements(text: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(text);
    let mut found: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let attributes = tag.attributes().map(Result::unwrap).map(|one| {
                    let name = String::from_utf8(one.key.as_ref().to_vec()).unwrap();
                    (name, String::from_utf8(one.value.to_vec()).unwrap())
                });
                let name = String::from_utf8(tag.local_name().as_ref().to_vec()).unwrap();
                found.push((name, attributes.collect(), String::new()));
            }
            Event::Text(text) => {
                if let Some(last) = found.last_mut() {
                    let text = String::from_utf8(text.to_vec()).unwrap();
                    last.2.push_str(text.trim());
                }
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn attribute<'a>(element: &'a Element, name: &str) -> &'a str {
    let found = element.1.iter().find(|(known, _)| known == name);
    &found.unwrap_or_else(|| panic!("{element:?}: {name}")).1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_has_every_period_of_its_time_with_its_key() {
    let serve = Serve::start("{ every = \"10m\" }", "").await;
    let (actor, _) = packager(&serve, "p", STREAM);
    let get = async |query: &str| actor.get(&resource(&format!("cpix{query}"))).await;
    let range = "?start=2026-01-01T12:05:00Z&end=2026-01-01T12:25:00Z";
    let answer = get(range).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/xml");
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = answer.text();
    assert_eq!(
        get(range).await.expect(200).text(),
        text,
        "the same for ever"
    );
    let all = elements(&text);
    let named = |name: &str| all.iter().filter(|one| one.0 == name).collect::<Vec<_>>();
    assert_eq!(attribute(named("CPIX")[0], "contentId"), STREAM);
    let periods = named("ContentKeyPeriod");
    let starts: Vec<_> = periods.iter().map(|one| attribute(one, "start")).collect();
    let expected = [
        "2026-01-01T12:00:00.000Z",
        "2026-01-01T12:10:00.000Z",
        "2026-01-01T12:20:00.000Z",
    ];
    assert_eq!(starts, expected);
    assert_eq!(attribute(periods[0], "end"), starts[1]);
    // A period has either (DASH-IF CPIX 2.3).
    assert!(!text.contains(" index="), "{text}");
    let (keys, rules) = (named("ContentKey"), named("ContentKeyUsageRule"));
    let filters = named("KeyPeriodFilter");
    for at in 0..3 {
        let kid = attribute(keys[at], "kid");
        assert_eq!(attribute(rules[at], "kid"), kid);
        assert_eq!(
            attribute(filters[at], "periodId"),
            attribute(periods[at], "id")
        );
        let plain = STANDARD.decode(&named("PlainValue")[at].2).unwrap();
        // The same key as everybody is given under that kid.
        let raw = actor
            .get(&resource(&format!("key?kid={kid}")))
            .await
            .expect(200);
        assert_eq!(raw.body, plain);
        let uri = String::from_utf8(STANDARD.decode(&named("URIExtXKey")[at].2).unwrap()).unwrap();
        assert_eq!(uri, format!("{}/v1/keys/{kid}", serve.url()));
        let tag =
            String::from_utf8(STANDARD.decode(&named("HLSSignalingData")[at].2).unwrap()).unwrap();
        assert!(
            tag.starts_with(&format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\"")),
            "{tag}"
        );
    }
    let now = elements(&get("").await.expect(200).text());
    assert_eq!(now.iter().filter(|one| one.0 == "ContentKey").count(), 1);
    for (query, status) in [
        ("?start=2026-01-01T12:05:00Z&end=2026-01-01T11:25:00Z", 400),
        ("?start=2026-01-01T12:05:00Z&end=2027-01-01T11:25:00Z", 400),
        ("?start=soon", 400),
    ] {
        get(query).await.expect(status);
    }
    let (other, _) = packager(&serve, "other", "test/other");
    other.get(&resource("cpix")).await.expect(403);
}
