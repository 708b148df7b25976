//! Counting words.
//!
//! A word is a maximal run of the bytes `A-Z a-z 0-9 _`, in lower case; any other byte separates.
//! This is where nearly all the time goes, hence three steps beyond the obvious:
//!
//! * 64 bytes are classified at once, into the bits of an integer; the compiler uses vector
//!   instructions for that, and runs are then found by counting zero bits.
//! * A word of up to 16 bytes is its own key, a `u128`: no allocation, nothing to follow.
//! * Looking up a longer word borrows it; it is allocated only when first seen.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::LazyLock;

use ahash::RandomState;
use serde::Serialize;

/// The longest word that fits into a short key.
const SHORT: usize = size_of::<u128>();

/// Set in every lower case letter and digit, clear in every upper case letter.
const LOWER_CASE: u8 = 0x20;

/// A `_` with [`LOWER_CASE`] set; no other byte of a word becomes this.
const UNDERSCORE: u8 = b'_' | LOWER_CASE;

/// All tables hash alike: two of them then have their words in about the same order, and [`Counts::merge`] walks through
/// both from front to back instead of jumping about.
static HASHING: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A word and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WordCount {
    /// The word, in lower case.
    pub(crate) word: String,
    /// How often.
    pub(crate) count: u64,
}

/// Whether `byte` belongs to a word.
#[inline]
pub(crate) const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How often each word was seen.
#[derive(Debug)]
pub(crate) struct Counts {
    short: HashMap<u128, u64, RandomState>,
    long: HashMap<Box<[u8]>, u64, RandomState>,
    words: u64,
    /// A long word in lower case, while it is looked up.
    lowered: Vec<u8>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            short: HashMap::with_hasher(HASHING.clone()),
            long: HashMap::with_hasher(HASHING.clone()),
            words: 0,
            lowered: Vec::new(),
        }
    }
}

impl Counts {
    /// How many words were seen, counting each time.
    pub(crate) fn words(&self) -> u64 {
        self.words
    }

    /// How many different words were seen.
    pub(crate) fn distinct(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Counts the words of `text`, which must not begin or end within a word.
    pub(crate) fn count(&mut self, text: &[u8]) {
        let (blocks, rest) = text.as_chunks::<64>();
        // Padded with separators; the padding is outside `text`, but no word reaches into it.
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);

        let mut start = None;
        let mut before = 0;
        for (block, base) in blocks.iter().chain([&last]).zip((0..).step_by(64)) {
            let mask = word_mask(block);
            // A bit for each byte whose class differs from that of the byte before.
            let mut edges = mask ^ ((mask << 1) | before);
            before = mask >> 63;
            while edges != 0 {
                let at = base + edges.trailing_zeros() as usize;
                edges &= edges - 1;
                match start.take() {
                    Some(start) => self.add(text, start, at),
                    None => start = Some(at),
                }
            }
        }
        // `rest` is shorter than a block, so the last byte of the last block is always padding.
        debug_assert_eq!(start, None);
    }

    #[inline]
    fn add(&mut self, text: &[u8], start: usize, end: usize) {
        self.words += 1;
        if end - start <= SHORT {
            *self.short.entry(short_key(text, start, end)).or_insert(0) += 1;
        } else {
            self.add_long(&text[start..end]);
        }
    }

    // Rare: kept out of the loop above, which is faster for it.
    #[inline(never)]
    fn add_long(&mut self, word: &[u8]) {
        self.lowered.clear();
        self.lowered.extend_from_slice(word);
        self.lowered.make_ascii_lowercase();
        if let Some(count) = self.long.get_mut(self.lowered.as_slice()) {
            *count += 1;
        } else {
            self.long.insert(self.lowered.as_slice().into(), 1);
        }
    }

    /// Adds everything counted in `other`.
    pub(crate) fn merge(&mut self, mut other: Self) {
        // Adding the smaller to the larger moves less.
        if self.distinct() < other.distinct() {
            std::mem::swap(self, &mut other);
        }
        self.words += other.words;
        // For all of them, though many are in both: in a table that is too small, words that come in order of their
        // hashes pile up at one place.
        self.short.reserve(other.short.len());
        self.long.reserve(other.long.len());
        for (word, count) in other.short {
            *self.short.entry(word).or_insert(0) += count;
        }
        for (word, count) in other.long {
            *self.long.entry(word).or_insert(0) += count;
        }
    }

    /// The `n` most frequent words, the most frequent first, equally frequent ones in order.
    pub(crate) fn top(&self, n: usize) -> Vec<WordCount> {
        // First only the numbers: few words are ever written out and compared.
        let mut counts: Vec<u64> = self.short.values().chain(self.long.values()).copied().collect();
        let least = match n.checked_sub(1) {
            None => return Vec::new(),
            Some(last) if last < counts.len() => *counts.select_nth_unstable_by_key(last, |&count| Reverse(count)).1,
            Some(_) => 0,
        };
        drop(counts);
        let short = self.short.iter().filter(|&(_, &count)| count >= least);
        let long = self.long.iter().filter(|&(_, &count)| count >= least);
        let mut top: Vec<WordCount> = short
            .map(|(&key, &count)| word_count(short_word(key), count))
            .chain(long.map(|(word, &count)| word_count(word.iter().copied(), count)))
            .collect();
        top.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
        top.truncate(n);
        top
    }
}

