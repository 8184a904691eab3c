//! Digests as RFC 7616 has them, their headers, and the time of nonces.
//!
//! Must not know: the store.

use super::*;

/// RFC 7616 §3.9.1, with our realm's check left out.
#[test]
fn the_published_response_is_right() {
    let shown = Shown {
        user: "Mufasa".to_owned(),
        nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".to_owned(),
        uri: "/dir/index.html".to_owned(),
        response: "8ca523f5e9506fed4657c9700eebdbec".to_owned(),
        count: "00000001".to_owned(),
        own_nonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".to_owned(),
    };
    let ha1 = md5(&[b"Mufasa:http-auth@example.org:Circle of Life"]);
    let ha1 = Zeroizing::new(ha1);
    assert!(shown.is_of(Some(&ha1), "GET"));
    assert!(!shown.is_of(Some(&ha1), "POST"));
    assert!(!shown.is_of(None, "GET"));
}

/// A client may write its count in capitals, and has hashed what it wrote.
#[test]
fn a_count_is_hashed_as_it_came() {
    let shown = |count: &str, response: &str| {
        let text = format!(
            "username=\"a\", realm=\"hlskey\", nonce=\"n\", uri=\"/x\", qop=auth, nc={count}, cnonce=\"c\", \
             response=\"{response}\""
        );
        Shown::read(&text).unwrap()
    };
    let ha1 = Zeroizing::new(md5(&[b"a:hlskey:obviously-a-fake"]));
    let second = hex_of(&md5(&[b"POST:/x"]));
    let response = |count: &str| {
        let joined = format!("{}:n:{count}:c:auth:{second}", hex_of(&*ha1));
        hex_of(&md5(&[joined.as_bytes()]))
    };
    for count in ["0000000a", "0000000A"] {
        let right = shown(count, &response(count));
        assert!(right.is_of(Some(&ha1), "POST"), "{count}");
    }
    let other = shown("0000000A", &response("0000000a"));
    assert!(!other.is_of(Some(&ha1), "POST"));
}

#[test]
fn who_cannot_be_written_in_a_header_has_no_digest() {
    for (user, is_writable) in [
        ("a b", true),
        ("Müller", false),
        ("a\"b", false),
        ("a\\b", false),
    ] {
        assert_eq!(is_plain(user), is_writable, "{user}");
    }
}

#[test]
fn a_nonce_may_be_a_little_ahead() {
    let now = Timestamp::from_millis(1_000_000);
    for (made, is) in [
        (1_000_000, true),
        (1_005_000, true),
        (1_005_001, false),
        (940_001, true),
        (940_000, false),
    ] {
        assert_eq!(is_fresh(made, now), is, "{made}");
    }
}

#[test]
fn a_header_is_read_whole_or_not_at_all() {
    let good = "username=\"a \\\"b\\\", c\", realm=\"hlskey\", nonce=\"n\", uri=\"/x?a=b,c\", \
                qop=auth, nc=0000000A, cnonce=\"\", response=\"AB\", algorithm=MD5, opaque=\"aGxza2V5\"";
    let shown = Shown::read(good).unwrap();
    assert_eq!((&*shown.user, &*shown.uri), ("a \"b\", c", "/x?a=b,c"));
    assert_eq!((&*shown.count, &*shown.response), ("0000000A", "ab"));
    for (from, to) in [
        ("realm=\"hlskey\"", "realm=\"other\""),
        ("qop=auth", "qop=auth-int"),
        ("qop=auth, ", ""),
        ("nc=0000000A", "nc=1"),
        ("algorithm=MD5", "algorithm=MD5-sess"),
        ("algorithm=MD5", "userhash=true"),
        ("opaque=\"aGxza2V5\"", "opaque=\"x\""),
        ("nonce=\"n\"", "nonce=\"n\", nonce=\"m\""),
        ("nonce=\"n\"", "nonce=\"n"),
        ("username=\"a", "username*=\"a"),
        ("username=\"a", "username=\"a:"),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(Shown::read(&good.replacen(from, to, 1)).is_none(), "{to}");
    }
}
