//! Reading the words of a part of a file, without knowing the parts around it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::words::is_word_byte;

/// The first buffer where nobody knows how much there is.
const SMALLEST: usize = 4 * 1024;

/// The words of a part of a file.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    store: Vec<u8>,
    words: Range<usize>,
}

impl Piece {
    /// Its words and what is between them; no word continues beyond either end.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.store.get(self.words.clone()).unwrap_or_default()
    }
}

/// Buffers to be used again: the system need not find and clear new memory for each piece.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// A buffer with anything in it.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps the buffer of a piece, unless it has grown beyond `most` for a long word.
    pub(crate) fn give_back(&self, piece: Piece, most: usize) {
        if (1..=most).contains(&piece.store.capacity()) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(piece.store);
        }
    }
}

/// Something that several readers can read at once, for none moves another's place.
pub(crate) trait ReadAt {
    /// Reads some bytes from `place` on; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, place)
    }

    // Moves the file's own place, but never looks at it.
    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, place)
    }
}

/// Reads the words that begin in `size` bytes from `start` on, and how many of these bytes there are.
///
/// So each word of a file is in exactly one piece, in whatever parts and order the file is read: one that began
/// earlier is left out, one that goes on behind the part is read to its end. `exact` says that the `size` bytes are
/// probably there; otherwise little memory is used at first. The piece is in `store`, whatever that contained.
pub(crate) fn words_at(
    file: &impl ReadAt,
    start: u64,
    size: usize,
    exact: bool,
    mut store: Vec<u8>,
) -> io::Result<(Piece, usize)> {
    // The byte before tells whether the first word began there.
    let before = usize::from(start > 0);
    let offset = start - before as u64;
    let wanted = before + size;
    let mut end = 0;
    let mut most = if exact { wanted } else { wanted.min(SMALLEST) };
    loop {
        end = fill(file, &mut store, end, most, offset)?;
        if end < most || most == wanted {
            break;
        }
        most = wanted.min(most * 2);
    }
    let found = end.saturating_sub(before);

    let read = &store[..end];
    let first = match read.first() {
        // A word began earlier: up to its end. If that is not here, neither is the beginning of another.
        Some(&byte) if before == 1 && is_word_byte(byte) => {
            read.iter().position(|&byte| !is_word_byte(byte)).unwrap_or(end)
        }
        _ => before.min(end),
    };
    // A file that is shorter than expected has ended: its last word has, too.
    if end == wanted && end > first && is_word_byte(read[end - 1]) {
        end = finish_word(file, &mut store, end, offset)?;
    }
    Ok((Piece { store, words: first..end }, found))
}

/// Reads on until the word that is cut off at `end` has ended; returns where.
fn finish_word(file: &impl ReadAt, store: &mut Vec<u8>, mut end: usize, offset: u64) -> io::Result<usize> {
    let mut more = 64;
    loop {
        let filled = fill(file, store, end, end + more, offset)?;
        if let Some(separator) = store[end..filled].iter().position(|&byte| !is_word_byte(byte)) {
            return Ok(end + separator);
        }
        if filled < end + more {
            return Ok(filled);
        }
        end = filled;
        // Doubled: an absurdly long word takes few steps.
        more *= 2;
    }
}

