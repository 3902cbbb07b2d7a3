//! Random numbers whose seed is printed and can be given, and how long the tests that use them go on.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io::Write as _;

/// A sequence of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence for the test of this name. Its seed is another one in each run, unless `ANDON_SEED` gives it, and is
    /// printed past the capture of the test's output.
    pub fn for_test(name: &str) -> Self {
        let given = std::env::var("ANDON_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(name));
        let line = format!("{name}: ANDON_SEED={seed}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        Self(seed)
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// How often a check is made: so often with all other tests, or so often where `ANDON_LONG` is set, as `tests/long`
/// does.
pub fn budget(short: u64, long: u64) -> u64 {
    if std::env::var_os("ANDON_LONG").is_some() { long } else { short }
}
