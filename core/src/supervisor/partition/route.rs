//! Which partition a key belongs to: pure, and the same on every run.

use std::hash::{Hash, Hasher};

/// The route of a key: integers go by their absolute value, all else by a hash.
///
/// What a key is shows in how it hashes itself: an integer, also one inside a type of its own, writes a single number.
/// So there is nothing to implement for keys.
///
/// Specification: PS2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route(u128);

impl Route {
    /// The key's own `Hash` runs here.
    pub(super) fn of<K: Hash + ?Sized>(key: &K) -> Self {
        let mut scribe = Scribe { hash: START, only: Only::Nothing };
        key.hash(&mut scribe);
        match scribe.only {
            Only::Number(number) => Self(number),
            Only::Nothing | Only::More => Self(scribe.finish().into()),
        }
    }

    /// The partition, of so many. `None`: there are none.
    pub(super) fn among(self, partitions: usize) -> Option<usize> {
        let rest = self.0.checked_rem(u128::try_from(partitions).ok()?)?;
        usize::try_from(rest).ok()
    }
}

/// What a key has written so far.
enum Only {
    Nothing,
    Number(u128),
    More,
}

struct Scribe {
    hash: u64,
    only: Only,
}

/// FNV-1a: slow for long keys, but it needs no seed, so a key has the same partition on every run of a program.
const START: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01B3;

impl Scribe {
    fn number(&mut self, number: u128, bytes: &[u8]) {
        let only = if matches!(self.only, Only::Nothing) { Only::Number(number) } else { Only::More };
        self.write(bytes);
        self.only = only;
    }
}

macro_rules! unsigned {
    ($($write:ident $int:ty),*) => {$(
        fn $write(&mut self, number: $int) {
            // No integer type is wider.
            self.number(number as u128, &number.to_le_bytes());
        }
    )*};
}

macro_rules! signed {
    ($($write:ident $int:ty),*) => {$(
        fn $write(&mut self, number: $int) {
            self.number(number.unsigned_abs() as u128, &number.to_le_bytes());
        }
    )*};
}

#[allow(clippy::cast_lossless, reason = "usize has no lossless conversion")]
impl Hasher for Scribe {
    unsigned!(write_u8 u8, write_u16 u16, write_u32 u32, write_u64 u64, write_u128 u128, write_usize usize);
    signed!(write_i8 i8, write_i16 i16, write_i32 i32, write_i64 i64, write_i128 i128, write_isize isize);

    fn write(&mut self, bytes: &[u8]) {
        self.hash = bytes.iter().fold(self.hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
        self.only = Only::More;
    }

    /// Mixed, as the low bits alone choose among two or four.
    fn finish(&self) -> u64 {
        let hash = (self.hash ^ (self.hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^ (hash >> 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition<K: Hash + ?Sized>(key: &K, partitions: usize) -> usize {
        Route::of(key).among(partitions).unwrap()
    }

    #[test]
    fn ps2_integers_go_by_their_absolute_value() {
        for n in 1..10_usize {
            for key in -50..50_i64 {
                assert_eq!(partition(&key, n), usize::try_from(key.unsigned_abs()).unwrap() % n, "{key} of {n}");
            }
        }
        assert_eq!(
            [partition(&7_u8, 4), partition(&7_usize, 4), partition(&-7_i128, 4), partition(&&7_i16, 4)],
            [3; 4]
        );
        assert_eq!(partition(&i64::MIN, 10), 8);
        assert_eq!(partition(&u128::MAX, 10), 5);
    }

    #[test]
    fn ps2_an_integer_in_a_type_of_its_own_is_one_too() {
        #[derive(Hash)]
        struct UserId(u64);
        assert_eq!(partition(&UserId(13), 10), 3);
    }

    #[test]
    fn ps2_all_other_keys_go_by_a_hash_that_is_the_same_on_every_run() {
        assert_eq!(partition("ada", 1000), partition(&String::from("ada"), 1000));
        assert_eq!(["ada", "bob", "eve"].map(|key| partition(key, 1000)), [889, 392, 325]);
        assert_ne!(partition(&(1, 2), 1000), partition(&(2, 1), 1000));
        assert_eq!(partition(&(1_u8, 2_u8), 1000), 573);
        assert_eq!(partition(&(), 1000), partition(&(), 1000));
    }

    #[test]
    fn ps2_hashed_keys_spread_evenly() {
        for n in [2, 3, 4, 8, 10] {
            let mut seen = vec![0_usize; n];
            for key in 0..10_000 {
                seen[partition(&format!("user-{key}"), n)] += 1;
            }
            let fair = 10_000 / n;
            assert!(seen.iter().all(|count| count.abs_diff(fair) < fair / 10), "{n}: {seen:?}");
        }
    }

    #[test]
    fn ps4_among_none_there_is_none() {
        assert_eq!(Route::of(&1).among(0), None);
    }
}
