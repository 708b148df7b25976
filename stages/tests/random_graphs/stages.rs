//! Stages that enter in the book what they do.

use std::time::Duration;

use genstage::prelude::*;

use crate::book::{Node, Shared};

pub(crate) struct Put(pub(crate) usize);
pub(crate) struct Die(pub(crate) ExitReason);
pub(crate) struct Boom;
pub(crate) struct Tick;
pub(crate) struct AskAgain(SubscriptionId, usize);

/// The numbers of the events that one stage makes up.
struct Numbers {
    node: Node,
    shared: Shared,
    next: u64,
}

impl Numbers {
    fn emit(&mut self, count: usize, out: &mut Emit<u64>) {
        for _ in 0..count {
            let event = self.node as u64 * 1_000_000 + self.next;
            self.next += 1;
            self.shared.book().emit(self.node, event);
            out.push(event);
        }
    }
}

/// How a producer meets demand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// At once.
    Prompt,
    /// At once, and so many more than asked for.
    Over(usize),
    /// So many at once, the others by and by.
    Late(usize),
}

pub(crate) struct Make {
    numbers: Numbers,
    style: Style,
    left: usize,
    owed: usize,
}

impl Make {
    pub(crate) fn new(node: Node, shared: &Shared, style: Style, left: usize) -> Self {
        Self { numbers: Numbers { node, shared: shared.clone(), next: 0 }, style, left, owed: 0 }
    }

    fn give(&mut self, count: usize, out: &mut Emit<u64>) {
        let count = count.min(self.left);
        self.left -= count;
        self.numbers.shared.book().left.insert(self.numbers.node, self.left);
        self.numbers.emit(count, out);
    }

    fn later(&mut self, chunk: usize, out: &mut Emit<u64>, cx: &Context<'_, Self>) {
        let now = self.owed.min(chunk);
        self.owed -= now;
        self.give(now, out);
        if self.owed > 0 && self.left > 0 {
            cx.send_after(Tick, Duration::from_millis(1));
        }
    }
}

impl Producer for Make {
    type Event = u64;

    fn handle_demand(&mut self, demand: usize, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
        match self.style {
            Style::Prompt => self.give(demand, out),
            Style::Over(more) => self.give(demand + more, out),
            Style::Late(chunk) => {
                self.owed += demand;
                self.later(chunk, out, cx);
            }
        }
        Outcome::Continue
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        self.numbers.shared.book().edge(cancellation.subscription).cancels_of_producer += 1;
        // Q25: what is emitted here must not go to the one that left.
        self.give(1, cx.out());
        Outcome::Continue
    }

    fn format_discarded(&mut self, count: usize) -> bool {
        self.numbers.shared.book().discard(self.numbers.node, count);
        false
    }
}

impl HandleInfo<Tick> for Make {
    fn handle_info(&mut self, _: Tick, cx: &mut Context<'_, Self>) -> Outcome {
        let Style::Late(chunk) = self.style else { return Outcome::Continue };
        let now = self.owed.min(chunk.max(1));
        self.owed -= now;
        self.give(now, cx.out());
        if self.owed > 0 && self.left > 0 {
            cx.send_after(Tick, Duration::from_millis(1));
        }
        Outcome::Continue
    }
}

pub(crate) struct Between {
    numbers: Numbers,
    /// Lets every event through, or only each so many-th.
    keep: u64,
}

impl Between {
    pub(crate) fn new(node: Node, shared: &Shared, keep: u64) -> Self {
        Self { numbers: Numbers { node, shared: shared.clone(), next: 0 }, keep }
    }
}

impl ProducerConsumer for Between {
    type In = u64;
    type Out = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, out: &mut Emit<u64>, cx: &mut Context<'_, Self>) -> Outcome {
        let id = cx.subscription().unwrap();
        self.numbers.shared.book().pull(self.numbers.node, id);
        self.numbers.shared.book().receive(id, events.as_slice());
        // Under numbers of its own: by two ways the same event may come twice.
        let kept = events.into_iter().filter(|event| event.is_multiple_of(self.keep)).count();
        self.numbers.emit(kept, out);
        Outcome::Continue
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, cx: &mut Context<'_, Self>) -> Outcome {
        let mut book = self.numbers.shared.book();
        let edge = book.edge(cancellation.subscription);
        if edge.producer == self.numbers.node {
            edge.cancels_of_producer += 1;
        } else {
            edge.cancels_of_consumer += 1;
        }
        drop(book);
        self.numbers.emit(1, cx.out());
        Outcome::Continue
    }

    fn format_discarded(&mut self, count: usize) -> bool {
        self.numbers.shared.book().discard(self.numbers.node, count);
        false
    }
}

pub(crate) struct End {
    shared: Shared,
    /// Asks for so many by hand, at once and again later.
    manual: Option<usize>,
}

impl End {
    pub(crate) fn new(shared: &Shared, manual: Option<usize>) -> Self {
        Self { shared: shared.clone(), manual }
    }
}

impl Consumer for End {
    type Event = u64;

    fn handle_events(&mut self, events: Events<'_, u64>, cx: &mut Context<'_, Self>) -> Outcome {
        let id = cx.subscription().unwrap();
        self.shared.book().receive(id, events.as_slice());
        if self.manual.is_some() {
            cx.send_after(AskAgain(id, events.len()), Duration::from_millis(2));
        }
        Outcome::Continue
    }

    fn handle_subscribe(&mut self, producer: &Partner, cx: &mut Context<'_, Self>) -> Manner {
        let Some(first) = self.manual else { return Manner::Automatic };
        cx.ask(producer.subscription, first);
        Manner::Manual
    }

    fn handle_cancel(&mut self, cancellation: &Cancellation, _: &mut Context<'_, Self>) -> Outcome {
        self.shared.book().edge(cancellation.subscription).cancels_of_consumer += 1;
        Outcome::Continue
    }
}

impl HandleInfo<AskAgain> for End {
    fn handle_info(&mut self, AskAgain(id, count): AskAgain, cx: &mut Context<'_, Self>) -> Outcome {
        cx.ask(id, count);
        Outcome::Continue
    }
}

macro_rules! orders {
    ($stage:ident) => {
        impl HandleCast<Die> for $stage {
            fn handle_cast(&mut self, Die(reason): Die, _: &mut Context<'_, Self>) -> Outcome {
                Outcome::Stop(reason)
            }
        }

        impl HandleCast<Boom> for $stage {
            fn handle_cast(&mut self, _: Boom, _: &mut Context<'_, Self>) -> Outcome {
                panic!("boom")
            }
        }
    };
}

orders!(Make);
orders!(Between);
orders!(End);

macro_rules! unasked {
    ($stage:ident) => {
        impl HandleCast<Put> for $stage {
            fn handle_cast(&mut self, Put(count): Put, cx: &mut Context<'_, Self>) -> Outcome {
                self.numbers.emit(count, cx.out());
                Outcome::Continue
            }
        }
    };
}

unasked!(Make);
unasked!(Between);
