//! A small table of subscriptions.

use genstage_dispatchers::SubscriptionId;

/// Sorted by id. Ids rise with time, so an insertion is a push as a rule; a stage with one subscription finds it at once.
#[derive(Debug)]
pub(crate) struct Table<V>(Vec<(SubscriptionId, V)>);

impl<V> Table<V> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// False, and nothing changes, if there is one already.
    pub(crate) fn insert(&mut self, id: SubscriptionId, value: V) -> bool {
        let Err(at) = self.at(id) else { return false };
        self.0.insert(at, (id, value));
        true
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut V> {
        let at = self.at(id).ok()?;
        Some(&mut self.0[at].1)
    }

    pub(crate) fn contains(&self, id: SubscriptionId) -> bool {
        self.at(id).is_ok()
    }

    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Option<V> {
        let at = self.at(id).ok()?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn find(&self, fits: impl Fn(&V) -> bool) -> Option<SubscriptionId> {
        self.0.iter().find(|(_, value)| fits(value)).map(|(id, _)| *id)
    }

    pub(crate) fn find_all(&self, fits: impl Fn(&V) -> bool) -> Vec<SubscriptionId> {
        self.0.iter().filter(|(_, value)| fits(value)).map(|(id, _)| *id).collect()
    }

    /// The value at a place that [`at`](Self::at) gave, as long as nothing was inserted or removed.
    #[inline]
    pub(crate) fn place(&mut self, at: usize) -> &mut V {
        &mut self.0[at].1
    }

    /// Its place, or the place where it would go.
    #[inline]
    pub(crate) fn at(&self, id: SubscriptionId) -> Result<usize, usize> {
        // One subscription is the common case.
        if let [(only, _)] = &*self.0
            && *only == id
        {
            return Ok(0);
        }
        self.0.binary_search_by_key(&id, |entry| entry.0)
    }
}
