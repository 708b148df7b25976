//! Names (P8).

mod common;

use common::{here, idler, mortal, seeds};
use genstage_core::{
    ExitReason, Name, NameSendError, RegisterError, Runtime, StartError, StartOptions, register, registered,
    spawn_with, unregister, whereis,
};

#[test]
fn p8_1_a_name_has_one_holder_and_a_process_one_name() {
    seeds(20, |_| {
        let (a, b) = (idler(), idler());
        assert_eq!(register("a", &a), Ok(()));
        assert_eq!(register("a", &b), Err(RegisterError::NameTaken(a.pid())));
        assert_eq!(register("a", &a), Err(RegisterError::NameTaken(a.pid())));
        assert_eq!(register("b", &a), Err(RegisterError::HasName("a".into())));
        assert_eq!(whereis("b"), None);
        b.exit(ExitReason::Kill);
        assert_eq!(register("b", &b), Err(RegisterError::Dead(b.pid())));
        assert_eq!(register("b", b.pid()), Err(RegisterError::Dead(b.pid())));
    });
}

#[test]
fn p8_2_unregister_whereis_registered() {
    seeds(20, |_| {
        let (a, b) = (idler(), idler());
        register("zebra", &a).unwrap();
        register("ape", b.pid()).unwrap();
        assert_eq!(registered(), ["ape", "zebra"]);
        assert_eq!(whereis("ape"), Some(b.pid()));
        assert!(unregister("ape"));
        assert!(!unregister("ape"));
        assert_eq!(whereis("ape"), None);
        assert_eq!(register("ape", &b), Ok(()), "it may have a new one");
    });
}

#[test]
fn p8_3_death_frees_the_name() {
    seeds(50, |simulation| {
        for reason in [ExitReason::Normal, ExitReason::Kill, ExitReason::Shutdown] {
            let named = mortal();
            register("name", &named).unwrap();
            named.send(reason).unwrap();
            simulation.run_until_idle();
            assert_eq!((whereis("name"), registered()), (None, vec![]));
        }
    });
}

#[test]
fn g1_3_who_starts_under_a_taken_name_learns_the_holder() {
    seeds(20, |simulation| {
        let holder = idler();
        register("name", &holder).unwrap();
        let second = spawn_with(StartOptions::new().name("name"), |_: genstage_core::Mailbox<()>| async {
            unreachable!("it does not start");
        });
        assert_eq!(second.err(), Some(StartError::AlreadyStarted(holder.pid())));
        simulation.run_until_idle();
        assert_eq!(whereis("name"), Some(holder.pid()));
    });
}

#[test]
fn a_process_is_named_in_the_runtime_it_lives_in() {
    let [home, abroad] = [1, 1].map(|workers| Runtime::builder().workers(workers).build().unwrap());
    let _home = home.enter();
    let native = here::<()>();
    {
        let _abroad = abroad.enter();
        register("native", native.me()).unwrap();
        assert_eq!(whereis("native"), None);
    }
    assert_eq!(whereis("native"), Some(native.pid()));
    drop(native);
    assert_eq!(registered(), Vec::<String>::new());
}

#[test]
fn p8_4_a_send_to_a_name_nobody_has_is_an_error() {
    seeds(20, |simulation| {
        let name = Name::from("desk");
        assert_eq!(name.send(7), Err(NameSendError::Unknown(7)));
        let clerk = idler();
        register("desk", &clerk).unwrap();
        assert_eq!(name.send(7), Err(NameSendError::OtherMessages(7)));
        assert_eq!(name.send(()), Ok(()));
        simulation.run_until_idle();
        assert_eq!(clerk.exit_reason(), Some(ExitReason::Normal));
        assert_eq!(name.send("gone").map_err(NameSendError::into_message), Err("gone"));
    });
}

#[test]
fn p8_1_a_name_moves_on_though_its_holder_still_ends() {
    seeds(20, |simulation| {
        let (first, second) = (idler(), idler());
        register("desk", &first).unwrap();
        first.exit(ExitReason::Kill);
        // Bound to end, it is found no more, but frees the name only when it has ended.
        assert_eq!(whereis("desk"), None);
        assert_eq!(register("desk", &second), Err(RegisterError::NameTaken(first.pid())));
        assert!(unregister("desk"));
        register("desk", &second).unwrap();
        simulation.run_until_idle();
        assert_eq!(whereis("desk"), Some(second.pid()), "the end of the first took nothing from the second");
        assert_eq!(register("other", &second), Err(RegisterError::HasName("desk".to_owned())));
    });
}
