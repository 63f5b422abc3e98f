//! A user that gets a bucket of its own and comes back, under a model checker: every order of every transaction.
//!
//! One shard, the catalog, a user and a neighbour in the bucket that both share. What a holder does to an owner row, the real rules
//! decide; what surrounds them is modelled as `shard-router` does it: each action is one transaction on one database, and anything may
//! happen between two. There are no clocks, as in `protocol`: a holder may lose the move at any time and go on later where it was. A
//! writer may go by any map that was ever published, a reader by the present one and, until the grace time is over, by the one before.

mod catalog;
mod driver;
mod model;
mod twin;
mod world;

use catalog::Way;
use model::{CLEAN_END, FOUND, NO_REPEAT, NOTHING_LOST, PAUSE, Users};
use twin::Twin;
use world::Limits;

use crate::checking;

const ONCE: Limits = Limits { writes: 2, takeovers: 1, cancels: 0, further_moves: 0 };
const TWICE: Limits = Limits { further_moves: 1, ..ONCE };
const UNDONE: Limits = Limits { cancels: 1, ..ONCE };
const UNDONE_AND_AGAIN: Limits = Limits { cancels: 1, ..TWICE };

/// Every property holds in every world within the limits.
fn holds(name: &str, way: Way, limits: Limits) {
    checking::holds(name, Users { way, limits, twin: None });
}

/// With this rule missing, the property does not hold.
fn is_noticed(twin: Twin, way: Way, limits: Limits, property: &'static str) {
    checking::is_noticed(&twin, Users { way, limits, twin: Some(twin) }, property);
}

#[test]
fn a_user_that_gets_a_bucket_of_its_own_loses_nothing_and_nor_do_its_neighbours() {
    holds("out", Way::Out, Limits { writes: 3, takeovers: 3, ..UNDONE });
}

#[test]
fn a_user_that_comes_back_loses_nothing_and_nor_do_its_neighbours() {
    holds("home", Way::Home, Limits { writes: 3, takeovers: 3, ..UNDONE });
}

#[test]
fn out_and_home_is_safe_from_the_late_holders_of_the_move_before() {
    holds("out, home", Way::Out, Limits { takeovers: 2, ..UNDONE_AND_AGAIN });
}

#[test]
fn home_and_out_is_safe_from_the_late_holders_of_the_move_before() {
    holds("home, out", Way::Home, Limits { takeovers: 2, ..UNDONE_AND_AGAIN });
}

#[test]
fn out_again_under_a_new_number_is_safe_from_the_late_holders_of_the_first_time() {
    holds("out, home, out", Way::Out, Limits { writes: 1, further_moves: 2, ..UNDONE });
}

#[test]
fn without_the_fence_a_write_is_lost() {
    is_noticed(Twin::NoFence, Way::Out, ONCE, NOTHING_LOST);
    is_noticed(Twin::NoFence, Way::Home, ONCE, NOTHING_LOST);
}

#[test]
fn without_tokens_a_version_is_given_twice() {
    is_noticed(Twin::NoTokens, Way::Out, UNDONE_AND_AGAIN, NO_REPEAT);
    is_noticed(Twin::NoTokens, Way::Home, UNDONE_AND_AGAIN, NO_REPEAT);
}

#[test]
fn copied_after_the_commit_the_user_is_not_found_meanwhile() {
    is_noticed(Twin::CopiesAfterCommit, Way::Out, ONCE, FOUND);
    is_noticed(Twin::CopiesAfterCommit, Way::Home, ONCE, FOUND);
}

#[test]
fn deleted_without_the_token_what_was_left_may_be_what_came_back() {
    is_noticed(Twin::DeletesUnderAnyToken, Way::Out, TWICE, NOTHING_LOST);
    is_noticed(Twin::DeletesUnderAnyToken, Way::Home, UNDONE_AND_AGAIN, NOTHING_LOST);
}

#[test]
fn a_shared_bucket_that_keeps_its_epoch_lets_writers_in_too_early() {
    is_noticed(Twin::KeepsEpoch, Way::Home, ONCE, PAUSE);
    // Its owner row has the new one: nobody is let in any more.
    is_noticed(Twin::KeepsEpochInCatalog, Way::Home, ONCE, CLEAN_END);
    is_noticed(Twin::LeavesJoinedAlone, Way::Home, UNDONE_AND_AGAIN, NOTHING_LOST);
}

#[test]
fn copies_that_are_left_and_win_over_what_comes_home_lose_a_write() {
    is_noticed(Twin::LeavesCopiesAndMergesBeside, Way::Home, UNDONE_AND_AGAIN, NOTHING_LOST);
    // Either safeguard is enough for the writes.
    is_noticed(Twin::LeavesCopies, Way::Home, UNDONE, CLEAN_END);
    let limits = UNDONE_AND_AGAIN;
    checking::holds("MergesBeside", Users { way: Way::Home, limits, twin: Some(Twin::MergesBeside) });
}

#[test]
fn a_late_holder_must_not_take_up_what_was_let_go() {
    is_noticed(Twin::TakesUpWhatWasLetGo, Way::Home, UNDONE, CLEAN_END);
}

#[test]
fn a_grace_time_that_the_next_plan_ends_leaves_a_reader_without_the_user() {
    is_noticed(Twin::EndsGraceEarly, Way::Out, TWICE, FOUND);
}
