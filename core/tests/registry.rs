//! Registry: structure, registering, unregistering (R1, R2).

mod common;

use std::sync::mpsc::channel;

use common::{Job, actor, exit, here, other, seeds, within};
use genstage_core::{
    Address, ExitReason, InvalidRegistry, Listener, Mailbox, Peer, Pid, Refusal, Registry, RegistryEvent, RegistryRef,
    Simulation, StopError, spawn,
};

type Rooms = RegistryRef<String, u32>;

fn kinds() -> [Registry<String, u32>; 3] {
    [Registry::unique(), Registry::duplicate(), Registry::duplicate_by_key()]
}

fn register(simulation: &Simulation, who: &Address<Job>, rooms: &Rooms, key: &str, value: u32) -> Result<Pid, Refusal> {
    let (rooms, key) = (rooms.clone(), key.to_owned());
    within(simulation, who, move || rooms.register(key, value)).map(|owner| owner.pid()).map_err(|error| error.refusal)
}

fn found(rooms: &Rooms, key: &str) -> Vec<(Pid, u32)> {
    let mut found: Vec<_> = rooms.lookup(key).into_iter().map(|(peer, value)| (peer.pid(), value)).collect();
    found.sort_unstable();
    found
}

fn owners(rooms: &Rooms) -> Vec<Pid> {
    rooms.owners().iter().map(Peer::pid).collect()
}

#[test]
fn r1_1_each_kind_starts_with_any_sensible_number_of_partitions() {
    seeds(5, |_| {
        for kind in kinds() {
            for partitions in [1, 7] {
                let rooms = kind.clone().partitions(partitions).start_link().unwrap();
                assert_eq!(rooms.owners().len(), partitions);
            }
            for partitions in [0, 4097, usize::MAX] {
                let refused = kind.clone().partitions(partitions).start_link();
                let error = refused.unwrap_err();
                assert_eq!(InvalidRegistry::of(&error), Some(&InvalidRegistry::Partitions(partitions)));
                let why = format!("init failed: {partitions} partitions; the least are 1, the most 4096");
                assert_eq!(error.to_string(), why);
            }
        }
    });
}

#[test]
fn r1_2_if_one_owner_ends_all_of_a_unique_registry_restart_and_one_of_a_duplicate_one() {
    seeds(50, |simulation| {
        for (kind, restarted) in kinds().into_iter().zip([vec![0, 1, 2], vec![1], vec![1]]) {
            let rooms = kind.partitions(3).start_link().unwrap();
            let before = owners(&rooms);
            rooms.owners()[1].exit(ExitReason::Kill);
            simulation.run_until_idle();
            let after = owners(&rooms);
            assert_eq!(after.len(), 3);
            let new: Vec<_> = (0..3).filter(|at| before[*at] != after[*at]).collect();
            assert_eq!(new, restarted);
        }
    });
}

#[test]
fn r1_2_too_many_restarts_end_the_registry_and_its_registrants() {
    seeds(10, |simulation| {
        let rooms = Registry::duplicate().start_link().unwrap();
        for _ in 0..4 {
            rooms.owners()[0].exit(ExitReason::Kill);
            simulation.run_until_idle();
        }
        assert_eq!(Peer::from(&rooms).exit_reason(), Some(ExitReason::Shutdown));
        let who = actor();
        assert_eq!(register(simulation, &who, &rooms, "a", 1), Err(Refusal::Down));
    });
}

#[test]
fn r1_3_entries_are_spread_by_key_or_by_process() {
    seeds(20, |simulation| {
        let keys: Vec<_> = (0..40).map(|key| key.to_string()).collect();
        for (kind, by_key) in kinds().into_iter().zip([true, false, true]) {
            let rooms = kind.partitions(4).start_link().unwrap();
            let who = [actor(), actor()];
            let owner = |who: &Address<Job>, key: &String| {
                let owner = register(simulation, who, &rooms, key, 1).unwrap();
                let (rooms, key) = (rooms.clone(), key.clone());
                within(simulation, who, move || rooms.unregister(&key));
                owner
            };
            let first: Vec<_> = keys.iter().map(|key| owner(&who[0], key)).collect();
            let second: Vec<_> = keys.iter().map(|key| owner(&who[1], key)).collect();
            let constant = first.iter().all(|owner| *owner == first[0]);
            if by_key {
                assert_eq!(first, second);
                assert!(!constant, "40 keys are spread over 4 partitions");
            } else {
                assert!(constant);
            }
        }
    });
}

