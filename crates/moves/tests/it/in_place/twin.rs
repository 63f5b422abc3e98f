//! The protocol with a rule missing.

/// What is missing, or done instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// `Fence` leaves the owner row as it is.
    NoFence,
    /// Nobody looks at tokens, and a new holder does not put its own in place.
    NoTokens,
    /// The user's rows are copied after the commit, under the fence still.
    CopiesAfterCommit,
    /// What the user left in a shared bucket is deleted whoever has a hand on it.
    DeletesUnderAnyToken,
    /// The bucket that the user comes back to keeps its epoch in the catalog.
    KeepsEpochInCatalog,
    /// It keeps it in its owner row, too.
    KeepsEpoch,
    /// Nobody looks at its owner row, for its owner does not change.
    LeavesJoinedAlone,
    /// A move home that is undone leaves its copies.
    LeavesCopies,
    /// What comes home does not replace what is there.
    MergesBeside,
    /// Both.
    LeavesCopiesAndMergesBeside,
    /// Whoever begins to undo a move home puts its token into the shared bucket's owner row, also where that was let go of already.
    TakesUpWhatWasLetGo,
    /// The next plan ends the grace time of the move before.
    EndsGraceEarly,
}

impl Twin {
    pub const fn keeps_epoch_in_catalog(self) -> bool {
        matches!(self, Self::KeepsEpochInCatalog | Self::KeepsEpoch | Self::LeavesJoinedAlone)
    }

    pub const fn deletes_without_token(self) -> bool {
        matches!(self, Self::DeletesUnderAnyToken | Self::LeavesJoinedAlone)
    }

    pub const fn leaves_copies(self) -> bool {
        matches!(self, Self::LeavesCopies | Self::LeavesCopiesAndMergesBeside)
    }

    pub const fn merges_beside(self) -> bool {
        matches!(self, Self::MergesBeside | Self::LeavesCopiesAndMergesBeside)
    }
}
