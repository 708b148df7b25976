//! Children for the tests of supervisors: they write down what happens to them, and do as they are told.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use genstage_core::{
    Address, Child, ChildSpec, ExitReason, Init, Mailbox, Outcome, Process, ProcessContext, Signal, StartError,
    Supervisor, SupervisorRef, spawn_link,
};

/// What has happened, in order: `+a` a start, `-a` an end that was ordered, `!a` one that was not, `?a` a start that failed.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// What was noted since the last time.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
    }
}

/// How the next starts of a child go; when the list is empty, well.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<VecDeque<Result<(), StartError>>>>);

impl Script {
    pub(crate) fn fail(&self, times: usize) {
        self.0.lock().unwrap().extend(std::iter::repeat_n(Err(failure()), times));
    }

    pub(crate) fn next(&self, outcome: Result<(), StartError>) {
        self.0.lock().unwrap().push_back(outcome);
    }

    fn play(&self) -> Result<(), StartError> {
        self.0.lock().unwrap().pop_front().unwrap_or(Ok(()))
    }
}

pub(crate) fn failure() -> StartError {
    StartError::Init(ExitReason::other("cannot"))
}

/// Ends with the reason it is sent. Traps exits, so that it hears of a shutdown.
pub(crate) struct Worker {
    id: &'static str,
    journal: Journal,
    by_itself: bool,
}

impl Worker {
    fn new(id: &'static str, journal: &Journal) -> Self {
        Self { id, journal: journal.clone(), by_itself: false }
    }
}

impl Process for Worker {
    type Message = ExitReason;

    fn init(&mut self, cx: &mut ProcessContext<'_, ExitReason>) -> Init {
        cx.trap_exit(true);
        self.journal.note(format!("+{}", self.id));
        Init::Continue
    }

    fn handle(&mut self, reason: ExitReason, _: &mut ProcessContext<'_, ExitReason>) -> Outcome {
        self.journal.note(format!("!{}", self.id));
        self.by_itself = true;
        Outcome::Stop(reason)
    }

    fn handle_signal(&mut self, _: Signal, _: &mut ProcessContext<'_, ExitReason>) -> Outcome {
        Outcome::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut ProcessContext<'_, ExitReason>) {
        if *reason == ExitReason::Shutdown && !self.by_itself {
            self.journal.note(format!("-{}", self.id));
        }
    }
}

pub(crate) type WorkerSpec = ChildSpec<Address<ExitReason>>;
pub(crate) type WorkerHandle = Child<Address<ExitReason>>;

pub(crate) fn worker(id: &'static str, journal: &Journal) -> WorkerSpec {
    scripted(id, journal, &Script::default())
}

/// Takes this long to stop, once it has run for the first time. A future, so that others run meanwhile in a simulation too.
pub(crate) fn slow_to_stop(id: &'static str, journal: &Journal, last_words: Duration) -> ChildSpec<Address<()>> {
    let journal = journal.clone();
    ChildSpec::new(id, move || {
        let journal = journal.clone();
        journal.note(format!("+{id}"));
        Ok(spawn_link(move |mailbox: Mailbox<()>| async move {
            mailbox.trap_exit(true);
            mailbox.receive_signal().await;
            mailbox.sleep(last_words).await;
            journal.note(format!("-{id}"));
            ExitReason::Shutdown
        }))
    })
}

pub(crate) fn scripted(id: &'static str, journal: &Journal, script: &Script) -> WorkerSpec {
    let (journal, script) = (journal.clone(), script.clone());
    ChildSpec::new(id, move || {
        script.play().inspect_err(|_| journal.note(format!("?{id}")))?;
        Worker::new(id, &journal).start_link()
    })
}

/// Tells the present incarnation to end.
pub(crate) fn end(child: &WorkerHandle, reason: ExitReason) {
    child.get().expect("it runs").send(reason).expect("it runs");
}

/// A started supervisor of these children, and the handles of the children.
pub(crate) fn start(
    sup: Supervisor,
    children: impl IntoIterator<Item = WorkerSpec>,
) -> (SupervisorRef, Vec<WorkerHandle>) {
    let children: Vec<_> = children.into_iter().collect();
    let handles = children.iter().map(ChildSpec::handle).collect();
    (sup.children(children).start_link().expect("it starts"), handles)
}
