//! A storm of crashes, kills and orders upon a tree of three levels, against a model of what must come of it.

#[path = "../common/mod.rs"]
mod common;
mod model;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use common::{other, seeds};
use genstage_core::{
    Address, AutoShutdown, ChildPlan, ChildSpec, ChildState, ChildType, DeleteChildError, ExitReason, Init, Name,
    Outcome, Peer, Process, ProcessContext, Restart, RestartChildError, Runtime, Simulation, StartChildError,
    StartError, StartOptions, Strategy, Supervisor, SupervisorRef, TerminateChildError, ThreadProcess, registered,
    spawn, start, whereis,
};
use model::{Fate, Kind, Node, Tree, World};

/// What the workers of one storm share: the failures that await them, their starts, and who of them is left.
#[derive(Clone, Default)]
struct Sky(Arc<Mutex<Weather>>);

#[derive(Default)]
struct Weather {
    failures: HashMap<String, u32>,
    starts: HashMap<String, u32>,
    alive: Vec<Weak<()>>,
}

impl Sky {
    fn start(&self, id: &str) -> Result<Address<ExitReason>, StartError> {
        {
            let mut weather = self.0.lock().unwrap();
            let failures = weather.failures.entry(id.to_owned()).or_default();
            if *failures > 0 {
                *failures -= 1;
                return Err(StartError::Init(other("cannot")));
            }
        }
        let token = Arc::new(());
        let worker = || Worker { trap: id.len().is_multiple_of(2), _token: Arc::clone(&token) };
        let started = when_the_name_is_free(|| start(worker(), StartOptions::new().link().name(id)))?;
        let mut weather = self.0.lock().unwrap();
        *weather.starts.entry(id.to_owned()).or_default() += 1;
        weather.alive.push(Arc::downgrade(&token));
        Ok(started)
    }

    fn alive(&self) -> usize {
        let mut weather = self.0.lock().unwrap();
        weather.alive.retain(|token| token.strong_count() > 0);
        weather.alive.len()
    }
}

/// What a killed supervisor leaves behind dies by itself, and its successor may be quicker. As elsewhere, a start that cares
/// waits for the holder of its name.
fn when_the_name_is_free<T>(start: impl Fn() -> Result<T, StartError>) -> Result<T, StartError> {
    match start() {
        Err(StartError::AlreadyStarted(holder)) => {
            let here = ThreadProcess::<()>::aside()?;
            here.monitor(holder);
            here.receive(None);
            start()
        }
        started => started,
    }
}

struct Worker {
    trap: bool,
    _token: Arc<()>,
}

impl Process for Worker {
    type Message = ExitReason;

    fn init(&mut self, cx: &mut ProcessContext<'_, ExitReason>) -> Init {
        cx.trap_exit(self.trap);
        Init::Continue
    }

    fn handle(&mut self, reason: ExitReason, _: &mut ProcessContext<'_, ExitReason>) -> Outcome {
        Outcome::Stop(reason)
    }
}

/// The real thing, from its model.
fn plan(node: &Node, sky: &Sky) -> ChildPlan {
    let (id, sky) = (node.id.clone(), sky.clone());
    let plan: ChildPlan = match &node.kind {
        Kind::Worker => {
            let name = id.clone();
            let spec = ChildSpec::new(id, move || sky.start(&name)).restart(node.restart);
            if node.significant { spec.significant().into() } else { spec.into() }
        }
        Kind::Supervisor(tree) => {
            let sup = supervisor(tree, &sky).name(&id);
            let start = move || when_the_name_is_free(|| sup.clone().start_link());
            ChildSpec::new(id, start).supervisor().restart(node.restart).into()
        }
    };
    plan
}

fn supervisor(tree: &Tree, sky: &Sky) -> Supervisor {
    Supervisor::new(tree.strategy)
        .auto_shutdown(tree.auto_shutdown)
        .max_restarts(u32::try_from(tree.max_restarts).unwrap())
        .max_seconds(u32::try_from(tree.max_seconds).unwrap())
        .children(tree.first.iter().map(|node| plan(node, sky)))
}

