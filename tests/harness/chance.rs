//! Randomness with a printed seed.
//!
//! Must not know: what is left to chance.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::binary::setting;

/// `HLSKEY_SEED` repeats a run; every run prints its own.
#[expect(clippy::disallowed_methods, reason = "a new seed for each run")]
pub(crate) fn seeded() -> StdRng {
    let seed = setting("HLSKEY_SEED").map_or_else(rand::random, |text| text.parse().unwrap());
    println!("HLSKEY_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
