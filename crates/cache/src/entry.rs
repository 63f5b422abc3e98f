//! What is kept under a key, and which of two entries is the newer.

use bytes::Bytes;

/// A version of a thing, such as that of its row. Rises with every change.
pub type Version = u64;

/// A versioned entry.
///
/// Entries of one key are ordered by version, and within a version `Stale < Value < Gone`. Keeping the greatest makes the order in
/// which entries arrive, and how often, irrelevant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The version this entry speaks of.
    pub version: Version,
    /// What is known about that version.
    pub state: State,
}

/// What is known about a version of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The thing has this version by now; its value is not known here. A look-up loads it, and nothing older is kept.
    Stale,
    /// The value.
    Value(Bytes),
    /// The thing was deleted with this version. A look-up answers so without loading.
    Gone,
}

impl Entry {
    /// Whether this entry may replace `present`. Equal entries do not.
    pub fn is_newer_than(&self, present: &Self) -> bool {
        (self.version, self.state.rank()) > (present.version, present.state.rank())
    }

    /// Whether a look-up can be answered by it, without loading.
    pub(crate) const fn answers(&self) -> bool {
        !matches!(self.state, State::Stale)
    }

    /// Memory it takes, roughly, without its key.
    pub(crate) fn weight_bytes(&self) -> usize {
        match &self.state {
            State::Value(bytes) => bytes.len(),
            State::Stale | State::Gone => 0,
        }
    }
}

impl State {
    /// Whether it says that what was known is so no longer.
    pub const fn buries(&self) -> bool {
        matches!(self, Self::Stale | Self::Gone)
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Stale => 0,
            Self::Value(_) => 1,
            Self::Gone => 2,
        }
    }
}
