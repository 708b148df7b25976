//! Files cut into chunks, so that several readers can share even a single file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::files::Skipped;
use crate::progress::Progress;

/// The size of a chunk.
///
/// Large enough that the costs of each chunk do not show, small enough to still be in the cache when it is counted.
pub(crate) const CHUNK: u64 = 256 * 1024;

/// A part of a file, to be read by whoever comes first.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The file.
    pub(crate) file: Arc<Source>,
    /// Its first byte.
    pub(crate) start: u64,
    /// The byte behind its last one. `None` is the end of the file, wherever that may be.
    pub(crate) end: Option<u64>,
}

impl Chunk {
    /// Leaves at most the first `size` bytes here and returns the rest, if there is any or may be.
    pub(crate) fn cut(&mut self, size: u64) -> Option<Self> {
        let at = self.start.saturating_add(size);
        if self.end.is_some_and(|end| end <= at) {
            return None;
        }
        let end = self.end.replace(at);
        Some(Self { file: Arc::clone(&self.file), start: at, end })
    }
}

/// A file that is being read, opened by the first who needs it, closed with its last chunk.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    /// `None` once it could not be opened.
    file: OnceLock<Option<File>>,
    /// How many chunks are still to be read.
    unread: AtomicU64,
    failed: AtomicBool,
    progress: Arc<Progress>,
}

impl Source {
    fn new(path: PathBuf, chunks: u64, progress: Arc<Progress>) -> Self {
        Self { path, file: OnceLock::new(), unread: AtomicU64::new(chunks), failed: AtomicBool::new(false), progress }
    }

    /// The file; `None` if it cannot be read, which has been reported then.
    pub(crate) fn open(&self) -> Option<&File> {
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        let open = || File::open(&self.path).map_err(|error| self.fail(&error)).ok();
        self.file.get_or_init(open).as_ref()
    }

    /// It cannot be read. Reported once, however many chunks that concerns.
    pub(crate) fn fail(&self, error: &io::Error) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            self.progress.skip(&Skipped::new(&self.path, error));
        }
    }

    /// `bytes` of it have been read.
    pub(crate) fn bytes_done(&self, bytes: usize) {
        self.progress.bytes_done(bytes);
    }

    /// A chunk has been read, or cannot be. With the last one the file is done, if nothing failed.
    pub(crate) fn chunk_done(&self) {
        // A failure of another reader comes before its last chunk, and is seen here.
        if self.unread.fetch_sub(1, Ordering::AcqRel) == 1 && !self.failed.load(Ordering::Relaxed) {
            self.progress.file_done();
        }
    }
}

/// The chunks of files, one after the other.
///
/// A file is cut by the length it has when it is found: what is appended later is not counted. One that says its
/// length is 0 becomes a single chunk without an end, because all in `/proc` say so.
#[derive(Debug)]
pub(crate) struct Chunks<F> {
    files: F,
    size: u64,
    /// What is left of the current file.
    rest: Option<Chunk>,
    progress: Arc<Progress>,
}

impl<F: Iterator<Item = Result<PathBuf, Skipped>>> Chunks<F> {
    /// The chunks of `files`, each of `size` bytes but for the last of a file.
    pub(crate) fn new(files: F, size: u64, progress: Arc<Progress>) -> Self {
        Self { files, size, rest: None, progress }
    }

    /// The next file, uncut. What cannot be read is reported and left out.
    fn file(&mut self) -> Option<Chunk> {
        loop {
            let measured = self.files.next()?.and_then(|path| match length(&path) {
                Ok(len) => Ok((path, len)),
                Err(error) => Err(Skipped::new(&path, &error)),
            });
            match measured {
                Ok((path, len)) => {
                    let chunks = len.div_ceil(self.size).max(1);
                    let file = Arc::new(Source::new(path, chunks, Arc::clone(&self.progress)));
                    return Some(Chunk { file, start: 0, end: (len > 0).then_some(len) });
                }
                Err(skipped) => self.progress.skip(&skipped),
            }
        }
    }
}

fn length(path: &Path) -> io::Result<u64> {
    path.metadata().map(|metadata| metadata.len())
}

impl<F: Iterator<Item = Result<PathBuf, Skipped>>> Iterator for Chunks<F> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let mut chunk = match self.rest.take() {
            Some(rest) => rest,
            None => self.file()?,
        };
        if chunk.end.is_some() {
            self.rest = chunk.cut(self.size);
        }
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::scratch::Scratch;

    fn chunks(paths: &[&Path]) -> (Vec<Chunk>, Arc<Progress>) {
        let progress = Arc::new(Progress::new());
        let files: Vec<_> = paths.iter().map(|path| Ok(path.to_path_buf())).collect();
        (Chunks::new(files.into_iter(), 10, Arc::clone(&progress)).collect(), progress)
    }

    #[test]
    fn they_cover_each_file_exactly() {
        let dir = Scratch::new();
        for (len, expected) in [
            (0, &[(0, None)][..]),
            (1, &[(0, Some(1))]),
            (10, &[(0, Some(10))]),
            (11, &[(0, Some(10)), (10, Some(11))]),
            (30, &[(0, Some(10)), (10, Some(20)), (20, Some(30))]),
        ] {
            let path = dir.write("a", &vec![b'x'; len]);
            let (chunks, progress) = chunks(&[&path]);
            let ranges: Vec<_> = chunks.iter().map(|chunk| (chunk.start, chunk.end)).collect();
            assert_eq!(ranges, expected);
            for chunk in &chunks {
                assert_eq!(progress.files(), 0);
                chunk.file.chunk_done();
            }
            assert_eq!(progress.files(), 1, "done with its last chunk");
        }
    }

    #[test]
    fn a_file_that_vanished_is_skipped_once() {
        let dir = Scratch::new();
        let (gone, there) = (dir.path().join("gone"), dir.write("there", b"x"));
        let (chunks_left, progress) = chunks(&[&gone, &there]);
        assert_eq!((chunks_left.len(), progress.skipped()), (1, 1));

        // Likewise between listing and reading, which every chunk notices.
        let (chunks, progress) = chunks(&[&dir.write("long", &[b'x'; 25])]);
        fs::remove_file(dir.path().join("long")).unwrap();
        for chunk in &chunks {
            assert!(chunk.file.open().is_none());
            chunk.file.chunk_done();
        }
        assert_eq!((progress.files(), progress.skipped()), (0, 1));
    }

    #[test]
    fn a_chunk_without_an_end_can_be_cut_forever() {
        let dir = Scratch::new();
        let (mut chunks, _) = chunks(&[&dir.write("a", b"")]);
        let mut rest = chunks[0].cut(7).unwrap();
        assert_eq!((chunks[0].start, chunks[0].end), (0, Some(7)));
        assert_eq!((rest.start, rest.end), (7, None));
        assert_eq!(rest.cut(7).unwrap().start, 14);
    }
}