#[test]
fn r1_4_what_the_dead_held_goes_and_all_else_stays() {
    seeds(100, |simulation| {
        for kind in kinds() {
            let rooms = kind.partitions(3).start_link().unwrap();
            let (dies, stays) = (actor(), actor());
            for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
                register(simulation, &dies, &rooms, key, value).unwrap();
            }
            register(simulation, &stays, &rooms, "d", 4).unwrap();
            dies.exit(other("x"));
            simulation.run_until_idle();
            assert_eq!(rooms.count(), 1);
            assert_eq!(rooms.keys(dies.pid()), [""; 0]);
            assert_eq!(found(&rooms, "a"), []);
            assert_eq!(found(&rooms, "d"), [(stays.pid(), 4)]);
            assert!(rooms.owners().iter().all(Peer::is_alive), "owners trap exits");
        }
    });
}

#[test]
fn r1_4_an_end_at_any_moment_leaves_nothing() {
    seeds(200, |simulation| {
        for kind in kinds() {
            let rooms = kind.partitions(2).start_link().unwrap();
            let entering: Vec<_> = (0..4)
                .map(|number| {
                    let rooms = rooms.clone();
                    spawn(move |mailbox: Mailbox<()>| async move {
                        for value in 0..3 {
                            let _ = rooms.register((value + number % 2).to_string(), value);
                            mailbox.sleep(std::time::Duration::ZERO).await;
                            rooms.unregister(&(number % 2).to_string());
                        }
                        if number == 0 {
                            Err("enough")
                        } else {
                            mailbox.receive().await;
                            Ok(())
                        }
                    })
                })
                .collect();
            entering[1].exit(ExitReason::Kill);
            simulation.run_for(std::time::Duration::from_nanos(1));
            entering[2].exit(other("x"));
            simulation.run_until_idle();
            assert_eq!(entering.iter().filter(|process| process.is_alive()).count(), 1);
            let alive = entering[3].pid();
            let holders = rooms.select(|_, peer, _| Some(peer.pid()));
            assert!(holders.iter().all(|holder| *holder == alive), "{holders:?}");
            assert_eq!(rooms.count(), holders.len());
        }
    });
}

#[test]
fn r1_4_an_owners_crash_takes_registrants_along_unless_they_trap() {
    seeds(100, |simulation| {
        for kind in kinds() {
            let rooms = kind.start_link().unwrap();
            let here = here::<()>();
            here.trap_exit(true);
            let who = actor();
            let bystander = actor();
            let owner = register(simulation, &who, &rooms, "a", 1).unwrap();
            assert_eq!(rooms.register("b".to_owned(), 2).unwrap().pid(), owner);
            simulation.run_until_idle();
            assert!(here.try_receive().is_none(), "no exit before the owner ends");
            rooms.owners()[0].exit(ExitReason::Kill);
            simulation.run_until_idle();
            assert_eq!(who.exit_reason(), Some(ExitReason::Killed));
            let heard = exit(&here);
            assert_eq!((heard.from, heard.reason), (owner, ExitReason::Killed));
            assert!(here.try_receive().is_none());
            assert!(bystander.is_alive());
            assert_eq!(rooms.count(), 0, "the table ended with its owner");
            let owner = rooms.register("b".to_owned(), 3).unwrap();
            assert_eq!((owner.pid(), found(&rooms, "b")), (owners(&rooms)[0], vec![(here.pid(), 3)]));
        }
    });
}

#[test]
fn r1_4_an_exit_that_somebody_sends_to_an_owner_removes_nobody() {
    seeds(50, |simulation| {
        let rooms = Registry::unique().start_link().unwrap();
        let who = actor();
        register(simulation, &who, &rooms, "a", 1).unwrap();
        let owner = rooms.owners()[0].clone();
        let signal = owner.clone();
        within(simulation, &who, move || signal.exit(other("x")));
        owner.exit(ExitReason::Shutdown);
        simulation.run_until_idle();
        assert!(owner.is_alive());
        assert_eq!(found(&rooms, "a"), [(who.pid(), 1)]);
    });
}

#[test]
fn r1_5_nobody_else_runs_for_a_read_or_a_write() {
    seeds(10, |_| {
        for kind in kinds() {
            let rooms = kind.partitions(3).start_link().unwrap();
            let here = here::<()>();
            rooms.register("a".to_owned(), 1).unwrap();
            assert_eq!(found(&rooms, "a"), [(here.pid(), 1)]);
            rooms.unregister("a");
            assert_eq!(rooms.count(), 0);
        }
    });
}

