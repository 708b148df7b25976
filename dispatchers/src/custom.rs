//! Options of subscriptions that only a user's own dispatcher knows.

use std::any::{Any, type_name};
use std::{fmt, sync::Arc};

use crate::caught::Owned;

/// What a subscription says to a dispatcher of one's own: a value of any type. Cheap to clone.
///
/// The dispatcher reads it with [`Subscriber::custom_as`](crate::Subscriber::custom_as). A panic of the value's destructor harms
/// nobody.
///
/// ```
/// use genstage_dispatchers::Custom;
///
/// let weight = Custom::new(3_u8);
/// assert_eq!(weight.get::<u8>(), Some(&3));
/// assert_eq!(weight.get::<u64>(), None);
/// ```
#[derive(Clone)]
pub struct Custom {
    /// An `Owned` of the type that has this name.
    value: Arc<dyn Any + Send + Sync>,
    type_name: &'static str,
}

impl Custom {
    /// This value.
    pub fn new<V: Send + Sync + 'static>(value: V) -> Self {
        Self { value: Arc::new(Owned::new(value)), type_name: type_name::<V>() }
    }

    /// The value, if it is of this type.
    pub fn get<V: 'static>(&self) -> Option<&V> {
        self.value.downcast_ref::<Owned<V>>()?.get()
    }

    /// What type it is of.
    pub const fn type_name(&self) -> &'static str {
        self.type_name
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custom({})", self.type_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BroadcastDispatcher, DemandDispatcher, Dispatcher, PartitionDispatcher, Refusal, Subscriber};
    use crate::{SubscriptionId, Wants};

    fn refused(mut dispatcher: impl Dispatcher<u64>, subscriber: &Subscriber<u64>) -> Refusal {
        dispatcher.subscribe(SubscriptionId::new(1), subscriber).unwrap_err()
    }

    #[test]
    fn who_does_not_know_the_option_refuses_it() {
        let subscriber = Subscriber::new(10, 5).custom(3_u8);
        let unknown = Refusal::CustomUnknown { given: "u8" };
        assert_eq!(refused(DemandDispatcher::new(), &subscriber), unknown);
        assert_eq!(refused(BroadcastDispatcher::new(), &subscriber), unknown);
        assert_eq!(refused(PartitionDispatcher::new(2).unwrap(), &subscriber), unknown);
        assert_eq!(subscriber.custom_as::<u8>(), Ok(Some(&3)));
        assert_eq!(subscriber.custom_as::<u16>(), Err(unknown));
    }

    #[test]
    fn a_dispatcher_with_an_option_of_its_own_refuses_those_of_others() {
        let custom = |wants| Subscriber::<u64>::new(10, 5).wants(wants).custom_as::<u8>().map(Option::<&u8>::copied);
        assert_eq!(custom(Wants::Anything), Ok(None));
        assert_eq!(custom(Wants::Partition(crate::PartitionKey::new(1))), Err(Refusal::NoPartitions));
        assert_eq!(custom(Wants::Selected(crate::Selector::new(|_| true))), Err(Refusal::NoSelectors));
    }

    #[test]
    fn a_destructor_that_panics_harms_nobody() {
        struct Brittle;

        impl Drop for Brittle {
            fn drop(&mut self) {
                panic!("it broke");
            }
        }

        let custom = Custom::new(Brittle);
        let second = custom.clone();
        drop(custom);
        assert!(second.get::<Brittle>().is_some());
        drop(second);
    }
}
