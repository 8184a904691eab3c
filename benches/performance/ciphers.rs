//! Segment encryption on one core: `hlskey` as its encryptor calls it, `openssl speed`, and aws-lc,
//! one segment after the other as the usual worker does it. By CPU time.

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_lc_rs::cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use hlskey::crypto::cbc::{Job, encrypt_batch};
use hlskey::crypto::{ContentKey, Iv};
use hlskey::domain::SystemEntropy;
use rustix::time::{ClockId, clock_gettime};

use super::rounds::{Compared, Plan};

/// Bytes a second of one core, in GB.
pub(crate) struct Row {
    pub(crate) kib: usize,
    pub(crate) openssl: Compared,
    pub(crate) aws_lc: Compared,
}

/// An LL-HLS part, and a segment of a good picture.
const SIZES: [usize; 2] = [150, 2048];
pub(crate) const SEGMENTS: usize = 64;

pub(crate) fn compare(plan: Plan) -> anyhow::Result<Vec<Row>> {
    SIZES.iter().map(|kib| row(plan, *kib)).collect()
}

fn row(plan: Plan, kib: usize) -> anyhow::Result<Row> {
    eprintln!("encryption, {kib} KiB");
    let work = Work::new(kib);
    verify(&work)?;
    let openssl = plan.by_turns(|| work.rate(batch), || openssl(kib * 1024))?;
    let aws_lc = plan.by_turns(|| work.rate(batch), || work.rate(aws_lc))?;
    Ok(Row {
        kib,
        openssl: Compared::by(&openssl, |rate| *rate),
        aws_lc: Compared::by(&aws_lc, |rate| *rate),
    })
}

struct Work {
    keys: Vec<ContentKey>,
    clear: Vec<Vec<u8>>,
}

impl Work {
    fn new(kib: usize) -> Self {
        let random = || ContentKey::random(&SystemEntropy);
        Self {
            keys: std::iter::repeat_with(random).take(SEGMENTS).collect(),
            clear: vec![vec![0x47; kib * 1024]; SEGMENTS],
        }
    }

    /// Making and dropping the buffers is not counted.
    fn rate(
        &self,
        encrypt: fn(&[ContentKey], &mut [Vec<u8>]) -> anyhow::Result<()>,
    ) -> anyhow::Result<f64> {
        let mut segments = self.clear.clone();
        let bytes: usize = segments.iter().map(Vec::len).sum();
        let begun = cpu();
        encrypt(&self.keys, &mut segments)?;
        let took = cpu() - begun;
        black_box(segments);
        Ok(bytes as f64 / took.as_secs_f64() / 1e9)
    }
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// All contenders write the same bytes.
fn verify(work: &Work) -> anyhow::Result<()> {
    let (mut ours, mut peers) = (work.clear.clone(), work.clear.clone());
    batch(&work.keys, &mut ours)?;
    aws_lc(&work.keys, &mut peers)?;
    ensure!(ours == peers, "two ciphers, two texts");
    Ok(())
}

fn batch(keys: &[ContentKey], segments: &mut [Vec<u8>]) -> anyhow::Result<()> {
    let each = keys.iter().zip(segments).zip(0..);
    let mut jobs: Vec<Job<'_>> = each
        .map(|((key, data), msn)| Job {
            key,
            iv: Iv::of_sequence(msn),
            data,
        })
        .collect();
    encrypt_batch(&mut jobs);
    Ok(())
}

fn aws_lc(keys: &[ContentKey], segments: &mut [Vec<u8>]) -> anyhow::Result<()> {
    for ((key, data), msn) in keys.iter().zip(segments).zip(0..) {
        one_by_aws_lc(key, data, msn)
            .ok()
            .context("aws-lc refuses")?;
    }
    Ok(())
}

fn one_by_aws_lc(key: &ContentKey, data: &mut Vec<u8>, msn: u64) -> Result<(), Unspecified> {
    let key = UnboundCipherKey::new(&AES_128, key.expose())?;
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key)?;
    let iv = EncryptionContext::Iv128(FixedLength::from(Iv::of_sequence(msn).as_bytes()));
    key.less_safe_encrypt(data, iv).map(drop)
}

/// `openssl speed` counts its own user time; it encrypts one buffer again and again, in the cache.
fn openssl(bytes: usize) -> anyhow::Result<f64> {
    let bytes = bytes.to_string();
    let args = [
        "speed",
        "-mr",
        "-seconds",
        "1",
        "-bytes",
        &bytes,
        "-evp",
        "aes-128-cbc",
    ];
    let output = Command::new("openssl")
        .args(args)
        .output()
        .context("openssl")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("+F:"));
    let rate: Option<f64> = line.and_then(|line| line.rsplit(':').next()?.parse().ok());
    Ok(rate.with_context(|| format!("openssl speed said: {text}"))? / 1e9)
}