#[test]
fn r2_1_a_unique_key_has_one_holder_whose_value_a_second_try_does_not_change() {
    seeds(50, |simulation| {
        let rooms = Registry::unique().partitions(2).start_link().unwrap();
        let (first, second) = (actor(), actor());
        let owner = register(simulation, &first, &rooms, "a", 1).unwrap();
        assert!(owners(&rooms).contains(&owner));
        let taken = Err(Refusal::AlreadyRegistered(first.pid()));
        assert_eq!(register(simulation, &second, &rooms, "a", 2), taken);
        assert_eq!(register(simulation, &first, &rooms, "a", 3), taken);
        assert_eq!(found(&rooms, "a"), [(first.pid(), 1)]);
    });
}

#[test]
fn r2_1_a_duplicate_key_takes_anybody_any_number_of_times() {
    seeds(50, |simulation| {
        for kind in [Registry::duplicate(), Registry::duplicate_by_key()] {
            let rooms = kind.partitions(3).start_link().unwrap();
            let (first, second) = (actor(), actor());
            for (who, value) in [(&first, 1), (&first, 1), (&second, 1), (&first, 2)] {
                register(simulation, who, &rooms, "a", value).unwrap();
            }
            let [one, two] = [first.pid(), second.pid()];
            assert_eq!(found(&rooms, "a"), [(one, 1), (one, 1), (one, 2), (two, 1)]);
        }
    });
}

#[test]
fn r2_1_the_caller_must_be_a_process_and_gets_back_what_it_gave() {
    seeds(5, |_| {
        for kind in kinds() {
            let rooms = kind.start_link().unwrap();
            let error = rooms.register("a".to_owned(), 7).unwrap_err();
            assert_eq!((error.refusal, error.key.as_str(), error.value), (Refusal::NoProcess, "a", 7));
            rooms.unregister("a");
            let _here = here::<()>();
            rooms.register("a".to_owned(), 7).unwrap();
        }
    });
}

#[test]
fn r2_2_a_refused_registration_leaves_no_trace() {
    seeds(50, |simulation| {
        let rooms = Registry::unique().start_link().unwrap();
        let (holder, refused) = (actor(), actor());
        register(simulation, &holder, &rooms, "a", 1).unwrap();
        register(simulation, &refused, &rooms, "a", 2).unwrap_err();
        assert_eq!(rooms.keys(refused.pid()), [""; 0]);
        assert_eq!(rooms.count(), 1);
        rooms.owners()[0].exit(ExitReason::Kill);
        simulation.run_until_idle();
        assert!(!holder.is_alive());
        assert!(refused.is_alive(), "it is not linked");
    });
}

#[test]
fn r2_3_a_key_whose_holder_is_dead_can_be_taken_before_the_clean_up() {
    seeds(100, |simulation| {
        let rooms = Registry::unique().start_link().unwrap();
        let holder = actor();
        register(simulation, &holder, &rooms, "a", 1).unwrap();
        let here = here::<()>();
        holder.exit(ExitReason::Kill);
        assert_eq!(found(&rooms, "a"), [(holder.pid(), 1)], "nobody has cleaned up");
        rooms.register("a".to_owned(), 2).unwrap();
        assert_eq!(found(&rooms, "a"), [(here.pid(), 2)]);
        simulation.run_until_idle();
        assert_eq!(found(&rooms, "a"), [(here.pid(), 2)], "the clean-up of the dead one leaves it alone");
    });
}

#[test]
fn r2_4_the_dead_show_until_they_are_removed_but_not_to_whereis() {
    seeds(100, |simulation| {
        for kind in kinds() {
            let rooms = kind.partitions(2).start_link().unwrap();
            let holder = actor();
            register(simulation, &holder, &rooms, "a", 1).unwrap();
            assert_eq!(rooms.whereis("a").map(|peer| peer.pid()), Some(holder.pid()));
            holder.exit(ExitReason::Kill);
            assert_eq!((found(&rooms, "a").len(), rooms.count(), rooms.count_match("a", |_| true)), (1, 1, 1));
            assert!(
                rooms.whereis("a").is_none() && rooms.get("a").is_none() && rooms.via("a".to_owned()).pid().is_none()
            );
            simulation.run_until_idle();
            assert_eq!((found(&rooms, "a").len(), rooms.count()), (0, 0));
        }
    });
}

