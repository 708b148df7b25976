//! Names of processes: at most one each, freed by death before anybody hears of it.
//!
//! Specification: P8.

use std::collections::HashMap;

use crate::process::AnyProcess;
use crate::sync::{Arc, Mutex};
use crate::{Pid, RegisterError};

type Book = HashMap<Arc<str>, Arc<dyn AnyProcess>, ahash::RandomState>;

/// Who has which name. The other way round each process knows its own, so that one without a name ends without a look here.
pub(crate) struct Names(Mutex<Book>);

impl Names {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Book::default()))
    }

    pub(crate) fn register(&self, name: &str, process: Arc<dyn AnyProcess>) -> Result<(), RegisterError> {
        let mut book = self.0.lock();
        if let Some(holder) = book.get(name) {
            return Err(RegisterError::NameTaken(holder.pid()));
        }
        let name: Arc<str> = Arc::from(name);
        // Under the book's lock: a process that dies later finds its name and frees it after this.
        process.take_name(Arc::clone(&name))?;
        book.insert(name, process);
        Ok(())
    }

    pub(crate) fn unregister(&self, name: &str) -> bool {
        let mut book = self.0.lock();
        let Some(process) = book.remove(name) else { return false };
        process.lose_name();
        drop(book);
        true
    }

    /// The end of a process that had this name; by now it may be another's.
    pub(crate) fn free(&self, name: &str, pid: Pid) {
        let mut book = self.0.lock();
        if book.get(name).is_some_and(|holder| holder.pid() == pid) {
            let freed = book.remove(name);
            drop(book);
            drop(freed);
        }
    }

    pub(crate) fn whereis(&self, name: &str) -> Option<Arc<dyn AnyProcess>> {
        self.0.lock().get(name).filter(|process| process.is_alive()).cloned()
    }

    pub(crate) fn all(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.lock().keys().map(ToString::to_string).collect();
        names.sort();
        names
    }
}
