//! How fast are kameo's actors?

use std::convert::Infallible;

use kameo::actor::{Actor, ActorRef, Spawn, WeakActorRef};
use kameo::mailbox::{MailboxReceiver, Signal, unbounded};
use kameo::message::{Context, Message};
use tokio::runtime::Runtime;

use super::tasks::spawned;
use super::{Engine, Form, lookup};
use crate::resident;
use crate::scenario::{Checksum, Scenario};
use crate::work;

/// Actors on a runtime of tokio's with a worker for each core. Their mailboxes are unbounded, as those of the others.
pub(super) struct Kameo {
    runtime: Runtime,
}

impl Kameo {
    pub(super) fn start() -> Self {
        Self { runtime: super::multi_thread() }
    }
}

impl Engine for Kameo {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        let runtime = &self.runtime;
        Some(match scenario {
            Scenario::Call => Box::new(|events| spawned(runtime, call(events))),
            Scenario::Cast => Box::new(|events| spawned(runtime, cast(events))),
            Scenario::Spawn => Box::new(|events| spawned(runtime, start_and_end(events))),
            Scenario::Idle => Box::new(|events| {
                let _inside = runtime.enter();
                idle_actors(events)
            }),
            Scenario::Registry => lookups(runtime),
            _ => return None,
        })
    }
}

/// Answers each question, and sums what it is sent.
struct Server {
    sum: Checksum,
}

impl Actor for Server {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(server: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(server)
    }
}

struct Ask(u64);
struct Add(u64);
struct Sum;

impl Message<Ask> for Server {
    type Reply = u64;

    async fn handle(&mut self, Ask(n): Ask, _: &mut Context<Self, u64>) -> u64 {
        work::increment(n)
    }
}

impl Message<Add> for Server {
    type Reply = ();

    async fn handle(&mut self, Add(n): Add, _: &mut Context<Self, ()>) {
        self.sum = self.sum.wrapping_add(n);
    }
}

impl Message<Sum> for Server {
    type Reply = Checksum;

    async fn handle(&mut self, _: Sum, _: &mut Context<Self, Checksum>) -> Checksum {
        self.sum
    }
}

/// It ends with its last reference.
fn server() -> ActorRef<Server> {
    Server::spawn_with_mailbox(Server { sum: 0 }, unbounded())
}

async fn call(events: u64) -> Checksum {
    let server = server();
    let mut sum = 0_u64;
    for n in 0..events {
        sum = sum.wrapping_add(server.ask(Ask(n)).send().await.expect("the server lives"));
    }
    sum
}

async fn cast(events: u64) -> Checksum {
    let server = server();
    for n in 0..events {
        server.tell(Add(n)).try_send().expect("the server lives");
    }
    server.ask(Sum).send().await.expect("the server lives")
}

/// Ends instead of waiting for a message.
struct Brief;

impl Actor for Brief {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(brief: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(brief)
    }

    async fn next(
        &mut self,
        _: WeakActorRef<Self>,
        _: &mut MailboxReceiver<Self>,
    ) -> Result<Option<Signal<Self>>, Infallible> {
        Ok(None)
    }
}

async fn start_and_end(events: u64) -> Checksum {
    let mut ended = 0;
    for _ in 0..events {
        let end = Brief::prepare_with_mailbox(unbounded()).spawn(Brief).await;
        ended += u64::from(matches!(end, Ok(Ok(_))));
    }
    ended
}

/// Counts the message it gets, and waits for more.
struct Idler;

impl Actor for Idler {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(idler: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(idler)
    }
}

impl Message<u64> for Idler {
    type Reply = ();

    async fn handle(&mut self, _: u64, _: &mut Context<Self, ()>) {
        resident::handled();
    }
}

/// They live as long as the program.
fn idle_actors(processes: u64) -> Checksum {
    let started: Vec<_> = (0..processes).map(|_| Idler::spawn_with_mailbox(Idler, unbounded())).collect();
    for idler in &started {
        idler.tell(1).try_send().expect("it lives");
    }
    std::mem::forget(started);
    resident::all_handled(processes)
}

/// Its registry is one for the whole program: the keys are this form's own.
fn lookups(runtime: &Runtime) -> Form<'_> {
    let keys = lookup::keys();
    let _inside = runtime.enter();
    let registered: Vec<_> = keys
        .iter()
        .map(|key| {
            let idler = Idler::spawn_with_mailbox(Idler, unbounded());
            idler.register(key.clone()).expect("nobody else has the name");
            idler
        })
        .collect();
    Box::new(move |events| {
        let _alive = &registered;
        lookup::from_two_threads(&keys, events, |key| matches!(ActorRef::<Idler>::lookup(key), Ok(Some(_))))
    })
}