#[test]
fn r2_5_unregister_removes_all_own_entries_of_the_key_and_only_those() {
    seeds(50, |simulation| {
        let rooms = Registry::duplicate().partitions(3).start_link().unwrap();
        let (me, you) = (actor(), actor());
        for (who, key) in [(&me, "a"), (&me, "a"), (&me, "b"), (&you, "a")] {
            register(simulation, who, &rooms, key, 1).unwrap();
        }
        for _ in 0..2 {
            let rooms = rooms.clone();
            within(simulation, &me, move || rooms.unregister("a"));
        }
        assert_eq!(found(&rooms, "a"), [(you.pid(), 1)]);
        assert_eq!((rooms.keys(me.pid()), rooms.count()), (vec!["b".to_owned()], 2));
    });
}

#[test]
fn r2_5_the_link_goes_with_the_last_key_of_the_partition() {
    seeds(50, |simulation| {
        for kind in kinds() {
            for (unregistered, survives) in [(vec!["a"], false), (vec!["a", "b"], true)] {
                let rooms = kind.clone().start_link().unwrap();
                let who = actor();
                register(simulation, &who, &rooms, "a", 1).unwrap();
                register(simulation, &who, &rooms, "b", 1).unwrap();
                let registry = rooms.clone();
                within(simulation, &who, move || unregistered.into_iter().for_each(|key| registry.unregister(key)));
                rooms.owners()[0].exit(ExitReason::Kill);
                simulation.run_until_idle();
                assert_eq!(who.is_alive(), survives);
            }
        }
    });
}

#[test]
fn r2_5_after_the_last_key_the_next_makes_the_link_again() {
    seeds(50, |simulation| {
        let rooms = Registry::unique().start_link().unwrap();
        let who = actor();
        for _ in 0..3 {
            register(simulation, &who, &rooms, "a", 1).unwrap();
            let registry = rooms.clone();
            within(simulation, &who, move || registry.unregister("a"));
        }
        register(simulation, &who, &rooms, "a", 1).unwrap();
        who.exit(other("x"));
        simulation.run_until_idle();
        assert_eq!(rooms.count(), 0);
    });
}

#[test]
fn r2_6_unregister_match_removes_own_entries_that_fit() {
    seeds(50, |simulation| {
        let rooms = Registry::duplicate_by_key().partitions(3).start_link().unwrap();
        let (me, you) = (actor(), actor());
        for (who, value) in [(&me, 1), (&me, 2), (&me, 3), (&you, 1)] {
            register(simulation, who, &rooms, "a", value).unwrap();
        }
        let registry = rooms.clone();
        within(simulation, &me, move || registry.unregister_match("a", |value| value % 2 == 1));
        assert_eq!(found(&rooms, "a"), [(me.pid(), 2), (you.pid(), 1)]);
    });
}

