//! Sources by name, known by their events alone.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use genstage_core::{Address, ExitReason, Name, Peer, Pid};
use genstage_dispatchers::{Empties, SubscriptionId};

use crate::graph::{Absent, Observed};
use crate::handle::Source;
use crate::mail::{ProducerPort, StageMail, Subscribe};
use crate::misfit::unfit;
use crate::options::DemandMode;
use crate::role::Role;

/// Whoever has this name and emits such events, when it is used: to subscribe to a stage whose type has no name, as those made
/// from closures have none.
///
/// A name that nobody has is as good as a dead producer: the subscription is down with [`ExitReason::NoProc`], and its
/// [`Cancel`](crate::Cancel) mode decides. Where the name belongs to what is no source of such events, the subscription
/// is cancelled, and the reason is a [`WrongSource`](crate::WrongSource). To call such a stage as well, use
/// [`Producer::named`](crate::Producer::named), which knows its type.
///
/// ```
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(1..=3).start(StageOptions::new().name("numbers"))?;
/// let squares = map(|n: i32| n * n)
///     .start(StageOptions::new().name("squares").subscribe_to(&named("numbers"), SubscriptionOptions::new()))?;
/// let squares = stream(&named("squares"), SubscriptionOptions::new())?;
/// assert_eq!(squares.collect::<Result<Vec<i32>, _>>()?, [1, 4, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn named<T: Send + 'static>(name: impl Into<Name>) -> Named<T> {
    Named { name: name.into(), events: PhantomData }
}

/// A source by its name: what [`named`] gives.
pub struct Named<T> {
    name: Name,
    events: PhantomData<fn() -> T>,
}

/// By the type of their events, the kinds of stages that the program has started: so it does not grow with their number.
static KINDS: LazyLock<RwLock<HashMap<TypeId, Vec<Kind>, ahash::RandomState>>> = LazyLock::new(RwLock::default);

/// The type of a role, and its `Find<T>`, where `T` are its events.
type Kind = (TypeId, Box<dyn Any + Send + Sync>);

/// How to reach a process, if it is a stage of one kind.
type Find<T> = fn(&Peer) -> Option<Box<dyn ProducerPort<T>>>;

fn find<R: Role>(peer: &Peer) -> Option<Box<dyn ProducerPort<R::Out>>> {
    let address: Address<StageMail<R>> = peer.address()?;
    Some(Box::new(address))
}

/// Makes stages of this kind known by their events.
pub(crate) fn enlist<R: Role>() {
    let (events, kind) = (TypeId::of::<R::Out>(), TypeId::of::<R>());
    let is_known = |kinds: &Vec<Kind>| kinds.iter().any(|(known, _)| *known == kind);
    if KINDS.read().unwrap_or_else(PoisonError::into_inner).get(&events).is_some_and(is_known) {
        return;
    }
    let mut all = KINDS.write().unwrap_or_else(PoisonError::into_inner);
    let kinds = all.entry(events).or_default();
    if !is_known(kinds) {
        kinds.push((kind, Box::new(find::<R> as Find<R::Out>)));
    }
}

impl<T: Send + 'static> Named<T> {
    fn now(&self) -> Option<Box<dyn ProducerPort<T>>> {
        let peer = self.name.whereis()?;
        let kinds = KINDS.read().unwrap_or_else(PoisonError::into_inner);
        kinds.get(&TypeId::of::<T>())?.iter().find_map(|(_, find)| find.downcast_ref::<Find<T>>()?(&peer))
    }
}

impl<T: Send + 'static> ProducerPort<T> for Named<T> {
    fn resolve(&self) -> Box<dyn ProducerPort<T>> {
        self.now().unwrap_or_else(|| unfit(&self.name, || format!("producer of {}", std::any::type_name::<T>())))
    }

    fn subscribe(&self, subscribe: Subscribe<T>) {
        self.resolve().subscribe(subscribe);
    }

    fn ask(&self, id: SubscriptionId, count: usize, empties: Empties<T>) {
        self.resolve().ask(id, count, empties);
    }

    fn cancel(&self, id: SubscriptionId, reason: ExitReason) {
        self.resolve().cancel(id, reason);
    }

    fn demand(&self, mode: DemandMode) {
        self.resolve().demand(mode);
    }

    fn peer(&self) -> Peer {
        self.now().map_or_else(|| Peer::from(Pid::NOBODY), |port| port.peer())
    }

    fn observer(&self) -> Arc<dyn Observed> {
        self.now().map_or_else(|| Arc::new(Absent(Some(self.name.clone()))) as _, |port| port.observer())
    }
}

impl<T: Send + 'static> Source for Named<T> {
    type Event = T;

    fn port(&self) -> Box<dyn ProducerPort<T>> {
        Box::new(self.clone())
    }
}

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), events: PhantomData }
    }
}

impl<T> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Named({:?})", self.name)
    }
}
