//! Object storage that speaks S3; whose it is and where, the usual `AWS_*` environment says.
//!
//! Must not know: when something is sent.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Certificate, ClientConfigKey, ClientOptions, Error, ObjectStore as _,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, RetryConfig, UpdateVersion,
};
use reqwest::Url;

use super::long::LongFile;
use super::published::Parcel;
use super::remote::{Fault, Version, cache_control, media_type};
use crate::outbound::Address;
use crate::playlist::MAX_BYTES;

/// A prefix in a bucket.
pub(in crate::encryptor) struct Bucket {
    store: AmazonS3,
    prefix: String,
}

/// The longest piece of an answer that is told.
const MAX_TOLD: usize = 300;

impl Bucket {
    /// `s3://bucket/prefix`, trusting the system's authorities and those of `ca`.
    pub(in crate::encryptor) fn new(
        url: &Url,
        ca: Option<&std::path::Path>,
    ) -> Result<Self, String> {
        let option = |key| AmazonS3ConfigKey::Client(key);
        let once = RetryConfig {
            max_retries: 0, // who calls tries again
            ..RetryConfig::default()
        };
        let builder = AmazonS3Builder::from_env();
        in_the_clear_only_to_this_machine(&builder)?;
        let builder = match ca {
            Some(ca) => trusting(builder, ca)?,
            None => builder,
        };
        let store = builder
            .with_bucket_name(url.host_str().unwrap_or_default())
            .with_config(option(ClientConfigKey::ConnectTimeout), "5s")
            .with_config(option(ClientConfigKey::Timeout), "10h") // each call has its own
            .with_retry(once)
            .build()
            .map_err(|error| told(&error))?;
        let prefix = percent_encoding::percent_decode_str(url.path().trim_matches('/'));
        let prefix = prefix.decode_utf8().map_err(|error| error.to_string())?;
        Ok(Self {
            store,
            prefix: prefix.into_owned(),
        })
    }

    pub(super) async fn put(&self, parcel: Parcel) -> Result<(), Fault> {
        let path = parcel.path.as_str();
        let options = PutOptions {
            attributes: attributes(path),
            ..PutOptions::default()
        };
        let at = self.at(path)?;
        let put = self.store.put_opts(&at, parcel.bytes.into(), options);
        put.await.map(|_| ()).map_err(|error| fault(path, &error))
    }

    /// In parts, which are an object once all are there.
    pub(super) async fn put_long(&self, long: LongFile) -> Result<(), Fault> {
        let path = long.path().clone();
        let options = PutMultipartOptions {
            attributes: attributes(path.as_str()),
            ..PutMultipartOptions::default()
        };
        let at = self.at(path.as_str())?;
        let failed = |error: Error| fault(path.as_str(), &error);
        let upload = self.store.put_multipart_opts(&at, options).await;
        let mut upload = upload.map_err(failed)?;
        let mut parts = pin!(long.parts());
        let sent = async {
            while let Some(part) = parts.next().await {
                let part = part.map_err(|error| Fault::Local(error.to_string()))?;
                upload.put_part(part.into()).await.map_err(failed)?;
            }
            upload.complete().await.map_err(failed)
        };
        let sent = sent.await;
        if sent.is_err() {
            let _ = upload.abort().await;
        }
        sent.map(|_| ())
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Fault> {
        match self.store.delete(&self.at(path)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(fault(path, &error)),
        }
    }

    /// A file of at most [`MAX_BYTES`] and its version; `None` if it is not there.
    pub(super) async fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, Fault> {
        let found = match self.store.get(&self.at(path)?).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(fault(path, &error)),
        };
        if found.meta.size > MAX_BYTES as u64 {
            return Err(Fault::Unreachable(format!("{path}: too long an answer")));
        }
        let version = found.meta.e_tag.clone();
        let bytes = found.bytes().await.map_err(|error| fault(path, &error))?;
        Ok(Some((bytes.to_vec(), version)))
    }

