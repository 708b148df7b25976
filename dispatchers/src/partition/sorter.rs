//! The partitions: what each has asked for, and what waits for it.

use std::collections::{BTreeMap, VecDeque};

use super::WhenFull;
use super::bins::{Bins, Filling};
use crate::{Batch, Deliveries, InfoTicket, SubscriptionId, let_go_all};

pub(super) struct Sorter<T> {
    partitions: Vec<Partition<T>>,
    /// The sum of what the partitions have asked for. Wide enough for any number of absurd asks.
    asked: u128,
    /// How many events wait.
    held: usize,
    /// How many of them wait beyond the slack of their partition, and so take the place of an event somebody asked for.
    excess: usize,
    /// How many events may wait for each partition at nobody's cost.
    slack: usize,
    /// What becomes of events beyond the slack of their partition; `unclaimed` where it has no consumer.
    full: WhenFull,
    unclaimed: WhenFull,
    /// Events that were discarded for that, by partition, since this was last looked at.
    discarded: BTreeMap<usize, usize>,
    /// Events of the dispatch at hand: in each bin first those that its partition has asked for, then what has not been settled yet.
    fresh: Bins<T>,
    /// Infos behind events that wait, oldest first.
    infos: VecDeque<Info>,
    /// The first of the partitions without a consumer that take the place of others, and were put into since this was last looked at.
    orphan: Option<usize>,
}

struct Partition<T> {
    consumer: Option<SubscriptionId>,
    /// More than 0 only while nothing waits.
    asked: usize,
    /// What waits until the consumer asks.
    queue: VecDeque<T>,
    /// How many of its fresh events it has asked for.
    ready: usize,
    /// How many events have left the queue so far.
    left: u64,
    /// Whether it was reported that this one holds back the others.
    reported: bool,
}

struct Info {
    ticket: InfoTicket,
    /// For each partition in which events waited when it came: how many must have left its queue.
    behind: Vec<(usize, u64)>,
}

impl<T> Partition<T> {
    const fn new() -> Self {
        Self { consumer: None, asked: 0, queue: VecDeque::new(), ready: 0, left: 0, reported: false }
    }

    fn excess(&self, slack: usize) -> usize {
        self.queue.len().saturating_sub(slack)
    }

    /// Events that it has not asked for wait. None is moved where all of them do and none waits yet, as is usual.
    fn enqueue(&mut self, fresh: &mut Vec<T>, out: &mut Deliveries<T>) {
        if self.ready == 0 && self.queue.is_empty() {
            let spare = std::mem::replace(&mut self.queue, std::mem::take(fresh).into());
            *fresh = spare.into();
            return;
        }
        if self.queue.capacity() == 0 {
            let mut buffer = Vec::new();
            out.lend(&mut buffer);
            self.queue = buffer.into();
        }
        self.queue.extend(fresh.drain(self.ready..));
    }

    /// The first events of the queue. None is moved if they are all.
    fn dequeue(&mut self, count: usize, out: &mut Deliveries<T>) -> Batch<T> {
        let len = self.queue.len();
        if count == len {
            return out.take_all(&mut std::mem::take(&mut self.queue).into());
        }
        let mut batch = out.spare();
        if count < len / 4 {
            batch.extend(self.queue.drain(..count));
        } else {
            // Both parts at once, rather than event by event.
            let mut events = Vec::from(std::mem::take(&mut self.queue));
            batch.extend(events.drain(..count));
            self.queue = events.into();
        }
        batch
    }
}

