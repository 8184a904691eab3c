//! AES-128-CBC in SIMD lanes (FIPS 197, SP 800-38A §6.2): every lane has a key, a chain and a buffer of its own, and
//! all of them go on by a block at once. The only `unsafe` of the program.
//!
//! A CPU takes some forty cycles for one block of a chain, and could begin twenty others meanwhile. A register
//! holds one, two or four lanes; `K` registers are worked on by turns. Must not know: padding, which segments there
//! are, which of them goes into which lane.

#![expect(
    unsafe_code,
    reason = "instructions that not every CPU has, and buffers without a bounds check for each block"
)]
#![deny(clippy::undocumented_unsafe_blocks)]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;

use zeroize::{Zeroize as _, Zeroizing};

use super::lanes::Segment;

const BLOCK: usize = 16;
/// Lanes of the widest register.
const WIDEST: usize = 4;
/// Of AES-128, with the one before the first round.
const ROUND_KEYS: usize = 11;
/// What lanes without a segment work on: for so many blocks at once.
const IDLE_BLOCKS: usize = 256;

/// One lane, two or four in a register.
pub(super) trait Register: Copy {
    /// How many.
    const LANES: usize;

    /// Whether this CPU has the instructions.
    fn is_there() -> bool;

    /// All zeros. The instructions must be there.
    unsafe fn zero() -> Self;

    /// A block of each lane, from `at` plus `offset`. The instructions must be there, and a block at each address.
    unsafe fn gather(at: &[*mut u8; WIDEST], offset: usize) -> Self;

    /// Puts them back. As `gather`, and nobody else may look there.
    unsafe fn scatter(self, at: &[*mut u8; WIDEST], offset: usize);

    /// The instructions must be there.
    unsafe fn xor(self, other: Self) -> Self;

    /// A round under each lane's own round key. The instructions must be there.
    unsafe fn round(self, keys: Self) -> Self;

    /// The last round. The instructions must be there.
    unsafe fn last_round(self, keys: Self) -> Self;

    /// `chain` with the instructions switched on. They must be there; and see there.
    unsafe fn chain<const K: usize>(
        state: &mut State<Self, K>,
        at: &[[*mut u8; WIDEST]; K],
        blocks: usize,
    );
}

/// The keys and chains of `K` registers, as wide as this CPU has them.
pub(super) struct State<R: Register, const K: usize> {
    round_keys: [[R; K]; ROUND_KEYS],
    /// The last ciphertext of each lane, or its IV.
    chain: [R; K],
}

/// Encrypts `blocks` blocks of each lane in place. `at` must point to so many in each lane of each register, and no
/// two may overlap but those whose outcome nobody wants; the instructions must be there.
#[inline(always)]
unsafe fn chain<R: Register, const K: usize>(
    state: &mut State<R, K>,
    at: &[[*mut u8; WIDEST]; K],
    blocks: usize,
) {
    let keys = &state.round_keys;
    let mut lanes = state.chain;
    for offset in (0..blocks * BLOCK).step_by(BLOCK) {
        for k in 0..K {
            // SAFETY: both by what the caller promises: there are `blocks` blocks, and the instructions.
            lanes[k] = unsafe { R::gather(&at[k], offset).xor(lanes[k]).xor(keys[0][k]) };
        }
        for key in &keys[1..ROUND_KEYS - 1] {
            for k in 0..K {
                // SAFETY: the caller promises the instructions.
                lanes[k] = unsafe { lanes[k].round(key[k]) };
            }
        }
        for k in 0..K {
            // SAFETY: as for `gather`.
            unsafe {
                lanes[k] = lanes[k].last_round(keys[ROUND_KEYS - 1][k]);
                lanes[k].scatter(&at[k], offset);
            }
        }
    }
    state.chain = lanes;
}

