//! HTTP's digest (RFC 7616 with MD5 and `qop=auth`), for packagers that can do nothing better. Legacy: by
//! `MD5(user:realm:password)` somebody is let in as by the password itself, so it is sealed by the master key, and kept only
//! of credentials that were made for it.
//!
//! Nonces hold their own time and are signed, so any server of a service takes them. One that is used for a second
//! time with the same count is told to be stale: who has the password goes on with the new one. Must not know: HTTP's
//! headers beyond this one, or which routes take it.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::api_key::machine;
use super::{DIGEST, Fault, Turns};
use crate::access::credential::{Asker, Credential, after_scheme};
use crate::access::password::is_user;
use crate::access::ring::{Form, Ring};
use crate::crypto::{KeyRing, Place, RingError, SecretText, hex_of, md5, sha256};
use crate::domain::{Denied, Entropy, Principal, Timestamp};
use crate::store::{CredentialRow, Store, StoreError};

/// What the user's password is for; part of what is kept of it.
const REALM: &str = "hlskey";
/// Comes back as it was (RFC 7616 §3.3); nothing depends on it.
const OPAQUE: &str = "aGxza2V5";
/// How long a nonce counts. For so long another server takes what was heard of one.
const LIFE: Duration = Duration::from_secs(60);
/// So far ahead another server's clock may be, in milliseconds. Uses are remembered for longer than both together.
const AHEAD: i64 = 5_000;
/// How long a wrong one holds up its address.
const WRONG: Duration = Duration::from_millis(100);
/// How long it is remembered whether anybody uses digest.
const FRESH: Duration = Duration::from_secs(5);
/// The most uses of nonces that are remembered.
const MOST: u64 = 100_000;
/// The longest header, in bytes, and its most parameters.
const LONGEST: usize = 2048;
const MOST_PARAMETERS: usize = 16;
const NONCE: Form = Form {
    purpose: b"hlskey digest nonce 1\0",
    version: 1,
    max_text: 128,
};

/// Who is let in by digest.
pub(in crate::access) struct Digests {
    store: Store,
    nonces: Arc<Ring>,
    /// Without it nothing that is sealed can be opened, and digest is not spoken.
    masters: Option<KeyRing>,
    used: Cache<[u8; 32], ()>,
    any: Cache<(), bool>,
    turns: Turns,
}

/// Why a password's digest is not kept.
#[derive(Debug, thiserror::Error)]
pub enum Ha1Fault {
    /// Clients write such a user each in their own way.
    #[error("a user for digest is in ASCII, without quotes and backslashes")]
    User,
    /// No master key, or all are retired.
    #[error("{0}")]
    Ring(#[from] RingError),
    /// The store is away.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the digest of the credential `id` is sealed for.
pub fn ha1_place(id: &str) -> Place<'_> {
    Place {
        table: "credentials",
        row: id.as_bytes(),
        column: "sealed_ha1",
    }
}

/// What is kept of a user's password, sealed under the first master key that is not retired.
pub async fn seal_ha1(
    store: &Store,
    masters: &KeyRing,
    (id, user): (&str, &str),
    password: &SecretText,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Ha1Fault> {
    if !is_plain(user) {
        return Err(Ha1Fault::User);
    }
    let retired = store.retired_masters().await?;
    let tag = masters.tags().find(|tag| !retired.contains(tag));
    let tag = tag.ok_or(RingError::AllRetired)?;
    let parts = [user, ":", REALM, ":", password.expose()].map(str::as_bytes);
    let ha1 = Zeroizing::new(md5(&parts));
    Ok(masters.seal_under(tag, ha1_place(id), &*ha1, entropy)?)
}

fn is_plain(user: &str) -> bool {
    user.is_ascii() && !user.contains(['"', '\\'])
}

/// What whom the digest did not let in may know: nothing that tells one user from another.
pub fn advice(denied: &Denied) -> Option<&'static str> {
    let is = |fault: Fault| denied.code() == fault.code();
    if is(Fault::Digest) || is(Fault::NoDigest) {
        return Some(
            "the digest's user is unknown, its credential is not for digest, or the response is another",
        );
    }
    let told = [Fault::DigestForm, Fault::StaleNonce];
    told.into_iter().find(|fault| is(*fault)).map(Fault::reason)
}

impl Digests {
    pub(in crate::access) fn new(
        store: Store,
        nonces: Arc<Ring>,
        masters: Option<KeyRing>,
    ) -> Self {
        let cache = |life| Cache::builder().max_capacity(MOST).time_to_live(life);
        Self {
            store,
            nonces,
            masters,
            used: cache(2 * LIFE).build(),
            any: Cache::builder().time_to_live(FRESH).build(),
            turns: Turns::cheap(),
        }
    }