#[test]
fn r2_7_listeners_hear_of_what_processes_do_and_not_of_ends() {
    seeds(50, |simulation| {
        let (report, heard) = channel();
        let listener = spawn(move |mailbox: Mailbox<RegistryEvent<String, u32>>| async move {
            loop {
                let text = match mailbox.receive().await {
                    RegistryEvent::Register { registry, key, pid, value } => {
                        assert_eq!(format!("{registry:?}"), r#"Registry("rooms")"#);
                        (pid, format!("+{key}{value}"))
                    }
                    RegistryEvent::Unregister { key, pid, .. } => (pid, format!("-{key}")),
                };
                report.send(text).unwrap();
            }
        });
        let rooms = Registry::duplicate().name("rooms").listener(&listener).listener("nobody").start_link().unwrap();
        let who = actor();
        for value in [1, 2] {
            register(simulation, &who, &rooms, "a", value).unwrap();
        }
        let registry = rooms.clone();
        within(simulation, &who, move || {
            registry.unregister_match("a", |value| *value == 1);
            registry.unregister_match("a", |value| *value == 1);
            registry.unregister_match("a", |value| *value == 2);
            registry.unregister_match("a", |_| false);
            registry.unregister("b");
            registry.register("c".to_owned(), 3).unwrap();
        });
        who.exit(ExitReason::Kill);
        simulation.run_until_idle();
        let heard: Vec<_> = heard.try_iter().collect();
        assert!(heard.iter().all(|(pid, _)| *pid == who.pid()));
        let heard: Vec<_> = heard.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(heard, ["+a1", "+a2", "-a", "-a", "-b", "+c3"]);
        assert_eq!(rooms.count(), 0);
    });
}

#[test]
fn r2_7_a_refusal_is_no_event() {
    seeds(20, |simulation| {
        let (report, heard) = channel();
        let listener = spawn(move |mailbox: Mailbox<RegistryEvent<String, u32>>| async move {
            loop {
                mailbox.receive().await;
                report.send(()).unwrap();
            }
        });
        let rooms = Registry::unique().listener(&listener).start_link().unwrap();
        let (first, second) = (actor(), actor());
        register(simulation, &first, &rooms, "a", 1).unwrap();
        register(simulation, &second, &rooms, "a", 1).unwrap_err();
        assert_eq!(heard.try_iter().count(), 1);
    });
}

#[test]
fn r2_7_listeners_are_found_by_name_and_may_take_other_messages() {
    #[derive(Debug, PartialEq)]
    enum Order {
        Came(String),
        Went(String),
    }
    let convert = |event| match event {
        RegistryEvent::Register { key, .. } => Order::Came(key),
        RegistryEvent::Unregister { key, .. } => Order::Went(key),
    };
    seeds(20, |_| {
        let named = here::<Order>();
        let mistaken = here::<()>();
        let rooms = Registry::<String, u32>::unique()
            .listener(Listener::name("lobby", convert))
            .listener(Listener::address(named.me(), convert))
            .listener(Listener::address(mistaken.me(), |_| panic!("a listener's own fault")))
            .listener("mistaken")
            .start_link()
            .unwrap();
        genstage_core::register("mistaken", mistaken.me()).unwrap();
        rooms.register("a".to_owned(), 1).unwrap();
        genstage_core::register("lobby", named.me()).unwrap();
        rooms.unregister("a");
        let heard: Vec<_> = std::iter::from_fn(|| named.try_receive())
            .map(|mail| match mail {
                genstage_core::Mail::Message(order) => order,
                genstage_core::Mail::Signal(signal) => panic!("{signal:?}"),
            })
            .collect();
        let a = || "a".to_owned();
        assert_eq!(heard, [Order::Came(a()), Order::Went(a()), Order::Went(a())]);
        assert!(mistaken.try_receive().is_none());
    });
}

#[test]
fn r2_8_keys_are_equal_where_eq_says_so() {
    #[derive(Clone, Eq)]
    struct Caseless(&'static str);
    impl PartialEq for Caseless {
        fn eq(&self, other: &Self) -> bool {
            self.0.eq_ignore_ascii_case(other.0)
        }
    }
    impl std::hash::Hash for Caseless {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.to_ascii_lowercase().hash(state);
        }
    }
    seeds(5, |_| {
        let here = here::<()>();
        let rooms = Registry::unique().start_link().unwrap();
        rooms.register(Caseless("Lobby"), 1).unwrap();
        assert!(rooms.register(Caseless("lobby"), 2).is_err());
        rooms.register(Caseless("attic"), 2).unwrap();
        assert_eq!(rooms.values(&Caseless("LOBBY"), here.pid()), [1]);
    });
}

#[test]
fn s7_a_stopped_registry_takes_its_registrants_along_and_finds_nobody() {
    seeds(50, |simulation| {
        for kind in kinds() {
            let rooms = kind.partitions(3).name("rooms").start_link().unwrap();
            let who = actor();
            register(simulation, &who, &rooms, "a", 1).unwrap();
            rooms.stop().unwrap();
            assert!(Peer::from(&rooms).exit_reason().is_some());
            assert!(genstage_core::whereis("rooms").is_none(), "the name is free");
            simulation.run_until_idle();
            assert_eq!(who.exit_reason(), Some(ExitReason::Shutdown));
            assert_eq!((rooms.count(), rooms.lookup("a").len(), rooms.owners().len()), (0, 0, 0));
            let error = register(simulation, &actor(), &rooms, "a", 1);
            assert_eq!(error, Err(Refusal::Down));
            assert_eq!(rooms.stop(), Err(StopError::NoProc));
        }
    });
}

#[test]
fn p5_a_linked_registry_ends_with_who_started_it() {
    seeds(20, |simulation| {
        let parent = actor();
        let rooms = within(simulation, &parent, || Registry::<String, u32>::unique().start_link().unwrap());
        parent.exit(other("x"));
        simulation.run_until_idle();
        assert_eq!(Peer::from(&rooms).exit_reason(), Some(other("x")));
        assert_eq!(rooms.owners().len(), 0);
    });
}
