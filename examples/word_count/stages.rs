//! The stages in the middle: chunks of files become text, text becomes counts.
//!
//! Each has one producer and one consumer. When its producer has ended, it ends too, but by a message that takes its
//! place behind the events it has still buffered: so nothing is lost, however slow its consumer is.

use std::mem;

use genstage::core::may_block;
use genstage::prelude::*;

use crate::chunks::{CHUNK, Chunk};
use crate::read::{Buffers, Piece, words_at};
use crate::words::Counts;

/// Everything before this has gone to the consumer.
struct Finished;

/// The largest buffer that is kept, two chunks: a longer one was needed for an absurdly long word.
const LARGEST: usize = 512 * 1024;

/// Reads chunks.
#[derive(Debug)]
pub(crate) struct Reader {
    buffers: Buffers,
    /// Files of unknown length that have not ended yet.
    unfinished: usize,
}

impl Reader {
    /// A reader that uses these buffers.
    pub(crate) fn new(buffers: Buffers) -> Self {
        Self { buffers, unfinished: 0 }
    }

    /// Reads a chunk, or the beginning of one without an end. A failure is reported, and leaves an empty piece.
    fn read(&mut self, mut chunk: Chunk, cx: &mut Context<'_, Self>) -> Piece {
        let exact = chunk.end.is_some();
        let rest = chunk.cut(CHUNK);
        let size = usize::try_from(chunk.end.map_or(CHUNK, |end| end - chunk.start)).unwrap_or(usize::MAX);
        // A disk can be slow: others use the core meanwhile.
        let buffer = self.buffers.take();
        let read = may_block(|| Some(words_at(chunk.file.open()?, chunk.start, size, exact, buffer)));
        let (piece, bytes) = match read {
            Some(Ok(read)) => read,
            Some(Err(error)) => {
                chunk.file.fail(&error);
                Default::default()
            }
            None => Default::default(),
        };
        chunk.file.bytes_done(bytes);
        match rest {
            // It may go on. That is read when this piece has gone out, so memory does not depend on the length.
            Some(rest) if bytes == size => {
                self.unfinished += 1;
                cx.async_info(rest);
            }
            _ => chunk.file.chunk_done(),
        }
        piece
    }
}

impl ProducerConsumer for Reader {
    type In = Chunk;
    type Out = Piece;

    fn handle_events(
        &mut self,
        chunks: Events<'_, Chunk>,
        out: &mut Emit<Piece>,
        cx: &mut Context<'_, Self>,
    ) -> Outcome {
        out.extend(chunks.into_iter().map(|chunk| self.read(chunk, cx)));
        Outcome::Continue
    }

    fn handle_cancel(&mut self, _: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        cx.async_info(Finished);
        Outcome::Continue
    }
}

/// The rest of a chunk without an end.
impl HandleInfo<Chunk> for Reader {
    fn handle_info(&mut self, rest: Chunk, cx: &mut Context<'_, Self>) -> Outcome {
        self.unfinished -= 1;
        let piece = self.read(rest, cx);
        cx.out().push(piece);
        Outcome::Continue
    }
}

impl HandleInfo<Finished> for Reader {
    fn handle_info(&mut self, finished: Finished, cx: &mut Context<'_, Self>) -> Outcome {
        if self.unfinished == 0 {
            return Outcome::Stop(ExitReason::Normal);
        }
        // Behind the rests that wait.
        cx.async_info(finished);
        Outcome::Continue
    }
}

/// Counts words. Emits nothing until there is nothing more to count, then everything at once.
#[derive(Debug)]
pub(crate) struct Counter {
    buffers: Buffers,
    counts: Counts,
}

impl Counter {
    /// A counter that gives the buffers of its pieces back to these.
    pub(crate) fn new(buffers: Buffers) -> Self {
        Self { buffers, counts: Counts::default() }
    }
}

impl ProducerConsumer for Counter {
    type In = Piece;
    type Out = Counts;

    fn handle_events(&mut self, pieces: Events<'_, Piece>, _: &mut Emit<Counts>, _: &mut Context<'_, Self>) -> Outcome {
        for piece in pieces {
            self.counts.count(piece.bytes());
            self.buffers.give_back(piece, LARGEST);
        }
        Outcome::Continue
    }

    fn handle_cancel(&mut self, _: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        let counts = mem::take(&mut self.counts);
        cx.out().push(counts);
        cx.async_info(Finished);
        Outcome::Continue
    }
}

impl HandleInfo<Finished> for Counter {
    fn handle_info(&mut self, _: Finished, _: &mut Context<'_, Self>) -> Outcome {
        Outcome::Stop(ExitReason::Normal)
    }
}