    /// As [`seal_ha1`], under this server's master keys.
    pub(in crate::access) async fn seal(
        &self,
        whose: (&str, &str),
        password: &SecretText,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Ha1Fault> {
        let masters = self.masters.as_ref().ok_or(RingError::Empty)?;
        seal_ha1(&self.store, masters, whose, password, entropy).await
    }

    /// The challenge to whom was refused for `denied` (RFC 7616 §3.3); `None` where nobody uses digest.
    pub(in crate::access) async fn challenge(
        &self,
        denied: &Denied,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Option<String> {
        self.masters.as_ref()?;
        let any = self.any.try_get_with((), self.store.has_digests()).await;
        if !any.unwrap_or(false) {
            return None;
        }
        let mut fields = [0; 16];
        entropy.fill(&mut fields);
        fields[..8].copy_from_slice(&now.millis().to_be_bytes());
        let nonce = self.nonces.sign(&NONCE, &fields);
        let stale = match denied.code() == Fault::StaleNonce.code() {
            true => ", stale=true",
            false => "",
        };
        Some(format!(
            "Digest realm=\"{REALM}\", qop=\"auth\", algorithm=MD5, nonce=\"{}\", opaque=\"{OPAQUE}\"{stale}",
            nonce.expose()
        ))
    }

    /// `None` for what shows no digest.
    pub(in crate::access) async fn verify(
        &self,
        credential: &Credential<'_>,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, Fault>> {
        let text = after_scheme(credential.header("authorization")?, "digest")?;
        let masters = self.masters.as_ref()?;
        let shown = Shown::read(text).filter(|shown| shown.is_for(credential));
        Some(match shown {
            Some(shown) => self.judge(masters, &shown, credential, now).await,
            None => Err(Fault::DigestForm),
        })
    }

    /// Whoever guesses waits in turn, as for other passwords. A nonce is looked at last: only who has the password
    /// is told that another one is all that is missing.
    async fn judge(
        &self,
        masters: &KeyRing,
        shown: &Shown,
        credential: &Credential<'_>,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Fault> {
        let (way, ip) = (credential.way, credential.ip);
        let turn = self
            .turns
            .take(Asker { way, ip })
            .await
            .ok_or(Fault::Busy)?;
        let row = self.row(&shown.user).await?;
        let ha1 = row.as_ref().map(|row| opened(masters, row)).transpose()?;
        let is_right = shown.is_of(ha1.as_ref().and_then(Option::as_ref), credential.method);
        let row = match (row, ha1) {
            (Some(row), Some(Some(_))) if is_right => row,
            (row, ha1) => {
                turn.linger(WRONG).await;
                let has_none = row.is_some() && matches!(ha1, Some(None));
                return Err(if has_none {
                    Fault::NoDigest
                } else {
                    Fault::Digest
                });
            }
        };
        if !self.is_live(&shown.nonce, now) || !self.is_first(shown).await {
            return Err(Fault::StaleNonce);
        }
        let principal = machine(row, DIGEST);
        let is_live = principal.is_live(now);
        is_live.then(|| Arc::new(principal)).ok_or(Fault::Expired)
    }

    async fn row(&self, user: &str) -> Result<Option<CredentialRow>, Fault> {
        let row = self.store.credential_of_user(user).await;
        row.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "cannot look up a packager's digest");
            Fault::StoreAway
        })
    }

    fn is_live(&self, nonce: &str, now: Timestamp) -> bool {
        let fields = self.nonces.open(&NONCE, nonce).ok();
        let made = fields.as_deref().and_then(|it| it.first_chunk::<8>());
        made.is_some_and(|made| is_fresh(i64::from_be_bytes(*made), now))
    }

    /// Whether the nonce comes with this count for the first time, at this server.
    async fn is_first(&self, shown: &Shown) -> bool {
        let count = shown.count.to_ascii_lowercase();
        let use_of = sha256(format!("{} {count}", shown.nonce).as_bytes());
        self.used.entry(use_of).or_insert(()).await.is_fresh()
    }
}

