//! Who gets which event.
//!
//! A producer serves many consumers. Each of them **asks** for events, and a **dispatcher** decides to whom an
//! emitted event goes. Dispatchers are pure state machines: they own no process, thread or clock, and they send
//! nothing. The stage tells them what happened, and they write what should be done into [`Deliveries`]. So a
//! dispatcher is written and tested without a runtime.
//!
//! * [`Dispatcher`] is the contract, with a complete example of one's own.
//! * [`DemandDispatcher`] gives each event to one consumer, the one with the biggest outstanding demand first.
//! * [`BroadcastDispatcher`] gives each event to every consumer that selects it.
//! * [`PartitionDispatcher`] gives each event to the consumer of the event's partition.
//! * [`Batch`] and [`Events`] carry events without copying them; [`Empties`] bring the buffers back.
//! * [`kit`] puts any dispatcher through random histories and checks the contract.
//!
//! ```
//! use genstage_dispatchers::{DemandDispatcher, Deliveries, Dispatcher, Subscriber, SubscriptionId};
//!
//! let mut dispatcher: Box<dyn Dispatcher<char>> = Box::new(DemandDispatcher::new());
//! let mut out = Deliveries::new();
//! let (a, b) = (SubscriptionId::new(1), SubscriptionId::new(2));
//! dispatcher.subscribe(a, &Subscriber::new(10, 5))?;
//! dispatcher.subscribe(b, &Subscriber::new(10, 5))?;
//! dispatcher.ask(a, 1, &mut out);
//! dispatcher.ask(b, 1, &mut out);
//! assert_eq!(dispatcher.demand(), 2);
//!
//! let mut events = vec!['x', 'y', 'z'];
//! dispatcher.dispatch(&mut events, &mut out);
//! let sent: Vec<_> = out.drain().map(|delivery| (delivery.to, delivery.batch.into_vec())).collect();
//! assert_eq!(sent, [(a, vec!['x']), (b, vec!['y'])]);
//! assert_eq!(events, ['z']); // nobody asked for it: the stage buffers it
//! # Ok::<(), genstage_dispatchers::Refusal>(())
//! ```

mod batch;
mod broadcast;
mod caught;
mod custom;
mod deliveries;
mod demand;
mod dispatcher;
mod empties;
mod events;
mod key;
pub mod kit;
mod partition;
mod random;
mod refusal;
mod subscriber;
mod subscription;

pub use batch::{Batch, Cut};
pub use broadcast::BroadcastDispatcher;
#[doc(hidden)]
pub use caught::{let_go, let_go_all};
pub use custom::Custom;
pub use deliveries::{Deliveries, Delivery, InfoTicket, Notice};
pub use demand::DemandDispatcher;
pub use dispatcher::Dispatcher;
pub use empties::Empties;
pub use events::{Events, IntoIter};
pub use key::PartitionKey;
pub use partition::{PartitionDispatcher, PartitionError, WhenFull};
pub use refusal::Refusal;
pub use subscriber::{Selector, Subscriber, Wants};
pub use subscription::SubscriptionId;
