//! What tests tell probes to do.

use genstage::Peer;
use genstage::prelude::*;

use super::Seen;
use super::probes::{Counter, Middle, Sink};

/// Emit these events.
pub(crate) struct Put(pub(crate) Vec<u64>);
/// Emit these events and put an info behind them.
pub(crate) struct PutMark(pub(crate) Vec<u64>, pub(crate) &'static str);
/// Write this down.
pub(crate) struct Mark(pub(crate) &'static str);
/// Stop.
pub(crate) struct Die(pub(crate) ExitReason);
/// Panic.
pub(crate) struct Boom;
/// Cancel from inside.
pub(crate) struct CancelIt(pub(crate) SubscriptionId, pub(crate) ExitReason);
/// Ask from inside.
pub(crate) struct AskFor(pub(crate) SubscriptionId, pub(crate) usize);
/// Monitor this one.
pub(crate) struct Watch(pub(crate) Peer);
/// Which subscription is the callback about?
pub(crate) struct WhichSubscription;

macro_rules! messages {
    ($probe:ident) => {
        impl HandleInfo<Mark> for $probe {
            fn handle_info(&mut self, Mark(text): Mark, _: &mut Context<'_, Self>) -> Outcome {
                self.log.note(self.who, Seen::Info(text));
                Outcome::Continue
            }
        }

        impl HandleCast<Mark> for $probe {
            fn handle_cast(&mut self, Mark(text): Mark, _: &mut Context<'_, Self>) -> Outcome {
                self.log.note(self.who, Seen::Info(text));
                Outcome::Continue
            }
        }

        impl HandleCast<Die> for $probe {
            fn handle_cast(&mut self, Die(reason): Die, _: &mut Context<'_, Self>) -> Outcome {
                Outcome::Stop(reason)
            }
        }

        impl HandleCast<Watch> for $probe {
            fn handle_cast(&mut self, Watch(other): Watch, cx: &mut Context<'_, Self>) -> Outcome {
                cx.monitor(other);
                Outcome::Continue
            }
        }

        impl HandleCast<Boom> for $probe {
            fn handle_cast(&mut self, _: Boom, _: &mut Context<'_, Self>) -> Outcome {
                panic!("boom")
            }
        }

        impl HandleCast<CancelIt> for $probe {
            fn handle_cast(&mut self, CancelIt(id, reason): CancelIt, cx: &mut Context<'_, Self>) -> Outcome {
                cx.cancel(id, reason);
                Outcome::Continue
            }
        }

        impl HandleCall<AskFor> for $probe {
            type Reply = bool;

            fn handle_call(
                &mut self,
                AskFor(id, events): AskFor,
                _: &mut Caller<bool>,
                cx: &mut Context<'_, Self>,
            ) -> Answer<bool> {
                Answer::Reply(cx.ask(id, events))
            }
        }

        impl HandleCall<WhichSubscription> for $probe {
            type Reply = Option<SubscriptionId>;

            fn handle_call(
                &mut self,
                _: WhichSubscription,
                _: &mut Caller<Option<SubscriptionId>>,
                cx: &mut Context<'_, Self>,
            ) -> Answer<Option<SubscriptionId>> {
                Answer::Reply(cx.subscription())
            }
        }
    };
}

macro_rules! emitting {
    ($probe:ident) => {
        impl HandleCast<Put> for $probe {
            fn handle_cast(&mut self, Put(events): Put, cx: &mut Context<'_, Self>) -> Outcome {
                cx.out().extend(events);
                Outcome::Continue
            }
        }

        impl HandleCall<Put> for $probe {
            type Reply = ();

            fn handle_call(&mut self, Put(events): Put, _: &mut Caller<()>, cx: &mut Context<'_, Self>) -> Answer<()> {
                cx.out().extend(events);
                Answer::Reply(())
            }
        }

        impl HandleCast<PutMark> for $probe {
            fn handle_cast(&mut self, PutMark(events, mark): PutMark, cx: &mut Context<'_, Self>) -> Outcome {
                cx.out().extend(events);
                cx.async_info(Mark(mark));
                Outcome::Continue
            }
        }
    };
}

messages!(Counter);
messages!(Middle);
messages!(Sink);
emitting!(Counter);
emitting!(Middle);
