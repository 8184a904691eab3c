//! Whether a request shows something is said alike by the look and by the verification.
//!
//! Must not know: what verifies.

use crate::access::scheme::SchemesConfig;
use crate::access::scheme::request::{Purpose, Request, Target};

use super::load;

const SCHEMES: &str = r#"
[cat]
keys = [{ kid = "k", alg = "HS256", secret_hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" }]
[edgeauth]
secrets_hex = ["00"]
[hdnts]
secrets = ["obviously-fake"]
[securetoken]
secrets = ["obviously-fake"]
[urlparams]
play = ["obviously-fake.watch"]
publish = ["obviously-fake.send"]
[wmsauth]
secrets = ["obviously-fake"]
"#;

/// The instances that find something in the request, by the look and by the verification.
fn shown(content: &str, query: &str, header: Option<(&str, &str)>) -> [Vec<String>; 2] {
    let config: SchemesConfig = toml::from_str(SCHEMES).unwrap();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let headers: Vec<_> = header.map(owned).into_iter().collect();
    let request = Request {
        content,
        stream: Some("live/news"),
        query,
        headers: &headers,
        method: "GET",
        target: Target::default(),
        alpn: None,
        ip: None,
        purpose: Purpose::Play,
    };
    let instances = load(&config).unwrap();
    let named = config.0.keys().zip(&instances);
    let told = |tells: &dyn Fn(&super::SignedRequests) -> bool| {
        let found = named.clone().filter(|(_, instance)| tells(instance));
        found.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    [
        told(&|instance| instance.is_shown(&request)),
        told(&|instance| {
            let mut is_told = false;
            instance.verify_each(&request, &mut |_| is_told = true);
            is_told
        }),
    ]
}

#[test]
fn what_is_looked_for_is_what_would_be_verified() {
    let name = "chunklist_w1_tkd293emF0b2tlbmhhc2g9eA==.m3u8";
    for (content, query, header, expected) in [
        ("live/news", "token=a.b.c&x=y", None, ""),
        ("live/news", "wowzatokenendtime=1", None, "securetoken"),
        ("live/news", "wmsAuthSign=", None, "wmsauth"),
        ("live/news", "hdnts=x", None, "edgeauth hdnts"),
        ("live/news", "hdnts=x&hdnts=x", None, "edgeauth hdnts"),
        ("live/news", "hdntl=x", None, "edgeauth"),
        (
            "live/news",
            "",
            Some(("cookie", "a=b; hdntl=x")),
            "edgeauth",
        ),
        ("live/news", "w%61tch=x", None, "urlparams"),
        ("live/news", "send=x", None, ""),
        ("live/news", "cat=x", None, "cat"),
        (
            "live/news",
            "",
            Some(("cta-common-access-token", "x")),
            "cat",
        ),
        (&format!("live/news/{name}"), "", None, "securetoken"),
        ("live/news/chunklist_w1.m3u8", "", None, ""),
    ] {
        let [looked, verified] = shown(content, query, header);
        assert_eq!(looked.join(" "), expected, "{content}?{query}");
        assert_eq!(verified, looked, "{content}?{query}");
    }
}
