//! Which events a subscription is about.

use genstage_dispatchers::{PartitionKey, Selector, Wants};

/// The choice of a subscription that wants whatever the producer's dispatcher gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Anything;

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for Anything {}
impl<T> sealed::Sealed for Selector<T> {}
impl sealed::Sealed for PartitionKey {}

/// Which events of type `T` a subscription is about: [`Anything`], what a [`Selector`] accepts, or those of a partition
/// ([`PartitionKey`]). Made by [`SubscriptionOptions`](crate::SubscriptionOptions); sealed.
#[diagnostic::on_unimplemented(
    message = "these subscription options choose among events of another type than `{T}`",
    label = "a selector takes a reference to the events that the consumer receives: `|event: &{T}| ..`"
)]
pub trait Choice<T>: sealed::Sealed {
    #[doc(hidden)]
    fn wants(self) -> Wants<T>;
}

impl<T> Choice<T> for Anything {
    fn wants(self) -> Wants<T> {
        Wants::Anything
    }
}

impl<T> Choice<T> for Selector<T> {
    fn wants(self) -> Wants<T> {
        Wants::Selected(self)
    }
}

impl<T> Choice<T> for PartitionKey {
    fn wants(self) -> Wants<T> {
        Wants::Partition(self)
    }
}
