//! How often keys were asked for lately, for the admission policy `TinyLFU` (Einziger, Friedman, Manes, 2017).

/// Counters are of 4 bits, 16 in a word.
const MOST: u64 = 15;

/// Bounds of the number of 8-byte words: too many keys share the counters of a smaller sketch, and a larger one is refused so that
/// a limit far above what is ever cached does not take memory.
const FEWEST_WORDS: usize = 512;
const MOST_WORDS: usize = 1 << 20;

/// Odd numbers that make four hashes of one.
const SEEDS: [u64; 4] = [0xc3a5_c85c_97cb_3127, 0xb492_b66f_be98_f273, 0x9ae1_6a3b_2f90_404f, 0xcbf2_9ce4_8422_2325];

/// A count-min sketch with four counters a key. All counts are halved after ten times as many look-ups as the cache has
/// places, so that what was popular long ago is forgotten.
pub struct FrequencySketch {
    words: Box<[u64]>,
    additions: usize,
    sample: usize,
}

impl FrequencySketch {
    /// A sketch for a cache of `places` entries.
    pub fn new(places: usize) -> Self {
        let words = places.clamp(FEWEST_WORDS, MOST_WORDS).next_power_of_two();
        Self { words: vec![0; words].into_boxed_slice(), additions: 0, sample: 10 * places.clamp(1, MOST_WORDS) }
    }

    /// A sketch that is not used, and so takes next to no memory.
    pub fn none() -> Self {
        Self { words: vec![0].into_boxed_slice(), additions: 0, sample: usize::MAX }
    }

    /// Counts one look-up. O(1) amortised.
    pub fn add(&mut self, hash: u64) {
        let mut added = false;
        for (at, seed) in SEEDS.into_iter().enumerate() {
            let (word, shift) = self.counter(hash, at, seed);
            if self.words[word] >> shift & MOST < MOST {
                self.words[word] += 1 << shift;
                added = true;
            }
        }
        self.additions += usize::from(added);
        if self.additions >= self.sample {
            self.halve();
        }
    }

    /// How often a key was asked for, 15 at most; rather too much than too little.
    pub fn frequency(&self, hash: u64) -> u64 {
        let counts = SEEDS.into_iter().enumerate().map(|(at, seed)| {
            let (word, shift) = self.counter(hash, at, seed);
            self.words[word] >> shift & MOST
        });
        counts.min().unwrap_or(0)
    }

    /// The word and the place in it of one of a key's four counters.
    fn counter(&self, hash: u64, at: usize, seed: u64) -> (usize, usize) {
        let mixed = hash.wrapping_add(seed).wrapping_mul(seed);
        let word = mixed.wrapping_add(mixed >> 32) as usize & (self.words.len() - 1);
        // Which of a word's four groups of four counters a key uses is its hash's choice.
        (word, (((hash & 3) as usize) * 4 + at) * 4)
    }

    fn halve(&mut self) {
        let mut odd = 0;
        for word in &mut self.words {
            odd += (*word & 0x1111_1111_1111_1111).count_ones() as usize;
            *word = (*word >> 1) & 0x7777_7777_7777_7777;
        }
        self.additions = (self.additions / 2).saturating_sub(odd / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::FrequencySketch;

    fn hash(number: u64) -> u64 {
        (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(0xff51_afd7_ed55_8ccd)
    }

    #[test]
    fn never_counts_too_little_and_seldom_too_much() {
        let mut sketch = FrequencySketch::new(1000);
        for number in 0..500 {
            for _ in 0..number % 10 {
                sketch.add(hash(number));
            }
        }
        let excess = (0..500).map(|number| {
            let frequency = sketch.frequency(hash(number));
            assert!(frequency >= number % 10);
            frequency - number % 10
        });
        assert!(excess.sum::<u64>() < 50);
    }

    #[test]
    fn forgets_by_halves() {
        let mut sketch = FrequencySketch::new(10);
        for _ in 0..8 {
            sketch.add(hash(1));
        }
        for number in 2..200 {
            sketch.add(hash(number));
        }
        assert!(sketch.frequency(hash(1)) < 8);
        for _ in 0..40 {
            sketch.add(hash(1));
        }
        assert!(sketch.frequency(hash(1)) <= 15);
    }
}