const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];

/// A tree of a root, three supervisors, one of them with a supervisor below it, and workers of all kinds everywhere.
fn tree(random: &mut Random) -> Tree {
    use Restart::{Permanent, Temporary, Transient};
    let workers = |prefix: &str, restarts: &[Restart]| -> Vec<Node> {
        let ids = ["a", "bb", "c", "dd", "e"].into_iter().zip(restarts);
        ids.map(|(id, restart)| Node::worker(&format!("{prefix}/{id}"), *restart)).collect()
    };
    let any = [Transient, Temporary, Permanent];
    let limits = |random: &mut Random| (random.below(5), 1 + random.below(4) as u64);
    let deep =
        Tree::new(*random.pick(&STRATEGIES), AutoShutdown::Never, limits(random), workers("deep", &[Permanent; 2]));
    let mut first = workers("one", &[Permanent, Temporary, Transient, Permanent, Temporary]);
    first.insert(random.below(5), Node::supervisor("deep", *random.pick(&RESTARTS), deep));
    let one = Tree::new(*random.pick(&STRATEGIES), AutoShutdown::Never, limits(random), first);
    let mut first = workers("two", &[Transient, Permanent, Temporary, Transient]);
    first[0] = first[0].clone().significant();
    first[2] = first[2].clone().significant();
    let auto = *random.pick(&[AutoShutdown::AnySignificant, AutoShutdown::AllSignificant]);
    let two = Tree::new(*random.pick(&STRATEGIES), auto, limits(random), first);
    let three = Tree::new(*random.pick(&STRATEGIES), AutoShutdown::Never, limits(random), workers("three", &any));
    let mut first = workers("root", &any);
    for (id, tree) in [("one", one), ("two", two), ("three", three)] {
        first.insert(random.below(first.len() + 1), Node::supervisor(id, *random.pick(&[Permanent, Transient]), tree));
    }
    Tree::new(*random.pick(&STRATEGIES), AutoShutdown::Never, (6, 3), first)
}

/// The storm's own dice.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The way down to a supervisor of the tree; none at all is the root.
type Path = Vec<String>;

/// All supervisors that run.
fn supervisors(tree: &Tree, path: &Path, all: &mut Vec<Path>) {
    all.push(path.clone());
    for node in tree.nodes.iter().filter(|node| node.up) {
        if let Kind::Supervisor(below) = &node.kind {
            supervisors(below, &[path.clone(), vec![node.id.clone()]].concat(), all);
        }
    }
}

fn at<'a>(tree: &'a mut Tree, path: &[String]) -> &'a mut Tree {
    let Some((first, rest)) = path.split_first() else { return tree };
    match &mut tree.find(first).expect("on the way").kind {
        Kind::Supervisor(below) => at(below, rest),
        Kind::Worker => panic!("a worker on the way"),
    }
}

/// A child of the supervisor at this path has ended; so may, one after the other, those above.
fn ended(tree: &mut Tree, path: &[String], id: &str, clean: bool, world: &mut World) -> Fate {
    let (mut path, mut id, mut clean) = (path.to_vec(), id.to_owned(), clean);
    while at(tree, &path).ended(&id, clean, world) == Fate::Ends {
        // It ends with a clean reason (S5.3, S8.1).
        clean = true;
        match path.pop() {
            Some(above) => id = above,
            None => return Fate::Ends,
        }
    }
    Fate::Lives
}

struct Storm<'a> {
    simulation: &'a Simulation,
    random: Random,
    sky: Sky,
    world: World,
    tree: Tree,
    root: SupervisorRef,
    steps: [u32; 9],
}

