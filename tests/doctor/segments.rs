//! Every fault of segments, provoked once.
//!
//! Must not know: how the doctor asks.

use super::row::Base::Vod;
use super::row::{Row, judge, row};
use super::site::{KEY, Reply, Request, clear, iv};
use crate::independent::cipher::encrypt;

/// The list without its first key tag.
fn lose_first_key(request: &Request, reply: &mut Reply) {
    if request.is_media() {
        let text = String::from_utf8(std::mem::take(&mut reply.body)).unwrap();
        reply.body = text.replacen("#EXT-X-KEY", "#KEY", 1).into_bytes();
    }
}

pub(crate) const SEGMENTS: [Row; 10] = [
    row("segment-clear", Vod, "", |request, reply| {
        lose_first_key(request, reply);
        if request.is_segment() && request.msn() == 7 {
            reply.body = clear();
        }
    }),
    row("key-tag-lost", Vod, "", lose_first_key),
    row("segment-refused", Vod, "", |request, reply| {
        if request.is_segment() {
            reply.fail(404);
        }
    }),
    row("segment-compressed", Vod, "", |request, reply| {
        if request.is_segment() && reply.status == 200 {
            reply.compress();
        }
    }),
    row("segment-range", Vod, "", |request, reply| {
        if request.is_segment() && !request.header("range").is_empty() {
            reply.fail(416);
        }
    }),
    row("segment-length", Vod, "", |request, reply| {
        if request.is_segment() {
            reply.body.truncate(700);
        }
    }),
    row("segment-padding", Vod, "", |request, reply| {
        if request.is_segment() {
            reply.body.truncate(752);
        }
    }),
    row("iv-wrong", Vod, "", |request, reply| {
        if request.is_media() {
            reply.replace(&format!("0x{:032x}", 7), &format!("0xff{:030x}", 7));
        }
    }),
    row("key-wrong", Vod, "", |request, reply| {
        if request.is_key() && reply.status == 200 {
            reply.body = b"another-fake-key".to_vec();
        }
    }),
    row("segment-form", Vod, "", |request, reply| {
        if request.is_segment() && reply.status == 200 {
            reply.body = encrypt(KEY, &iv(request.msn()), &[9; 752]);
        }
    }),
];

#[test]
fn every_fault_of_a_segment_is_found() {
    judge(&SEGMENTS);
}

#[test]
fn the_made_up_segments_are_what_they_should_be() {
    assert_eq!(clear().len() % 16, 0);
    assert_eq!(encrypt(KEY, &iv(7), &clear()).len(), 768);
}
