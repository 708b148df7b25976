//! How fast is genstage itself?

use super::{Engine, Form};
use crate::scenario::Scenario;

/// Stages on genstage's own runtime, which is started once.
pub(super) struct Genstage;

impl Genstage {
    pub(super) fn start() -> Self {
        Self
    }
}

impl Engine for Genstage {
    fn form(&self, scenario: Scenario) -> Option<Form<'_>> {
        match scenario {
            Scenario::Linear1 | Scenario::Linear3 | Scenario::Max1 | Scenario::Heavy2 | Scenario::Stream => None,
        }
    }
}
