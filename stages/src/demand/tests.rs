use proptest::prelude::*;

use super::{Demand, Piece};
use crate::testing::same_each_time;

/// Messages of these sizes: for each the (size, ask) of its pieces, and what is outstanding after it.
fn trace(max: usize, min: usize, sizes: &[usize]) -> Vec<(Vec<(usize, usize)>, usize)> {
    let mut demand = Demand::new(min, max);
    let message = |size: &usize| {
        let pieces: Vec<Piece> = demand.split(*size).collect();
        assert!(pieces.iter().all(|piece| piece.excess == 0));
        (pieces.iter().map(|piece| (piece.size, piece.ask)).collect(), demand.outstanding())
    };
    sizes.iter().map(message).collect()
}

// Section 7, the worked examples in their order.

#[test]
fn max_1000_min_500() {
    assert_eq!(trace(1000, 500, &[1000]), [(vec![(500, 500), (500, 500)], 1000)]);
}

#[test]
fn max_100_min_80() {
    assert_eq!(trace(100, 80, &[100]), [(vec![(20, 20); 5], 100)]);
}

#[test]
fn max_100_min_20() {
    let (big, small) = ((vec![(80, 80), (20, 0)], 80), (vec![(80, 100)], 100));
    assert_eq!(trace(100, 20, &[100]), std::slice::from_ref(&big));
    assert_eq!(trace(100, 20, &[100, 80, 100, 80]), [big.clone(), small.clone(), big, small]);
}

#[test]
fn max_1_min_0() {
    assert_eq!(trace(1, 0, &[1]), [(vec![(1, 1)], 1)]);
}

#[test]
fn max_10_min_9() {
    assert_eq!(trace(10, 9, &[10]), [(vec![(1, 1); 10], 10)]);
}

#[test]
fn max_10_min_0() {
    assert_eq!(trace(10, 0, &[10]), [(vec![(10, 10)], 10)]);
}

#[test]
fn max_10_min_5_with_small_messages() {
    let (quiet, asking) = ((vec![(3, 0)], 7), (vec![(3, 6)], 10));
    assert_eq!(trace(10, 5, &[3, 3, 3, 3]), [quiet.clone(), asking.clone(), quiet, asking]);
}

/// Q13: the code's numbers, not the manual's.
#[test]
fn max_1000_min_750() {
    let expected = [(vec![(100, 0)], 900), (vec![(100, 0)], 800), (vec![(100, 300)], 1000), (vec![(100, 0)], 900)];
    assert_eq!(trace(1000, 750, &[100, 100, 100, 100]), expected);
}

#[test]
fn more_events_than_asked_for() {
    let mut demand = Demand { outstanding: 4, min: 5, max: 10 };
    let pieces: Vec<Piece> = demand.split(12).collect();
    let expected = [(5, 10, 1), (5, 0, 5), (2, 0, 2)];
    assert_eq!(pieces, expected.map(|(size, ask, excess)| Piece { size, ask, excess }));
    assert_eq!(demand.outstanding(), 10);
}

#[test]
fn an_empty_message_has_no_pieces() {
    let mut demand = Demand::new(5, 10);
    assert_eq!(demand.split(0).count(), 0);
    assert_eq!(demand.outstanding(), 10);
}

#[test]
fn the_message_is_counted_even_if_its_pieces_are_not_read() {
    let mut demand = Demand::new(5, 10);
    let _ = demand.split(4);
    assert_eq!(demand.outstanding(), 6);
}

proptest! {
    #![proptest_config(same_each_time())]

    /// Section 21, automatic consumer, with a producer that keeps to what it was asked for.
    #[test]
    fn a_correct_producer_is_never_in_excess(
        max in 1_usize..60,
        min in 0_usize..60,
        sizes in prop::collection::vec(0_usize..80, 0..60),
    ) {
        let min = min % max;
        let mut demand = Demand::new(min, max);
        // Asked for and not sent, as the producer sees it.
        let mut owed = max;
        for size in sizes {
            let size = size.min(owed);
            owed -= size;
            let mut seen = 0;
            for piece in demand.split(size) {
                prop_assert!(piece.size >= 1 && piece.size <= max - min);
                prop_assert_eq!(piece.excess, 0);
                seen += piece.size;
                owed += piece.ask;
                prop_assert!(owed <= max);
            }
            prop_assert_eq!(seen, size);
            prop_assert_eq!(demand.outstanding(), owed);
            prop_assert!(demand.outstanding() > min && demand.outstanding() <= max);
        }
    }

    /// The short way for a message of one piece says what the long way says.
    #[test]
    fn whole_messages_are_counted_as_split_ones(
        max in 1_usize..60,
        min in 0_usize..60,
        sizes in prop::collection::vec(0_usize..70, 0..60),
    ) {
        let mut long = Demand::new(min % max, max);
        let mut short = long.clone();
        for size in sizes {
            let pieces: Vec<Piece> = long.split(size).collect();
            match short.whole(size) {
                Some(piece) => prop_assert_eq!(&pieces, &[piece]),
                None => {
                    prop_assert!(pieces.len() != 1 || pieces[0].excess > 0);
                    prop_assert_eq!(&short.split(size).collect::<Vec<_>>(), &pieces);
                }
            }
            prop_assert_eq!(&short, &long);
        }
    }

    /// The same with a producer that sends what it likes.
    #[test]
    fn outstanding_stays_in_bounds_whatever_comes(
        max in 1_usize..60,
        min in 0_usize..60,
        sizes in prop::collection::vec(0_usize..200, 0..60),
    ) {
        let min = min % max;
        let mut demand = Demand::new(min, max);
        for size in sizes {
            let before = demand.outstanding();
            let pieces: Vec<Piece> = demand.split(size).collect();
            prop_assert_eq!(pieces.iter().map(|piece| piece.size).sum::<usize>(), size);
            let excess: usize = pieces.iter().map(|piece| piece.excess).sum();
            prop_assert_eq!(excess, size.saturating_sub(before));
            let asked: usize = pieces.iter().map(|piece| piece.ask).sum();
            prop_assert_eq!(demand.outstanding() + (size - excess), before + asked);
            prop_assert!(demand.outstanding() > min && demand.outstanding() <= max);
        }
    }
}

#[test]
fn a_message_of_one_piece_is_counted_like_any_other() {
    for (min, max) in [(0, 1), (500, 1000), (20, 100), (9, 10), (0, 10)] {
        let mut whole = Demand::new(min, max);
        let mut split = Demand::new(min, max);
        for events in [0, 1, 3, max - min, 1, 2, max - min + 1, max] {
            let pieces: Vec<_> = split.split(events).collect();
            match whole.whole(events) {
                Some(piece) => assert_eq!(pieces, [piece], "{events} of {max}/{min}"),
                None => assert_eq!(whole.split(events).collect::<Vec<_>>(), pieces, "{events} of {max}/{min}"),
            }
            assert_eq!(whole, split);
        }
    }
}
