//! A registry as publish and subscribe: members join topics by registering under them, the publisher reaches all of a topic, and
//! who ends is forgotten.

use std::sync::mpsc::{Sender, channel};

use genstage::core::{Address, Mailbox, Registry, RegistryRef, spawn};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Text(&'static str),
    Goodbye,
}

type Topics = RegistryRef<String, Address<News>>;

/// A process that joins topics and reports what it hears, until it is told goodbye.
fn member(name: &'static str, joins: &'static [&str], topics: &Topics, report: &Sender<(&'static str, News)>) {
    let (topics, report) = (topics.clone(), report.clone());
    let (ready, is_ready) = channel();
    spawn(move |mailbox: Mailbox<News>| async move {
        for topic in joins {
            topics.register((*topic).to_owned(), mailbox.me().clone()).map_err(|error| error.to_string())?;
        }
        ready.send(()).ok();
        loop {
            let news = mailbox.receive().await;
            let last = news == News::Goodbye;
            report.send((name, news)).ok();
            if last {
                return Ok::<_, String>(());
            }
        }
    });
    is_ready.recv().expect("it joins");
}

fn publish(topics: &Topics, topic: &str, news: &News) {
    topics.dispatch(topic, |members| {
        for (_, member) in members {
            // Whoever has just ended hears nothing.
            member.send(news.clone()).ok();
        }
    });
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let topics: Topics = Registry::duplicate().name("topics").partitions(2).start_link()?;
    let (report, heard) = channel();
    member("ada", &["weather", "sports"], &topics, &report);
    member("bob", &["weather"], &topics, &report);
    assert_eq!((topics.count(), topics.lookup("weather").len()), (3, 2));

    publish(&topics, "weather", &News::Text("rain"));
    publish(&topics, "sports", &News::Text("2:1"));
    publish(&topics, "chess", &News::Text("nobody hears this"));
    let mut first: Vec<_> = heard.iter().take(3).collect();
    first.sort();
    assert_eq!(first, [("ada", News::Text("2:1")), ("ada", News::Text("rain")), ("bob", News::Text("rain"))]);

    // Found by name and types, from anywhere.
    let same: Topics = Registry::find("topics").ok_or("it runs")?;
    publish(&same, "weather", &News::Goodbye);
    let mut last: Vec<_> = heard.iter().take(2).collect();
    last.sort();
    assert_eq!(last, [("ada", News::Goodbye), ("bob", News::Goodbye)]);

    // The registry hears of their ends a moment later.
    while topics.count() > 0 {
        std::thread::yield_now();
    }
    topics.stop()?;
    println!("five pieces of news went to those who wanted them");
    Ok(())
}
