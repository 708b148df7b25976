//! Which events a subscription is about.

use genstage_dispatchers::{Batch, Custom, PartitionKey, Selector, Wants};

use crate::redeliver::Share;

/// The choice of a subscription that wants whatever the producer's dispatcher gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Anything;

/// The choice of a subscription whose events are delivered again if its consumer ends without having acknowledged them. Made by
/// [`SubscriptionOptions::redeliver`](crate::SubscriptionOptions::redeliver).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Redelivered<C>(pub(crate) C);

/// Which events a subscription gets, and how they are kept for a second time.
#[doc(hidden)]
pub struct Wanted<T> {
    pub(crate) wants: Wants<T>,
    pub(crate) share: Option<Share<T>>,
}

impl<T> std::fmt::Debug for Wanted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.wants.fmt(f)
    }
}

impl<T> From<Wants<T>> for Wanted<T> {
    fn from(wants: Wants<T>) -> Self {
        Self { wants, share: None }
    }
}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for Anything {}
impl<T> sealed::Sealed for Selector<T> {}
impl sealed::Sealed for PartitionKey {}
impl sealed::Sealed for Custom {}
impl<C: sealed::Sealed> sealed::Sealed for Redelivered<C> {}

/// Which events of type `T` a subscription is about: [`Anything`], what a [`Selector`] accepts, those of a partition
/// ([`PartitionKey`]), or what a dispatcher of one's own makes of a [`Custom`] value. Made by [`SubscriptionOptions`](crate::SubscriptionOptions); sealed.
#[diagnostic::on_unimplemented(
    message = "these subscription options choose among events of another type than `{T}`",
    label = "a selector takes a reference to the events that the consumer receives: `|event: &{T}| ..`"
)]
pub trait Choice<T>: sealed::Sealed {
    #[doc(hidden)]
    fn wants(self) -> Wanted<T>;
}

impl<T: Clone + Send + Sync + 'static, C: Choice<T>> Choice<T> for Redelivered<C> {
    fn wants(self) -> Wanted<T> {
        Wanted { share: Some(Batch::share), ..self.0.wants() }
    }
}

impl<T> Choice<T> for Anything {
    fn wants(self) -> Wanted<T> {
        Wants::Anything.into()
    }
}

impl<T> Choice<T> for Selector<T> {
    fn wants(self) -> Wanted<T> {
        Wants::Selected(self).into()
    }
}

impl<T> Choice<T> for PartitionKey {
    fn wants(self) -> Wanted<T> {
        Wants::Partition(self).into()
    }
}

impl<T> Choice<T> for Custom {
    fn wants(self) -> Wanted<T> {
        Wants::Custom(self).into()
    }
}