impl<'a> Storm<'a> {
    fn new(simulation: &'a Simulation) -> Self {
        let mut random = Random(simulation.seed());
        let (sky, mut world) = (Sky::default(), World::default());
        let mut tree = tree(&mut random);
        assert!(tree.start(&mut world));
        let root = supervisor(&tree, &sky).name("root").start_link().unwrap();
        Self { simulation, random, sky, world, tree, root, steps: [0; 9] }
    }

    fn step(&mut self) {
        self.simulation.run_until_idle();
        self.world.now = self.simulation.now().as_secs();
        let mut paths = Vec::new();
        supervisors(&self.tree, &Path::new(), &mut paths);
        let path = self.random.pick(&paths).clone();
        let sup = match path.last() {
            Some(id) => SupervisorRef::find(id.as_str()).expect("it runs"),
            None => self.root.clone(),
        };
        let kind = self.random.below(9);
        self.steps[kind] += 1;
        let fate = match kind {
            0..=2 => self.end_one(&path),
            3 => self.operate(&path, &sup, Self::start_child),
            4 => self.operate(&path, &sup, Self::restart_child),
            5 => self.operate(&path, &sup, Self::terminate_child),
            6 => self.operate(&path, &sup, Self::delete_child),
            7 => {
                let mut all = Vec::new();
                for path in &paths {
                    all.extend(at(&mut self.tree, path).nodes.iter().map(|node| node.id.clone()));
                }
                if !all.is_empty() {
                    let id = self.random.pick(&all).clone();
                    let failures = u32::try_from(self.random.below(4)).unwrap();
                    self.sky.0.lock().unwrap().failures.insert(id.clone(), failures);
                    self.world.failures.insert(id, failures);
                }
                Fate::Lives
            }
            _ => {
                self.simulation.run_for(Duration::from_millis(self.random.below(2500) as u64));
                Fate::Lives
            }
        };
        self.simulation.run_until_idle();
        if fate == Fate::Ends {
            self.rebuild();
        }
        self.check();
    }

