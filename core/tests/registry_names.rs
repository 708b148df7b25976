//! Registry: names in it, and its own name (R3.2, G5.10).

mod common;

use std::time::Duration;

use common::{actor, here, idler, other, seeds, within};
use genstage_core::{
    ChildSpec, ChildType, ExitReason, Init, Mailbox, Name, Outcome, Peer, Process, ProcessContext, RegisterError,
    Registry, RegistryRef, StartError, StartOptions, Strategy, Supervisor, spawn_with, start,
};

type Rooms = RegistryRef<String, u32>;

async fn idle(mailbox: Mailbox<()>) {
    mailbox.receive().await;
}

fn named(name: Name) -> StartOptions {
    StartOptions::new().name(name)
}

#[test]
fn r3_2_a_process_starts_under_a_name_and_is_found_by_it_until_it_ends() {
    seeds(50, |simulation| {
        let rooms: Rooms = Registry::unique().partitions(2).start_link().unwrap();
        let lobby = rooms.via_value("lobby".to_owned(), 7);
        assert!(lobby.pid().is_none());
        let clerk = spawn_with(named(lobby.clone()), idle).unwrap();
        assert_eq!((lobby.pid(), rooms.values("lobby", clerk.pid())), (Some(clerk.pid()), vec![7]));
        assert_eq!(lobby.address::<()>().map(|address| address.pid()), Some(clerk.pid()));
        assert!(lobby.address::<u8>().is_none());
        let attic = spawn_with(named(rooms.via("attic".to_owned())), idle).unwrap();
        assert_eq!(rooms.values("attic", attic.pid()), [0], "the value's default");
        clerk.send(()).unwrap();
        simulation.run_until_idle();
        assert!(lobby.pid().is_none());
        assert_eq!(rooms.count(), 1);
        let next = spawn_with(named(lobby.clone()), idle).unwrap();
        assert_eq!(lobby.pid(), Some(next.pid()));
    });
}

#[test]
fn r3_2_a_taken_name_gives_its_holder_and_leaves_nothing() {
    seeds(50, |simulation| {
        let rooms: Rooms = Registry::unique().start_link().unwrap();
        let lobby = rooms.via("lobby".to_owned());
        let clerk = spawn_with(named(lobby.clone()), idle).unwrap();
        let second = spawn_with(named(lobby.clone()), idle);
        assert_eq!(second.unwrap_err(), StartError::AlreadyStarted(clerk.pid()));
        simulation.run_until_idle();
        assert_eq!((lobby.pid(), rooms.count()), (Some(clerk.pid()), 1));
        clerk.exit(ExitReason::Kill);
        spawn_with(named(lobby), idle).expect("R2.3: the dead give way at once");
    });
}

#[test]
fn r3_2_duplicate_keys_are_no_names() {
    seeds(5, |_| {
        for kind in [Registry::duplicate(), Registry::duplicate_by_key()] {
            let rooms: Rooms = kind.name("rooms").start_link().unwrap();
            let here = here::<()>();
            here.trap_exit(true); // R1.4: the registry ends those it holds
            rooms.register("lobby".to_owned(), 1).unwrap();
            let lobby = rooms.via("lobby".to_owned());
            assert!(lobby.pid().is_none());
            let error = spawn_with(named(lobby), idle).unwrap_err();
            let StartError::Name(RegisterError::NotABook(what)) = error else { panic!("{error:?}") };
            assert_eq!(what, r#"Registry("rooms"), as its keys may be duplicate"#);
            rooms.stop().unwrap();
        }
    });
}

#[test]
fn r3_2_a_registry_that_has_ended_takes_no_names() {
    seeds(5, |_| {
        let rooms: Rooms = Registry::unique().start_link().unwrap();
        rooms.stop().unwrap();
        let error = spawn_with(named(rooms.via("lobby".to_owned())), idle).unwrap_err();
        let StartError::Name(RegisterError::NotABook(what)) = error else { panic!("{error:?}") };
        assert_eq!(what, "Registry(unnamed), as it is down");
    });
}

#[test]
fn g1_3_the_name_is_taken_before_init_and_free_after_a_failed_one() {
    struct Refuses(Name, std::sync::mpsc::Sender<bool>);
    impl Process for Refuses {
        type Message = ();
        fn init(&mut self, cx: &mut ProcessContext<'_, ()>) -> Init {
            self.1.send(self.0.pid() == Some(cx.pid())).unwrap();
            Init::Fail(other("no"))
        }
        fn handle(&mut self, (): (), _: &mut ProcessContext<'_, ()>) -> Outcome {
            Outcome::Continue
        }
    }
    seeds(20, |simulation| {
        let rooms: Rooms = Registry::unique().start_link().unwrap();
        let lobby = rooms.via("lobby".to_owned());
        let (report, reports) = std::sync::mpsc::channel();
        let error = start(Refuses(lobby.clone(), report), named(lobby.clone())).unwrap_err();
        assert_eq!(error, StartError::Init(other("no")));
        assert_eq!(reports.recv(), Ok(true));
        assert!(lobby.pid().is_none());
        spawn_with(named(lobby), idle).unwrap();
        simulation.run_until_idle();
        assert_eq!(rooms.count(), 1);
    });
}

#[test]
fn r1_1_a_registry_is_found_by_its_name_and_types() {
    seeds(20, |simulation| {
        let rooms: Rooms = Registry::unique().name("rooms").start_link().unwrap();
        let find = || Registry::<String, u32>::find("rooms");
        assert_eq!(find(), Some(rooms.clone()));
        assert_eq!(within(simulation, &actor(), || Registry::<String, u32>::find("rooms")), Some(rooms.clone()));
        assert!(Registry::<String, u64>::find("rooms").is_none());
        genstage_core::register("desk", &idler()).unwrap();
        assert!(Registry::<String, u32>::find("desk").is_none(), "no registry");
        assert_eq!(
            Registry::<String, u32>::unique().name("rooms").start_link().unwrap_err(),
            StartError::AlreadyStarted(Peer::from(&rooms).pid())
        );
        rooms.stop().unwrap();
        assert!(find().is_none());
        let next: Rooms = Registry::unique().name("rooms").start_link().unwrap();
        assert_eq!(find(), Some(next.clone()));
        assert_ne!(next, rooms);
    });
}

#[test]
fn r1_2_a_supervisor_starts_it_from_its_specification() {
    seeds(5, |simulation| {
        let spec: ChildSpec<Rooms> = Registry::unique().name("rooms").child_spec("rooms");
        assert_eq!(spec.handle().id(), &"rooms".into());
        let rooms = spec.handle();
        assert_eq!(rooms.get(), None, "not started");
        let sup = Supervisor::new(Strategy::OneForOne).child(spec).start_link().unwrap();
        let first = rooms.get().unwrap();
        assert_eq!(Registry::find("rooms"), Some(first.clone()));
        assert_eq!(sup.which_children().unwrap()[0].child_type, ChildType::Supervisor);
        first.supervisor().stop_with(other("x"), Duration::MAX).unwrap();
        assert_eq!((first.is_alive(), first.exit_reason()), (false, Some(other("x"))));
        simulation.run_until_idle();
        let second = rooms.get().unwrap();
        assert_ne!(first, second);
        assert_eq!(Registry::find("rooms"), Some(second.clone()), "the handle and the name find the next one");
        assert_eq!(second.pid(), second.supervisor().pid());
    });
}
