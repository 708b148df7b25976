use proptest::prelude::*;

use super::{Buffer, Capacity, Keep};
use crate::testing::same_each_time;

type Letters = Buffer<char, &'static str>;

fn letters(capacity: usize, keep: Keep) -> Letters {
    Buffer::new(Capacity::Events(capacity), keep)
}

/// How many were discarded, and the infos that this released.
fn store(buffer: &mut Letters, events: &str) -> (usize, Vec<&'static str>) {
    let (mut events, mut released) = (events.chars().collect(), vec![]);
    let discarded = buffer.store(&mut events, &mut released);
    assert!(events.is_empty());
    (discarded, released)
}

fn take(buffer: &mut Letters, n: usize) -> (String, Vec<&'static str>) {
    let (mut events, mut released) = (vec![], vec![]);
    assert_eq!(buffer.take(n, &mut events, &mut released), events.len());
    (events.into_iter().collect(), released)
}

fn all(buffer: &mut Letters) -> String {
    let mut events = String::new();
    while !buffer.is_empty() {
        events += &take(buffer, usize::MAX).0;
    }
    events
}

/// Section 10, capacity 5: 5 and then 3.
#[test]
fn five_and_three_into_five() {
    let mut first = letters(5, Keep::First);
    assert_eq!(store(&mut first, "abcde").0, 0);
    assert_eq!(store(&mut first, "fgh").0, 3);
    assert_eq!(all(&mut first), "abcde");
    let mut last = letters(5, Keep::Last);
    assert_eq!(store(&mut last, "abcde").0, 0);
    assert_eq!(store(&mut last, "fgh").0, 3);
    assert_eq!(all(&mut last), "defgh");
}

/// Section 10, capacity 5: one store of 8.
#[test]
fn eight_into_five() {
    for (keep, kept) in [(Keep::First, "abcde"), (Keep::Last, "defgh")] {
        let mut buffer = letters(5, keep);
        assert_eq!(store(&mut buffer, "abcdefgh").0, 3);
        assert_eq!(all(&mut buffer), kept);
    }
}

/// The count is that of one store, not of all so far.
#[test]
fn discards_are_counted_for_each_store() {
    let mut buffer = letters(2, Keep::First);
    assert_eq!([store(&mut buffer, "abc").0, store(&mut buffer, "d").0, store(&mut buffer, "").0], [1, 1, 0]);
}

/// Q8.
#[test]
fn capacity_0_discards_everything() {
    for keep in [Keep::First, Keep::Last] {
        let mut buffer = letters(0, keep);
        assert_eq!(store(&mut buffer, "abc"), (3, vec![]));
        assert_eq!((buffer.len(), buffer.is_empty()), (0, true));
        assert_eq!(buffer.push_info("i"), Err("i"));
    }
}

#[test]
fn infinity_never_discards() {
    for keep in [Keep::First, Keep::Last] {
        let mut buffer = Buffer::<u32, ()>::new(Capacity::Infinity, keep);
        let mut events: Vec<u32> = (0..100_000).collect();
        assert_eq!(buffer.store(&mut events, &mut vec![]), 0);
        assert_eq!((buffer.len(), events.capacity() >= 100_000), (100_000, true));
    }
}

/// Section 9.2: a b c |d e f| g h |i|, letters between bars are infos.
#[test]
fn infos_cut_what_is_taken() {
    let mut buffer = letters(10, Keep::Last);
    store(&mut buffer, "abc");
    for info in ["d", "e", "f"] {
        buffer.push_info(info).unwrap();
    }
    store(&mut buffer, "gh");
    buffer.push_info("i").unwrap();
    assert_eq!(buffer.len(), 5, "infos are not counted (Q12)");
    assert_eq!(take(&mut buffer, 5), ("abc".into(), vec!["d", "e", "f"]));
    assert_eq!(take(&mut buffer, 2), ("gh".into(), vec!["i"]));
    assert!(buffer.is_empty());
}