/// Fills `store` from `at` up to `most` as far as the file goes, and returns how far that is. The first byte of `store`
/// is the file's at `offset`.
fn fill(file: &impl ReadAt, store: &mut Vec<u8>, mut at: usize, most: usize, offset: u64) -> io::Result<usize> {
    if store.len() < most {
        // Exactly: a few bytes more than a chunk must not double the buffer.
        store.reserve_exact(most - store.len());
        store.resize(most, 0);
    }
    while at < most {
        match file.read_at(&mut store[at..most], offset + at as u64) {
            Ok(0) => break,
            Ok(read) => at += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::words::Counts;

    /// Returns at most `step` bytes from each read, and is interrupted before each.
    struct Slow<'a> {
        bytes: &'a [u8],
        step: usize,
        interrupted: Cell<bool>,
    }

    impl ReadAt for Slow<'_> {
        fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
            if !self.interrupted.replace(!self.interrupted.get()) {
                return Err(ErrorKind::Interrupted.into());
            }
            let rest = self.bytes.get(usize::try_from(place).unwrap()..).unwrap_or_default();
            let len = rest.len().min(buffer.len()).min(self.step);
            buffer[..len].copy_from_slice(&rest[..len]);
            Ok(len)
        }
    }

    fn slow(bytes: &[u8], step: usize) -> Slow<'_> {
        Slow { bytes, step, interrupted: Cell::new(false) }
    }

    /// A buffer that has been used, of a length that is sometimes enough.
    fn dirty() -> Vec<u8> {
        vec![b'd'; 20]
    }

    fn all(counts: &Counts) -> Vec<(String, u64)> {
        counts.top(usize::MAX).into_iter().map(|entry| (entry.word, entry.count)).collect()
    }

    const TEXTS: [&[u8]; 11] = [
        b"",
        b" ",
        b"word",
        b"word ",
        b" word",
        b"a",
        b"one two  three\nfour_4 \xff\xfe five\x00",
        b"a bb ccc dddd eeeee ffffff ggggggg",
        b"short averyverylongwordthatisnotsplit short",
        b"averyverylongwordthatisnotsplit",
        b"x  averyverylongwordthatisnotsplit",
    ];

    /// All texts, in parts of every size, backwards and forwards, the parts' ends known or not.
    #[test]
    fn every_word_is_counted_once_however_a_text_is_cut() {
        for text in TEXTS {
            let mut expected = Counts::default();
            expected.count(text);
            for size in 1..=text.len() + 2 {
                for (step, exact, backwards) in [(1, true, false), (3, false, true), (usize::MAX, true, true)] {
                    let mut starts: Vec<usize> = (0..text.len().max(1)).step_by(size).collect();
                    if backwards {
                        starts.reverse();
                    }
                    let (mut counts, mut bytes) = (Counts::default(), 0);
                    for start in starts {
                        let (piece, found) = words_at(&slow(text, step), start as u64, size, exact, dirty()).unwrap();
                        counts.count(piece.bytes());
                        bytes += found;
                    }
                    assert_eq!(all(&counts), all(&expected), "{text:?} by {size}");
                    assert_eq!(bytes, text.len(), "{text:?} by {size}");
                }
            }
        }
    }

    #[test]
    fn every_length_and_every_cut_of_separators_and_words() {
        // All texts of up to nine bytes, cut in two anywhere.
        for len in 0_usize..=9 {
            for bits in 0..1_usize << len {
                let text: Vec<u8> = (0..len).map(|at| if bits >> at & 1 == 1 { b'a' } else { b' ' }).collect();
                let mut expected = Counts::default();
                expected.count(&text);
                for cut in 1..=len {
                    let mut counts = Counts::default();
                    counts.count(words_at(&slow(&text, 2), 0, cut, true, dirty()).unwrap().0.bytes());
                    counts.count(words_at(&slow(&text, 2), cut as u64, len - cut, true, dirty()).unwrap().0.bytes());
                    assert_eq!(all(&counts), all(&expected), "{text:?} at {cut}");
                }
            }
        }
    }

    #[test]
    fn a_part_behind_the_end_is_empty() {
        let (piece, found) = words_at(&slow(b"word", 9), 100, 10, true, dirty()).unwrap();
        assert_eq!((piece.bytes(), found), (&b""[..], 0));
    }

    #[test]
    fn a_file_that_shrank_ends_where_it_ends() {
        // Expected to have 10 bytes more.
        let (piece, found) = words_at(&slow(b"one two", 9), 3, 14, true, dirty()).unwrap();
        assert_eq!((piece.bytes(), found), (&b" two"[..], 4));
    }

    #[test]
    fn of_what_was_appended_only_the_last_word_is_read() {
        let (piece, found) = words_at(&slow(b"one twofold three", 9), 0, 7, true, dirty()).unwrap();
        assert_eq!((piece.bytes(), found), (&b"one twofold"[..], 7));
    }

    #[test]
    fn a_word_much_longer_than_the_part_is_read_to_its_end() {
        let text = [b" ".repeat(5), b"x".repeat(10_000), b" y".to_vec()].concat();
        let (piece, found) = words_at(&slow(&text, usize::MAX), 0, 8, true, dirty()).unwrap();
        assert_eq!((piece.bytes(), found), (&text[..10_005], 8));
        let (piece, found) = words_at(&slow(&text, usize::MAX), 8, 100, true, dirty()).unwrap();
        assert_eq!((piece.bytes(), piece.store.len(), found), (&b""[..], 101, 100));
    }

    #[test]
    fn little_is_allocated_for_a_file_of_unknown_length() {
        let (piece, _) = words_at(&slow(b"word", 9), 0, 1 << 20, false, dirty()).unwrap();
        assert_eq!((piece.bytes(), piece.store.len()), (&b"word"[..], SMALLEST));
        let text = b"word ".repeat(3000);
        let (piece, found) = words_at(&slow(&text, 999), 0, 1 << 20, false, dirty()).unwrap();
        assert_eq!((piece.bytes(), found), (&text[..], text.len()));
    }

    #[test]
    fn buffers_are_used_again_but_not_those_of_long_words() {
        let buffers = Buffers::default();
        for (capacity, kept) in [(0, false), (8, true), (10, true), (11, false)] {
            buffers.give_back(Piece { store: Vec::with_capacity(capacity), words: 0..0 }, 10);
            assert_eq!(buffers.take().capacity() > 0, kept, "{capacity}");
        }
    }

    #[test]
    fn an_error_is_handed_on() {
        struct Broken;
        impl ReadAt for Broken {
            fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
                Err(ErrorKind::PermissionDenied.into())
            }
        }
        assert_eq!(words_at(&Broken, 0, 1, true, dirty()).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}
