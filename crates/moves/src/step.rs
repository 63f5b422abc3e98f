//! The steps of a move, in their order.
//!
//! The catalog records the step that is to be done, each step may be done twice, and whoever holds the move's lease does it. Up to
//! [`Step::Commit`] a move can only be undone; from [`Step::Activate`] on it can only go forward.

/// What a move has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The target makes room: its owner rows become `importing`.
    Import,
    /// The source's owner rows become `logging`: from now on every change is logged.
    Log,
    /// All rows are copied, page by page.
    Copy,
    /// What was changed meanwhile is copied again, until little is left.
    CatchUp,
    /// Every row is compared on both sides.
    Verify,
    /// The source's owner rows become `fenced`: nobody writes. The pause begins.
    Fence,
    /// The last changes are copied; what was touched since the comparison, and the counts, are compared.
    Drain,
    /// The one point: the catalog names the target as the owner, in the next epoch.
    Commit,
    /// The target's owner rows become `logging`: it takes writes, and its log is the way back. The pause ends.
    Activate,
    /// Nothing is done; until it is over, the move can be reverted.
    Grace,
    /// The target's owner rows become `owned`, the source's rows are deleted, its owner rows become `gone`.
    Clean,
    /// Over: the target has the buckets alone.
    Done,
    /// Undone before the commit: the source's owner rows become `owned` in a new epoch, the target's rows are deleted.
    Back,
    /// Over: the source has kept the buckets.
    Undone,
    /// Over: another move, which takes the buckets back, has taken this one's place.
    Reverted,
}

/// Every step, in order.
pub const STEPS: [Step; 15] = [
    Step::Import,
    Step::Log,
    Step::Copy,
    Step::CatchUp,
    Step::Verify,
    Step::Fence,
    Step::Drain,
    Step::Commit,
    Step::Activate,
    Step::Grace,
    Step::Clean,
    Step::Done,
    Step::Back,
    Step::Undone,
    Step::Reverted,
];

impl Step {
    /// The step after this one, where all goes well; none after an end.
    pub const fn next(self) -> Option<Self> {
        Some(match self {
            Self::Import => Self::Log,
            Self::Log => Self::Copy,
            Self::Copy => Self::CatchUp,
            Self::CatchUp => Self::Verify,
            Self::Verify => Self::Fence,
            Self::Fence => Self::Drain,
            Self::Drain => Self::Commit,
            Self::Commit => Self::Activate,
            Self::Activate => Self::Grace,
            Self::Grace => Self::Clean,
            Self::Clean => Self::Done,
            Self::Back => Self::Undone,
            Self::Done | Self::Undone | Self::Reverted => return None,
        })
    }

    /// The step after this one where a user gets another bucket of the same shard: nothing is fetched from elsewhere.
    pub const fn next_in_place(self) -> Option<Self> {
        match self {
            Self::Log => Some(Self::Fence),
            Self::Fence => Some(Self::Commit),
            other => other.next(),
        }
    }

    /// Whether the move is over.
    pub const fn is_end(self) -> bool {
        self.next().is_none()
    }

    /// Whether the move may still be undone.
    pub const fn may_go_back(self) -> bool {
        matches!(
            self,
            Self::Import
                | Self::Log
                | Self::Copy
                | Self::CatchUp
                | Self::Verify
                | Self::Fence
                | Self::Drain
                | Self::Commit
        )
    }

    /// Whether it has taken effect, and was not taken back.
    pub const fn is_committed(self) -> bool {
        matches!(self, Self::Activate | Self::Grace | Self::Clean | Self::Done)
    }

    /// Whether the move may be taken back by another one.
    pub const fn may_revert(self) -> bool {
        matches!(self, Self::Grace)
    }

    /// Whether a pause may begin here: nobody's writes wait for the next step.
    pub const fn may_pause(self) -> bool {
        !matches!(self, Self::Fence | Self::Drain | Self::Commit | Self::Activate)
    }

    /// The word for it in the catalog and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Log => "log",
            Self::Copy => "copy",
            Self::CatchUp => "catch-up",
            Self::Verify => "verify",
            Self::Fence => "fence",
            Self::Drain => "drain",
            Self::Commit => "commit",
            Self::Activate => "activate",
            Self::Grace => "grace",
            Self::Clean => "clean",
            Self::Done => "done",
            Self::Back => "back",
            Self::Undone => "undone",
            Self::Reverted => "reverted",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        STEPS.into_iter().find(|step| step.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_word_and_leads_to_an_end() {
        for step in STEPS {
            assert_eq!(Step::parse(step.as_str()), Some(step));
            let mut at = step;
            let mut walked = 0;
            while let Some(next) = at.next() {
                at = next;
                walked += 1;
                assert!(walked < STEPS.len(), "{step:?} never ends");
            }
            assert!(at.is_end());
        }
        assert_eq!(Step::parse("nowhere"), None);
    }

    #[test]
    fn before_the_commit_only_back_after_it_only_forward() {
        assert!(STEPS.into_iter().filter(|step| *step <= Step::Commit).all(Step::may_go_back));
        assert!(STEPS.into_iter().filter(|step| *step > Step::Commit).all(|step| !step.may_go_back()));
    }
}
