//! A file in pieces that end between words, so that each can be counted on its own.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::words::is_word_byte;

/// The usual size of a piece.
///
/// Large enough that the costs of each piece do not show, small enough to still be in the cache
/// when it is counted. From 16 KiB to 1 MiB no difference could be measured.
pub(crate) const PIECE: usize = 256 * 1024;

/// The first buffer for a file that says it is tiny, or (as those in `/proc` do) empty.
const SMALLEST: usize = 4 * 1024;

/// Some bytes of a file, with a buffer that can be used for the next piece.
#[derive(Debug, Clone, Default)]
pub(crate) struct Piece {
    // Never shortened to `len`: growing it again would mean to zero it again.
    store: Vec<u8>,
    len: usize,
}

impl Piece {
    /// The bytes; no word continues beyond either end.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.store.get(..self.len).unwrap_or_default()
    }
}

/// Reads pieces; together they are exactly what was read.
///
/// A piece has at most the given size, unless a single word is longer: then the buffer doubles
/// until that word has ended. So memory is bounded by the size or twice the longest word.
#[derive(Debug)]
pub(crate) struct Pieces<R> {
    source: R,
    size: usize,
    /// The buffer wanted for the next piece.
    next_size: usize,
    /// The beginning of a word that did not end in the piece before.
    carry: Vec<u8>,
    ended: bool,
}

impl Pieces<File> {
    /// The pieces of the file at `path`.
    pub(crate) fn open(path: &Path, size: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut pieces = Self::new(file, size);
        // Most files are small, their buffers need not be larger. One byte more than the file,
        // so that the end is seen before the buffer is full. A wrong length does no harm.
        pieces.next_size = len.saturating_add(1).max(SMALLEST).min(size);
        Ok(pieces)
    }
}

impl<R: Read> Pieces<R> {
    /// The pieces of `source`.
    pub(crate) fn new(source: R, size: usize) -> Self {
        let size = size.max(1);
        Self { source, size, next_size: size, carry: Vec::new(), ended: false }
    }

    /// Replaces the content of `piece` with the next one; `false` at the end.
    ///
    /// After an error there are no further pieces.
    pub(crate) fn fill(&mut self, piece: &mut Piece) -> io::Result<bool> {
        piece.len = 0;
        if self.ended {
            return Ok(false);
        }
        let store = &mut piece.store;
        self.prepare(store);
        let mut end = self.carry.len();
        store[..end].copy_from_slice(&self.carry);
        self.carry.clear();
        loop {
            if end == store.len() {
                if let Some(last) = store.iter().rposition(|&byte| !is_word_byte(byte)) {
                    self.carry.extend_from_slice(&store[last + 1..]);
                    piece.len = last + 1;
                    return Ok(true);
                }
                // One word fills the whole buffer.
                store.resize(end.saturating_mul(2), 0);
            }
            match self.source.read(&mut store[end..]) {
                Ok(0) => {
                    self.ended = true;
                    piece.len = end;
                    return Ok(end > 0);
                }
                Ok(read) => end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
    }

    /// Makes `store` large enough for the carry and at least one byte more.
    fn prepare(&mut self, store: &mut Vec<u8>) {
        let wanted = self.next_size.max(self.carry.len() + 1);
        self.next_size = self.size;
        if store.is_empty() || store.len() > self.size.max(wanted) {
            // New, or grown by a long word before: give that memory back.
            *store = vec![0; wanted];
        } else if store.len() < wanted {
            store.resize(wanted, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::scratch::Scratch;

    /// Returns at most `step` bytes from each read, and is interrupted before each.
    struct Slow<'a> {
        bytes: &'a [u8],
        step: usize,
        interrupted: bool,
    }

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.interrupted = !self.interrupted;
            if self.interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let wanted = self.step.min(buffer.len());
            self.bytes.read(&mut buffer[..wanted])
        }
    }

    fn pieces(source: impl Read, size: usize) -> Vec<Vec<u8>> {
        let mut pieces = Pieces::new(source, size);
        let mut piece = Piece::default();
        let mut all = Vec::new();
        while pieces.fill(&mut piece).unwrap() {
            all.push(piece.bytes().to_owned());
        }
        assert!(!pieces.fill(&mut piece).unwrap(), "the end is the end");
        assert!(piece.bytes().is_empty());
        all
    }

    #[test]
    fn every_text_is_cut_between_words_at_every_size() {
        for text in [
            &b""[..],
            b" ",
            b"word",
            b"word ",
            b" word",
            b"one two  three\nfour_4 \xff\xfe five\x00",
            b"a bb ccc dddd eeeee ffffff ggggggg",
            b"short averyverylongwordthatisnotsplit short",
            b"averyverylongwordthatisnotsplit",
        ] {
            for size in 1..=text.len() + 2 {
                for step in [1, 3, usize::MAX] {
                    let slow = Slow { bytes: text, step, interrupted: false };
                    let pieces = pieces(slow, size);
                    assert_eq!(pieces.concat(), text, "nothing lost at {size}");
                    for pair in pieces.windows(2) {
                        let last = *pair[0].last().unwrap();
                        assert!(!is_word_byte(last), "{pieces:?} at {size}");
                    }
                    let longest = text.split(|&byte| !is_word_byte(byte)).map(<[u8]>::len).max().unwrap_or(0);
                    let bound = size.max(2 * (longest + 1));
                    assert!(pieces.iter().all(|piece| piece.len() <= bound));
                }
            }
        }
    }

    #[test]
    fn the_memory_of_a_long_word_is_given_back() {
        let mut text = vec![b'x'; 1000];
        text.extend_from_slice(&b" y".repeat(20));
        let mut pieces = Pieces::new(&text[..], 8);
        let mut piece = Piece::default();
        assert!(pieces.fill(&mut piece).unwrap());
        assert!(piece.store.len() >= 1000);
        while pieces.fill(&mut piece).unwrap() {}
        assert_eq!(piece.store.len(), 8);
    }

    #[test]
    fn a_small_file_needs_a_small_buffer() {
        let dir = Scratch::new();
        let mut piece = Piece::default();
        let path = dir.write("a", b"a word");
        let mut pieces = Pieces::open(&path, PIECE).unwrap();
        assert!(pieces.fill(&mut piece).unwrap());
        assert_eq!(piece.bytes(), b"a word");
        assert_eq!(piece.store.len(), SMALLEST);
        assert!(!pieces.fill(&mut piece).unwrap());
    }

    #[test]
    fn an_empty_file_has_no_pieces() {
        let dir = Scratch::new();
        let mut pieces = Pieces::open(&dir.write("a", b""), PIECE).unwrap();
        assert!(!pieces.fill(&mut Piece::default()).unwrap());
    }

    #[test]
    fn a_file_that_grew_is_read_to_its_end() {
        let dir = Scratch::new();
        let path = dir.write("a", b"");
        let mut pieces = Pieces::open(&path, PIECE).unwrap();
        let text = b"some words ".repeat(10_000);
        fs::write(&path, &text).unwrap();
        let mut piece = Piece::default();
        let mut all = Vec::new();
        while pieces.fill(&mut piece).unwrap() {
            all.extend_from_slice(piece.bytes());
        }
        assert_eq!(all, text);
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let dir = Scratch::new();
        let error = Pieces::open(&dir.path().join("gone"), PIECE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_is_an_error_once() {
        let dir = Scratch::new();
        let mut pieces = Pieces::open(dir.path(), PIECE).unwrap();
        let mut piece = Piece::default();
        assert!(pieces.fill(&mut piece).is_err());
        assert!(!pieces.fill(&mut piece).unwrap());
    }
}
