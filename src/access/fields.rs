//! The fields of what we sign ourselves, one after another, lengths before texts.
//!
//! Must not know: what a field means, or how it is signed.

use std::net::IpAddr;

use crate::domain::{StreamPattern, Timestamp};

/// Appends fields; [`Reader`] is the inverse.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.bytes(&time.millis().to_be_bytes());
    }

    /// Nobody's time is the first of all.
    pub(super) fn time_if(&mut self, time: Option<Timestamp>) {
        self.time(time.unwrap_or(NEVER));
    }

    /// Up to 65,535 bytes; a longer one is not read again.
    pub(super) fn text(&mut self, text: &str) {
        let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.bytes(&len.to_be_bytes());
        self.bytes(text.as_bytes());
    }

    pub(super) fn address(&mut self, address: Option<IpAddr>) {
        match address {
            None => self.byte(0),
            Some(IpAddr::V4(v4)) => {
                self.byte(4);
                self.bytes(&v4.octets());
            }
            Some(IpAddr::V6(v6)) => {
                self.byte(16);
                self.bytes(&v6.octets());
            }
        }
    }

    /// Up to 255 texts; more are not read again.
    pub(super) fn texts<'t>(&mut self, texts: impl ExactSizeIterator<Item = &'t str>) {
        self.byte(u8::try_from(texts.len()).unwrap_or(u8::MAX));
        texts.for_each(|text| self.text(text));
    }

    pub(super) fn patterns(&mut self, patterns: &[StreamPattern]) {
        self.texts(patterns.iter().map(StreamPattern::as_str));
    }
}

const NEVER: Timestamp = Timestamp::from_millis(i64::MIN);

/// Takes fields from the front; `None` where there is no such field.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| *byte)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let millis = i64::from_be_bytes(*self.take()?);
        Some(Timestamp::from_millis(millis))
    }

    pub(super) fn time_if(&mut self) -> Option<Option<Timestamp>> {
        let time = self.time()?;
        Some((time != NEVER).then_some(time))
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let len = u16::from_be_bytes(*self.take()?);
        let (text, rest) = self.0.split_at_checked(len.into())?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    pub(super) fn address(&mut self) -> Option<Option<IpAddr>> {
        match self.byte()? {
            0 => Some(None),
            4 => Some(Some(IpAddr::from(*self.take::<4>()?))),
            16 => Some(Some(IpAddr::from(*self.take::<16>()?))),
            _ => None,
        }
    }

    pub(super) fn texts(&mut self) -> Option<Vec<&'a str>> {
        let count = self.byte()?;
        (0..count).map(|_| self.text()).collect()
    }

    pub(super) fn patterns(&mut self) -> Option<Vec<StreamPattern>> {
        let texts = self.texts()?.into_iter();
        texts.map(|text| text.parse().ok()).collect()
    }

    /// Everything that is left, as text.
    pub(super) fn rest(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}
