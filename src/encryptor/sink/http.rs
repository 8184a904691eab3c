//! An origin that takes files by `PUT` and `DELETE` (RFC 9110 §9.3.4, §9.3.5), as WebDAV servers do.
//!
//! HTTPS, or `http://` to this machine; no redirects, no proxy, bounded answers; the credential
//! stands in no error. Must not know: when something is sent.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH,
    IF_NONE_MATCH,
};
use reqwest::{Client, Method, RequestBuilder, Response, Url};

use super::long::LongFile;
use super::published::Parcel;
use super::remote::{Fault, Version, cache_control, media_type};
use crate::crypto::SecretText;
use crate::outbound::{Address, authorities, causes};
use crate::playlist::MAX_BYTES;

/// The origin.
pub(in crate::encryptor) struct Origin {
    http: Client,
    base: Url,
    credential: Option<HeaderValue>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Origin {
    /// The origin below `url`, trusting the system's authorities and those of `ca`. Its credential
    /// is `credential`, `user:password` or else a bearer's token, or what stands in `url`.
    pub(in crate::encryptor) fn new(
        url: &Url,
        ca: Option<&Path>,
        credential: Option<&SecretText>,
    ) -> Result<Self, String> {
        if url.query().is_some() || url.fragment().is_some() {
            return Err("files lie below a path: no ? and no #".to_owned());
        }
        let base = plain(url);
        let address = base.as_str().parse::<Address>();
        address.map_err(|error| error.to_string())?;
        let credential = match credential {
            Some(text) => Some(header(text.expose())?),
            None => in_url(url).map(|text| header(text.expose())).transpose()?,
        };
        let mut http = Client::builder();
        if let Some(ca) = ca {
            http = http.tls_certs_merge(authorities(ca).map_err(|error| error.to_string())?);
        }
        let http = http
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("hlskey/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(causes)?;
        Ok(Self {
            http,
            base,
            credential,
        })
    }

    pub(super) async fn put(&self, parcel: Parcel) -> Result<(), Fault> {
        let path = parcel.path.as_str();
        let answer = self.send(self.carry(path, parcel.bytes)).await?;
        good(path, &answer)
    }

    /// A body of a known length that is read as it goes (RFC 9110 §8.6).
    pub(super) async fn put_long(&self, long: LongFile) -> Result<(), Fault> {
        let (path, len) = (long.path().clone(), long.len());
        let body = reqwest::Body::wrap_stream(long.parts());
        let request = self.request(Method::PUT, path.as_str());
        let request = described(request, path.as_str()).header(CONTENT_LENGTH, len);
        let answer = self.send(request.body(body)).await?;
        good(path.as_str(), &answer)
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Fault> {
        let answer = self.send(self.request(Method::DELETE, path)).await?;
        match is_gone(&answer) {
            true => Ok(()),
            false => good(path, &answer),
        }
    }

    /// A file of at most [`MAX_BYTES`] and its version; `None` if it is not there.
    pub(super) async fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, Fault> {
        let mut answer = self.send(self.ask(Method::GET, path)).await?;
        if is_gone(&answer) {
            return Ok(None);
        }
        good(path, &answer)?;
        let version = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        let version = version.map(str::to_owned);
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > MAX_BYTES {
                return Err(Fault::Unreachable(format!("{path}: too long an answer")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some((bytes, version)))
    }

    pub(super) async fn length(&self, path: &str) -> Result<Option<u64>, Fault> {
        let answer = self.send(self.ask(Method::HEAD, path)).await?;
        // An origin that is asked too much, or lets nobody in, has not said that a file is missing.
        if is_gone(&answer) || is_unknown(&answer) {
            return Ok(None);
        }
        good(path, &answer)?;
        let length = answer.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok());
        Ok(length.and_then(|length| length.parse().ok()))
    }

    /// Puts a file in place of the version `was`, or of none; `false` if another is there. Origins
    /// that do not know conditions put it in any case.
    pub(super) async fn swap(
        &self,
        path: &str,
        bytes: Vec<u8>,
        was: Option<&Version>,
    ) -> Result<bool, Fault> {
        let request = self.carry(path, bytes);
        let request = match was {
            None => request.header(IF_NONE_MATCH, "*"),
            Some(Some(version)) if !version.starts_with("W/") => request.header(IF_MATCH, version),
            Some(_) => request,
        };
        let answer = self.send(request).await?;
        // another was faster: the condition does not hold, or both wrote at once
        if matches!(answer.status().as_u16(), 409 | 412) {
            return Ok(false);
        }
        good(path, &answer).map(|()| true)
    }

    fn carry(&self, path: &str, bytes: Vec<u8>) -> RequestBuilder {
        described(self.request(Method::PUT, path), path).body(bytes)
    }

    /// What lies there, not what a cache on the way remembers (RFC 9111 §5.2.1.4).
    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header(CACHE_CONTROL, "no-cache")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path.split('/'));
        }
        let request = self.http.request(method, url);
        match &self.credential {
            Some(credential) => request.header(AUTHORIZATION, credential.clone()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Fault> {
        request.send().await.map_err(failed)
    }
}

fn described(request: RequestBuilder, path: &str) -> RequestBuilder {
    request
        .header(CONTENT_TYPE, media_type(path))
        .header(CACHE_CONTROL, cache_control(path))
}

/// Without user and password.
fn plain(url: &Url) -> Url {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// `user:password` of a URL.
fn in_url(url: &Url) -> Option<SecretText> {
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let password = url.password().map(decoded);
    let is_named = !url.username().is_empty() || password.is_some();
    let text = format!(
        "{}:{}",
        decoded(url.username()),
        password.unwrap_or_default()
    );
    is_named.then(|| SecretText::new(text))
}

/// What holds a colon is `user:password`, anything else a bearer's token.
fn header(credential: &str) -> Result<HeaderValue, String> {
    let text = match credential.contains(':') {
        true => format!("Basic {}", STANDARD.encode(credential)),
        false => format!("Bearer {credential}"),
    };
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| "its credential holds characters that no header carries".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_gone(answer: &Response) -> bool {
    matches!(answer.status().as_u16(), 404 | 410)
}

/// The method is not known there (RFC 9110 §15.5.6, §15.6.2).
fn is_unknown(answer: &Response) -> bool {
    matches!(answer.status().as_u16(), 405 | 501)
}

fn good(path: &str, answer: &Response) -> Result<(), Fault> {
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(Fault::Refused {
            path: path.to_owned(),
            status: status.as_u16(),
            told: String::new(),
        }),
    }
}

fn failed(error: reqwest::Error) -> Fault {
    Fault::Unreachable(causes(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Result<Origin, String> {
        Origin::new(&url.parse().unwrap(), None, None)
    }

    #[test]
    fn a_credential_goes_only_over_tls_or_to_this_machine() {
        for good in [
            "https://o.example/live",
            "http://127.0.0.1:81/a/",
            "http://localhost/",
        ] {
            assert!(origin(good).is_ok(), "{good}");
        }
        assert!(origin("http://o.example/").is_err());
        assert!(origin("http://10.0.0.1/").is_err());
    }

    #[test]
    fn what_could_not_be_kept_of_a_url_is_refused() {
        assert!(origin("https://o.example/live").is_ok());
        for extra in ["?x=1", "?", "#a"] {
            assert!(origin(&format!("https://o.example/live{extra}")).is_err());
        }
    }

    #[test]
    fn no_cache_answers_for_the_origin() {
        let origin = origin("https://o.example/live").unwrap();
        for method in [Method::GET, Method::HEAD] {
            let request = origin.ask(method, "index.m3u8").build().unwrap();
            assert_eq!(request.headers()[CACHE_CONTROL], "no-cache");
        }
    }

    #[test]
    fn files_lie_below_the_url_whatever_they_are_called() {
        for base in ["https://o.example/live", "https://o.example/live/"] {
            let request = origin(base)
                .unwrap()
                .request(Method::PUT, "v 0/a#b?c%41.ts");
            let url = request.build().unwrap().url().to_string();
            assert_eq!(url, "https://o.example/live/v%200/a%23b%3Fc%2541.ts");
        }
    }

    #[test]
    fn credentials_are_basic_or_bearer_and_never_shown() {
        let in_url = origin("https://me:fake%3Apassword@o.example/").unwrap();
        assert!(!in_url.base.as_str().contains("me"));
        let shown = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let basic = in_url.credential.as_ref().map(shown);
        let expected = format!("Basic {}", STANDARD.encode("me:fake:password"));
        assert_eq!(basic.as_deref(), Some(expected.as_str()));
        assert_eq!(shown(&header("fake-token").unwrap()), "Bearer fake-token");
        assert!(header("a\nb").is_err());
        assert!(!format!("{:?}", in_url.credential).contains("Basic"));
    }
}
