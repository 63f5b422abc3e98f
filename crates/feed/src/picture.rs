//! What the feed shows.

use crate::Place;

/// What a user is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Names {
    /// The user's version that has them.
    pub version: u64,
    /// First name.
    pub first: String,
    /// Last name.
    pub last: String,
}

/// A finished picture with all that is shown of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Picture {
    /// Where it stands; holds whose and which it is, and when it was uploaded.
    pub place: Place,
    /// The variant that is shown.
    pub variant: String,
    /// That variant's object key below `media/`.
    pub key: String,
    /// Its owner's names.
    pub names: Names,
}

/// A page, and what the whole is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub pictures: Vec<Picture>,
    /// Whether there are older ones.
    pub more: bool,
    /// Whether the model has every picture newer than `floor`. Else it must not be shown.
    pub complete: bool,
    /// Where the model ends because it is bounded; none: it has every picture there is.
    pub floor: Option<Place>,
}
