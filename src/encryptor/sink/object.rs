//! Object storage that speaks S3; whose it is and where, the usual `AWS_*` environment says.
//!
//! Must not know: when something is sent.

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, ClientConfigKey, Error, ObjectStore as _, ObjectStoreExt as _, PutMode,
    PutOptions, RetryConfig, UpdateVersion,
};
use reqwest::Url;

use super::published::Parcel;
use super::remote::{Fault, MAX_TEXT, Version, cache_control, media_type};

/// A prefix in a bucket.
pub(in crate::encryptor) struct Bucket {
    store: AmazonS3,
    prefix: String,
}

/// The longest piece of an answer that is told.
const MAX_TOLD: usize = 300;

impl Bucket {
    /// `s3://bucket/prefix`.
    pub(in crate::encryptor) fn new(url: &Url) -> Result<Self, String> {
        let option = |key| AmazonS3ConfigKey::Client(key);
        let once = RetryConfig {
            max_retries: 0, // who calls tries again
            ..RetryConfig::default()
        };
        let store = AmazonS3Builder::from_env()
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

    pub(super) async fn delete(&self, path: &str) -> Result<(), Fault> {
        match self.store.delete(&self.at(path)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(fault(path, &error)),
        }
    }

    /// A file of at most 8 MiB and its version; `None` if it is not there.
    pub(super) async fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, Fault> {
        let found = match self.store.get(&self.at(path)?).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(fault(path, &error)),
        };
        if found.meta.size > MAX_TEXT as u64 {
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

    /// Puts a file in place of the version `was`, or of none; `false` if another is there.
    pub(super) async fn swap(
        &self,
        path: &str,
        bytes: Vec<u8>,
        was: Option<&Version>,
    ) -> Result<bool, Fault> {
        let mode = match was {
            None => PutMode::Create,
            Some(e_tag) => PutMode::Update(UpdateVersion {
                e_tag: e_tag.clone(),
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
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(Error::NotFound { .. }) => Ok(false), // deleted meanwhile
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

fn fault(path: &str, error: &Error) -> Fault {
    Fault::Unreachable(format!("{path}: {}", told(error)))
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
