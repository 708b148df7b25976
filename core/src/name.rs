//! Where to find a process: under a local name, in a registry, in a slot of a supervisor.

use std::fmt;

use crate::process::Peer;
use crate::runtime::engine::Engine;
use crate::sync::Arc;
use crate::{Address, NameSendError, Pid, RegisterError, runtime};

/// Where to find a process that may be another one tomorrow: under a local name, or in a registry.
///
/// It is looked up at every use, so it finds the new incarnation after a restart. A name for a process that is started is
/// taken before its `init` runs (G1.3), and free again before anybody hears of its end (P3.3).
///
/// Specification: P8, G5.10.
///
/// ```
/// use genstage_core::{Mailbox, Name, StartOptions, spawn_with};
///
/// let clerk = spawn_with(StartOptions::new().name("desk"), |mailbox: Mailbox<()>| async move {
///     mailbox.receive().await;
/// })?;
/// assert_eq!(Name::from("desk").pid(), Some(clerk.pid()));
/// # Ok::<(), genstage_core::StartError>(())
/// ```
#[derive(Clone)]
pub struct Name(Inner);

#[derive(Clone)]
enum Inner {
    Local(Arc<str>),
    Via(Arc<dyn Naming>),
}

/// A book of names other than the runtime's own: what a registry offers (G5.10).
pub trait Naming: Send + Sync + fmt::Debug {
    /// Who is there now. The dead are not (R2.4).
    fn whereis(&self) -> Option<Peer>;

    /// Enters a process, until it ends.
    ///
    /// # Errors
    ///
    /// [`RegisterError`]: the name is taken, or this is no book to register in.
    fn register(&self, process: &Peer) -> Result<(), RegisterError>;
}

impl Name {
    /// A name in a book other than the runtime's own.
    pub fn via(book: impl Naming + 'static) -> Self {
        Self(Inner::Via(Arc::new(book)))
    }

    /// Who has it now.
    pub fn whereis(&self) -> Option<Peer> {
        match &self.0 {
            Inner::Local(name) => runtime::find(name),
            Inner::Via(book) => book.whereis(),
        }
    }

    /// The pid of who has it now.
    pub fn pid(&self) -> Option<Pid> {
        self.whereis().map(|peer| peer.pid())
    }

    /// The address of who has it now. `None` also where that one takes other messages.
    pub fn address<M: Send + 'static>(&self) -> Option<Address<M>> {
        self.whereis()?.address()
    }

    /// Sends a message to who has it now.
    ///
    /// ```
    /// use genstage_core::{Mailbox, Name, NameSendError, StartOptions, spawn_with};
    ///
    /// let options = StartOptions::new().name("printer");
    /// spawn_with(options, |mailbox: Mailbox<String>| async move { drop(mailbox.receive().await) })?;
    /// assert!(Name::from("printer").send("a page".to_owned()).is_ok());
    /// assert!(matches!(Name::from("scanner").send(1), Err(NameSendError::Unknown(1))));
    /// # Ok::<(), genstage_core::StartError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NameSendError`] with the message: nobody has the name (P8.4), or one who takes other messages, or who is dead.
    pub fn send<M: Send + 'static>(&self, message: M) -> Result<(), NameSendError<M>> {
        let Some(peer) = self.whereis() else { return Err(NameSendError::Unknown(message)) };
        let Some(address) = peer.address() else { return Err(NameSendError::OtherMessages(message)) };
        address.send(message).map_err(|error| NameSendError::Dead(error.message))
    }

    /// Who has it now, if it is a name of this runtime's; otherwise the book to look in.
    pub(crate) fn find_local(&self, engine: &Engine) -> Result<Option<Peer>, &Arc<dyn Naming>> {
        match &self.0 {
            Inner::Local(name) => Ok(engine.names.whereis(name).map(Peer::new)),
            Inner::Via(book) => Err(book),
        }
    }

    pub(crate) fn register(&self, process: &Peer) -> Result<(), RegisterError> {
        match &self.0 {
            Inner::Local(name) => runtime::register(name, process),
            Inner::Via(book) => book.register(process),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Local(name) => write!(f, "{name:?}"),
            Inner::Via(book) => book.fmt(f),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Local(name) => f.write_str(name),
            Inner::Via(book) => book.fmt(f),
        }
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(Inner::Local(Arc::from(name)))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(Inner::Local(Arc::from(name)))
    }
}

impl From<&String> for Name {
    fn from(name: &String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}
