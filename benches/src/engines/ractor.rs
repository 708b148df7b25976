//! How fast are ractor's actors?

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, registry};
use tokio::runtime::Runtime;

use super::tasks::spawned;
use super::{Engine, Form, lookup};
use crate::resident;
use crate::scenario::{Checksum, Scenario};
use crate::work;

/// Actors on a runtime of tokio's with a worker for each core.
pub(super) struct Ractor {
    runtime: Runtime,
}

impl Ractor {
    pub(super) fn start() -> Self {
        Self { runtime: super::multi_thread() }
    }
}

impl Engine for Ractor {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        let runtime = &self.runtime;
        Some(match scenario {
            Scenario::Call => Box::new(|events| spawned(runtime, call(events))),
            Scenario::Cast => Box::new(|events| spawned(runtime, cast(events))),
            Scenario::Spawn => Box::new(|events| spawned(runtime, start_and_end(events))),
            Scenario::Idle => Box::new(|events| {
                // Waited for here: a task that blocks keeps what it woke last from its worker.
                let started = spawned(runtime, idle_actors(events));
                resident::all_handled(started)
            }),
            Scenario::Registry => lookups(runtime),
            _ => return None,
        })
    }
}

/// Answers each question, and sums what it is sent.
struct Server;

enum Order {
    Ask(u64, RpcReplyPort<u64>),
    Add(u64),
    Sum(RpcReplyPort<Checksum>),
}

impl Actor for Server {
    type Msg = Order;
    type State = Checksum;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Order>, (): ()) -> Result<Checksum, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Order>, order: Order, sum: &mut Checksum) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Ask(n, reply) => reply.send(work::increment(n))?,
            Order::Add(n) => *sum = sum.wrapping_add(n),
            Order::Sum(reply) => reply.send(*sum)?,
        }
        Ok(())
    }
}

async fn server() -> ActorRef<Order> {
    Actor::spawn(None, Server, ()).await.expect("the actor starts").0
}

async fn ask(server: &ActorRef<Order>, order: impl FnOnce(RpcReplyPort<u64>) -> Order) -> u64 {
    server.call(order, None).await.expect("the server lives").expect("the server replies")
}

async fn call(events: u64) -> Checksum {
    let server = server().await;
    let mut sum = 0_u64;
    for n in 0..events {
        sum = sum.wrapping_add(ask(&server, |reply| Order::Ask(n, reply)).await);
    }
    server.stop(None);
    sum
}

async fn cast(events: u64) -> Checksum {
    let server = server().await;
    for n in 0..events {
        server.cast(Order::Add(n)).expect("the server lives");
    }
    let sum = ask(&server, Order::Sum).await;
    server.stop(None);
    sum
}

/// Stops itself before its first message.
struct Brief;

impl Actor for Brief {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        me.stop(None);
        Ok(())
    }
}

async fn start_and_end(events: u64) -> Checksum {
    let mut ended = 0;
    for _ in 0..events {
        let (_, end) = Actor::spawn(None, Brief, ()).await.expect("the actor starts");
        ended += u64::from(end.await.is_ok());
    }
    ended
}

/// Counts the message it gets, and waits for more.
struct Idler;

impl Actor for Idler {
    type Msg = u64;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<u64>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<u64>, _: u64, (): &mut ()) -> Result<(), ActorProcessingErr> {
        resident::handled();
        Ok(())
    }
}

/// They live as long as the program.
async fn idle_actors(processes: u64) -> Checksum {
    let mut started = Vec::new();
    for _ in 0..processes {
        started.push(Actor::spawn(None, Idler, ()).await.expect("the actor starts").0);
    }
    for idler in &started {
        idler.cast(1).expect("it lives");
    }
    std::mem::forget(started);
    processes
}

/// Its registry is one for the whole program: the keys are this form's own.
fn lookups(runtime: &Runtime) -> Form<'_> {
    let keys = lookup::keys();
    for key in &keys {
        let start = Actor::spawn(Some(key.clone()), Idler, ());
        runtime.block_on(start).expect("nobody else has the name");
    }
    Box::new(move |events| lookup::from_two_threads(&keys, events, |key| registry::where_is(key).is_some()))
}
