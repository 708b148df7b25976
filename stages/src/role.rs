//! The three kinds of stages behind one loop: a role says which user callbacks a kind has.

use genstage_core::{ExitReason, Signal};
use genstage_dispatchers::Events;

use crate::context::Context;
use crate::emit::Emit;
use crate::subscription::{Cancellation, Manner, Partner};
use crate::{Consumer, Init, Outcome, Producer, ProducerConsumer};

/// What a consumer emits, and what a producer receives: nothing that could exist.
#[derive(Debug)]
pub enum Never {}

mod sealed {
    /// Roles are those of this crate.
    pub trait Sealed {}
}

/// Which of the three kinds a stage is. Sealed: there are [`AsProducer`], [`AsProducerConsumer`] and [`AsConsumer`].
pub trait Role: sealed::Sealed + Sized + Send + 'static {
    /// The user's own type.
    type Stage: Send + 'static;
    /// The events that come in.
    type In: Send + 'static;
    /// The events that go out.
    type Out: Send + 'static;

    /// What the log calls it.
    #[doc(hidden)]
    const KIND: &'static str;
    /// Whether it takes input only when downstream waits for something (section 12).
    #[doc(hidden)]
    const PULLS: bool;
    /// Whether others may subscribe to it.
    #[doc(hidden)]
    const EMITS: bool;
    /// The default buffer, in events; `None` is without bound.
    #[doc(hidden)]
    const BUFFER_SIZE: Option<usize>;

    #[doc(hidden)]
    fn init(stage: &mut Self::Stage, cx: &mut Context<'_, Self::Stage>) -> Init;
    #[doc(hidden)]
    fn demand(
        stage: &mut Self::Stage,
        demand: usize,
        out: &mut Emit<Self::Out>,
        cx: &mut Context<'_, Self::Stage>,
    ) -> Outcome;
    #[doc(hidden)]
    fn events(
        stage: &mut Self::Stage,
        events: Events<'_, Self::In>,
        out: &mut Emit<Self::Out>,
        cx: &mut Context<'_, Self::Stage>,
    ) -> Outcome;
    #[doc(hidden)]
    fn subscribed_to(stage: &mut Self::Stage, producer: &Partner, cx: &mut Context<'_, Self::Stage>) -> Manner;
    #[doc(hidden)]
    fn subscribed_by(stage: &mut Self::Stage, consumer: &Partner, cx: &mut Context<'_, Self::Stage>) -> Outcome;
    #[doc(hidden)]
    fn cancelled(stage: &mut Self::Stage, cancellation: &Cancellation, cx: &mut Context<'_, Self::Stage>) -> Outcome;
    #[doc(hidden)]
    fn signal(stage: &mut Self::Stage, signal: Signal, cx: &mut Context<'_, Self::Stage>) -> Outcome;
    #[doc(hidden)]
    fn format_discarded(stage: &mut Self::Stage, count: usize) -> bool;
    #[doc(hidden)]
    fn drain(stage: &mut Self::Stage, cx: &mut Context<'_, Self::Stage>) -> usize;
    #[doc(hidden)]
    fn terminate(stage: &mut Self::Stage, reason: &ExitReason, cx: &mut Context<'_, Self::Stage>);
}

/// A role whose stages emit events.
#[diagnostic::on_unimplemented(
    message = "this kind of stage emits no events",
    label = "a consumer cannot be subscribed to and has neither dispatcher nor buffer"
)]
pub trait Emits: Role {}

/// A role whose stages receive events.
#[diagnostic::on_unimplemented(
    message = "this kind of stage receives no events",
    label = "a producer cannot subscribe to anything"
)]
pub trait Receives: Role {}

/// The role of producers.
#[diagnostic::on_unimplemented(message = "only a producer has a demand mode")]
pub trait IsProducer: Emits {}

macro_rules! role {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<S>(std::marker::PhantomData<fn(S)>);

        impl<S> sealed::Sealed for $name<S> {}

        impl<S> std::fmt::Debug for $name<S> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

role! {
    /// A [`Producer`] as a stage.
    AsProducer
}
role! {
    /// A [`ProducerConsumer`] as a stage.
    AsProducerConsumer
}
role! {
    /// A [`Consumer`] as a stage.
    AsConsumer
}

/// The callbacks that all three kinds share, passed on as they are.
macro_rules! shared_callbacks {
    ($kind:ident, $stage:ident) => {
        fn init(stage: &mut $stage, cx: &mut Context<'_, $stage>) -> Init {
            $kind::init(stage, cx)
        }

        fn signal(stage: &mut $stage, signal: Signal, cx: &mut Context<'_, $stage>) -> Outcome {
            $kind::handle_signal(stage, signal, cx)
        }

        fn cancelled(stage: &mut $stage, cancellation: &Cancellation, cx: &mut Context<'_, $stage>) -> Outcome {
            $kind::handle_cancel(stage, cancellation, cx)
        }

        fn drain(stage: &mut $stage, cx: &mut Context<'_, $stage>) -> usize {
            $kind::handle_drain(stage, cx)
        }

        fn terminate(stage: &mut $stage, reason: &ExitReason, cx: &mut Context<'_, $stage>) {
            $kind::terminate(stage, reason, cx);
        }
    };
}

impl<P: Producer> Role for AsProducer<P> {
    type Stage = P;
    type In = Never;
    type Out = P::Event;

    const KIND: &'static str = "producer";
    const PULLS: bool = false;
    const EMITS: bool = true;
    const BUFFER_SIZE: Option<usize> = Some(10_000);

    shared_callbacks!(Producer, P);

    #[inline]
    fn demand(stage: &mut P, demand: usize, out: &mut Emit<P::Event>, cx: &mut Context<'_, P>) -> Outcome {
        stage.handle_demand(demand, out, cx)
    }

    fn events(_: &mut P, _: Events<'_, Never>, _: &mut Emit<P::Event>, _: &mut Context<'_, P>) -> Outcome {
        Outcome::Continue
    }

    fn subscribed_to(_: &mut P, _: &Partner, _: &mut Context<'_, P>) -> Manner {
        Manner::Automatic
    }

    fn subscribed_by(stage: &mut P, consumer: &Partner, cx: &mut Context<'_, P>) -> Outcome {
        stage.handle_subscribe(consumer, cx)
    }

    fn format_discarded(stage: &mut P, count: usize) -> bool {
        stage.format_discarded(count)
    }
}

impl<P: Producer> Emits for AsProducer<P> {}
impl<P: Producer> IsProducer for AsProducer<P> {}

impl<X: ProducerConsumer> Role for AsProducerConsumer<X> {
    type Stage = X;
    type In = X::In;
    type Out = X::Out;

    const KIND: &'static str = "producer_consumer";
    const PULLS: bool = true;
    const EMITS: bool = true;
    const BUFFER_SIZE: Option<usize> = None;

    shared_callbacks!(ProducerConsumer, X);

    fn demand(_: &mut X, _: usize, _: &mut Emit<X::Out>, _: &mut Context<'_, X>) -> Outcome {
        Outcome::Continue
    }

    #[inline]
    fn events(stage: &mut X, events: Events<'_, X::In>, out: &mut Emit<X::Out>, cx: &mut Context<'_, X>) -> Outcome {
        stage.handle_events(events, out, cx)
    }

    fn subscribed_to(stage: &mut X, producer: &Partner, cx: &mut Context<'_, X>) -> Manner {
        stage.handle_subscribe_to(producer, cx)
    }

    fn subscribed_by(stage: &mut X, consumer: &Partner, cx: &mut Context<'_, X>) -> Outcome {
        stage.handle_subscribe(consumer, cx)
    }

    fn format_discarded(stage: &mut X, count: usize) -> bool {
        stage.format_discarded(count)
    }
}

impl<X: ProducerConsumer> Emits for AsProducerConsumer<X> {}
impl<X: ProducerConsumer> Receives for AsProducerConsumer<X> {}

impl<C: Consumer> Role for AsConsumer<C> {
    type Stage = C;
    type In = C::Event;
    type Out = Never;

    const KIND: &'static str = "consumer";
    const PULLS: bool = false;
    const EMITS: bool = false;
    const BUFFER_SIZE: Option<usize> = Some(0);

    shared_callbacks!(Consumer, C);

    fn demand(_: &mut C, _: usize, _: &mut Emit<Never>, _: &mut Context<'_, C>) -> Outcome {
        Outcome::Continue
    }

    #[inline]
    fn events(stage: &mut C, events: Events<'_, C::Event>, _: &mut Emit<Never>, cx: &mut Context<'_, C>) -> Outcome {
        stage.handle_events(events, cx)
    }

    fn subscribed_to(stage: &mut C, producer: &Partner, cx: &mut Context<'_, C>) -> Manner {
        stage.handle_subscribe(producer, cx)
    }

    fn subscribed_by(_: &mut C, _: &Partner, _: &mut Context<'_, C>) -> Outcome {
        Outcome::Continue
    }

    fn format_discarded(_: &mut C, _: usize) -> bool {
        true
    }
}

impl<C: Consumer> Receives for AsConsumer<C> {}
