//! Which events of a dispatch one consumer wants.

/// The places of the wanted events, rising.
#[derive(Debug)]
pub(super) struct Picks(Vec<usize>);

impl Picks {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Picks from the front, until the first wanted event beyond the credit. Says how many events it looked past.
    pub(super) fn pick<T>(&mut self, events: &[T], credit: usize, wants: impl Fn(&T) -> bool) -> usize {
        self.0.clear();
        for (place, event) in events.iter().enumerate() {
            if wants(event) {
                if self.0.len() == credit {
                    return place;
                }
                self.0.push(place);
            }
        }
        events.len()
    }

    /// Forgets what is not among the first `count`, and says how many are left.
    pub(super) fn keep_below(&mut self, count: usize) -> usize {
        self.0.truncate(self.0.partition_point(|place| *place < count));
        self.0.len()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, place: usize) -> bool {
        self.0.binary_search(&place).is_ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }
}
