//! A server that replies later: a traffic light that keeps those who come until it turns green.
//!
//! `cargo run --example reply_later`

use std::time::{Duration, Instant};

use genstage::core::{Answer, Caller, Context, GenServer, HandleCall, Init, Mailbox, Outcome, ReplyTo, spawn};

const RED: Duration = Duration::from_millis(50);

/// Who waits; `None` once it is green.
struct Light {
    waiting: Option<Vec<ReplyTo<Duration>>>,
    since: Instant,
}

/// Sent by the light to itself.
struct Green;

struct Pass;

impl GenServer for Light {
    type Message = Green;

    fn init(&mut self, cx: &mut Context<'_, Self>) -> Init {
        cx.me().send_after(Green, RED);
        Init::Continue
    }

    fn handle_cast(&mut self, _: Green, _: &mut Context<'_, Self>) -> Outcome {
        for car in self.waiting.take().into_iter().flatten() {
            car.send(self.since.elapsed());
        }
        Outcome::Continue
    }
}

impl HandleCall<Pass> for Light {
    type Reply = Duration;

    fn handle_call(&mut self, _: Pass, from: &mut Caller<Duration>, _: &mut Context<'_, Self>) -> Answer<Duration> {
        match &mut self.waiting {
            Some(waiting) => {
                waiting.extend(from.take());
                Answer::Later // the light goes on meanwhile
            }
            None => Answer::Reply(self.since.elapsed()),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let light = Light { waiting: Some(Vec::new()), since: Instant::now() }.start()?;

    let (report, passed) = std::sync::mpsc::channel();
    for car in 1..=3 {
        let (light, report) = (light.clone(), report.clone());
        spawn(move |_: Mailbox<()>| async move {
            let _ = report.send((car, light.call_async(Pass).await));
        });
    }
    drop(report);

    let mut cars = Vec::new();
    for (car, after) in passed {
        let after = after?;
        println!("car {car} passes after {after:?}");
        assert!(after >= RED);
        cars.push(car);
    }
    cars.sort_unstable();
    assert_eq!(cars, [1, 2, 3]);
    assert!(light.call(Pass)? >= RED, "green for whoever comes later");
    Ok(())
}
