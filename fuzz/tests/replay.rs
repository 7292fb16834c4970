//! Each target on its stored corpus, and on random bytes: the short form of `make fuzz`.
//!
//! `FUZZ_CASES` sets the number of random cases a target (2,000), `FUZZ_SEED` the first of their seeds.

use std::fs;
use std::path::Path;

use rowpattern_fuzz::{TARGETS, Target};

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}")))
}

fn target(name: &str) -> Target {
    TARGETS.iter().find(|(known, _)| *known == name).expect(name).1
}

/// Runs the files of `corpus/NAME`; the file that fails is in the captured output.
fn replay(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        target(name)(&fs::read(path).unwrap());
        files += 1;
    }
    assert!(files > 0);
}

/// Runs random bytes; the seed of the case that fails is in the captured output.
fn random(name: &str) {
    let (first, cases) = (from_environment("FUZZ_SEED", 0), from_environment("FUZZ_CASES", 2_000));
    for seed in first..first + cases {
        println!("seed {seed}");
        target(name)(&bytes(seed));
    }
}

/// Random bytes of a seed (`SplitMix64`), most of them few.
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    };
    let words = next() % (8 << (next() % 6));
    (0..=words).flat_map(|_| next().to_le_bytes()).collect()
}

macro_rules! tests {
    ($($name:ident),*) => {$(
        mod $name {
            #[test]
            fn corpus() {
                super::replay(stringify!($name));
            }
            #[test]
            fn random_bytes() {
                super::random(stringify!($name));
            }
        }
    )*};
}

tests!(pattern_text, pattern_rows, conditions);
