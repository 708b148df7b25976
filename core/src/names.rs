//! Names of processes: at most one each, freed by death before anybody hears of it.
//!
//! Specification: P8.

use std::collections::HashMap;

use crate::process::AnyProcess;
use crate::sync::{Arc, Mutex};
use crate::{Pid, RegisterError};

#[derive(Default)]
struct Book {
    by_name: HashMap<Arc<str>, Arc<dyn AnyProcess>, ahash::RandomState>,
    by_pid: HashMap<Pid, Arc<str>, ahash::RandomState>,
}

pub(crate) struct Names(Mutex<Book>);

impl Names {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Book::default()))
    }

    pub(crate) fn register(&self, name: &str, process: Arc<dyn AnyProcess>) -> Result<(), RegisterError> {
        let pid = process.pid();
        let mut book = self.0.lock();
        if let Some(holder) = book.by_name.get(name) {
            return Err(RegisterError::NameTaken(holder.pid()));
        }
        if let Some(own) = book.by_pid.get(&pid) {
            return Err(RegisterError::HasName(own.to_string()));
        }
        // Asked under the lock: a process that dies later frees its name after this.
        if !process.take_name() {
            return Err(RegisterError::Dead(pid));
        }
        let name: Arc<str> = Arc::from(name);
        book.by_name.insert(Arc::clone(&name), process);
        book.by_pid.insert(pid, name);
        Ok(())
    }

    pub(crate) fn unregister(&self, name: &str) -> bool {
        let mut book = self.0.lock();
        let Some(process) = book.by_name.remove(name) else { return false };
        book.by_pid.remove(&process.pid());
        true
    }

    pub(crate) fn remove_pid(&self, pid: Pid) -> Option<Arc<str>> {
        let mut book = self.0.lock();
        let name = book.by_pid.remove(&pid)?;
        book.by_name.remove(&name);
        Some(name)
    }

    pub(crate) fn whereis(&self, name: &str) -> Option<Arc<dyn AnyProcess>> {
        self.0.lock().by_name.get(name).filter(|process| process.is_alive()).cloned()
    }

    pub(crate) fn all(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.lock().by_name.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }
}