/// Section 10.1, Q12: bounded or not, an info goes with the event ahead of it, even when nothing more was asked for.
#[test]
fn q12_an_info_does_not_wait_for_the_next_take() {
    for capacity in [Capacity::Events(10), Capacity::Infinity] {
        let mut buffer: Letters = Buffer::new(capacity, Keep::Last);
        store(&mut buffer, "abc");
        buffer.push_info("i").unwrap();
        assert_eq!(buffer.len(), 3);
        assert_eq!(take(&mut buffer, 3), ("abc".into(), vec!["i"]));
    }
}

/// Section 10.1: capacity 3, a b |i|, then c d e.
#[test]
fn keep_last_releases_the_infos_of_what_it_drops() {
    let mut buffer = letters(3, Keep::Last);
    store(&mut buffer, "ab");
    buffer.push_info("i").unwrap();
    assert_eq!(store(&mut buffer, "cde"), (2, vec!["i"]));
    assert_eq!(all(&mut buffer), "cde");
}

#[test]
fn keep_first_leaves_infos_alone() {
    let mut buffer = letters(3, Keep::First);
    store(&mut buffer, "ab");
    buffer.push_info("i").unwrap();
    assert_eq!(store(&mut buffer, "cde"), (2, vec![]));
    assert_eq!(take(&mut buffer, 3), ("ab".into(), vec!["i"]));
    assert_eq!(take(&mut buffer, 3), ("c".into(), vec![]));
}

/// Section 10.1, the ring trace, capacity 3.
#[test]
fn ring_trace() {
    let mut buffer = letters(3, Keep::Last);
    store(&mut buffer, "abc");
    buffer.push_info("s1").unwrap();
    assert_eq!(take(&mut buffer, 2), ("ab".into(), vec![]));
    assert_eq!(store(&mut buffer, "de"), (0, vec![]));
    assert_eq!(buffer.len(), 3);
    buffer.push_info("s2").unwrap();
    assert_eq!(take(&mut buffer, 1), ("c".into(), vec!["s1"]));
    assert_eq!(take(&mut buffer, 2), ("de".into(), vec!["s2"]));
}

#[test]
fn an_info_into_an_empty_buffer_is_given_back() {
    let mut buffer = letters(3, Keep::Last);
    assert_eq!(buffer.push_info("i"), Err("i"));
    store(&mut buffer, "a");
    assert_eq!(buffer.push_info("i"), Ok(()));
    assert_eq!(take(&mut buffer, 0), (String::new(), vec![]));
    assert_eq!(take(&mut buffer, 1), ("a".into(), vec!["i"]));
    assert_eq!(buffer.push_info("j"), Err("j"));
}

#[test]
fn leftovers_go_back_in_front_and_their_infos_with_them() {
    let mut buffer = letters(4, Keep::Last);
    store(&mut buffer, "abcd");
    buffer.push_info("i").unwrap();
    buffer.push_info("j").unwrap();
    let (mut events, mut released) = (vec![], vec![]);
    buffer.take(4, &mut events, &mut released);
    assert_eq!(released, ["i", "j"]);
    // The dispatcher placed a and b only.
    events.drain(..2);
    buffer.put_back(&mut events, &mut released);
    assert_eq!((events.len(), released.len(), buffer.len()), (0, 0, 2));
    store(&mut buffer, "e");
    buffer.push_info("k").unwrap();
    assert_eq!(take(&mut buffer, 1), ("c".into(), vec![]));
    assert_eq!(take(&mut buffer, 9), ("d".into(), vec!["i", "j"]));
    assert_eq!(take(&mut buffer, 9), ("e".into(), vec!["k"]));
}

#[test]
fn without_leftovers_the_infos_stay_released() {
    let mut buffer = letters(4, Keep::Last);
    let (mut events, mut released) = (vec![], vec!["i"]);
    buffer.put_back(&mut events, &mut released);
    assert_eq!((released, buffer.is_empty()), (vec!["i"], true));
}