    /// Somebody ends by itself, or is killed.
    fn end_one(&mut self, path: &[String]) -> Fate {
        let up: Vec<_> = at(&mut self.tree, path).nodes.iter().filter(|node| node.up).cloned().collect();
        if up.is_empty() {
            return Fate::Lives;
        }
        let node = self.random.pick(&up).clone();
        let peer = Name::from(&node.id).whereis().expect("it runs");
        let reasons = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with(7), other("x")];
        let clean = match node.kind {
            Kind::Worker if self.random.below(4) > 0 => {
                let reason = self.random.pick(&reasons).clone();
                peer.address::<ExitReason>().unwrap().send(reason.clone()).unwrap();
                reason.is_clean()
            }
            _ => {
                peer.exit(ExitReason::Kill);
                false
            }
        };
        ended(&mut self.tree, path, &node.id, clean, &mut self.world)
    }

    fn operate(
        &mut self,
        path: &[String],
        sup: &SupervisorRef,
        operation: fn(&mut Self, &[String], &SupervisorRef, &str) -> (String, &'static str),
    ) -> Fate {
        let mut ids: Vec<_> = at(&mut self.tree, path).nodes.iter().map(|node| node.id.clone()).collect();
        let prefix = path.last().map_or("root", String::as_str);
        ids.extend(["new", "more"].map(|id| format!("{prefix}/{id}")));
        let id = self.random.pick(&ids).clone();
        let (real, model) = operation(self, path, sup, &id);
        assert_eq!(real, model, "{id}");
        Fate::Lives
    }

    fn start_child(&mut self, path: &[String], sup: &SupervisorRef, id: &str) -> (String, &'static str) {
        let node = Node::worker(id, *self.random.pick(&RESTARTS));
        let real = match sup.start_child(ChildSpec::from(plan(&node, &self.sky))) {
            Ok(child) => child.map_or("ignored", |_| "ok"),
            Err(StartChildError::AlreadyStarted(_)) => "already started",
            Err(StartChildError::AlreadyPresent) => "already present",
            Err(StartChildError::Start(_)) => "did not start",
            Err(error) => panic!("{error}"),
        };
        (real.to_owned(), at(&mut self.tree, path).start_child(node, &mut self.world))
    }

    fn restart_child(&mut self, path: &[String], sup: &SupervisorRef, id: &str) -> (String, &'static str) {
        let real = match sup.restart_child(id) {
            Ok(child) => child.map_or("ignored", |_| "ok"),
            Err(RestartChildError::NotFound) => "not found",
            Err(RestartChildError::Running) => "running",
            Err(RestartChildError::Start(_)) => "did not start",
            Err(error) => panic!("{error}"),
        };
        (real.to_owned(), at(&mut self.tree, path).restart_child(id, &mut self.world))
    }

    fn terminate_child(&mut self, path: &[String], sup: &SupervisorRef, id: &str) -> (String, &'static str) {
        let real = match sup.terminate_child(id) {
            Ok(()) => "ok",
            Err(TerminateChildError::NotFound) => "not found",
            Err(error) => panic!("{error}"),
        };
        (real.to_owned(), at(&mut self.tree, path).terminate_child(id))
    }

    fn delete_child(&mut self, path: &[String], sup: &SupervisorRef, id: &str) -> (String, &'static str) {
        let real = match sup.delete_child(id) {
            Ok(()) => "ok",
            Err(DeleteChildError::NotFound) => "not found",
            Err(DeleteChildError::Running) => "running",
            Err(error) => panic!("{error}"),
        };
        (real.to_owned(), at(&mut self.tree, path).delete_child(id))
    }

    /// The root has given up: nothing is left, and a new tree is grown.
    fn rebuild(&mut self) {
        assert_eq!(self.root.exit_reason(), Some(ExitReason::Shutdown));
        assert_eq!((self.sky.alive(), registered()), (0, vec![]));
        self.sky.0.lock().unwrap().failures.clear();
        self.world.failures.clear();
        self.tree = tree(&mut self.random);
        assert!(self.tree.start(&mut self.world));
        self.root = supervisor(&self.tree, &self.sky).name("root").start_link().unwrap();
    }

    /// The tree is as the model says: who runs, under which name, started how often; and nobody else.
    fn check(&self) {
        assert!(self.root.is_alive());
        let mut names = vec!["root".to_owned()];
        check_tree(&self.tree, &self.root, &mut names);
        names.sort();
        assert_eq!(registered(), names);
        assert_eq!(self.sky.alive(), self.tree.running().len(), "workers that nobody knows of");
        assert_eq!(self.sky.0.lock().unwrap().starts, self.world.starts);
    }
}

fn check_tree(tree: &Tree, sup: &SupervisorRef, names: &mut Vec<String>) {
    let children = sup.which_children().unwrap();
    let ids: Vec<_> = children.iter().rev().map(|child| child.id.to_string()).collect();
    assert_eq!(ids, tree.nodes.iter().map(|node| node.id.clone()).collect::<Vec<_>>());
    for (child, node) in children.iter().rev().zip(&tree.nodes) {
        let expected = if node.up { whereis(&node.id).map(ChildState::Running) } else { Some(ChildState::Stopped) };
        assert_eq!(Some(child.state), expected, "{}", node.id);
        if node.up {
            names.push(node.id.clone());
        }
        match &node.kind {
            Kind::Worker => assert_eq!(child.child_type, ChildType::Worker),
            Kind::Supervisor(below) => {
                assert_eq!(child.child_type, ChildType::Supervisor);
                if node.up {
                    check_tree(below, &SupervisorRef::find(node.id.as_str()).unwrap(), names);
                }
            }
        }
    }
    let counts = sup.count_children().unwrap();
    let workers = tree.nodes.iter().filter(|node| matches!(node.kind, Kind::Worker)).count();
    assert_eq!(counts.specs, tree.nodes.len());
    assert_eq!(counts.active, tree.nodes.iter().filter(|node| node.up).count());
    assert_eq!((counts.workers, counts.supervisors), (workers, tree.nodes.len() - workers));
}

