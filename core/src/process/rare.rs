//! What few processes have: kept in one box, so that the many pay eight bytes for it.

use std::any::Any;

use super::dictionary::Dictionary;
use super::info::Priority;
use super::lineage::Lineage;
use super::patience::Patience;
use crate::sync::{Arc, Weak};

#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// The name it is registered under in its runtime (P8).
    pub(crate) name: Option<Arc<str>>,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) priority: Priority,
    pub(crate) dictionary: Dictionary,
    /// What its children descend from: itself, then its own ancestors. Made at the first child.
    pub(crate) lineage: Option<Arc<Lineage>>,
    /// What it shows to those who look: held by its state, and gone with that.
    pub(crate) shown: Option<Weak<dyn Any + Send + Sync>>,
    /// Until when it waits for replies.
    pub(crate) patience: Patience,
}
