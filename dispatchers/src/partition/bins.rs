//! The events of the dispatch at hand, by their partitions.

use crate::{Batch, Deliveries};

/// A vector for each partition. One without events has no memory: it is lent some with the first, and gives it away with the last.
pub(super) struct Bins<T> {
    bins: Vec<Vec<T>>,
    /// Partitions that were lent memory, in the order in which their first events came.
    touched: Vec<usize>,
}

/// Bins into which events are put, one after the other.
pub(super) struct Filling<'a, T> {
    bins: &'a mut [Vec<T>],
    touched: &'a mut Vec<usize>,
    out: &'a mut Deliveries<T>,
}

impl<T> Bins<T> {
    pub(super) fn new(partitions: usize) -> Self {
        Self { bins: (0..partitions).map(|_| Vec::new()).collect(), touched: Vec::new() }
    }

    pub(super) fn fill<'a>(&'a mut self, out: &'a mut Deliveries<T>) -> Filling<'a, T> {
        Filling { bins: &mut self.bins, touched: &mut self.touched, out }
    }

    pub(super) fn touched(&self) -> &[usize] {
        &self.touched
    }

    pub(super) fn bin(&mut self, place: usize) -> &mut Vec<T> {
        &mut self.bins[place]
    }

    /// All that is in them, and the memory of those that are empty by now.
    pub(super) fn empty<'a>(
        &'a mut self,
        out: &'a mut Deliveries<T>,
        mut each: impl FnMut(usize, Batch<T>, &mut Deliveries<T>) + 'a,
    ) {
        for place in self.touched.drain(..) {
            let batch = out.take_all(&mut self.bins[place]);
            each(place, batch, out);
        }
    }
}

impl<T> Filling<'_, T> {
    /// One look at a time: a bin without memory is full as one whose memory is.
    #[inline]
    pub(super) fn put(&mut self, place: usize, event: T) {
        let bin = &mut self.bins[place];
        if bin.len() == bin.capacity() {
            make_room(place, bin, self.touched, self.out);
        }
        bin.push(event);
    }

    #[inline]
    pub(super) fn drop_one(&mut self) {
        self.out.filter(1);
    }
}

#[cold]
#[inline(never)]
fn make_room<T>(place: usize, bin: &mut Vec<T>, touched: &mut Vec<usize>, out: &mut Deliveries<T>) {
    if bin.capacity() == 0 {
        touched.push(place);
        out.lend(bin);
    }
    bin.reserve(1);
}
