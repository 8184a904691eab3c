//! Files beneath the origin's root: names, types, ranges, validators; lists that are waited for.
//!
//! Must not know: credentials, keys; of playlists, what a directive of `playlist` does not say.

mod body;
mod conditional;
mod current;
mod gzip;
mod lists;
mod media_type;
mod path;
mod range;
mod root;

pub(super) use body::{bytes_or_head, stream_or_head};
pub(super) use conditional::{Validators, has_copy, is_fresh, range_applies};
pub(super) use current::Current;
pub(super) use gzip::{accepts_gzip, gzip};
pub(super) use lists::{Lists, NotServed};
pub(super) use media_type::MediaType;
pub(super) use path::{FilePath, has_encoded_separator};
pub(super) use range::Wanted;
pub(super) use root::{FileError, Opened, Root};
