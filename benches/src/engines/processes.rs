//! How fast are genstage's processes: calls, casts, starts, and their size?
//!
//! Whoever asks, sends or starts is a process with a future as its body, except where the engine's name says otherwise;
//! who is asked, or sent to, is a process with callbacks.

use std::future::Future;
use std::sync::mpsc::{Sender, channel};

use genstage_core::{
    Address, Answer, Caller, Context, ExitReason, GenServer, HandleCall, Mailbox, Outcome, Process, ProcessContext,
    Registry, Runtime, ServerRef, Signal, spawn, spawn_monitor,
};

use super::{Engine, Form, lookup};
use crate::resident;
use crate::scenario::{Checksum, Scenario};
use crate::work;

/// The forms of the runtime's scenarios that are genstage's first choice.
pub(super) fn form(scenario: Scenario) -> Option<fn(u64) -> Checksum> {
    Some(match scenario {
        Scenario::Call => call_from_future,
        Scenario::Cast => cast,
        Scenario::Spawn => start_and_end,
        Scenario::Idle => idle_callbacks,
        _ => return None,
    })
}

/// Another way to do one of them.
pub(super) struct Other {
    runtime: Runtime,
    scenario: Scenario,
    run: fn(u64) -> Checksum,
}

impl Other {
    /// A plain thread asks, and blocks.
    pub(super) fn thread() -> Self {
        Self::new(Scenario::Call, call_from_thread)
    }

    /// A callback asks, and blocks.
    pub(super) fn sync() -> Self {
        Self::new(Scenario::Call, call_from_callback)
    }

    /// The idle processes have a future as their body.
    pub(super) fn future() -> Self {
        Self::new(Scenario::Idle, idle_futures)
    }

    fn new(scenario: Scenario, run: fn(u64) -> Checksum) -> Self {
        Self { runtime: Runtime::builder().build().expect("the runtime starts"), scenario, run }
    }
}

impl Engine for Other {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        (scenario == self.scenario).then(|| -> Form<'_> {
            Box::new(|events| {
                let _inside = self.runtime.enter();
                (self.run)(events)
            })
        })
    }
}

/// Answers each question, and sums what it is cast.
struct Server {
    sum: Checksum,
}

struct Ask(u64);
struct Sum;

impl GenServer for Server {
    type Message = u64;

    fn handle_cast(&mut self, n: u64, _: &mut Context<'_, Self>) -> Outcome {
        self.sum = self.sum.wrapping_add(n);
        Outcome::Continue
    }
}

impl HandleCall<Ask> for Server {
    type Reply = u64;

    fn handle_call(&mut self, Ask(n): Ask, _: &mut Caller<u64>, _: &mut Context<'_, Self>) -> Answer<u64> {
        Answer::Reply(work::increment(n))
    }
}

impl HandleCall<Sum> for Server {
    type Reply = Checksum;

    fn handle_call(&mut self, _: Sum, _: &mut Caller<Checksum>, _: &mut Context<'_, Self>) -> Answer<Checksum> {
        Answer::Reply(self.sum)
    }
}

/// A server that ends when this is dropped.
struct Running(ServerRef<Server>);