/// `$features` are what `is_there` looks for and what `chain` switches on.
macro_rules! register {
    ($register:ty, $lanes:literal, [$($feature:tt),+], $features:literal, $zero:ident, $xor:ident, $round:ident,
     $last_round:ident, $gather:ident, $scatter:ident) => {
        impl Register for $register {
            const LANES: usize = $lanes;

            fn is_there() -> bool {
                true $(&& is_x86_feature_detected!($feature))+
            }

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller promises the instructions.
                unsafe { $zero() }
            }

            #[inline(always)]
            unsafe fn gather(at: &[*mut u8; WIDEST], offset: usize) -> Self {
                // SAFETY: the caller promises the instructions, and a block at each address.
                unsafe { $gather(at, offset) }
            }

            #[inline(always)]
            unsafe fn scatter(self, at: &[*mut u8; WIDEST], offset: usize) {
                // SAFETY: as for `gather`.
                unsafe { $scatter(self, at, offset) }
            }

            #[inline(always)]
            unsafe fn xor(self, other: Self) -> Self {
                // SAFETY: the caller promises the instructions.
                unsafe { $xor(self, other) }
            }

            #[inline(always)]
            unsafe fn round(self, keys: Self) -> Self {
                // SAFETY: the caller promises the instructions.
                unsafe { $round(self, keys) }
            }

            #[inline(always)]
            unsafe fn last_round(self, keys: Self) -> Self {
                // SAFETY: the caller promises the instructions.
                unsafe { $last_round(self, keys) }
            }

            #[target_feature(enable = $features)]
            unsafe fn chain<const K: usize>(
                state: &mut State<Self, K>,
                at: &[[*mut u8; WIDEST]; K],
                blocks: usize,
            ) {
                // SAFETY: by what the caller promises.
                unsafe { chain(state, at, blocks) }
            }
        }
    };
}

register! {
    __m128i, 1, ["aes", "sse2"], "aes,sse2",
    _mm_setzero_si128, _mm_xor_si128, _mm_aesenc_si128, _mm_aesenclast_si128, gather_one, scatter_one
}
register! {
    __m256i, 2, ["aes", "avx2", "vaes"], "aes,avx2,vaes",
    _mm256_setzero_si256, _mm256_xor_si256, _mm256_aesenc_epi128, _mm256_aesenclast_epi128, gather_two, scatter_two
}
register! {
    __m512i, 4, ["aes", "avx512f", "vaes"], "aes,avx512f,vaes",
    _mm512_setzero_si512, _mm512_xor_si512, _mm512_aesenc_epi128, _mm512_aesenclast_epi128, gather_four, scatter_four
}

/// As [`Register::gather`].
#[inline(always)]
unsafe fn gather_one(at: &[*mut u8; WIDEST], offset: usize) -> __m128i {
    // SAFETY: the caller promises a block there.
    unsafe { _mm_loadu_si128(at[0].add(offset).cast()) }
}

/// As [`Register::scatter`].
#[inline(always)]
unsafe fn scatter_one(one: __m128i, at: &[*mut u8; WIDEST], offset: usize) {
    // SAFETY: the caller promises a block there.
    unsafe { _mm_storeu_si128(at[0].add(offset).cast(), one) }
}

/// As [`Register::gather`].
#[inline(always)]
unsafe fn gather_two(at: &[*mut u8; WIDEST], offset: usize) -> __m256i {
    // SAFETY: the caller promises a block there, and AVX.
    unsafe { _mm256_loadu2_m128i(at[1].add(offset).cast(), at[0].add(offset).cast()) }
}

/// As [`Register::scatter`].
#[inline(always)]
unsafe fn scatter_two(two: __m256i, at: &[*mut u8; WIDEST], offset: usize) {
    // SAFETY: the caller promises a block there, and AVX.
    unsafe { _mm256_storeu2_m128i(at[1].add(offset).cast(), at[0].add(offset).cast(), two) }
}

