//! What a tree of supervisors must look like once all is quiet: written from the specification, with nothing of the
//! implementation. Only the sums matter here: who runs, and how often each worker has been started.

use std::collections::HashMap;

use genstage_core::{AutoShutdown, Restart, Strategy};

/// What lies outside the tree and is shared by all of it.
#[derive(Default)]
pub(crate) struct World {
    /// In whole seconds.
    pub(crate) now: u64,
    /// How many of the next starts of a worker fail.
    pub(crate) failures: HashMap<String, u32>,
    /// How often a worker was started well.
    pub(crate) starts: HashMap<String, u32>,
}

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) kind: Kind,
    pub(crate) up: bool,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Worker,
    Supervisor(Tree),
}

#[derive(Clone)]
pub(crate) struct Tree {
    pub(crate) strategy: Strategy,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) max_restarts: usize,
    pub(crate) max_seconds: u64,
    /// What it starts with.
    pub(crate) first: Vec<Node>,
    /// Its children now, in start order.
    pub(crate) nodes: Vec<Node>,
    restarts: Vec<u64>,
}

/// Whether a supervisor survives what happened.
#[derive(PartialEq)]
pub(crate) enum Fate {
    Lives,
    Ends,
}

impl Node {
    pub(crate) fn worker(id: &str, restart: Restart) -> Self {
        Self { id: id.to_owned(), restart, significant: false, kind: Kind::Worker, up: false }
    }

    pub(crate) fn significant(self) -> Self {
        Self { significant: true, ..self }
    }

    pub(crate) fn supervisor(id: &str, restart: Restart, tree: Tree) -> Self {
        Self { id: id.to_owned(), restart, significant: false, kind: Kind::Supervisor(tree), up: false }
    }

    /// False: it did not start, and nothing of it is left.
    pub(crate) fn start(&mut self, world: &mut World) -> bool {
        self.up = match &mut self.kind {
            Kind::Worker => {
                let failures = world.failures.entry(self.id.clone()).or_default();
                if *failures > 0 {
                    *failures -= 1;
                    false
                } else {
                    *world.starts.entry(self.id.clone()).or_default() += 1;
                    true
                }
            }
            Kind::Supervisor(tree) => tree.start(world),
        };
        self.up
    }

    pub(crate) fn stop(&mut self) {
        self.up = false;
        if let Kind::Supervisor(tree) = &mut self.kind {
            tree.nodes.iter_mut().for_each(Self::stop);
        }
    }

    fn restarts_after(&self, clean: bool) -> bool {
        match self.restart {
            Restart::Permanent => true,
            Restart::Transient => !clean,
            Restart::Temporary => false,
        }
    }
}

impl Tree {
    pub(crate) fn new(
        strategy: Strategy,
        auto_shutdown: AutoShutdown,
        restarts: (usize, u64),
        first: Vec<Node>,
    ) -> Self {
        let (max_restarts, max_seconds) = restarts;
        Self { strategy, auto_shutdown, max_restarts, max_seconds, first, nodes: Vec::new(), restarts: Vec::new() }
    }

    pub(crate) fn start(&mut self, world: &mut World) -> bool {
        self.nodes.clone_from(&self.first);
        self.restarts.clear();
        let all = self.nodes.iter_mut().all(|node| node.start(world));
        if !all {
            self.nodes.iter_mut().for_each(Node::stop);
        }
        all
    }

    /// A child has ended, and nobody told it to.
    pub(crate) fn ended(&mut self, id: &str, clean: bool, world: &mut World) -> Fate {
        let at = self.nodes.iter().position(|node| node.id == id).expect("a child");
        self.nodes[at].stop();
        if self.nodes[at].restarts_after(clean) {
            return self.restart(at, world);
        }
        let ended = self.nodes[at].clone();
        if ended.restart == Restart::Temporary {
            self.nodes.remove(at);
        }
        let over = ended.significant
            && match self.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => self.nodes.iter().filter(|node| node.significant).all(|node| !node.up),
            };
        if over { Fate::Ends } else { Fate::Lives }
    }

    fn restart(&mut self, mut at: usize, world: &mut World) -> Fate {
        loop {
            self.restarts.push(world.now);
            let window = self.max_seconds;
            self.restarts.retain(|then| *then + window >= world.now);
            if self.restarts.len() > self.max_restarts {
                return Fate::Ends;
            }
            let failing = self.nodes[at].id.clone();
            let touched = |node: &Node, place: usize| match self.strategy {
                Strategy::OneForOne => node.id == failing,
                Strategy::OneForAll => true,
                Strategy::RestForOne => place >= at,
            };
            let mut group = Vec::new();
            let mut rest = Vec::new();
            for (place, mut node) in self.nodes.clone().into_iter().enumerate() {
                if touched(&node, place) {
                    node.stop();
                    if node.restart != Restart::Temporary {
                        group.push(node.id.clone());
                        rest.push(node);
                    }
                } else {
                    rest.push(node);
                }
            }
            self.nodes = rest;
            let failed = self.nodes.iter_mut().position(|node| group.contains(&node.id) && !node.start(world));
            match failed {
                Some(next) => at = next,
                None => return Fate::Lives,
            }
        }
    }

    pub(crate) fn find(&mut self, id: &str) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.id == id)
    }

    pub(crate) fn start_child(&mut self, mut node: Node, world: &mut World) -> &'static str {
        match self.find(&node.id) {
            Some(known) if known.up => "already started",
            Some(_) => "already present",
            None if node.start(world) => {
                self.nodes.push(node);
                "ok"
            }
            None => "did not start",
        }
    }

    pub(crate) fn restart_child(&mut self, id: &str, world: &mut World) -> &'static str {
        match self.find(id) {
            None => "not found",
            Some(node) if node.up => "running",
            Some(node) => {
                if node.start(world) {
                    "ok"
                } else {
                    "did not start"
                }
            }
        }
    }

    pub(crate) fn terminate_child(&mut self, id: &str) -> &'static str {
        let Some(node) = self.find(id) else { return "not found" };
        node.stop();
        if node.restart == Restart::Temporary {
            self.nodes.retain(|node| node.id != id);
        }
        "ok"
    }

    pub(crate) fn delete_child(&mut self, id: &str) -> &'static str {
        match self.find(id) {
            None => "not found",
            Some(node) if node.up => "running",
            Some(_) => {
                self.nodes.retain(|node| node.id != id);
                "ok"
            }
        }
    }

    /// The ids of all workers that run, here and below.
    pub(crate) fn running(&self) -> Vec<String> {
        let up = self.nodes.iter().filter(|node| node.up);
        up.flat_map(|node| match &node.kind {
            Kind::Worker => vec![node.id.clone()],
            Kind::Supervisor(tree) => tree.running(),
        })
        .collect()
    }
}