impl Running {
    fn start() -> Self {
        Self(Server { sum: 0 }.start().expect("the runtime is up"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.exit(ExitReason::Shutdown);
    }
}

/// Runs a process with this body and waits for its result.
fn result_of<Fut>(body: impl FnOnce(Mailbox<()>) -> Fut + Send + 'static) -> Checksum
where
    Fut: Future<Output = Checksum> + Send + 'static,
{
    let (report, reports) = channel();
    spawn(move |mailbox| async move {
        let _ = report.send(body(mailbox).await);
    });
    reports.recv().expect("the process ends well")
}

fn call_from_future(events: u64) -> Checksum {
    let running = Running::start();
    let server = running.0.clone();
    result_of(move |_| async move {
        let mut sum = 0_u64;
        for n in 0..events {
            sum = sum.wrapping_add(server.call_async(Ask(n)).await.expect("the server lives"));
        }
        sum
    })
}

fn ask(server: &ServerRef<Server>, n: u64) -> u64 {
    server.call(Ask(n)).expect("the server lives")
}

fn call_from_thread(events: u64) -> Checksum {
    let running = Running::start();
    (0..events).fold(0, |sum, n| sum.wrapping_add(ask(&running.0, n)))
}

/// Asks once in each callback, until it is through.
struct Asker {
    server: ServerRef<Server>,
    events: u64,
    sum: Checksum,
    report: Sender<Checksum>,
}

impl Process for Asker {
    type Message = u64;

    fn handle(&mut self, n: u64, cx: &mut ProcessContext<'_, u64>) -> Outcome {
        if n == self.events {
            let _ = self.report.send(self.sum);
            return Outcome::Stop(ExitReason::Normal);
        }
        self.sum = self.sum.wrapping_add(ask(&self.server, n));
        let _ = cx.me().send(n + 1);
        Outcome::Continue
    }
}

fn call_from_callback(events: u64) -> Checksum {
    let running = Running::start();
    let (report, reports) = channel();
    let asker = Asker { server: running.0.clone(), events, sum: 0, report }.start().expect("the runtime is up");
    asker.send(0).expect("it has just started");
    reports.recv().expect("the asker ends well")
}

fn cast(events: u64) -> Checksum {
    let running = Running::start();
    let server = running.0.clone();
    result_of(move |_| async move {
        for n in 0..events {
            server.cast(n);
        }
        server.call_async(Sum).await.expect("the server lives")
    })
}

fn start_and_end(events: u64) -> Checksum {
    result_of(move |mailbox| async move {
        let mut ended = 0;
        for _ in 0..events {
            let (_, monitor) = spawn_monitor(|_: Mailbox<()>| async {});
            let signal = mailbox.receive_signal().await;
            ended += u64::from(matches!(signal, Signal::Down(down)
                if Some(down.monitor) == monitor && down.reason == ExitReason::Normal));
        }
        ended
    })
}

/// Counts the message it gets, and waits for more.
struct Idler;

impl Process for Idler {
    type Message = u64;

    fn handle(&mut self, _: u64, _: &mut ProcessContext<'_, u64>) -> Outcome {
        resident::handled();
        Outcome::Continue
    }
}

fn idle_callbacks(processes: u64) -> Checksum {
    idlers(processes, || Idler.start().expect("the runtime is up"))
}

fn idle_futures(processes: u64) -> Checksum {
    idlers(processes, || {
        spawn(|mailbox: Mailbox<u64>| async move {
            loop {
                mailbox.receive().await;
                resident::handled();
            }
        })
    })
}

/// They live as long as the program.
fn idlers(processes: u64, start: impl Fn() -> Address<u64>) -> Checksum {
    let started: Vec<_> = (0..processes).map(|_| start()).collect();
    for idler in &started {
        idler.send(1).expect("it lives");
    }
    std::mem::forget(started);
    resident::all_handled(processes)
}

/// Each key is held by a process of its own; all are looked up through one handle.
pub(super) fn lookups(runtime: &Runtime) -> Form<'_> {
    let _inside = runtime.enter();
    let keys = lookup::keys();
    let registry = Registry::unique().start_link().expect("the runtime is up");
    let (ready, is_ready) = channel();
    for key in keys.clone() {
        let (registry, ready) = (registry.clone(), ready.clone());
        spawn(move |mailbox: Mailbox<()>| async move {
            let _ = ready.send(registry.register(key, ()).is_ok());
            mailbox.receive().await;
        });
    }
    assert!(is_ready.iter().take(keys.len()).all(|registered| registered), "nobody else has the keys");
    Box::new(move |events| lookup::from_two_threads(&keys, events, |key| registry.whereis(key).is_some()))
}
