//! What the partitions are called.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::error::MOST;
use super::{PartitionError, Places};
use crate::PartitionKey;
use crate::key::{Name, Plain};

/// Of more names than this, only the first are shown.
const SHOWN: usize = 20;

/// The place of a name of the dispatcher's own type.
type Find = Box<dyn Fn(&dyn Any) -> Option<usize> + Send>;

pub(super) enum Names {
    /// 0 to one less than this.
    Numbers(usize),
    Keys {
        plain: HashMap<Plain, usize>,
        /// Those that are neither numbers nor texts.
        other: Find,
        shown: Vec<String>,
    },
}

impl Names {
    pub(super) fn numbers(count: usize) -> Result<Self, PartitionError> {
        match count {
            0 => Err(PartitionError::None),
            1..=MOST => Ok(Self::Numbers(count)),
            _ => Err(PartitionError::TooMany(count)),
        }
    }

    pub(super) fn keys<K>(keys: impl IntoIterator<Item = K>) -> Result<(Self, Places<K>), PartitionError>
    where
        K: Hash + Eq + fmt::Debug + Send + Sync + 'static,
    {
        let mut places = HashMap::with_hasher(ahash::RandomState::with_seeds(5, 6, 7, 8));
        let mut plain = HashMap::new();
        let mut shown = Vec::new();
        for (place, key) in keys.into_iter().enumerate() {
            if place == MOST {
                return Err(PartitionError::TooMany(MOST + 1));
            }
            shown.push(format!("{key:?}"));
            plain.extend(Plain::of(&key).map(|name| (name, place)));
            if places.insert(key, place).is_some() {
                return Err(PartitionError::Twice(shown.swap_remove(place)));
            }
        }
        if places.is_empty() {
            return Err(PartitionError::None);
        }
        let places = Arc::new(places);
        let theirs: Places<K> = Arc::clone(&places);
        let other = Box::new(move |key: &dyn Any| theirs.get(key.downcast_ref::<K>()?).copied());
        Ok((Self::Keys { plain, other, shown }, places))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(count) => *count,
            Self::Keys { shown, .. } => shown.len(),
        }
    }

    pub(super) fn find(&self, key: &PartitionKey) -> Option<usize> {
        match (self, key.name()) {
            (Self::Numbers(count), Name::Plain(Plain::Number(number))) => {
                usize::try_from(*number).ok().filter(|number| number < count)
            }
            (Self::Numbers(_), _) => None,
            (Self::Keys { plain, .. }, Name::Plain(name)) => plain.get(name).copied(),
            (Self::Keys { other, .. }, Name::Other(key)) => other(&**key),
        }
    }

    pub(super) fn shown(&self, place: usize) -> String {
        match self {
            Self::Numbers(_) => place.to_string(),
            Self::Keys { shown, .. } => shown.get(place).cloned().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers(count) => write!(f, "0..{count}"),
            Self::Keys { shown, .. } => {
                let more = if shown.len() > SHOWN { ", ..." } else { "" };
                write!(f, "[{}{more}]", shown[..shown.len().min(SHOWN)].join(", "))
            }
        }
    }
}
