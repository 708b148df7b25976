//! Tasks (T1, T2).

mod common;

use common::*;
use genstage_core::{JoinError, Task};

#[test]
fn t1_1_closures_and_futures_give_their_value() {
    seeds(100, |_| {
        assert_eq!(Task::spawn(|| 1 + 1).join(), Ok(2));
        assert_eq!(Task::spawn(async { 1 + 1 }).join(), Ok(2));
        let unit: Result<(), JoinError> = Task::spawn(|| ()).join();
        assert_eq!(unit, Ok(()));
    });
}
