//! Registration: `PUT/GET /v1/streams/{stream}` and `GET /v1/streams`.
//!
//! Must not know: how a registration is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Text;
use crate::domain::{
    IvRule, KeyScope, Rendition, Rotation, RotationError, Stream, StreamId, StreamPolicy, Timestamp,
};

/// `"never"`, `{"every": "10m"}` or `{"segments": 100}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RotationSpec {
    /// One key until a cut.
    #[default]
    Never,
    /// By time: a span such as `20s`, `10m`, `1h 30m`.
    Every(Text<humantime::Duration>),
    /// By count of segments.
    Segments(u64),
}

/// `"stream"` (default) or `"rendition"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScopeSpec {
    /// All renditions share a key.
    #[default]
    Stream,
    /// A key each.
    Rendition,
}

/// `"explicit"` (default) or `"sequence"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IvSpec {
    /// Written on every tag.
    #[default]
    Explicit,
    /// The media sequence number, not written.
    Sequence,
}

/// The body of `PUT /v1/streams/{stream}`; every field has a default, so `{}` is one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamRegistration {
    /// How often the key changes. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationSpec>,
    /// Short for `rotation: {"every": …}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Text<humantime::Duration>>,
    /// Short for `rotation: {"segments": …}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<u64>,
    /// Whether renditions share it.
    pub key_scope: KeyScopeSpec,
    /// Where IVs come from.
    pub iv: IvSpec,
}

/// A registration that contradicts itself or is out of bounds. The message may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The rotation is out of bounds.
    #[error("rotation: {0}")]
    Rotation(#[from] RotationError),
    /// The rotation is said more than once.
    #[error("rotation, every and segments exclude each other")]
    TwoRotations,
    /// IVs would repeat.
    #[error(
        "iv = \"sequence\" needs key_scope = \"rendition\": renditions that share a key would share IVs"
    )]
    RepeatedIvs,
}

impl TryFrom<&StreamRegistration> for StreamPolicy {
    type Error = RegistrationError;

    fn try_from(spec: &StreamRegistration) -> Result<Self, RegistrationError> {
        let policy = Self {
            rotation: (&spec.one_rotation()?).try_into()?,
            key_scope: spec.key_scope.into(),
            iv: spec.iv.into(),
        };
        if policy.repeats_ivs() {
            Err(RegistrationError::RepeatedIvs)
        } else {
            Ok(policy)
        }
    }
}

impl StreamRegistration {
    fn one_rotation(&self) -> Result<RotationSpec, RegistrationError> {
        match (&self.rotation, self.every, self.segments) {
            (None, None, None) => Ok(RotationSpec::Never),
            (Some(rotation), None, None) => Ok(rotation.clone()),
            (None, Some(span), None) => Ok(RotationSpec::Every(span)),
            (None, None, Some(count)) => Ok(RotationSpec::Segments(count)),
            _ => Err(RegistrationError::TwoRotations),
        }
    }
}

/// A stream as it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamView {
    /// Its id.
    pub stream: Text<StreamId>,
    /// How often the key changes.
    pub rotation: RotationSpec,
    /// Whether renditions share it.
    pub key_scope: KeyScopeSpec,
    /// Where IVs come from.
    pub iv: IvSpec,
    /// Counts the changes.
    pub version: u64,
    /// When it was registered first.
    pub created: Text<Timestamp>,
    /// Its renditions, as far as they are known; told of one stream, and not in a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renditions: Vec<Text<Rendition>>,
}

impl From<&Stream> for StreamView {
    fn from(stream: &Stream) -> Self {
        Self {
            stream: Text(stream.id.clone()),
            rotation: stream.policy.rotation.into(),
            key_scope: stream.policy.key_scope.into(),
            iv: stream.policy.iv.into(),
            version: stream.version,
            created: Text(stream.created),
            renditions: Vec::new(),
        }
    }
}

/// `GET /v1/streams`: the streams that the credential covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamList {
    /// In order of their ids.
    pub streams: Vec<StreamView>,
}

impl TryFrom<&RotationSpec> for Rotation {
    type Error = RotationError;

    fn try_from(spec: &RotationSpec) -> Result<Self, RotationError> {
        match spec {
            RotationSpec::Never => Ok(Self::Never),
            RotationSpec::Every(Text(span)) => Self::every(Duration::from(*span)),
            RotationSpec::Segments(count) => Self::segments(*count),
        }
    }
}

impl From<Rotation> for RotationSpec {
    fn from(rotation: Rotation) -> Self {
        match rotation {
            Rotation::Never => Self::Never,
            Rotation::Every(every) => Self::Every(Text(every.span().into())),
            Rotation::Segments(count) => Self::Segments(count.get()),
        }
    }
}

impl From<KeyScopeSpec> for KeyScope {
    fn from(spec: KeyScopeSpec) -> Self {
        match spec {
            KeyScopeSpec::Stream => Self::Stream,
            KeyScopeSpec::Rendition => Self::Rendition,
        }
    }
}

impl From<KeyScope> for KeyScopeSpec {
    fn from(scope: KeyScope) -> Self {
        match scope {
            KeyScope::Stream => Self::Stream,
            KeyScope::Rendition => Self::Rendition,
        }
    }
}

impl From<IvSpec> for IvRule {
    fn from(spec: IvSpec) -> Self {
        match spec {
            IvSpec::Explicit => Self::Explicit,
            IvSpec::Sequence => Self::Sequence,
        }
    }
}

impl From<IvRule> for IvSpec {
    fn from(rule: IvRule) -> Self {
        match rule {
            IvRule::Explicit => Self::Explicit,
            IvRule::Sequence => Self::Sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Result<StreamPolicy, String> {
        let spec: StreamRegistration = serde_json::from_str(json).map_err(|e| e.to_string())?;
        StreamPolicy::try_from(&spec).map_err(|e| e.to_string())
    }

    #[test]
    fn registrations_are_read_strictly() {
        assert_eq!(policy("{}"), Ok(StreamPolicy::default()));
        let every = policy(r#"{"rotation":{"every":"10m"}}"#).unwrap().rotation;
        assert_eq!(every, Rotation::every(Duration::from_secs(600)).unwrap());
        assert_eq!(
            serde_json::to_string(&RotationSpec::from(every)).unwrap(),
            r#"{"every":"10m"}"#
        );
        assert_eq!(policy(r#"{"every":"10m"}"#).unwrap().rotation, every);
        let counted = Rotation::segments(7).unwrap();
        assert_eq!(policy(r#"{"segments":7}"#).unwrap().rotation, counted);
        for bad in [
            r#"{"rotation":"never","segments":7}"#,
            r#"{"every":"10m","segments":7}"#,
            r#"{"rotation":{"every":"0s"}}"#,
            r#"{"rotation":{"every":"soon"}}"#,
            r#"{"rotation":{"segments":0}}"#,
            r#"{"rotation":"sometimes"}"#,
            r#"{"rotate":"never"}"#,
            r#"{"iv":"sequence"}"#,
        ] {
            assert!(policy(bad).is_err(), "{bad}");
        }
        assert!(policy(r#"{"iv":"sequence","key_scope":"rendition"}"#).is_ok());
    }
}
