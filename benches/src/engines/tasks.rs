//! How fast are tokio's tasks where they are used as processes: a task with a mailbox, and a one-time channel for each
//! reply?
//!
//! Mailboxes are unbounded, as a process's is. They run on a runtime with a worker for each core, as the actors do, and on one
//! thread, which is faster where one waits for the other; servers take what is there at once. Least and middle of three
//! measurements on a machine with a load of 2, ns, taken one by one and 64 at once:
//!
//! | | a worker for each core | | one thread | |
//! |---|---|---|---|---|
//! | call | 227, 307 | 220, 281 | 142, 188 | 137, 188 |
//! | cast | 39, 61 | 35, 43 | 47, 53 | 38, 46 |
//! | spawn | 296, 353 | | 179, 248 | |

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::Form;
use crate::resident;
use crate::scenario::{Checksum, Scenario};
use crate::work;

/// This engine's form of the runtime's scenarios.
pub(super) fn form(runtime: &Runtime, scenario: Scenario) -> Option<Form<'_>> {
    Some(match scenario {
        Scenario::Call => Box::new(|events| spawned(runtime, call(events))),
        Scenario::Cast => Box::new(|events| spawned(runtime, cast(events))),
        Scenario::Spawn => Box::new(|events| spawned(runtime, start_and_end(events))),
        Scenario::Idle => Box::new(|events| idle_tasks(runtime, events)),
        _ => return None,
    })
}

/// The result of a task: the thread that waits for it is none of the runtime's own.
pub(super) fn spawned(runtime: &Runtime, task: impl Future<Output = Checksum> + Send + 'static) -> Checksum {
    runtime.block_on(runtime.spawn(task)).expect("the task does not panic")
}

/// Messages that a server takes at once.
const TAKEN: usize = 64;

enum Order {
    Ask(u64, oneshot::Sender<u64>),
    Add(u64),
    Sum(oneshot::Sender<Checksum>),
}

/// A task that answers each question, and sums what it is sent; it ends with its last sender.
fn server() -> UnboundedSender<Order> {
    let (sender, mut orders): (_, UnboundedReceiver<Order>) = unbounded_channel();
    tokio::spawn(async move {
        let mut sum = 0_u64;
        let mut taken = Vec::with_capacity(TAKEN);
        while orders.recv_many(&mut taken, TAKEN).await > 0 {
            for order in taken.drain(..) {
                match order {
                    Order::Ask(n, reply) => {
                        let _ = reply.send(work::increment(n));
                    }
                    Order::Add(n) => sum = sum.wrapping_add(n),
                    Order::Sum(reply) => {
                        let _ = reply.send(sum);
                    }
                }
            }
        }
    });
    sender
}

async fn ask(server: &UnboundedSender<Order>, order: impl FnOnce(oneshot::Sender<u64>) -> Order) -> u64 {
    let (reply, replies) = oneshot::channel();
    server.send(order(reply)).expect("the server lives");
    replies.await.expect("the server replies")
}

async fn call(events: u64) -> Checksum {
    let server = server();
    let mut sum = 0_u64;
    for n in 0..events {
        sum = sum.wrapping_add(ask(&server, |reply| Order::Ask(n, reply)).await);
    }
    sum
}

async fn cast(events: u64) -> Checksum {
    let server = server();
    for n in 0..events {
        server.send(Order::Add(n)).expect("the server lives");
    }
    ask(&server, Order::Sum).await
}

async fn start_and_end(events: u64) -> Checksum {
    let mut ended = 0;
    for _ in 0..events {
        ended += u64::from(tokio::spawn(async {}).await.is_ok());
    }
    ended
}

/// They live as long as the program.
fn idle_tasks(runtime: &Runtime, processes: u64) -> Checksum {
    let senders: Vec<UnboundedSender<u64>> = (0..processes)
        .map(|_| {
            let (sender, mut messages) = unbounded_channel();
            runtime.spawn(async move {
                while messages.recv().await.is_some() {
                    resident::handled();
                }
            });
            sender
        })
        .collect();
    for sender in &senders {
        sender.send(1).expect("the task lives");
    }
    std::mem::forget(senders);
    resident::all_handled(processes)
}