    pub(super) async fn length(&self, path: &str) -> Result<Option<u64>, Fault> {
        match self.store.head(&self.at(path)?).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault(path, &error)),
        }
    }

    /// The lengths of all files, by their paths.
    pub(super) async fn lengths(&self) -> Result<BTreeMap<String, u64>, Fault> {
        let prefix = Path::parse(&self.prefix);
        let prefix = prefix.map_err(|error| Fault::Unreachable(error.to_string()))?;
        let below = format!("{prefix}/");
        let mut found = self.store.list(Some(&prefix));
        let mut lengths = BTreeMap::new();
        while let Some(one) = found.next().await {
            let one = one.map_err(|error| fault(prefix.as_ref(), &error))?;
            let path = one.location.as_ref();
            let path = path.strip_prefix(&below).unwrap_or(path);
            lengths.insert(path.to_owned(), one.size);
        }
        Ok(lengths)
    }

    /// Puts a file in place of the version `was`, or of none; `false` if another is there. A store
    /// may also not look.
    pub(super) async fn swap(
        &self,
        path: &str,
        bytes: Vec<u8>,
        was: Option<&Version>,
    ) -> Result<bool, Fault> {
        let put = self.put_in_place(path, bytes, was).await;
        put.map(|put| put.is_some())
    }

    /// Swaps a playlist in place of the version `was`, or of none, and gives the new one's version.
    /// One that another has swapped meanwhile is a fault. A store that knows no conditions swaps it.
    pub(super) async fn swap_text(
        &self,
        parcel: Parcel,
        was: Option<&Version>,
    ) -> Result<Version, Fault> {
        let path = parcel.path.as_str();
        match self.put_in_place(path, parcel.bytes.clone(), was).await {
            Ok(Some(version)) => Ok(version),
            Ok(None) => Err(Fault::Swapped(path.to_owned())),
            Err(Fault::Refused { status: 501, .. }) => self.put(parcel).await.map(|()| None),
            Err(fault) => Err(fault),
        }
    }

    /// The version of what was put; `None` if another is there than `was`.
    async fn put_in_place(
        &self,
        path: &str,
        bytes: Vec<u8>,
        was: Option<&Version>,
    ) -> Result<Option<Version>, Fault> {
        let mode = match was {
            None => PutMode::Create,
            Some(None) => PutMode::Overwrite,
            Some(Some(e_tag)) => PutMode::Update(UpdateVersion {
                e_tag: Some(e_tag.clone()),
                version: None,
            }),
        };
        let options = PutOptions {
            mode,
            attributes: attributes(path),
            ..PutOptions::default()
        };
        let at = self.at(path)?;
        match self.store.put_opts(&at, bytes.into(), options).await {
            Ok(put) => Ok(Some(put.e_tag)),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(None),
            Err(Error::NotFound { .. }) => Ok(None), // deleted meanwhile
            Err(error) => Err(fault(path, &error)),
        }
    }

    fn at(&self, path: &str) -> Result<Path, Fault> {
        let whole = Path::parse(format!("{}/{path}", self.prefix).trim_start_matches('/'));
        whole.map_err(|error| Fault::Unreachable(error.to_string()))
    }
}

fn attributes(path: &str) -> Attributes {
    Attributes::from_iter([
        (Attribute::ContentType, media_type(path)),
        (Attribute::CacheControl, cache_control(path)),
    ])
}

/// `http://` goes to this machine alone, whatever the environment allows.
fn in_the_clear_only_to_this_machine(builder: &AmazonS3Builder) -> Result<(), String> {
    for key in [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint] {
        if let Some(endpoint) = builder.get_config_value(&key) {
            let address = endpoint.parse::<Address>();
            address.map_err(|error| format!("AWS_ENDPOINT_URL {error}"))?;
        }
    }
    Ok(())
}

/// The same builder, trusting the authorities of `ca` too.
fn trusting(builder: AmazonS3Builder, ca: &std::path::Path) -> Result<AmazonS3Builder, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("{}: {error}", ca.display());
    let pem = std::fs::read(ca).map_err(|error| unreadable(&error))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(&error))?;
    let mut options = ClientOptions::new();
    for certificate in found {
        options = options.with_root_certificate(certificate);
    }
    // what the environment says of the way there stays
    for key in [
        ClientConfigKey::AllowHttp,
        ClientConfigKey::ProxyUrl,
        ClientConfigKey::ProxyCaCertificate,
        ClientConfigKey::ProxyExcludes,
        ClientConfigKey::UserAgent,
    ] {
        if let Some(value) = builder.get_config_value(&AmazonS3ConfigKey::Client(key)) {
            options = options.with_config(key, value);
        }
    }
    Ok(builder.with_client_options(options))
}

fn fault(path: &str, error: &Error) -> Fault {
    let text = told(error);
    let status = match error {
        Error::Unauthenticated { .. } => Some(401),
        Error::PermissionDenied { .. } => Some(403),
        Error::NotImplemented { .. } => Some(501),
        _ => status_in(&text),
    };
    match status {
        Some(status) => Fault::Refused {
            path: path.to_owned(),
            status,
            told: format!(": {text}"),
        },
        None => Fault::Unreachable(format!("{path}: {text}")),
    }
}

/// The status of an answer that the client has no name for stands in its words alone.
fn status_in(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// The error and its causes in a line: an answer may hold pages of XML.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MAX_TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_in_the_clear_is_on_this_machine() {
        let builder = || AmazonS3Builder::new().with_allow_http(true);
        let judge = |endpoint: &str| {
            let general = in_the_clear_only_to_this_machine(&builder().with_endpoint(endpoint));
            let own = builder().with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
            assert_eq!(
                general.is_ok(),
                in_the_clear_only_to_this_machine(&own).is_ok()
            );
            general
        };
        assert!(in_the_clear_only_to_this_machine(&builder()).is_ok());
        for good in [
            "https://s3.example",
            "http://127.0.0.1:9000",
            "http://localhost:9000/",
        ] {
            assert!(judge(good).is_ok(), "{good}");
        }
        for bad in ["http://s3.example", "http://10.0.0.1:9000"] {
            assert!(judge(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_that_refuses_is_no_silence() {
        assert_eq!(status_in("error: status code: 507 Insufficient"), Some(507));
        assert_eq!(status_in("error sending request"), None);
    }
}