impl<T> Sorter<T> {
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            partitions: (0..partitions).map(|_| Partition::new()).collect(),
            asked: 0,
            held: 0,
            excess: 0,
            slack: 0,
            full: WhenFull::HoldBack,
            unclaimed: WhenFull::HoldBack,
            discarded: BTreeMap::new(),
            fresh: Bins::new(partitions),
            infos: VecDeque::new(),
            orphan: None,
        }
    }

    /// Before the first event only.
    pub(super) fn set_slack(&mut self, slack: usize) {
        self.slack = slack;
    }

    /// Before the first event only.
    pub(super) fn set_when_full(&mut self, full: WhenFull, unclaimed: WhenFull) {
        (self.full, self.unclaimed) = (full, unclaimed);
    }

    #[inline]
    pub(super) fn demand(&self) -> usize {
        usize::try_from(self.asked.saturating_sub(self.excess as u128)).unwrap_or(usize::MAX)
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn consumer(&self, place: usize) -> Option<SubscriptionId> {
        self.partitions[place].consumer
    }

    pub(super) fn join(&mut self, place: usize, id: SubscriptionId) {
        let partition = &mut self.partitions[place];
        partition.consumer = Some(id);
        partition.reported = false;
    }

    /// Its demand goes with it; what waits stays for the next one.
    pub(super) fn leave(&mut self, place: usize) {
        let partition = &mut self.partitions[place];
        partition.consumer = None;
        self.asked -= std::mem::take(&mut partition.asked) as u128;
    }

    /// A partition has lost its consumer: no more may wait for it than its policy says.
    pub(super) fn trim(&mut self, place: usize, out: &mut Deliveries<T>) {
        let partition = &self.partitions[place];
        if partition.consumer.is_none() && self.unclaimed != WhenFull::HoldBack {
            let excess = partition.excess(self.slack);
            self.discard(place, excess, self.unclaimed, out);
        }
    }

    /// So many events of those that wait are lost.
    fn discard(&mut self, place: usize, events: usize, policy: WhenFull, out: &mut Deliveries<T>) {
        if events == 0 {
            return;
        }
        let partition = &mut self.partitions[place];
        let excess = partition.excess(self.slack);
        let lost = match policy {
            WhenFull::DiscardOldest => {
                partition.left += events as u64;
                let newer = partition.queue.split_off(events);
                std::mem::replace(&mut partition.queue, newer)
            }
            _ => partition.queue.split_off(partition.queue.len() - events),
        };
        self.held -= events;
        self.excess -= excess - partition.excess(self.slack);
        let end = partition.left + partition.queue.len() as u64;
        for (_, left) in self.infos.iter_mut().flat_map(|info| &mut info.behind).filter(|(at, _)| *at == place) {
            *left = end.min(*left);
        }
        *self.discarded.entry(place).or_default() += events;
        self.release(out);
        // The user's destructors come last.
        let_go_all(lost.into_iter());
    }

    /// The partitions whose events were discarded since the last time, and how many.
    pub(super) fn take_discarded(&mut self) -> BTreeMap<usize, usize> {
        std::mem::take(&mut self.discarded)
    }

    /// Events of a consumer that has left wait again, ahead of the others of their partition; infos that wait behind those wait on.
    pub(super) fn put_back(&mut self, place: usize, events: &mut Vec<T>) {
        let partition = &mut self.partitions[place];
        let excess = partition.excess(self.slack);
        let count = events.len();
        for event in events.drain(..).rev() {
            partition.queue.push_front(event);
        }
        self.held += count;
        self.excess += partition.excess(self.slack) - excess;
        // Infos that have passed this partition stay past it: what comes back was sent before, or came after them.
        for (at, left) in self.infos.iter_mut().flat_map(|info| &mut info.behind) {
            if *at == place && *left > partition.left {
                *left += count as u64;
            }
        }
    }

    /// What waits goes first; the rest of the ask is demand.
    pub(super) fn ask(&mut self, place: usize, count: usize, out: &mut Deliveries<T>) {
        let partition = &mut self.partitions[place];
        let Some(id) = partition.consumer else { return };
        let served = count.min(partition.queue.len());
        let before = partition.asked;
        partition.asked = before.saturating_add(count - served);
        self.asked += (partition.asked - before) as u128;
        if served == 0 {
            return;
        }
        let excess = partition.excess(self.slack);
        let batch = partition.dequeue(served, out);
        out.deliver(id, batch);
        partition.left += served as u64;
        self.held -= served;
        self.excess -= excess - partition.excess(self.slack);
        self.release(out);
    }

    /// Takes fresh events, as many as there is demand; then they are to be settled.
    ///
    /// Whether its partition has asked for an event, or has room for it, is not looked at here: that changes from event to event, as
    /// their hashes do, and no processor foresees it.
    pub(super) fn fill<'a>(&'a mut self, out: &'a mut Deliveries<T>) -> Filling<'a, T> {
        self.fresh.fill(out)
    }

    /// Sees what becomes of fresh events: as many as were asked for will be delivered, others wait, or are discarded.
    pub(super) fn settle(&mut self, out: &mut Deliveries<T>) {
        for nth in 0..self.fresh.touched().len() {
            let place = self.fresh.touched()[nth];
            let (partition, fresh) = (&mut self.partitions[place], self.fresh.bin(place));
            let wanted = partition.asked.min(fresh.len() - partition.ready);
            partition.ready += wanted;
            partition.asked -= wanted;
            self.asked -= wanted as u128;
            if partition.ready < fresh.len() {
                self.wait(place, out);
            }
        }
    }

    /// Fresh events that nobody has asked for wait, if they may.
    fn wait(&mut self, place: usize, out: &mut Deliveries<T>) {
        let (partition, fresh) = (&mut self.partitions[place], self.fresh.bin(place));
        let (before, count) = (partition.excess(self.slack), fresh.len() - partition.ready);
        partition.enqueue(fresh, out);
        let excess = partition.excess(self.slack);
        self.held += count;
        self.excess += excess - before;
        let policy = if partition.consumer.is_none() { self.unclaimed } else { self.full };
        match policy {
            WhenFull::HoldBack => {}
            WhenFull::DiscardOldest if self.slack > 0 => self.discard(place, excess, policy, out),
            WhenFull::DiscardOldest | WhenFull::DiscardNewest => {
                self.discard(place, excess.min(count), WhenFull::DiscardNewest, out);
            }
        }
        let partition = &self.partitions[place];
        if partition.consumer.is_none() && partition.queue.len() > self.slack {
            self.orphan = Some(self.orphan.map_or(place, |other| other.min(place)));
        }
    }

    /// What was settled goes out, one batch for each partition.
    pub(super) fn deliver(&mut self, out: &mut Deliveries<T>) {
        let partitions = &mut self.partitions;
        self.fresh.empty(out, |place, batch, out| {
            let partition = &mut partitions[place];
            partition.ready = 0;
            // Empty where all of them wait.
            match partition.consumer {
                Some(id) => out.deliver(id, batch),
                None => out.recycle(batch),
            }
        });
    }

    /// A partition without a consumer for which so many events wait that others, which have asked, get none; once for
    /// each time that it has none.
    pub(super) fn stalled(&mut self) -> Option<(usize, usize)> {
        let place = self.orphan.take()?;
        if self.asked == 0 || self.demand() > 0 {
            return None;
        }
        let partition = &mut self.partitions[place];
        let first = !std::mem::replace(&mut partition.reported, true);
        first.then_some((place, partition.queue.len()))
    }

    /// Takes its place behind all that waits now.
    pub(super) fn info(&mut self, ticket: InfoTicket, out: &mut Deliveries<T>) {
        if self.held == 0 {
            out.release(ticket);
            return;
        }
        let waiting = self.partitions.iter().enumerate().filter(|(_, partition)| !partition.queue.is_empty());
        let behind = waiting.map(|(place, partition)| (place, partition.left + partition.queue.len() as u64));
        self.infos.push_back(Info { ticket, behind: behind.collect() });
    }

    /// Lets go the infos behind which nothing is left that came before them.
    fn release(&mut self, out: &mut Deliveries<T>) {
        let partitions = &self.partitions;
        while let Some(info) = self.infos.front()
            && info.behind.iter().all(|(place, left)| partitions[*place].left >= *left)
        {
            out.release(info.ticket);
            self.infos.pop_front();
        }
    }
}
