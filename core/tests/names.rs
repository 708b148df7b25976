//! Names (P8).

mod common;

use common::{here, idler, mortal, seeds};
use genstage_core::{
    ExitReason, RegisterError, Runtime, StartError, StartOptions, register, registered, spawn_with, unregister, whereis,
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
