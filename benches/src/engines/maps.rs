//! How fast is a plain map as a registry? It keeps nothing alive, forgets nobody who dies, and tells nobody.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use dashmap::DashMap;

use super::{Engine, Form, lookup};
use crate::scenario::Scenario;

/// A map behind a lock that readers share.
pub(super) struct Locked;

impl Engine for Locked {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        (scenario == Scenario::Registry).then(|| -> Form<'_> {
            let keys = lookup::keys();
            let map: RwLock<HashMap<String, Arc<()>>> =
                RwLock::new(keys.iter().map(|key| (key.clone(), Arc::default())).collect());
            Box::new(move |events| {
                lookup::from_two_threads(&keys, events, |key| {
                    map.read().expect("nobody panics").get(key).cloned().is_some()
                })
            })
        })
    }
}

/// The map of shards.
pub(super) struct Sharded;

impl Engine for Sharded {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        (scenario == Scenario::Registry).then(|| -> Form<'_> {
            let keys = lookup::keys();
            let map: DashMap<String, Arc<()>> = keys.iter().map(|key| (key.clone(), Arc::default())).collect();
            Box::new(move |events| {
                lookup::from_two_threads(&keys, events, |key| map.get(key).map(|found| Arc::clone(&found)).is_some())
            })
        })
    }
}
