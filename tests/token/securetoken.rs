//! Wowza's SecureToken version 2.
//!
//! Must not know: how the server hashes.

use serde_json::Value;

use super::verdict::Judge;

const VECTORS: &str = include_str!("vectors/wowza_securetoken_v2.json");
const BASIC: &str = "FgERO5GTMyoasNDxlJGkOimCFf-OMWNsCvZ-wBLCMM8=";
const SPAN: &str = "wowzatokenstarttime=1704067200&wowzatokenendtime=1704070800";

fn vectors(list: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    all[list].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

fn algorithm(vector: &Value) -> String {
    text(vector, "alg").replace('-', "").to_lowercase()
}

fn judge(settings: &str) -> Judge {
    Judge::new(
        "securetoken",
        &format!("secrets = [\"mySharedSecret\"]\n{settings}"),
    )
}

fn url(query: &str) -> String {
    format!("http://h:1935/live/myStream/playlist.m3u8?{query}")
}

/// `path?item&item…` as a URL: what has no name is the secret, or the address before it.
fn url_of(hashed: &str, hash: &str) -> (String, String, Option<String>, String) {
    let (path, items) = hashed.split_once('?').unwrap();
    let (named, bare): (Vec<_>, Vec<_>) = items.split('&').partition(|item| item.contains('='));
    let is_address = |item: &&&str| item.parse::<std::net::IpAddr>().is_ok();
    let address = bare.iter().find(is_address).map(|ip| (*ip).to_owned());
    let secret = bare.iter().find(|item| !is_address(item)).unwrap();
    let prefix = named.first().map_or("wowzatoken", |name| match name {
        name if name.starts_with("myTokenPrefix") => "myTokenPrefix",
        _ => "wowzatoken",
    });
    let query = named.join("&");
    let url = format!("http://h/{path}/playlist.m3u8?{query}&{prefix}hash={hash}");
    (url, (*secret).to_owned(), address, prefix.to_owned())
}

#[test]
fn what_was_published_and_is_right_verifies() {
    for vector in vectors("published_that_verify") {
        let (url, secret, address, prefix) =
            url_of(text(&vector, "string_hashed"), text(&vector, "hash"));
        let settings = format!(
            "secrets = [{secret:?}]\nhash = \"{}\"\nprefix = {prefix:?}\ninclude_ip = {}",
            algorithm(&vector),
            address.is_some(),
        );
        let judge = Judge::new("securetoken", &settings).at(1_400_000_000);
        let judge = match &address {
            Some(ip) => judge.ip(ip),
            None => judge,
        };
        match text(&vector, "name") {
            // Its times have names that Wowza does not read: it would never end.
            "npm_tractr_sha512" => judge.denies(&url, "unknown_time_param"),
            name if name.starts_with("ucla") => drop(judge.at(1_595_365_000).allows(&url)),
            _ => drop(judge.allows(&url)),
        }
    }
}

#[test]
fn what_was_published_and_is_wrong_does_not() {
    for vector in vectors("published_that_do_not_verify") {
        let Some(hashed) = vector["claimed_string"].as_str() else {
            continue;
        };
        let (url, secret, address, prefix) = url_of(hashed, text(&vector, "claimed_hash"));
        let settings = format!(
            "secrets = [{secret:?}]\nprefix = {prefix:?}\ninclude_ip = {}",
            address.is_some(),
        );
        let judge = Judge::new("securetoken", &settings).at(1_400_000_000);
        let judge = judge.ip(address.as_deref().unwrap_or("192.0.2.1"));
        judge.denies(&url, "hash_mismatch");
    }
}

#[test]
fn every_generated_url_verifies_and_nothing_near_it() {
    for vector in vectors("generated") {
        let (name, secret) = (text(&vector, "name"), text(&vector, "secret"));
        let address = vector["client_ip"].as_str();
        let with = |secret: &str, hash: &str| {
            let settings = format!(
                "secrets = [\"obviously-a-fake\", {secret:?}]\nhash = {hash:?}\nprefix = {:?}\n\
                 include_ip = {}",
                text(&vector, "prefix"),
                address.is_some(),
            );
            let at = if name == "secret_before_ip" {
                1_427_450_000
            } else {
                1_704_067_200
            };
            Judge::new("securetoken", &settings)
                .at(at)
                .ip(address.unwrap_or("192.0.2.200"))
        };
        let url = text(&vector, "full_url");
        let hash = algorithm(&vector);
        let streams = with(secret, &hash).allows(url).streams;
        let stream = text(&vector, "string_hashed").split('?').next().unwrap();
        assert_eq!(streams, [stream], "{name}");
        // PHP and Python order these apart, and either is taken.
        let other = url.replace(text(&vector, "hash"), text(&vector, "python_hash"));
        with(secret, &hash).allows(&other);

        with("another-secret", &hash).denies(url, "hash_mismatch");
        with(secret, &hash).denies(
            &url.replacen("/live/", "/other/", 1)
                .replacen("/vod/", "/other/", 1),
            "hash_mismatch",
        );
        if address.is_some() {
            with(secret, &hash)
                .ip("192.0.2.77")
                .denies(url, "hash_mismatch");
        }
    }
}

#[test]
fn a_hash_is_taken_with_and_without_its_padding_and_its_faults_are_named() {
    let with = |hash: &str| url(&format!("{SPAN}&wowzatokenhash={hash}"));
    judge("").allows(&with(BASIC.trim_end_matches('=')));
    judge("").allows(&with(&BASIC.replace('=', "%3D")));
    judge("").denies(&with(&BASIC.replace('-', "+")), "hash_alphabet");
    judge("").denies(&with(&BASIC.replace('-', "%2B")), "hash_alphabet");
    judge("").denies(&with(&BASIC[..20]), "hash_length");
    judge("").denies(&with(""), "hash_length");
    let hex = "16011 13b9193332a1ab0d0f194".replace(' ', "") + &"0".repeat(38);
    judge("").denies(&with(&hex[..64]), "hash_length");
    judge("").denies(&url(SPAN), "hash_length");
    judge("").denies("http://h/live/myStream/playlist.m3u8?foo=bar", "no_token");
}

#[test]
fn parameters_of_others_do_not_matter() {
    judge("").allows(&url(&format!(
        "foo=bar&{SPAN}&wowzatokenhash={BASIC}&_HLS_msn=7"
    )));
    judge("").allows(&url(&format!(
        "wowzatokenhash={BASIC}&{SPAN}&wowzasessionid=1"
    )));
}

#[test]
fn every_attack_has_its_own_reason() {
    let hash = "IWwG5UTyuRiBDf9Slxj50R9U0-Qnw4-c7wDeX2vqW6g=";
    for path in [
        "live/myStream/../other",
        "live/./myStream",
        "live//myStream",
        "live/%2e%2e/myStream",
        "live%2fmyStream",
        "live/myStream%00",
    ] {
        judge("").denies(
            &format!("http://h/{path}/playlist.m3u8?wowzatokenhash={hash}"),
            "path",
        );
    }
    let twice = format!("{SPAN}&wowzatokenendtime=1904070800&wowzatokenhash={BASIC}");
    judge("").denies(&url(&twice), "duplicate_param");
    judge("").denies(
        &url(&format!(
            "{SPAN}&wowzatokenhash={BASIC}&wowzatokenhash={BASIC}"
        )),
        "duplicate_param",
    );
    judge("").denies(
        &url(&format!(
            "wowzatokenendtime=1704070800000&wowzatokenhash={BASIC}"
        )),
        "milliseconds",
    );
    for name in ["end_time", "endTime", "EndTime", "start-time", "startTime"] {
        let strange = format!("wowzatoken{name}=1704070800&wowzatokenhash={BASIC}");
        judge("").denies(&url(&strange), "unknown_time_param");
    }
    judge("").denies(
        &url(&format!("wowzatokenendtime=-1&wowzatokenhash={BASIC}")),
        "time",
    );
}

#[test]
fn the_switch_for_the_address_on_one_side_only_is_told() {
    let url = url(&format!("{SPAN}&wowzatokenhash={BASIC}"));
    judge("include_ip = true")
        .ip("192.0.2.10")
        .denies(&url, "ip");
    judge("include_ip = true").denies(&url, "ip");
}

#[test]
fn strict_instances_want_an_end() {
    let hash = "IWwG5UTyuRiBDf9Slxj50R9U0-Qnw4-c7wDeX2vqW6g=";
    let endless = url(&format!("wowzatokenhash={hash}"));
    assert_eq!(judge("").allows(&endless).expires, None);
    judge("require_end = true").denies(&endless, "no_expiry");
    let hour = url(&format!("{SPAN}&wowzatokenhash={BASIC}"));
    judge("max_life = \"1h\"").allows(&hour);
    judge("max_life = \"59m\"").denies(&hour, "life");
    judge("max_life = \"1h\"").denies(&endless, "life");
}

#[test]
fn a_token_in_a_chunklists_name_counts() {
    for vector in vectors("chunklist_embedding") {
        let url = format!("http://h/live/myStream/{}", text(&vector, "filename"));
        match text(&vector, "name") {
            "tk_synthetic" => drop(judge("").allows(&url)),
            // Nobody knows its secret; that the hash was looked at shows that it was found.
            _ => judge("").at(1_549_300_000).denies(&url, "hash_mismatch"),
        }
    }
    judge("").denies("http://h/live/myStream/chunklist_w1_tk!!!.m3u8", "no_token");
}

#[test]
fn a_viewer_is_named_by_a_parameter() {
    let url = "http://h/vod/mp4:sample.mp4/playlist.m3u8?wowzatokenCustomParameter=abcdef\
               &wowzatokenendtime=1704070800&wowzatokenhash=xRB9Ag-pCdDcuSBDdZ21nWEXyJ-OxalQGPbTBi7dvz0=";
    let named = judge("subject_parameter = \"CustomParameter\"").allows(url);
    assert_eq!(named.subject.as_deref(), Some("abcdef"));
    judge("subject_parameter = \"userid\"").denies(url, "subject");
    assert_ne!(judge("").allows(url).subject, named.subject);
}

#[test]
fn an_instance_opens_its_own_streams_alone() {
    let url = url(&format!("{SPAN}&wowzatokenhash={BASIC}"));
    judge("streams = [\"live/*\"]").allows(&url);
    judge("streams = [\"vod/*\"]").denies(&url, "stream");
}
