//! An issuer's server on this machine: up, down, rotating, talking rubbish; time is a parameter.
//!
//! Must not know: claims.

use std::sync::Mutex as Text;
use std::sync::atomic::AtomicUsize;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::access::testing::START;
use crate::outbound::Terms;

const STALE: Duration = Duration::from_secs(3600);

/// A server whose answer can be changed, and which counts.
#[derive(Clone, Default)]
struct Issuer {
    body: Arc<Text<String>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start() -> (Self, Arc<IssuerKeys>) {
        let issuer = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://127.0.0.1:{}/keys",
            listener.local_addr().unwrap().port()
        );
        tokio::spawn(issuer.clone().serve(listener));
        let hosts = ["127.0.0.1"];
        let terms = Terms {
            hosts: &hosts,
            ..Terms::default()
        };
        let client = Client::new(&terms).unwrap();
        let source = Source::Set(url.parse().unwrap());
        let keys = IssuerKeys::new("jwt", source, client, &[], STALE);
        (issuer, Arc::new(keys))
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            self.asked.fetch_add(1, Ordering::SeqCst);
            let body = self.body.lock().unwrap().clone();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }

    fn serves(&self, keys: &[&Signer]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        *self.body.lock().unwrap() = json!({ "keys": keys }).to_string();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

struct Signer(&'static str, KeyPair);

impl Signer {
    fn new(kid: &'static str) -> Self {
        Self(kid, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    fn jwk(&self) -> serde_json::Value {
        let b64 = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        let point = self.1.public_key_raw();
        json!({"kty": "EC", "crv": "P-256", "kid": self.0, "x": b64(&point[1..33]), "y": b64(&point[33..])})
    }

    /// What `keys` say of a message that this one signed under its own name.
    fn judged(
        &self,
        keys: &IssuerKeys,
        now: Timestamp,
    ) -> Result<Arc<VerifyingKey>, (Fault, bool)> {
        let pem = self.1.serialize_pem();
        let key = EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
        let signature = crypto::sign(b"message", &key, jsonwebtoken::Algorithm::ES256).unwrap();
        let header = Header {
            algorithm: Algorithm::ES256,
            kid: Some(self.0.to_owned()),
        };
        let signed = Signed {
            message: "message",
            signature: &signature,
        };
        let judged = keys.signer(&header, signed, now);
        judged.map_err(|refusal| (refusal.fault, refusal.is_open))
    }
}

fn later(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

const OPEN: Option<(Fault, bool)> = Some((Fault::UnknownKey, true));

#[tokio::test]
async fn a_new_key_is_found_and_strangers_make_nobody_ask_often() {
    let (issuer, keys) = Issuer::start().await;
    let (one, two, stranger) = (Signer::new("one"), Signer::new("two"), Signer::new("x"));
    issuer.serves(&[&one]);
    assert_eq!(one.judged(&keys, START).err(), OPEN);
    assert!(!keys.is_current(START));
    // Many at once wait for one answer.
    let together = (0..50).map(|_| {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { keys.renew(START).await })
    });
    for asking in together.collect::<Vec<_>>() {
        asking.await.unwrap();
    }
    assert_eq!(issuer.asked(), 1);
    assert!(one.judged(&keys, START).is_ok() && keys.is_current(START));
    assert_eq!(stranger.judged(&keys, START).err(), OPEN);
    issuer.serves(&[&one, &two]);
    keys.renew(later(1)).await;
    assert_eq!(issuer.asked(), 2);
    assert!(two.judged(&keys, later(1)).is_ok());
    // A storm for ten minutes: what is spare, and one for each half a minute.
    for tenth in 10..6000 {
        keys.renew(START.plus(Duration::from_millis(100 * tenth)))
            .await;
    }
    assert_eq!(issuer.asked(), 1 + 4 + 19);
    keys.renew(later(1200)).await;
    assert_eq!(issuer.asked(), 1 + 4 + 19 + 1);
    // A name that is there is never open: nothing newer would verify it.
    let forged = Signer(
        "one",
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
    );
    assert_eq!(
        forged.judged(&keys, later(30)).err(),
        Some((Fault::Signature, false))
    );
}

#[tokio::test]
async fn a_key_that_stays_is_the_same_and_one_that_goes_is_gone() {
    let (issuer, keys) = Issuer::start().await;
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    issuer.serves(&[&one, &two]);
    keys.renew(START).await;
    let weak = |signer: &Signer| Arc::downgrade(&signer.judged(&keys, START).unwrap());
    let (kept, gone) = (weak(&one), weak(&two));
    issuer.serves(&[&one]);
    keys.renew(later(30)).await;
    assert_eq!((kept.strong_count(), gone.strong_count()), (1, 0));
    assert_eq!(two.judged(&keys, later(30)).err(), OPEN);
}

#[tokio::test]
async fn the_last_good_set_goes_on_for_a_time() {
    let (issuer, keys) = Issuer::start().await;
    let one = Signer::new("one");
    issuer.serves(&[&one]);
    keys.renew(START).await;
    for (minute, rubbish) in ["", "{}", "<html>", r#"{"keys":[]}"#].iter().enumerate() {
        *issuer.body.lock().unwrap() = (*rubbish).to_owned();
        let now = later(60 * (minute as u64 + 1));
        keys.renew(now).await;
        assert_eq!(issuer.asked(), minute + 2);
        assert!(one.judged(&keys, now).is_ok(), "{rubbish}");
        assert!(!keys.is_current(now), "{rubbish}");
    }
    let last = START.plus(STALE).minus(Duration::from_millis(1));
    let weak = Arc::downgrade(&one.judged(&keys, last).unwrap());
    keys.forget(last);
    assert!(one.judged(&keys, last).is_ok());
    let over = START.plus(STALE);
    assert_eq!(one.judged(&keys, over).err(), OPEN);
    keys.forget(over);
    assert_eq!(weak.strong_count(), 0);
    issuer.serves(&[&one]);
    keys.renew(over).await;
    assert!(one.judged(&keys, over).is_ok() && keys.is_current(over));
}

#[tokio::test]
async fn a_set_is_inherited_where_nothing_changed_that_it_came_by() {
    let (issuer, old) = Issuer::start().await;
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    issuer.serves(&[&one, &two]);
    old.renew(START).await;
    let Source::Set(address) = &old.source else {
        panic!("not a set");
    };
    let (set, hosts) = (|| Source::Set(address.clone()), ["127.0.0.1", "localhost"]);
    let heir = |scheme, source, hosts: &[&str], accepted: &[Algorithm], stale| {
        let terms = Terms {
            hosts,
            ..Terms::default()
        };
        let client = Client::new(&terms).unwrap();
        let keys = IssuerKeys::new(scheme, source, client, accepted, stale);
        keys.inherit(&old);
        Arc::new(keys)
    };
    let same = heir("jwt", set(), &hosts[..1], &[], STALE);
    assert!(one.judged(&same, START).is_ok());
    let elsewhere = Source::Set("http://127.0.0.1:1/keys".parse().unwrap());
    let discovered = Source::Discovery(address.clone(), Vec::new());
    let es256 = [Algorithm::ES256];
    for (n, other) in [
        heir("other", set(), &hosts[..1], &[], STALE),
        heir("jwt", elsewhere, &hosts[..1], &[], STALE),
        heir("jwt", discovered, &hosts[..1], &[], STALE),
        heir("jwt", set(), &hosts, &[], STALE),
        heir("jwt", set(), &hosts[..1], &es256, STALE),
        heir("jwt", set(), &hosts[..1], &[], STALE * 2),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(one.judged(other, START).err(), OPEN, "{n}");
    }
    // It is as old as it was, and what goes from it is gone, though the old one is still read.
    assert_eq!(one.judged(&same, START.plus(STALE)).err(), OPEN);
    let gone = Arc::downgrade(&two.judged(&same, START).unwrap());
    issuer.serves(&[&one]);
    same.renew(later(1)).await;
    assert_eq!(gone.strong_count(), 0);
    assert!(two.judged(&old, later(1)).is_ok());
}

/// A failure is tried again sooner, ever less often, and a clock that was set does not end that.
#[tokio::test]
async fn a_server_that_fails_is_asked_again_soon() {
    let (issuer, keys) = Issuer::start().await;
    let mut asked = Vec::new();
    for second in 0..60 {
        let before = issuer.asked();
        keys.renew(later(second)).await;
        if issuer.asked() > before {
            asked.push(second);
        }
    }
    assert_eq!(asked, [0, 5, 15, 30, 45]);
    keys.renew(later(45).minus(Duration::from_secs(59))).await;
    assert_eq!(issuer.asked(), 5);
    keys.renew(later(45).minus(Duration::from_secs(60))).await;
    assert_eq!(issuer.asked(), 6);
}

#[tokio::test]
async fn shared_secrets_are_no_issuers_keys() {
    let (issuer, keys) = Issuer::start().await;
    let secret = URL_SAFE_NO_PAD.encode([7; 64]);
    let oct = json!({"kty": "oct", "kid": "one", "k": secret, "alg": "HS256"});
    *issuer.body.lock().unwrap() = json!({"keys": [Signer::new("two").jwk(), oct]}).to_string();
    keys.renew(START).await;
    let key = EncodingKey::from_secret(&[7; 64]);
    let signature = crypto::sign(b"message", &key, jsonwebtoken::Algorithm::HS256).unwrap();
    let header = Header {
        algorithm: Algorithm::HS256,
        kid: Some("one".to_owned()),
    };
    let signed = Signed {
        message: "message",
        signature: &signature,
    };
    let refusal = keys.signer(&header, signed, START).err().unwrap();
    assert_eq!((refusal.fault, refusal.is_open), (Fault::Algorithm, false));
}