/// Whether a nonce of `made`, in milliseconds since the epoch, counts: its server's clock may be a little ahead.
fn is_fresh(made: i64, now: Timestamp) -> bool {
    let age = i128::from(now.millis()) - i128::from(made);
    (-i128::from(AHEAD)..i128::from(LIFE.as_secs()) * 1000).contains(&age)
}

/// MD5 of user, realm and password, if the credential was made for digest.
fn opened(masters: &KeyRing, row: &CredentialRow) -> Result<Option<Zeroizing<[u8; 16]>>, Fault> {
    let sealed = row.password.as_ref().and_then(|it| it.sealed_ha1.as_ref());
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let plain = masters.open(ha1_place(&row.id), sealed).map_err(|error| {
        tracing::error!(credential = row.name, %error, "a packager's digest does not open");
        Fault::StoreAway
    })?;
    let ha1 = <[u8; 16]>::try_from(&**plain).map_err(|_| Fault::StoreAway)?;
    Ok(Some(Zeroizing::new(ha1)))
}

/// What the header says (RFC 7616 §3.4).
struct Shown {
    user: String,
    nonce: String,
    uri: String,
    response: String,
    count: String,
    own_nonce: String,
}

impl Shown {
    /// `None` if it is not MD5's with `qop=auth` and of our realm.
    fn read(text: &str) -> Option<Self> {
        let all = parameters(text)?;
        let value = |name: &str| {
            let mut found = all.iter().filter(|(one, _)| one.eq_ignore_ascii_case(name));
            let value = found.next().map(|(_, value)| value.clone());
            found.next().is_none().then_some(value)
        };
        let is_or_absent = |name: &str, wanted: &str| {
            value(name).is_some_and(|it| it.is_none_or(|it| it.eq_ignore_ascii_case(wanted)))
        };
        let is_ours = value("realm")?? == REALM
            && value("qop")??.eq_ignore_ascii_case("auth")
            && is_or_absent("algorithm", "MD5")
            && is_or_absent("opaque", OPAQUE)
            && is_or_absent("userhash", "false");
        let shown = Self {
            user: value("username")??,
            nonce: value("nonce")??,
            uri: value("uri")??,
            response: value("response")??.to_ascii_lowercase(),
            count: value("nc")??,
            own_nonce: value("cnonce")??,
        };
        let is_count = shown.count.len() == 8 && shown.count.bytes().all(|b| b.is_ascii_hexdigit());
        (is_ours && is_count && is_user(&shown.user)).then_some(shown)
    }

    /// Whether it is for the URL that is asked for.
    fn is_for(&self, credential: &Credential<'_>) -> bool {
        let (path, query) = (credential.target.path, credential.query);
        match query.is_empty() {
            true => self.uri == path,
            false => self.uri == format!("{path}?{query}"),
        }
    }

    /// Whether the response is the one (RFC 7616 §3.4.1). Takes as long for nobody, and is not theirs.
    fn is_of(&self, ha1: Option<&Zeroizing<[u8; 16]>>, method: &str) -> bool {
        let nobody = Zeroizing::new([0; 16]);
        let first = Zeroizing::new(hex_of(&**ha1.unwrap_or(&nobody)));
        let second = hex_of(&md5(&[method.as_bytes(), b":", self.uri.as_bytes()]));
        let (nonce, count, own) = (&*self.nonce, &*self.count, &*self.own_nonce);
        let joined = Zeroizing::new(format!("{}:{nonce}:{count}:{own}:auth:{second}", *first));
        let wanted = hex_of(&md5(&[joined.as_bytes()]));
        let is_it: bool = wanted.as_bytes().ct_eq(self.response.as_bytes()).into();
        is_it && ha1.is_some()
    }
}

/// `name=value` and `name="value"` with commas between (RFC 9110 §11.4).
fn parameters(text: &str) -> Option<Vec<(&str, String)>> {
    let (mut all, mut rest) = (Vec::new(), text.trim());
    if text.len() > LONGEST {
        return None;
    }
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after.trim_start())?;
        all.push((name.trim(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
        if all.len() > MOST_PARAMETERS {
            return None;
        }
    }
    Some(all)
}

/// A token or a quoted string, and what comes after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let (mut value, mut letters) = (String::new(), quoted.char_indices());
    loop {
        match letters.next()? {
            (at, '"') => return Some((value, &quoted[at + 1..])),
            (_, '\\') => value.push(letters.next()?.1),
            (_, letter) => value.push(letter),
        }
    }
}

#[cfg(test)]
mod tests;
