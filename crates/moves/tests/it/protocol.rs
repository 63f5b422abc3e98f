//! The move of a bucket under a model checker: every order of every transaction, with late holders, stale services and operators.
//!
//! What a holder does to an owner row, the real rules decide; what surrounds them is modelled as `shard-router` does it: each action is
//! one transaction on one database, and anything may happen between two. There are no clocks: a lease may be lost at any time, and who
//! lost it goes on later where it was. A router that crashes is one that never goes on. Services need no state: any map that was ever
//! published may be the one that a write goes by.

mod driver;
mod model;
mod world;

use model::{CLEAN_END, NOTHING_LOST, Protocol, Twin};
use world::Limits;

use crate::checking;

const ONCE: Limits = Limits { writes: 2, takeovers: 1, cancels: 0, reverts: 0, further_moves: 0 };

/// Every property holds in every world within the limits.
fn holds(name: &str, limits: Limits) {
    checking::holds(name, Protocol { limits, twin: None });
}

/// With this rule missing, the property does not hold.
fn is_noticed(twin: Twin, limits: Limits, property: &'static str) {
    checking::is_noticed(&twin, Protocol { limits, twin: Some(twin) }, property);
}

#[test]
fn a_move_loses_nothing_whoever_dies_and_wakes_and_whoever_cancels_it() {
    holds("one move", Limits { takeovers: 2, cancels: 1, ..ONCE });
}

#[test]
fn a_move_loses_nothing_however_much_is_written_meanwhile() {
    holds("many writes", Limits { writes: 3, ..ONCE });
}

#[test]
fn a_move_that_is_taken_back_has_lost_nothing_either() {
    holds("reverted", Limits { cancels: 1, reverts: 1, ..ONCE });
}

#[test]
fn a_bucket_that_moves_again_is_safe_from_the_late_holders_of_the_move_before() {
    holds("again", Limits { writes: 1, cancels: 1, further_moves: 1, ..ONCE });
}

#[test]
fn without_the_fence_a_write_is_lost() {
    is_noticed(Twin::NoFence, ONCE, NOTHING_LOST);
}

#[test]
fn without_tokens_a_late_holder_destroys_what_another_has_copied() {
    is_noticed(Twin::NoTokens, ONCE, NOTHING_LOST);
}

#[test]
fn undone_in_the_old_epoch_late_steps_of_the_move_are_done() {
    is_noticed(Twin::SameEpoch, Limits { cancels: 1, ..ONCE }, CLEAN_END);
}

#[test]
fn log_entries_deleted_unread_are_lost_writes() {
    is_noticed(Twin::DeletesByPosition, ONCE, NOTHING_LOST);
}

#[test]
fn a_transaction_that_saw_owned_and_was_not_waited_for_is_lost() {
    is_noticed(Twin::LogDoesNotWait, ONCE, NOTHING_LOST);
}

#[test]
fn a_base_that_is_not_yet_importing_must_be_deleted_too() {
    is_noticed(Twin::PurgesOnlyImporting, Limits { cancels: 1, reverts: 1, ..ONCE }, CLEAN_END);
}

#[test]
fn rows_deleted_under_any_token_found_may_be_those_of_a_later_move() {
    is_noticed(Twin::PurgesWhatItFinds, Limits { cancels: 1, further_moves: 1, ..ONCE }, NOTHING_LOST);
}

#[test]
fn a_bucket_must_not_move_on_before_the_move_that_brought_it_is_over() {
    is_noticed(Twin::TwoMovesAtOnce, Limits { takeovers: 0, further_moves: 1, ..ONCE }, model::NOT_REFUSED);
}
