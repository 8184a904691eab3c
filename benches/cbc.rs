//! Segment encryption on one core against a named peer: aws-lc's AES-128-CBC, one segment at a
//! time, as the usual worker does it.
//!
//! The two are interleaved in one run and the medians compared, since machines are noisy:
//! `make bench`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use hlskey::crypto::cbc::{Job, encrypt_batch};
use hlskey::crypto::{ContentKey, Iv};
use hlskey::domain::SystemEntropy;

const SEGMENTS: usize = 64;
const ROUNDS: usize = 15;

fn main() {
    println!("{SEGMENTS} segments, median of {ROUNDS} interleaved rounds, one thread");
    for kib in [16, 150, 2048] {
        compare(kib);
    }
}

fn compare(kib: usize) {
    let plain = vec![vec![0x47; kib * 1024]; SEGMENTS];
    let keys: Vec<ContentKey> = plain
        .iter()
        .map(|_| ContentKey::random(&SystemEntropy))
        .collect();
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(timed(plain.clone(), |work| batch(&keys, work)));
        peers.push(timed(plain.clone(), |work| peer(&keys, work)));
    }
    let bytes = (SEGMENTS * kib * 1024) as f64;
    let rate = |rounds| bytes / median(rounds).as_secs_f64() / 1e9;
    let (ours, peers) = (rate(ours), rate(peers));
    let ratio = ours / peers;
    println!("{kib:>5} KiB: hlskey {ours:.2} GB/s, aws-lc {peers:.2} GB/s, ratio {ratio:.2}");
}

/// How long `work` takes; making and dropping the buffers is not counted.
fn timed(mut segments: Vec<Vec<u8>>, work: impl Fn(&mut [Vec<u8>])) -> Duration {
    let begun = Instant::now();
    work(&mut segments);
    let took = begun.elapsed();
    black_box(segments);
    took
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort();
    rounds[rounds.len() / 2]
}

fn batch(keys: &[ContentKey], segments: &mut [Vec<u8>]) {
    let mut jobs: Vec<Job<'_>> = keys
        .iter()
        .zip(segments)
        .zip(0..)
        .map(|((key, data), msn)| Job {
            key,
            iv: Iv::of_sequence(msn),
            data,
        })
        .collect();
    encrypt_batch(&mut jobs);
}

#[expect(
    clippy::expect_used,
    reason = "16 bytes are a key, and padding always fits"
)]
fn peer(keys: &[ContentKey], segments: &mut [Vec<u8>]) {
    for ((key, data), msn) in keys.iter().zip(segments).zip(0..) {
        let key = UnboundCipherKey::new(&AES_128, key.expose()).expect("16 bytes");
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).expect("CBC");
        let iv = FixedLength::from(Iv::of_sequence(msn).as_bytes());
        let iv = EncryptionContext::Iv128(iv);
        key.less_safe_encrypt(data, iv).expect("encryption");
    }
}
