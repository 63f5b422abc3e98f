//! What the rules of a move promise together, whoever fails whenever.

mod checking;
mod in_place;
mod protocol;
