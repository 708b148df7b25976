use std::sync::Arc;
use std::{cell::Cell, rc::Rc};

use super::{Batch, Held};

/// Counts how often it was cloned.
#[derive(Debug)]
struct Counted(Rc<Cell<usize>>);

/// The same, shareable between threads.
#[derive(Debug)]
struct Tracked(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Clone for Tracked {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn tracked(n: usize) -> (Batch<Tracked>, impl Fn() -> usize) {
    let clones = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let batch = (0..n).map(|_| Tracked(clones.clone())).collect();
    (batch, move || clones.load(std::sync::atomic::Ordering::Relaxed))
}

#[test]
fn a_batch_is_send_whenever_its_events_are() {
    fn is_send<X: Send>(_: &X) {}
    is_send(&Batch::<Cell<u8>>::new());
}

#[test]
fn a_batch_is_one_pointer() {
    assert_eq!(size_of::<Batch<u64>>(), size_of::<usize>());
}

#[test]
fn the_vector_goes_in_and_out_without_a_copy() {
    let events = vec![1, 2, 3];
    let place = events.as_ptr();
    let events = Batch::from(events).into_vec();
    assert_eq!((events.as_ptr(), events.len()), (place, 3));
    let buffer = Batch::from(events).into_empty().unwrap();
    assert_eq!((buffer.as_slice().as_ptr(), buffer.len()), (place, 0));
}

#[test]
fn only_holders_that_are_not_the_last_clone() {
    let (mut first, clones) = tracked(5);
    let (second, third) = (first.share(), first.share());
    assert_eq!((first.len(), second.len(), third.len()), (5, 5, 5));
    assert_eq!(first.into_vec().len(), 5);
    assert_eq!(clones(), 5);
    drop(second);
    assert_eq!(third.into_vec().len(), 5);
    assert_eq!(clones(), 5);
}

#[test]
fn a_cut_of_a_shared_batch_clones_what_is_taken_and_no_more() {
    let (mut first, clones) = tracked(5);
    let second = first.share();
    let mut piece = Batch::new();
    assert_eq!(first.cut().next_piece(2, &mut piece), 2);
    assert_eq!((clones(), first.len(), second.len()), (2, 0, 5));
    assert_eq!(first.cut().next_piece(2, &mut piece), 0);
    assert!(first.share().is_empty());
    assert_eq!(first.into_vec().len(), 0);
    assert!(second.into_empty().is_some());
}

#[test]
fn the_last_holder_returns_the_buffer_even_when_spent() {
    let mut first = Batch::from(vec![1, 2, 3]);
    let mut second = first.share();
    let place = second.as_slice().as_ptr();
    assert_eq!(second.cut().remaining(), 3);
    assert!(first.into_empty().is_none());
    assert!(second.is_empty());
    let buffer = second.into_empty().unwrap();
    assert_eq!((buffer.as_slice().as_ptr(), buffer.len()), (place, 0));
}

#[test]
fn a_batch_that_was_shared_is_shared_again_in_what_is_left_of_it() {
    let mut first = Batch::from(vec![1, 2, 3]);
    let second = first.share();
    let header = |batch: &Batch<i32>| match batch.held() {
        Some(Held::Owned(_, Some(header)) | Held::Shared(header)) => Arc::as_ptr(header).cast::<()>(),
        _ => std::ptr::null(),
    };
    let place = header(&first);
    assert!(!place.is_null());
    first.clear();
    assert_eq!((first.is_something(), first.len(), second.len()), (true, 0, 3));
    let mut again = second.into_empty().unwrap();
    again.extend([4]);
    assert_eq!(header(&again), place);
    let husk = first.0.as_deref().map(std::ptr::from_ref);
    let handle = again.share_in(first);
    assert_eq!((header(&again), header(&handle), handle.0.as_deref().map(std::ptr::from_ref)), (place, place, husk));
    assert_eq!((again.into_vec(), handle.into_vec()), (vec![4], vec![4]));
}

#[test]
fn pieces_of_an_owned_batch_are_in_order_and_the_rest_is_dropped() {
    let drops = Rc::new(Cell::new(0));
    let mut batch: Batch<_> = (0..5).map(|_| Counted(drops.clone())).collect();
    let mut piece = Batch::new();
    let mut cut = batch.cut();
    assert_eq!(cut.next_piece(0, &mut piece), 0);
    assert_eq!(cut.next_piece(2, &mut piece), 2);
    drop(cut);
    assert_eq!((drops.get(), batch.len(), piece.len()), (3, 0, 2));
    assert!(batch.into_empty().unwrap().capacity() >= 5);
}