/// A bit for each byte that belongs to a word, the first byte lowest.
#[inline]
fn word_mask(block: &[u8; 64]) -> u64 {
    let flags = block.map(|byte| u8::from(is_word_byte(byte)));
    let mut mask = 0;
    for (eight, shift) in flags.as_chunks::<8>().0.iter().zip((0..).step_by(8)) {
        // Eight bytes that are 0 or 1: the product gathers them in its highest byte.
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= gathered << shift;
    }
    mask
}

/// A word of at most [`SHORT`] bytes as a number: in lower case, its first byte lowest, filled
/// with zeros, which no word contains.
#[inline]
fn short_key(text: &[u8], start: usize, end: usize) -> u128 {
    let len = end - start;
    // Always 16 bytes, then cut: copying `len` bytes, a different number each time, is slower.
    let bytes = text[start..].first_chunk().copied().unwrap_or_else(|| {
        let mut bytes = [0; SHORT];
        bytes[..len].copy_from_slice(&text[start..end]);
        bytes
    });
    let lowered = u128::from_le_bytes(bytes) | u128::from_le_bytes([LOWER_CASE; SHORT]);
    lowered & (u128::MAX >> (8 * (SHORT - len)))
}

/// The bytes of the word with this key.
fn short_word(key: u128) -> impl Iterator<Item = u8> {
    key.to_le_bytes().into_iter().take_while(|&byte| byte != 0).map(|byte| if byte == UNDERSCORE { b'_' } else { byte })
}

fn word_count(word: impl Iterator<Item = u8>, count: u64) -> WordCount {
    WordCount { word: word.map(char::from).collect(), count }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn counted(text: &[u8]) -> Counts {
        let mut counts = Counts::default();
        counts.count(text);
        counts
    }

    fn all(counts: &Counts) -> Vec<(String, u64)> {
        let top = counts.top(usize::MAX).into_iter();
        top.map(|entry| (entry.word, entry.count)).collect()
    }

    /// As plain as can be.
    fn expected(text: &[u8]) -> Vec<(String, u64)> {
        let mut counts = BTreeMap::new();
        for word in text.split(|&byte| !byte.is_ascii_alphanumeric() && byte != b'_') {
            if !word.is_empty() {
                let word = String::from_utf8(word.to_ascii_lowercase()).unwrap();
                *counts.entry(word).or_insert(0) += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        // Stable, so equal counts stay in order of the words.
        counts.sort_by_key(|&(_, count)| Reverse(count));
        counts
    }

    /// Numbers that look random and are the same each time.
    fn random(seed: &mut u64) -> usize {
        *seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        usize::try_from(*seed >> 33).unwrap()
    }

    #[test]
    fn every_byte_has_the_right_class() {
        for byte in 0..=u8::MAX {
            let word = byte.is_ascii_alphanumeric() || byte == b'_';
            assert_eq!(is_word_byte(byte), word, "{byte:#x}");
            let counts = counted(&[byte]);
            assert_eq!(all(&counts), expected(&[byte]), "{byte:#x}");
        }
    }

    #[test]
    fn simple_texts() {
        assert!(all(&counted(b"")).is_empty());
        assert!(all(&counted(b" \xff\x00\x7f-")).is_empty());
        let text = b"The the_end THE\xc3\xa9the 42 _ __ End\xffend";
        let counts = counted(text);
        assert_eq!(all(&counts), expected(text));
        assert_eq!(counts.words(), 9);
        assert_eq!(counts.distinct(), 6);
    }

    #[test]
    fn words_of_every_length_at_every_place() {
        for len in 1..=140 {
            let word: Vec<u8> = b"aB3_zZ09Q".iter().copied().cycle().take(len).collect();
            for place in 0..70 {
                let mut text = vec![b'-'; place];
                text.extend_from_slice(&word);
                assert_eq!(all(&counted(&text)), expected(&text), "{len} at {place}");
                text.push(b'@');
                assert_eq!(all(&counted(&text)), expected(&text), "{len} at {place}");
                text.extend_from_slice(&word);
                assert_eq!(all(&counted(&text)), expected(&text), "{len} at {place}");
            }
        }
    }

    #[test]
    fn random_texts_in_one_and_in_parts() {
        let mut seed = 1;
        for round in 0..300 {
            let len = random(&mut seed) % 2000;
            let bytes: &[u8] = if round % 2 == 0 { b"aAbZ_09 " } else { b"xY_ .\xe9\x7f@[`{/:" };
            let text: Vec<u8> = (0..len).map(|_| bytes[random(&mut seed) % bytes.len()]).collect();
            let whole = counted(&text);
            assert_eq!(all(&whole), expected(&text));

            // Two tables, as two workers would have; the parts end after separators.
            let mut tables = [Counts::default(), Counts::default()];
            for part in text.split_inclusive(|&byte| !is_word_byte(byte)) {
                tables[random(&mut seed) % 2].count(part);
            }
            let [mut merged, other] = tables;
            merged.merge(other);
            assert_eq!(all(&merged), all(&whole));
            assert_eq!(merged.words(), whole.words());
            assert_eq!(merged.distinct(), whole.distinct());
        }
    }

    #[test]
    fn the_top_is_the_head_of_the_whole_order() {
        let text = b"c c b b a a a averyveryverylongword averyveryverylongword d";
        let counts = counted(text);
        for n in 0..8 {
            let top: Vec<_> = counts.top(n).into_iter().map(|w| (w.word, w.count)).collect();
            assert_eq!(top, expected(text)[..n.min(5)]);
        }
    }
}