#[test]
fn s4_s5_s7_s8_a_storm_leaves_the_tree_as_the_model_says() {
    seeds(40, |simulation| {
        let mut storm = Storm::new(simulation);
        storm.check();
        for _ in 0..120 {
            storm.step();
        }
        assert!(storm.steps.iter().all(|count| *count > 0), "{:?}", storm.steps);
        storm.root.stop().unwrap();
        assert_eq!((storm.sky.alive(), registered()), (0, vec![]));
    });
}

#[test]
fn s3_s4_s7_a_burst_at_all_ends_at_once_leaves_no_orphans() {
    seeds(40, |simulation| {
        let mut storm = Storm::new(simulation);
        for _ in 0..15 {
            for _ in 0..storm.random.below(8) {
                let names = registered();
                let name = storm.random.pick(&names).clone();
                let order = storm.random.below(6);
                let Some(peer) = Name::from(&name).whereis().filter(|peer| name != "root" && peer.is_alive()) else {
                    continue;
                };
                match peer.address::<ExitReason>() {
                    Some(worker) if order < 4 => worker.send(other("x")).unwrap(),
                    _ if order < 5 => peer.exit(ExitReason::Kill),
                    _ => {
                        let root = storm.root.clone();
                        // Whatever comes of it: others get in between.
                        spawn(move |_: genstage_core::Mailbox<()>| async move {
                            let _ = root.terminate_child_async(&*name).await;
                            let _ = root.restart_child_async(&*name).await;
                        });
                    }
                }
            }
            simulation.run_until_idle();
            if !storm.root.is_alive() {
                break;
            }
            let running = no_orphans(&storm.root);
            assert_eq!(storm.sky.alive(), running);
        }
        if storm.root.is_alive() {
            storm.root.stop().unwrap();
        }
        assert_eq!((storm.sky.alive(), registered()), (0, vec![]));
    });
}

/// Counts the workers that run in a tree, all of which must have their names.
fn no_orphans(sup: &SupervisorRef) -> usize {
    let children = sup.which_children().unwrap().into_iter();
    children
        .map(|child| {
            assert_ne!(child.state, ChildState::Restarting, "all is quiet");
            let Some(pid) = child.state.pid() else { return 0 };
            assert!(Peer::from(pid).is_alive());
            let name = child.id.to_string();
            assert_eq!(whereis(&name), Some(pid));
            match child.child_type {
                ChildType::Worker => 1,
                ChildType::Supervisor => no_orphans(&SupervisorRef::find(name).unwrap()),
            }
        })
        .sum()
}

#[test]
fn s3_on_threads_whoever_is_ended_by_whomever_comes_back() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let _inside = runtime.enter();
    let sky = Sky::default();
    for strategy in STRATEGIES {
        let nodes = ["a", "bb", "c", "dd"].map(|id| Node::worker(id, Restart::Permanent));
        let limits = (usize::try_from(u32::MAX).unwrap(), 1);
        let tree = Tree::new(strategy, AutoShutdown::Never, limits, nodes.to_vec());
        let sup = supervisor(&tree, &sky).start_link().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (nodes, runtime) = (&nodes, &runtime);
                scope.spawn(move || {
                    let _inside = runtime.enter();
                    let mut random = Random(thread);
                    for _ in 0..100 {
                        let Some(peer) = Name::from(&random.pick(nodes).id).whereis() else { continue };
                        match peer.address::<ExitReason>() {
                            Some(worker) if random.below(2) == 0 => worker.send(other("x")).unwrap_or(()),
                            _ => peer.exit(ExitReason::Kill),
                        }
                    }
                });
            }
        });
        let up = |id: &str| whereis(id).is_some();
        while sup.count_children().unwrap().active < 4 || !nodes.iter().all(|node| up(&node.id)) {
            std::thread::yield_now();
        }
        sup.stop().unwrap();
        assert_eq!((sky.alive(), registered()), (0, vec![]));
    }
}