/// As [`Register::gather`].
#[inline(always)]
unsafe fn gather_four(at: &[*mut u8; WIDEST], offset: usize) -> __m512i {
    // SAFETY: the caller promises a block at each address, and AVX-512.
    unsafe {
        let four = _mm512_castsi128_si512(_mm_loadu_si128(at[0].add(offset).cast()));
        let four = _mm512_inserti32x4::<1>(four, _mm_loadu_si128(at[1].add(offset).cast()));
        let four = _mm512_inserti32x4::<2>(four, _mm_loadu_si128(at[2].add(offset).cast()));
        _mm512_inserti32x4::<3>(four, _mm_loadu_si128(at[3].add(offset).cast()))
    }
}

/// As [`Register::scatter`].
#[inline(always)]
unsafe fn scatter_four(four: __m512i, at: &[*mut u8; WIDEST], offset: usize) {
    // SAFETY: the caller promises a block at each address, and AVX-512.
    unsafe {
        _mm_storeu_si128(
            at[0].add(offset).cast(),
            _mm512_extracti32x4_epi32::<0>(four),
        );
        _mm_storeu_si128(
            at[1].add(offset).cast(),
            _mm512_extracti32x4_epi32::<1>(four),
        );
        _mm_storeu_si128(
            at[2].add(offset).cast(),
            _mm512_extracti32x4_epi32::<2>(four),
        );
        _mm_storeu_si128(
            at[3].add(offset).cast(),
            _mm512_extracti32x4_epi32::<3>(four),
        );
    }
}

impl<R: Register, const K: usize> State<R, K> {
    /// `None` if this CPU does not have the instructions: whoever has one may use them.
    fn new() -> Option<Self> {
        // SAFETY: the instructions are there.
        let zero = R::is_there().then(|| unsafe { R::zero() })?;
        Some(Self {
            round_keys: [[zero; K]; ROUND_KEYS],
            chain: [zero; K],
        })
    }

    /// What the lane goes on with.
    fn set(&mut self, lane: usize, segment: &Segment) {
        let (k, within) = (lane / R::LANES, lane % R::LANES);
        // SAFETY: `new` found the instructions of `R`, AES-NI among them.
        let round_keys = unsafe { expand(segment.key.expose()) };
        for (keys, own) in self.round_keys.iter_mut().zip(round_keys.iter()) {
            blocks_of(&mut keys[k])[within] = *own;
        }
        blocks_of(&mut self.chain[k])[within] = segment.chain;
    }

    /// How far the lane has come; its key is gone.
    fn unset(&mut self, lane: usize) -> [u8; BLOCK] {
        let (k, within) = (lane / R::LANES, lane % R::LANES);
        for keys in &mut self.round_keys {
            blocks_of(&mut keys[k])[within].zeroize();
        }
        blocks_of(&mut self.chain[k])[within]
    }
}

/// No round key stays anywhere.
impl<R: Register, const K: usize> Drop for State<R, K> {
    fn drop(&mut self) {
        for keys in self.round_keys.iter_mut().flatten() {
            blocks_of(keys).as_flattened_mut().zeroize();
        }
    }
}

/// One segment after the other.
pub(super) struct Lone(State<__m128i, 1>);

impl Lone {
    /// `None` if this CPU does not have the instructions.
    pub(super) fn new() -> Option<Self> {
        State::new().map(Self)
    }

    /// Encrypts up to so many blocks of the segment.
    pub(super) fn advance(&mut self, segment: &mut Segment, most: usize) {
        let blocks = most.min(segment.blocks_left());
        self.0.set(0, segment);
        let at = [[segment.rest().as_mut_ptr(); WIDEST]];
        // SAFETY: `new` found the instructions, and the segment, whose only owner is here, has so many blocks left.
        unsafe { __m128i::chain(&mut self.0, &at, blocks) };
        segment.done += blocks * BLOCK;
        segment.chain = self.0.unset(0);
    }
}

/// `K` registers, and the segments in their lanes.
pub(super) struct Lanes<R: Register, const K: usize> {
    state: State<R, K>,
    segments: Vec<Option<Segment>>,
    /// What is worked on where no segment is.
    idle: Vec<u8>,
}

