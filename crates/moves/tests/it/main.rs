//! What the rules of a move promise together, whoever fails whenever.

mod protocol;
