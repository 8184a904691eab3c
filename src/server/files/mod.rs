//! Files beneath the origin's root: names, types, ranges, validators.
//!
//! Must not know: credentials, keys, playlists' contents.

mod body;
mod conditional;
mod gzip;
mod media_type;
mod path;
mod range;
mod root;

pub(super) use body::{bytes_or_head, stream_or_head};
pub(super) use conditional::{Validators, is_fresh, range_applies};
pub(super) use gzip::{accepts_gzip, gzip};
pub(super) use media_type::MediaType;
pub(super) use path::{FilePath, has_encoded_separator};
pub(super) use range::Wanted;
pub(super) use root::{FileError, Opened, Root};
