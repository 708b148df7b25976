//! Which copy of a step an event goes to.

use std::hash::{BuildHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use genstage_dispatchers::{DemandDispatcher, Dispatcher, PartitionDispatcher};

use super::launch::{Fault, Route};
use super::line::number_of_copies;

/// Where the events of a partitioned step go; shared by the copies of the step before.
pub(super) struct Split<T> {
    pub(super) partitions: usize,
    place: Arc<dyn Fn(&T) -> u64 + Send + Sync>,
}

impl<T: Send + 'static> Split<T> {
    pub(super) fn new(partitions: usize, place: impl Fn(&T) -> u64 + Send + Sync + 'static) -> Self {
        Self { partitions: number_of_copies(partitions), place: Arc::new(place) }
    }

    pub(super) fn route(&self) -> Route<T> {
        let (partitions, place) = (self.partitions as u64, Arc::clone(&self.place));
        Route::By(Arc::new(move |fault| dispatcher(partitions, Arc::clone(&place), fault.clone())))
    }
}

fn dispatcher<T: Send + 'static>(
    partitions: u64,
    place: Arc<dyn Fn(&T) -> u64 + Send + Sync>,
    fault: Fault,
) -> Box<dyn Dispatcher<T>> {
    let hash = move |event: T| match catch_unwind(AssertUnwindSafe(|| place(&event))) {
        Ok(place) => Some((event, place % partitions.max(1))),
        Err(payload) => {
            fault.note(payload);
            resume_unwind(Box::new("the key of a partition panicked"))
        }
    };
    match PartitionDispatcher::with_hash(0..partitions, hash) {
        Ok(dispatcher) => Box::new(dispatcher),
        // No partitions: the step has refused to start before this.
        Err(_) => Box::new(DemandDispatcher::new()),
    }
}

/// The place of a key: an integer stands for itself, all else is hashed.
pub(super) fn place<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut place =
        Place { number: None, written: false, hash: ahash::RandomState::with_seeds(1, 2, 3, 4).build_hasher() };
    key.hash(&mut place);
    place.finish()
}

/// A hasher that lets a single integer be, so that `n % 4` goes to the copy of that number.
struct Place {
    /// The only integer written so far.
    number: Option<u64>,
    written: bool,
    hash: ahash::AHasher,
}

impl Place {
    fn number(&mut self, number: u64) {
        self.number = (!self.written).then_some(number);
        self.written = true;
        self.hash.write_u64(number);
    }
}

macro_rules! numbers {
    ($($write:ident: $number:ty),*) => {
        $(
            #[allow(clippy::cast_sign_loss, clippy::cast_lossless, reason = "any integer will do, if it is always the same")]
            fn $write(&mut self, number: $number) {
                self.number(number as u64);
            }
        )*
    };
}

impl Hasher for Place {
    fn write(&mut self, bytes: &[u8]) {
        self.number = None;
        self.written = true;
        self.hash.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.number.unwrap_or_else(|| self.hash.finish())
    }

    numbers!(write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_usize: usize);
    numbers!(write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64, write_isize: isize);
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn integers_stand_for_themselves() {
        assert_eq!((place(&7_u8), place(&7_usize), place(&7_i64), place(&7_u32)), (7, 7, 7, 7));
    }

    #[test]
    fn all_else_is_hashed_and_alike_for_owned_and_borrowed() {
        assert_eq!(place("rose"), place(&String::from("rose")));
        assert_ne!(place("rose"), place("tulip"));
        assert_ne!(place(&(1_u64, 2_u64)), place(&(2_u64, 1_u64)));
        assert_ne!(place(&(1_u64, 2_u64)), 1);
    }
}
