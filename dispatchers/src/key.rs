//! The names of partitions.

use std::{any::Any, fmt, sync::Arc};

use crate::caught::let_go;

/// The name of a partition, as a subscription gives it.
///
/// Numbers match numbers and texts match texts whatever their exact types, as a literal hardly has one: `0` names the
/// first of four partitions, and `"errors"` the partition `String::from("errors")`. Any other name must be of the type
/// that the dispatcher was built with.
///
/// ```
/// use genstage_dispatchers::PartitionKey;
///
/// assert_eq!(PartitionKey::new("errors").to_string(), "\"errors\"");
/// assert_eq!(PartitionKey::new(Some(3)).to_string(), "Some(3)");
/// ```
#[derive(Clone)]
pub struct PartitionKey {
    name: Name,
    shown: Arc<str>,
}

#[derive(Clone)]
pub(crate) enum Name {
    Plain(Plain),
    Other(Arc<dyn Any + Send + Sync>),
}

/// What is compared by value, not by type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Plain {
    Number(i128),
    Text(Arc<str>),
}

impl PartitionKey {
    /// The partition with this name.
    pub fn new(key: impl fmt::Debug + Send + Sync + 'static) -> Self {
        let shown = format!("{key:?}").into();
        let name = Plain::of(&key).map_or_else(|| Name::Other(Arc::new(key)), Name::Plain);
        Self { name, shown }
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }
}

/// The name is the user's, and so is its destructor.
impl Drop for PartitionKey {
    fn drop(&mut self) {
        if let Name::Other(_) = self.name {
            let_go(std::mem::replace(&mut self.name, Name::Plain(Plain::Number(0))));
        }
    }
}

impl Plain {
    pub(crate) fn of(key: &dyn Any) -> Option<Self> {
        macro_rules! numbers {
            ($($number:ty)*) => {
                $(if let Some(number) = key.downcast_ref::<$number>() {
                    return i128::try_from(*number).ok().map(Self::Number);
                })*
            };
        }
        numbers!(usize i32 u64 u32 u16 u8 i64 i16 i8 isize u128 i128);
        let text = key.downcast_ref::<&'static str>().copied();
        let text = text.or_else(|| key.downcast_ref::<String>().map(String::as_str));
        text.map(|text| Self::Text(text.into()))
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionKey({self})")
    }
}
