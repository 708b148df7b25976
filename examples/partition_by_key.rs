//! Counting words with one counter for each range of first letters. All occurrences of a word reach the same counter, so
//! the counters share nothing, and what they counted can be put together without adding up.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};

use genstage::prelude::*;

const TEXT: &str = "a rose is a rose is a rose and loveliness is extreme extra gaiters extra lovely";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Letters {
    AToI,
    JToZ,
}

fn letters_of(word: &&str) -> Letters {
    if word.starts_with(|first: char| first <= 'i') { Letters::AToI } else { Letters::JToZ }
}

struct Counter {
    counts: HashMap<&'static str, u32>,
    report: Sender<HashMap<&'static str, u32>>,
}

impl Consumer for Counter {
    type Event = &'static str;

    fn handle_events(&mut self, words: Events<'_, &'static str>, _: &mut Context<'_, Self>) -> Outcome {
        for word in words {
            *self.counts.entry(word).or_default() += 1;
        }
        Outcome::Continue
    }

    fn terminate(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        // Fails only if nobody waits for the result.
        let _ = self.report.send(std::mem::take(&mut self.counts));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let partitions = [Letters::AToI, Letters::JToZ];
    let by_letters = PartitionDispatcher::by_key(partitions, letters_of)?;
    let words = from_enumerable(TEXT.split(' ')).start(StageOptions::new().dispatcher(by_letters))?;

    let (report, reports) = channel();
    for letters in partitions {
        let counter = Counter { counts: HashMap::new(), report: report.clone() }.start(StageOptions::new())?;
        // What comes before the second counter is there waits for it.
        counter.sync_subscribe(&words, SubscriptionOptions::new().max_demand(4).partition(letters))?;
    }
    drop(report);

    let mut all = HashMap::new();
    for counts in reports {
        for (word, count) in counts {
            assert_eq!(all.insert(word, count), None, "{word} was counted in two places");
        }
    }
    assert_eq!((all["rose"], all["a"], all["is"], all["extra"], all["lovely"]), (3, 3, 3, 2, 1));
    assert_eq!(all.values().sum::<u32>(), 16);
    println!("{} different words", all.len());
    Ok(())
}