#[test]
fn leftovers_are_never_discarded() {
    for (keep, kept) in [(Keep::First, "yzab"), (Keep::Last, "bc")] {
        let mut buffer = letters(2, keep);
        store(&mut buffer, "ab");
        buffer.put_back(&mut vec!['y', 'z'], &mut vec![]);
        assert_eq!(buffer.len(), 4);
        assert_eq!(store(&mut buffer, "").0, 0);
        // The next store goes by its rule: it discards the new one, or what is oldest until the rest fits.
        assert_eq!(store(&mut buffer, "c").0, if keep == Keep::First { 1 } else { 3 });
        assert_eq!(all(&mut buffer), kept);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Store(usize),
    Info,
    /// Take so many, of which the dispatcher places so many.
    Take(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_usize..9).prop_map(Step::Store),
        Just(Step::Info),
        (0_usize..9, 0_usize..9).prop_map(|(n, placed)| Step::Take(n, placed)),
    ];
    prop::collection::vec(step, 0..80)
}

/// One queue of entries, worked on one by one: an event with the infos behind it.
struct Naive {
    entries: Vec<(u32, Vec<u32>)>,
    capacity: usize,
    keep: Keep,
}

impl Naive {
    fn store(&mut self, events: &[u32]) -> (usize, Vec<u32>) {
        let (mut discarded, mut released) = (0, vec![]);
        for event in events {
            if self.entries.len() < self.capacity {
                self.entries.push((*event, vec![]));
                continue;
            }
            discarded += 1;
            if self.keep == Keep::Last && self.capacity > 0 {
                released.extend(self.entries.remove(0).1);
                self.entries.push((*event, vec![]));
            }
        }
        (discarded, released)
    }

    fn take(&mut self, n: usize) -> (Vec<u32>, Vec<u32>) {
        let mut taken = vec![];
        while taken.len() < n && !self.entries.is_empty() {
            let (event, infos) = self.entries.remove(0);
            taken.push(event);
            if !infos.is_empty() {
                return (taken, infos);
            }
        }
        (taken, vec![])
    }
}

proptest! {
    #![proptest_config(same_each_time())]

    #[test]
    fn agrees_with_a_naive_queue(capacity in 0_usize..8, infinite: bool, first: bool, steps in steps()) {
        let keep = if first { Keep::First } else { Keep::Last };
        let bound = if infinite { Capacity::Infinity } else { Capacity::Events(capacity) };
        let mut buffer: Buffer<u32, u32> = Buffer::new(bound, keep);
        let mut naive = Naive { entries: vec![], capacity: if infinite { usize::MAX } else { capacity }, keep };
        let mut numbers = 0_u32..;
        for step in steps {
            match step {
                Step::Store(count) => {
                    let mut events: Vec<u32> = numbers.by_ref().take(count).collect();
                    let expected = naive.store(&events);
                    let mut released = vec![];
                    prop_assert_eq!((buffer.store(&mut events, &mut released), released), expected);
                    prop_assert!(infinite || buffer.len() <= capacity);
                }
                Step::Info => {
                    let info = numbers.next().unwrap();
                    let expected = naive.entries.last_mut().map(|(_, infos)| infos.push(info)).ok_or(info);
                    prop_assert_eq!(buffer.push_info(info), expected);
                }
                Step::Take(n, placed) => {
                    let (mut events, mut released) = (vec![], vec![]);
                    let count = buffer.take(n, &mut events, &mut released);
                    let (taken, infos) = naive.take(n);
                    prop_assert_eq!((count, &events, &released), (taken.len(), &taken, &infos));
                    events.drain(..placed.min(count));
                    let mut back: Vec<_> = events.iter().map(|event| (*event, vec![])).collect();
                    if let Some((_, behind)) = back.last_mut() {
                        *behind = infos;
                    }
                    naive.entries.splice(..0, back);
                    buffer.put_back(&mut events, &mut released);
                    prop_assert!(events.is_empty());
                }
            }
            prop_assert_eq!(buffer.len(), naive.entries.len());
        }
    }
}