impl<R: Register, const K: usize> Lanes<R, K> {
    /// How many segments there is room for.
    pub(super) const COUNT: usize = K * R::LANES;

    /// Without a segment; `None` if this CPU does not have the instructions.
    pub(super) fn new() -> Option<Self> {
        Some(Self {
            state: State::new()?,
            segments: std::iter::repeat_with(|| None).take(Self::COUNT).collect(),
            idle: vec![0; IDLE_BLOCKS * BLOCK],
        })
    }

    /// What is in the lane.
    pub(super) fn segment(&self, lane: usize) -> Option<&Segment> {
        self.segments.get(lane)?.as_ref()
    }

    /// Puts a segment into the lane, in the place of whatever was there.
    pub(super) fn enter(&mut self, lane: usize, segment: Segment) {
        self.state.set(lane, &segment);
        self.segments[lane] = Some(segment);
    }

    /// Takes the segment out of the lane, as far as it has come.
    pub(super) fn leave(&mut self, lane: usize) -> Option<Segment> {
        let mut segment = self.segments[lane].take()?;
        segment.chain = self.state.unset(lane);
        Some(segment)
    }

    /// Goes on in all lanes until one of the segments ends; where lanes are idle, for a stretch at most.
    pub(super) fn run(&mut self) {
        let left = |lane: &Option<Segment>| lane.as_ref().map_or(IDLE_BLOCKS, Segment::blocks_left);
        let blocks = self.segments.iter().map(left).min().unwrap_or(0);
        let mut at = [[self.idle.as_mut_ptr(); WIDEST]; K];
        for (lane, segment) in self.segments.iter_mut().enumerate() {
            if let Some(segment) = segment {
                at[lane / R::LANES][lane % R::LANES] = segment.rest().as_mut_ptr();
                segment.done += blocks * BLOCK;
            }
        }
        // SAFETY: `new` found the instructions. Each segment had so many blocks left, and its only owner is here; what
        // stands in the idle buffer is nobody's, and it has no fewer.
        unsafe { R::chain(&mut self.state, &at, blocks) };
    }
}

/// The lanes' blocks in a register that is in memory.
fn blocks_of<R: Register>(register: &mut R) -> &mut [[u8; BLOCK]] {
    // SAFETY: the three registers are `R::LANES` blocks of bytes, which have no alignment and no value that is none.
    unsafe { std::slice::from_raw_parts_mut(std::ptr::from_mut(register).cast(), R::LANES) }
}

/// FIPS 197 §5.2.
#[target_feature(enable = "aes,sse2")]
fn expand(key: &[u8; BLOCK]) -> Zeroizing<[[u8; BLOCK]; ROUND_KEYS]> {
    let mut keys = Zeroizing::new([[0; BLOCK]; ROUND_KEYS]);
    keys[0] = *key;
    // SAFETY: there are sixteen bytes.
    let mut last = unsafe { _mm_loadu_si128(key.as_ptr().cast()) };
    macro_rules! next {
        ($($at:literal: $constant:literal),+) => {$(
            last = next_key(last, _mm_aeskeygenassist_si128::<$constant>(last));
            // SAFETY: there are sixteen bytes.
            unsafe { _mm_storeu_si128(keys[$at].as_mut_ptr().cast(), last) };
        )+};
    }
    next!(1: 0x01, 2: 0x02, 3: 0x04, 4: 0x08, 5: 0x10, 6: 0x20, 7: 0x40, 8: 0x80, 9: 0x1b, 10: 0x36);
    keys
}

/// From the round key before and what the instruction made of it.
#[target_feature(enable = "aes,sse2")]
fn next_key(key: __m128i, assist: __m128i) -> __m128i {
    // Each word plus all the words before it, in two steps.
    let key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    let key = _mm_xor_si128(key, _mm_slli_si128::<8>(key));
    _mm_xor_si128(key, _mm_shuffle_epi32::<0xff>(assist))
}
