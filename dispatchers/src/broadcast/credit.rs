//! How far each consumer can go along.

/// What each consumer may still be sent, by its place.
///
/// Kept as the number of the event up to which it has asked, counted from the beginning, so that an event that goes to
/// everybody changes one number. No more than `usize::MAX` ahead of what has gone out.
#[derive(Debug)]
pub(super) struct Credits {
    limits: Vec<u128>,
    /// How many events have gone out.
    sent: u128,
    /// The least limit; `sent` without consumers.
    least: u128,
    /// How many have the least limit. When the last of them asks, the new least is looked for.
    slowest: usize,
    /// Whether limits were raised since the least was looked for.
    refunded: bool,
}

impl Credits {
    pub(super) const fn new() -> Self {
        Self { limits: Vec::new(), sent: 0, least: 0, slowest: 0, refunded: false }
    }

    /// A newcomer, with nothing: the slowest of all.
    pub(super) fn insert(&mut self, place: usize) {
        self.limits.insert(place, self.sent);
        self.look();
    }

    pub(super) fn remove(&mut self, place: usize) {
        self.limits.remove(place);
        self.look();
    }

    #[inline]
    pub(super) fn add(&mut self, place: usize, count: usize) {
        let limit = self.limits[place];
        self.limits[place] = (limit + count as u128).min(self.sent + usize::MAX as u128);
        if limit == self.least && count > 0 {
            self.slowest -= 1;
            if self.slowest == 0 {
                self.look();
            }
        }
    }

    pub(super) fn get(&self, place: usize) -> usize {
        events(self.limits[place] - self.sent)
    }

    /// So many of the events that are about to go out cost this one nothing. To be followed by
    /// [`advance`](Self::advance).
    pub(super) fn refund(&mut self, place: usize, count: usize) {
        self.limits[place] += count as u128;
        self.refunded |= count > 0;
    }

    /// So many events have gone out.
    pub(super) fn advance(&mut self, count: usize) {
        self.sent += count as u128;
        if std::mem::take(&mut self.refunded) {
            self.look();
        }
    }

    /// How many events everybody can take.
    #[inline]
    pub(super) fn least(&self) -> usize {
        if self.limits.is_empty() { 0 } else { events(self.least - self.sent) }
    }

    fn look(&mut self) {
        self.least = self.limits.iter().copied().min().unwrap_or(self.sent);
        self.slowest = self.limits.iter().filter(|limit| **limit == self.least).count();
    }
}

fn events(count: u128) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
