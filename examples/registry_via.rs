//! A name in a registry finds a process again after its restart: a till for each shop, each kept running, each called by its shop.

use genstage::core::{
    CALL_TIMEOUT, ExitReason, Mail, Name, Outcome, Process, ProcessContext, Registry, RegistryRef, ReplyTo, Signal,
    StartError, StartOptions, ThreadProcess, start,
};

/// Counts what is paid. It cannot take nothing.
struct Till(u32);

enum Order {
    Pay(u32),
    Total(ReplyTo<u32>),
}

impl Process for Till {
    type Message = Order;

    fn handle(&mut self, order: Order, _: &mut ProcessContext<'_, Order>) -> Outcome {
        match order {
            Order::Pay(0) => return Outcome::Stop(ExitReason::other("paid with nothing")),
            Order::Pay(cents) => self.0 += cents,
            Order::Total(reply) => reply.send(self.0),
        }
        Outcome::Continue
    }
}

fn open(till: &Name) -> Result<(), StartError> {
    start(Till(0), StartOptions::new().name(till).link()).map(drop)
}

fn pay(till: &Name, cents: u32) -> Option<()> {
    till.address()?.send(Order::Pay(cents)).ok()
}

fn total(till: &Name) -> Option<u32> {
    till.address()?.call_with(CALL_TIMEOUT, Order::Total).ok()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What supervises here: it hears of the tills' ends.
    let keeper = ThreadProcess::<()>::start()?;
    keeper.trap_exit(true);
    let shops: RegistryRef<&str, u32> = Registry::unique().name("shops").partitions(2).start_link()?;

    // A name is a key of the registry, here with the shop's number as the value.
    let bakery = shops.via_value("bakery", 1);
    let florist = shops.via_value("florist", 2);
    open(&bakery)?;
    open(&florist)?;
    assert!(matches!(open(&bakery), Err(StartError::AlreadyStarted(till)) if Some(till) == bakery.pid()));

    pay(&bakery, 250).ok_or("the bakery is open")?;
    pay(&florist, 900).ok_or("the florist is open")?;
    assert_eq!((total(&bakery), total(&florist)), (Some(250), Some(900)));

    let before = bakery.pid();
    pay(&bakery, 0).ok_or("the bakery is open")?;
    let Some(Mail::Signal(Signal::Exit(exit))) = keeper.receive(None) else { return Err("a till has ended".into()) };
    assert_eq!((Some(exit.from), exit.reason), (before, ExitReason::other("paid with nothing")));
    assert_eq!(total(&bakery), None, "nobody is there");

    // At once, although the registry may not have cleaned up yet.
    open(&bakery)?;
    pay(&bakery, 120).ok_or("the bakery is open")?;
    assert_eq!((total(&bakery), total(&florist)), (Some(120), Some(900)));
    assert_ne!(bakery.pid(), before);
    let (till, number) = shops.get("bakery").ok_or("it is registered")?;
    assert_eq!((Some(till.pid()), number), (bakery.pid(), 1));
    println!("the bakery's till was found again after its restart");
    Ok(())
}
