//! A tree that heals. A till splits bills and enters each share into a ledger. A bill for nobody crashes it: its supervisor
//! starts it again, the ledger before it keeps its numbers, and name and handle find the new till.
//!
//! ```text
//!   shop (one_for_one) ── books (rest_for_one) ─┬─ ledger
//!                                               └─ till      depends on the ledger
//! ```

use std::time::Duration;

use genstage::core::{
    Address, CALL_TIMEOUT, Child, ChildSpec, ExitReason, Name, Outcome, Process, ProcessContext, ReplyTo, StartOptions,
    Strategy, Supervise, Supervisor, start,
};

/// The sum of all shares.
#[derive(Default)]
struct Ledger(u64);

enum Entry {
    Add(u64),
    Total(ReplyTo<u64>),
}

impl Process for Ledger {
    type Message = Entry;

    fn handle(&mut self, entry: Entry, _: &mut ProcessContext<'_, Entry>) -> Outcome {
        match entry {
            Entry::Add(amount) => self.0 += amount,
            Entry::Total(reply) => reply.send(self.0),
        }
        Outcome::Continue
    }
}

/// Knows the ledger whichever incarnation it is in.
struct Till(Child<Address<Entry>>);

struct Bill {
    amount: u64,
    people: u64,
}

impl Process for Till {
    type Message = Bill;

    fn handle(&mut self, bill: Bill, _: &mut ProcessContext<'_, Bill>) -> Outcome {
        // A bill for nobody panics: let it crash.
        let share = bill.amount / bill.people;
        match self.0.get().map(|ledger| ledger.send(Entry::Add(share))) {
            Some(Ok(())) => Outcome::Continue,
            _ => Outcome::Stop(ExitReason::other("there is no ledger")),
        }
    }
}

/// A part of the tree as a type of its own.
struct Books {
    ledger: ChildSpec<Address<Entry>>,
    till: ChildSpec<Address<Bill>>,
}

impl Books {
    fn new() -> Self {
        let ledger = ChildSpec::new("ledger", || Ledger::default().start_link());
        let handle = ledger.handle();
        let till = ChildSpec::new("till", move || start(Till(handle.clone()), StartOptions::new().link().name("till")));
        Self { ledger, till }
    }
}

impl Supervise for Books {
    fn init(&self) -> Option<Supervisor> {
        Some(Supervisor::new(Strategy::RestForOne).child(&self.ledger).child(&self.till))
    }
}

/// The next incarnation of a child that has just ended.
fn next<M: Send + 'static>(child: &Child<Address<M>>, before: &Address<M>) -> Address<M> {
    loop {
        match child.get() {
            Some(now) if now.pid() != before.pid() => return now,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let books = Books::new();
    let (ledger, till) = (books.ledger.handle(), books.till.handle());
    let shop = Supervisor::new(Strategy::OneForOne).name("shop").child(books.child_spec("books")).start_link()?;

    let first = till.get().ok_or("the till is open")?;
    first.send(Bill { amount: 90, people: 3 })?;
    println!("the till is {}; now a bill for nobody", first.pid());
    first.send(Bill { amount: 90, people: 0 })?;

    let second = next(&till, &first);
    println!("the till is {}", second.pid());
    assert!(first.send(Bill { amount: 10, people: 1 }).is_err(), "the old address says that it is dead");
    assert!(matches!(first.exit_reason(), Some(ExitReason::Panic(_))));
    assert_eq!(Name::from("till").pid(), Some(second.pid()), "the name finds the new one");

    second.send(Bill { amount: 24, people: 2 })?;
    // What a process sends to another arrives in order, but the till may not have got to the bill yet.
    let total = || Some(ledger.get()?.call_with(CALL_TIMEOUT, Entry::Total));
    while total() != Some(Ok(42)) {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("the ledger has kept its numbers: 30 + 12 = 42");

    let before = (ledger.get().ok_or("open")?, second);
    before.0.exit(ExitReason::Kill);
    let (books, till) = (next(&ledger, &before.0), next(&till, &before.1));
    assert_eq!(before.1.exit_reason(), Some(ExitReason::Shutdown), "it was stopped in good order");
    assert_eq!(books.call_with(CALL_TIMEOUT, Entry::Total), Ok(0));
    println!("without the ledger the till cannot work: both are new, {} and {}", books.pid(), till.pid());

    shop.stop()?;
    assert!(ledger.get().is_none() && Name::from("till").pid().is_none());
    println!("the shop is closed");
    Ok(())
}
