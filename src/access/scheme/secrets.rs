//! Shared secrets, of a legacy instance or an entitlement service: several at once, so that they can be changed.
//!
//! Must not know: what they sign.

use std::path::Path;

use crate::crypto::{PrivateFileError, SecretText, read_private};

/// Why an instance has no secrets. No variant holds one.
#[derive(Debug, thiserror::Error)]
pub enum SecretsFault {
    /// None is configured.
    #[error("secrets is empty: one is needed, there or in secrets_file")]
    None,
    /// An empty one would let everybody sign.
    #[error("secrets has an empty one")]
    Empty,
    /// More than are tried.
    #[error("secrets has more than {MOST}")]
    TooMany,
    /// The file cannot be read.
    #[error("secrets_file: {0}")]
    File(#[from] PrivateFileError),
}

/// The most that are tried for one token.
const MOST: usize = 8;

/// Those written in the configuration, then the lines of `file`.
pub(in crate::access) fn secrets(
    written: &[SecretText],
    file: Option<&Path>,
) -> Result<Vec<SecretText>, SecretsFault> {
    let secrets = with_lines(written, file)?;
    match secrets.len() {
        0 => Err(SecretsFault::None),
        some if some > MOST => Err(SecretsFault::TooMany),
        _ if secrets.iter().any(|secret| secret.expose().is_empty()) => Err(SecretsFault::Empty),
        _ => Ok(secrets),
    }
}

/// Those written in the configuration, then the lines of `file` that are not empty.
pub(super) fn with_lines(
    written: &[SecretText],
    file: Option<&Path>,
) -> Result<Vec<SecretText>, PrivateFileError> {
    let mut all = written.to_vec();
    if let Some(path) = file {
        let text = read_private(path)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        all.extend(lines.map(|line| SecretText::new(line.to_owned())));
    }
    Ok(all)
}
