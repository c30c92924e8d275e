//! The generator's own source of chance.
//!
//! The demo company must come out the same byte for byte on every machine and
//! for ever, so nothing here depends on a library: the sequence is SplitMix64
//! (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
//! 2014), and every draw made from it is integer arithmetic.

/// The increment of SplitMix64: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A quantile table: the values at the 0, 5, 10 ... 95 and 100 per cent points
/// of a distribution, which is drawn from by interpolating between them.
pub(super) type Quantiles = [u32; 21];

/// A SplitMix64 generator.
#[derive(Debug, Clone)]
pub(super) struct Rng {
    state: u64,
}

/// The output function of SplitMix64: a bijection that scatters its input.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// One of many independent sequences of the same seed. Giving each thing
    /// that is generated a stream of its own keeps a change in one of them from
    /// changing all that follow.
    pub(super) fn stream(seed: u64, stream: u64) -> Self {
        let own = mix(stream.wrapping_add(1).wrapping_mul(GAMMA));
        Self { state: mix(seed.wrapping_add(GAMMA)) ^ own }
    }

    /// The next 64 bits.
    pub(super) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A whole number from 0 up to but not including `bound`; 0 when `bound` is.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let high = self.next_u64() >> 32;
        ((high * u64::from(bound)) >> 32) as u32
    }

    /// A whole number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True in `per_mille` cases of a thousand.
    pub(super) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// One of the items, all equally likely.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, items: &[T; N]) -> T {
        items[self.below(N as u32) as usize]
    }

    /// A position in `weights`, as likely as its weight is of the total; 0 when
    /// there is no weight at all.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (position, &weight) in weights.iter().enumerate() {
            if left < weight {
                return position;
            }
            left -= weight;
        }
        0
    }

    /// Puts the items in a random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }

    /// A draw from a tabulated distribution.
    pub(super) fn quantile(&mut self, table: &Quantiles) -> u32 {
        const STEP: u32 = 1 << 16;
        let point = self.below((table.len() as u32 - 1) * STEP);
        let (cell, within) = ((point / STEP) as usize, u64::from(point % STEP));
        let (low, high) = (table[cell], table[cell + 1]);
        let rise = u64::from(high.saturating_sub(low)) * within / u64::from(STEP);
        low + rise as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        let mut rng = Rng { state: 1_234_567 };
        let drawn: Vec<u64> = (0..5).map(|_| rng.next_u64()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut rng = Rng::stream(7, 7);
        let table: Quantiles = std::array::from_fn(|point| 10 + 3 * point as u32);
        let mut seen = [0; 3];
        for _ in 0..10_000 {
            assert!(rng.below(5) < 5);
            assert!((3..=9).contains(&rng.between(3, 9)));
            assert!((10..=70).contains(&rng.quantile(&table)));
            seen[rng.weighted(&[1, 0, 3])] += 1;
        }
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.weighted(&[]), 0);
        assert_eq!(seen[1], 0);
        assert!((2_300..2_700).contains(&seen[0]), "{seen:?}");
    }
}
