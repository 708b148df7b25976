//! The name of a subscription.

use std::fmt;

/// Names one subscription of one producer.
///
/// It is the reference's subscription tag: a consumer that subscribes twice has two of them, and a new subscription
/// never gets the id of an old one. Ids are ordered by age when they are handed out by counting up.
///
/// Specification: section 6.1.
///
/// ```
/// use genstage_dispatchers::SubscriptionId;
///
/// let id = SubscriptionId::new(7);
/// assert_eq!(id.get(), 7);
/// assert_eq!(id.to_string(), "7");
/// assert!(id < SubscriptionId::new(8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u64);

impl SubscriptionId {
    /// The id with this number. Uniqueness is up to who hands the numbers out.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number given to [`SubscriptionId::new`].
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
