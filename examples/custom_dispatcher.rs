//! A dispatcher of one's own: workers that cost nothing get all that they ask for, rented ones only what is beyond that.
//! Which of the two a worker is, it says with an option of its subscription that only this dispatcher knows. A test puts it
//! through the kit: `cargo test --example custom_dispatcher`.

use std::sync::mpsc::{Receiver, Sender, channel};

use genstage::dispatchers::{Deliveries, Dispatcher, Refusal, Subscriber};
use genstage::prelude::*;

/// Who is served first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    #[default]
    Own,
    Rented,
}

/// Gives each event to one consumer: the first of the lowest rank that has asked for one.
#[derive(Debug, Default)]
struct Ranked {
    /// By rank, and of one rank whoever came first.
    line: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    rank: Rank,
    id: SubscriptionId,
    asked: usize,
}

impl<T> Dispatcher<T> for Ranked {
    fn subscribe(&mut self, id: SubscriptionId, subscriber: &Subscriber<T>) -> Result<(), Refusal> {
        let rank = subscriber.custom_as::<Rank>()?.copied().unwrap_or_default();
        let place = self.line.partition_point(|other| other.rank <= rank);
        self.line.insert(place, Worker { rank, id, asked: 0 });
        Ok(())
    }

    fn ask(&mut self, id: SubscriptionId, count: usize, _: &mut Deliveries<T>) {
        if let Some(worker) = self.line.iter_mut().find(|worker| worker.id == id) {
            worker.asked = worker.asked.saturating_add(count);
        }
    }

    fn cancel(&mut self, id: SubscriptionId, _: &mut Deliveries<T>) {
        self.line.retain(|worker| worker.id != id);
    }

    fn demand(&self) -> usize {
        self.line.iter().fold(0, |sum, worker| sum.saturating_add(worker.asked))
    }

    fn dispatch(&mut self, events: &mut Vec<T>, out: &mut Deliveries<T>) {
        for worker in &mut self.line {
            let mut batch = out.spare();
            batch.extend(events.drain(..worker.asked.min(events.len())));
            worker.asked -= batch.len();
            out.deliver(worker.id, batch); // does nothing with an empty one
        }
    }
}

/// Tells who did which job. Some wait for a permit before each.
fn worker(
    name: &'static str,
    done: &Sender<(&'static str, u32)>,
    permits: Option<Receiver<()>>,
) -> impl Consumer<Event = u32> + use<> {
    let done = done.clone();
    for_each(move |job| {
        if let Some(permits) = &permits {
            permits.recv().expect("main has enough of them");
        }
        done.send((name, job)).expect("main waits for all jobs");
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (jobs, source) = feed(10);
    let source = source.start(StageOptions::new().dispatcher(Ranked::default()))?;
    let (sender, done) = channel();
    let (permit, permits) = channel();
    let own = worker("own", &sender, Some(permits)).start(StageOptions::new())?;
    let rented = worker("rented", &sender, None).start(StageOptions::new())?;

    // Two jobs at once are all that the own worker takes, and it asks for more when both are done.
    rented.sync_subscribe(&source, SubscriptionOptions::new().custom(Rank::Rented))?;
    own.sync_subscribe(&source, SubscriptionOptions::new().max_demand(2).min_demand(0))?;

    // A quiet hour: the own worker is enough, although the rented one had asked first.
    jobs.send(1)?;
    permit.send(())?;
    assert_eq!(done.recv()?, ("own", 1));

    // A rush: it has room for one more job, and the others go to the rented one.
    for job in 2..=5 {
        jobs.send(job)?;
    }
    for job in 3..=5 {
        assert_eq!(done.recv()?, ("rented", job));
    }
    permit.send(())?;
    assert_eq!(done.recv()?, ("own", 2));

    // Another dispatcher's option is refused, and says what would help.
    let picky = for_each(|_: u32| {}).start(StageOptions::new())?;
    picky.sync_subscribe(&source, SubscriptionOptions::new().partition("urgent"))?;
    let refused = picky.wait().expect_err("the subscription is permanent");
    assert!(refused.to_string().contains("has no partitions"), "{refused}");

    drop(jobs);
    own.wait()?;
    rented.wait()?;
    println!("the own worker did jobs 1 and 2, the rented one 3, 4 and 5");
    Ok(())
}

#[cfg(test)]
mod tests {
    use genstage::dispatchers::kit::{Kit, KitError};

    use super::*;

    #[test]
    fn it_keeps_the_contract() -> Result<(), KitError> {
        for seed in 0..300 {
            let ranks = |number| Subscriber::new(10, 5).custom(if number % 2 == 0 { Rank::Own } else { Rank::Rented });
            Kit::new().subscribers(ranks).run(seed, &mut Ranked::default())?;
        }
        Ok(())
    }

    #[test]
    fn the_lower_rank_is_served_first() -> Result<(), Refusal> {
        let mut ranked: Box<dyn Dispatcher<u32>> = Box::new(Ranked::default());
        let mut out = Deliveries::new();
        for (number, rank) in (1..).zip([Rank::Rented, Rank::Own, Rank::Own]) {
            let id = SubscriptionId::new(number);
            ranked.subscribe(id, &Subscriber::new(10, 5).custom(rank))?;
            ranked.ask(id, 2, &mut out);
        }
        let mut events: Vec<u32> = (0..7).collect();
        ranked.dispatch(&mut events, &mut out);
        let sent: Vec<_> = out.drain().map(|delivery| (delivery.to.get(), delivery.batch.into_vec())).collect();
        assert_eq!(sent, [(2, vec![0, 1]), (3, vec![2, 3]), (1, vec![4, 5])]);
        assert_eq!(events, [6]);
        Ok(())
    }

    #[test]
    fn the_example_comes_out_as_it_says() -> Result<(), Box<dyn std::error::Error>> {
        main()
    }
}
